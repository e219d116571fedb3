//! What is of no more use on a host.

/// What is of no more use on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A dispatch that was launched: its session came home, or was to be forgotten.
    Launched,
    Unlaunched,
    /// What the host remembers of a session.
    Memory,
}

/// Something of ours that is of no more use on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remains {
    pub host: String,
    /// The dispatch, or the place below `~/.kugetsu` there.
    pub dispatch: String,
    /// Why it is of no more use, and what it takes there.
    pub why: String,
    pub(crate) what: What,
}

/// What is gone, and what is not, with the reason.
pub(crate) type Removed = (Vec<Remains>, Vec<(Remains, &'static str)>);

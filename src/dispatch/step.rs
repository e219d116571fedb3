//! What a trip is made of.

use serde::{Deserialize, Serialize};

/// A step of a trip, in order. Errors name it, and so does the record while it is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Which session, which host, what to run it with.
    Resolve,
    /// Nobody else moves or runs the session.
    Lock,
    /// The record is on disk.
    Record,
    /// The session is exported into a file.
    Export,
    /// The connection stands.
    Connect,
    /// The host was looked at.
    Probe,
    /// opencode there was asked for its version, agents and models.
    Check,
    /// The outgoing copy is made.
    Prepare,
    /// The dispatch's directory is made on the host.
    Open,
    /// The parcel is on the host.
    Upload,
    /// The session is imported there and the runner started.
    Launch,
    /// The run is followed.
    Wait,
    /// The back-file is fetched.
    Fetch,
    /// What came back is checked.
    Verify,
    /// The new messages are imported at home, and their rows looked at.
    Import,
    /// The host is cleaned up.
    Clean,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 16] = [
        Self::Resolve,
        Self::Lock,
        Self::Record,
        Self::Export,
        Self::Connect,
        Self::Probe,
        Self::Check,
        Self::Prepare,
        Self::Open,
        Self::Upload,
        Self::Launch,
        Self::Wait,
        Self::Fetch,
        Self::Verify,
        Self::Import,
        Self::Clean,
    ];

    /// Its name, as in `--json` and in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Lock => "lock",
            Self::Record => "record",
            Self::Export => "export",
            Self::Connect => "connect",
            Self::Probe => "probe",
            Self::Check => "check",
            Self::Prepare => "prepare",
            Self::Open => "open",
            Self::Upload => "upload",
            Self::Launch => "launch",
            Self::Wait => "wait",
            Self::Fetch => "fetch",
            Self::Verify => "verify",
            Self::Import => "import",
            Self::Clean => "clean",
        }
    }
}

/// Which side of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It is about to be done, and the record says so.
    Before,
    /// It is done, and the record does not say so yet.
    Done,
    /// It is done, and the record says so.
    After,
}

impl Moment {
    /// Each of them, in order.
    pub const ALL: [Self; 3] = [Self::Before, Self::Done, Self::After];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Done => "done",
            Self::After => "after",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_in_order_and_spelled_as_they_are_written() {
        assert!(Step::ALL.is_sorted());
        for step in Step::ALL {
            assert_eq!(serde_json::to_string(&step).unwrap(), format!("\"{}\"", step.name()));
        }
    }
}

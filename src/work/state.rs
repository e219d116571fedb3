//! What is going on with a session, as it is found out.

use crate::disk::{Lock, session_lock};
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkState {
    Used,
    /// Nothing is; the last run came to its end.
    Idle,
    /// A run was going on and is not any more: killed, crashed, rebooted.
    Left,
    Invalid,
}

impl WorkState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Idle => "idle",
            Self::Left => "left",
            Self::Invalid => "invalid",
        }
    }
}

/// Finds out the state of `session`. `recorded` is what its file says, and is believed only in this: that a run which
/// ended in order wrote `idle`.
pub(crate) fn state_of(
    kugetsu_home: &Path,
    session: &str,
    recorded: Option<&str>,
    exists_in_opencode: bool,
) -> WorkState {
    if !exists_in_opencode {
        return WorkState::Invalid;
    }
    if recorded != Some(WorkState::Used.name()) {
        return WorkState::Idle;
    }
    // The kernel frees a lock with its holder's death, so a free one is proof.
    match Lock::is_held(&session_lock(kugetsu_home, session)) {
        true => WorkState::Used,
        false => WorkState::Left,
    }
}

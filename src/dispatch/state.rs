//! Where a trip stands.

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

/// The life cycle of a dispatch. Whether the agent's run succeeded is told apart from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum State {
    /// On disk, nothing done yet.
    Planned,
    /// The outgoing copy is made.
    Exported,
    /// The parcel is on the host; nothing runs.
    Uploaded,
    /// The runner was started. From here on the host holds the session.
    Launched {
        /// Who runs: boot, process and its start, as the host wrote them.
        identity: String,
    },
    /// The run ended and left its result; the session is still on the host.
    Finished,
    /// The session is home. An end.
    Home {
        /// Messages that came home with it.
        new_messages: usize,
    },
    /// Given up before anything ran; the session never left. An end.
    Failed {
        /// Where.
        step: Step,
        /// Why.
        message: String,
    },
    /// The host answers, the runner is gone, and there is no back-file.
    Lost {
        /// The last words of the run's standard error.
        last_words: String,
    },
}

impl State {
    /// Its name, as in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Exported => "exported",
            Self::Uploaded => "uploaded",
            Self::Launched { .. } => "launched",
            Self::Finished => "finished",
            Self::Home { .. } => "home",
            Self::Failed { .. } => "failed",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether the host holds the session.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Launched { .. } | Self::Finished | Self::Lost { .. })
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

//! Where a trip stands.

use super::step::Step;
use serde::{Deserialize, Serialize};

/// The life cycle of a dispatch. Whether the agent's run succeeded is told apart from it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum State {
    /// On disk, with the message; the copy for the host is not made yet.
    #[default]
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
    /// The run was seen at work.
    Running {
        /// As in [`State::Launched`].
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
    /// Ended by the user. Launched: the host still holds the session. Not launched: an end.
    Cancelled {
        /// Whether a run had been started.
        launched: bool,
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
            Self::Running { .. } => "running",
            Self::Finished => "finished",
            Self::Home { .. } => "home",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether the host holds the session.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Launched { .. } | Self::Running { .. } | Self::Finished | Self::Lost { .. } => true,
            Self::Cancelled { launched } => *launched,
            Self::Planned | Self::Exported | Self::Uploaded | Self::Home { .. } | Self::Failed { .. } => {
                false
            }
        }
    }

    /// Whether nothing is left to be done about the session.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Home { .. } | Self::Failed { .. } | Self::Cancelled { launched: false })
    }
}

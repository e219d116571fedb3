//! What can be wrong with a session, and why nobody could look.

use crate::disk::DiskError;
use crate::opencode::database::DatabaseError;
use crate::opencode::undo_log::UndoLogError;
use crate::opencode::writer::Stop;
use serde::Serialize;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProblemKind {
    /// A message that opencode cannot read.
    BrokenMessage,
    /// A part that opencode cannot read.
    BrokenPart,
    /// A part whose message is not there.
    PartWithoutMessage,
    /// A tool call without an end, and nothing runs.
    OpenCall,
    /// An answer without an end, and nothing runs.
    OpenMessage,
    /// A message that does not stand where its id belongs.
    OutOfOrder,
    /// A message that is newer than this machine's clock.
    Ahead,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub kind: ProblemKind,
    /// The session, or a sub-agent's.
    pub session: String,
    /// The message or part, as it was called when it was found.
    pub id: String,
    /// It is settled now.
    pub repaired: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CheckupReport {
    /// The session and all its sub-agents.
    pub sessions: usize,
    pub messages: usize,
    pub parts: usize,
    /// What is wrong, by kind.
    pub problems: Vec<Problem>,
    /// Something was changed; the undo log is written.
    #[serde(skip)]
    pub changed: bool,
}

/// Why nothing could be looked at, or nothing was repaired. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckupError {
    #[error("there is no session {session} here")]
    UnknownSession { session: String },
    #[error(transparent)]
    UndoLog(#[from] UndoLogError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl From<CheckupError> for Stop<CheckupError> {
    fn from(error: CheckupError) -> Self {
        Self::Why(error)
    }
}

pub(super) type Result<T> = std::result::Result<T, Stop<CheckupError>>;

/// The moment of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckupTime {
    pub now_ms: i64,
    /// Somebody works on the session: what has no end may get one yet.
    pub running: bool,
}

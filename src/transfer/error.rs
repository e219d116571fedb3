//! What can go wrong in this room.

use crate::session::ExportError;

/// Why a session could not be made fit for a host.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the session file changed while it was being prepared")]
    Changed,
    #[error("the outgoing session could not be written: {0}")]
    Write(#[source] std::io::Error),
}

/// Why what came back cannot be brought home. Nothing has been changed here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("session {found} came back where {expected} was expected")]
    OtherSession { expected: String, found: String },
    #[error("{count} messages or parts that left did not come back (the first is {first})")]
    Missing { first: String, count: usize },
    /// What left came back in another order, or with new messages in between.
    #[error("what came back is not in the order in which it left (at {id})")]
    OutOfOrder { id: String },
    #[error(
        "{messages} messages and {parts} parts that left are not there any more, as where somebody undid them there and went on; \
         `opencode export` there prints what it has, and --force goes on here with what left"
    )]
    Lost { messages: u64, parts: u64 },
    /// As many rows as left are there, and they are others or in another order.
    #[error("what is there of what left has other ids, or another order")]
    Altered,
    #[error("the session {session} of a sub-agent came back without its parent")]
    Orphan { session: String },
    /// A number that opencode does not write, where it counts with numbers.
    #[error("{id} has a {what} that opencode does not write")]
    Unbelievable { id: String, what: String },
    /// The rows of a sub-agent's session that home has cannot be read.
    #[error("a sub-agent's session here cannot be read: {0}")]
    Rows(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the session as it left cannot be read again: {0}")]
    Kept(#[source] ExportError),
    #[error("the session as it left has no {id}, which came back changed")]
    NotKept { id: String },
    /// The same random id twice: 83 random bits do not do that.
    #[error("no fresh ids could be made: the source of random numbers repeats itself")]
    Repeats,
    #[error("what comes home could not be written to a file: {0}")]
    Write(#[source] std::io::Error),
}

impl From<serde_json::Error> for PrepareError {
    fn from(error: serde_json::Error) -> Self {
        Self::Export(error.into())
    }
}

impl From<serde_json::Error> for HomeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Export(error.into())
    }
}

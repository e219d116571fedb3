//! What can go wrong in this room.

use crate::session::ExportError;

/// Why a session could not be made fit for a host.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The export is not usable.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file is not the one that was scanned.
    #[error("the session file changed while it was being prepared")]
    Changed,
    /// The outgoing file could not be written.
    #[error("the outgoing session could not be written: {0}")]
    Write(#[source] std::io::Error),
}

/// Why what came back cannot be brought home. Nothing has been changed here.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The file that came back is not usable.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file holds another session.
    #[error("session {found} came back where {expected} was expected")]
    OtherSession {
        /// The session that left.
        expected: String,
        /// The session in the file.
        found: String,
    },
    /// Messages or parts that left did not come back.
    #[error("{count} messages or parts that left did not come back (the first is {first})")]
    Missing {
        /// The first one's id.
        first: String,
        /// How many.
        count: usize,
    },
    /// What left came back in another order, or with new messages in between.
    #[error("what came back is not in the order in which it left (at {id})")]
    OutOfOrder {
        /// The id that stands in a wrong place.
        id: String,
    },
    /// The import file could not be written.
    #[error("the file for import could not be written: {0}")]
    Write(#[source] std::io::Error),
}

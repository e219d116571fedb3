//! Why nothing came home.

use crate::disk::DiskError;
use crate::opencode::database::DatabaseError;
use crate::opencode::image::ImageError;
use crate::opencode::writer::Stop;
use crate::session::ExportError;
use std::path::PathBuf;

/// Why nothing came home. Nothing was changed then. (Where the disk fails in the last moment of all, it may be that
/// everything was; [`apply`] tells when it is called again.)
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// The session has other messages or parts than when it left, or prompts of it were undone since.
    #[error("{session} has changed here since it left")]
    Diverged {
        /// Its id.
        session: String,
    },
    /// The session is not there any more.
    #[error("{session} is not in opencode's database any more")]
    Gone {
        /// Its id.
        session: String,
    },
    /// An id is taken: ids are keys of the whole database.
    #[error("{id} is already there, and belongs to something else")]
    Conflict {
        /// Of a session, a message or a part.
        id: String,
    },
    /// A change to what has no business in this arrival.
    #[error("what came home wants to change {id}, which is not its own")]
    Stray {
        /// Of a session, a message or a part.
        id: String,
    },
    /// A row does not read as it was written.
    #[error("{id} did not read back as it was written")]
    Mismatch {
        /// Of a session, a message or a part.
        id: String,
    },
    /// A message would stand somewhere else than it stood on the host.
    #[error("{id} would not stand where it belongs among the messages")]
    OutOfOrder {
        /// The message.
        id: String,
    },
    /// The same id twice.
    #[error("{id} came home twice in one file")]
    Twice {
        /// Of a message or a part, or what else of a session.
        id: String,
    },
    /// The file with the changes is not sound.
    #[error("what came home cannot be read, {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ExportError,
    },
    /// The image of before.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl ArrivalError {
    /// Whether it is for the schema alone: `opencode import`, which knows its own, may still bring the new messages
    /// home.
    pub fn falls_back(&self) -> bool {
        matches!(self, Self::Database(DatabaseError::UnknownSchema { .. }))
    }
}

impl From<ArrivalError> for Stop<ArrivalError> {
    fn from(error: ArrivalError) -> Self {
        Self::Why(error)
    }
}

//! Why nothing came home.

use crate::disk::DiskError;
use crate::opencode::database::DatabaseError;
use crate::opencode::undo_log::UndoLogError;
use crate::opencode::writer::Stop;
use crate::session::ExportError;
use std::path::PathBuf;

/// Why nothing came home. Nothing was changed then. (Where the disk fails in the last moment of all, it may be that
/// everything was; [`apply`] tells when it is called again.)
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The session has other messages or parts than when it left, or prompts of it were undone since.
    #[error("{session} has changed here since it left")]
    Diverged { session: String },
    #[error("{session} is not in opencode's database any more")]
    Gone { session: String },
    #[error("{id} is already there, and belongs to something else")]
    Conflict { id: String },
    #[error("what came home wants to change {id}, which is not its own")]
    Stray { id: String },
    #[error("{id} did not read back as it was written")]
    Mismatch { id: String },
    /// A message would stand somewhere else than it stood on the host.
    #[error("{id} would not stand where it belongs among the messages")]
    OutOfOrder { id: String },
    #[error("{id} came home twice in one file")]
    Twice {
        /// Of a message or a part, or what else of a session.
        id: String,
    },
    #[error("what came home cannot be read, {}: {source}", path.display())]
    File { path: PathBuf, source: ExportError },
    #[error(transparent)]
    UndoLog(#[from] UndoLogError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl ApplyError {
    /// Whether it is for the schema alone: `opencode import`, which knows its own, may still bring the new messages
    /// home.
    pub fn falls_back(&self) -> bool {
        matches!(self, Self::Database(DatabaseError::UnknownSchema { .. }))
    }
}

impl From<ApplyError> for Stop<ApplyError> {
    fn from(error: ApplyError) -> Self {
        Self::Why(error)
    }
}

//! Why work on this machine did not go through.

use crate::disk::{Busy, DiskError};
use crate::dispatch::StoreError;
use crate::index::IndexError;
use crate::opencode::{DatabaseError, PermissionError, ProgramError, Unreadable};
use crate::session::{CopyError, ExportError};
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error("{name} is in use: {by}")]
    Busy { name: String, by: Busy },
    #[error("{name} is on {host} (dispatch {dispatch}, {state})")]
    Away { name: String, host: String, dispatch: String, state: &'static str },
    #[error("{issue} was started already")]
    Started { issue: String },
    #[error("interrupted before the session was made")]
    Interrupted { left: Option<String> },
    #[error("there is no base session to begin from")]
    NoBase,
    #[error("opencode has lost the base session {session}")]
    BaseLost { session: String },
    #[error("opencode has no session {session}")]
    NoSession { session: String },
    #[error("opencode has lost the session {session} of {name}")]
    SessionLost { name: String, session: String },
    /// A prompt of the session is undone: at the next prompt opencode deletes all from there on, and a copy cannot say
    /// where that is.
    #[error("the last words of session {session} are undone here")]
    Undone { session: String },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// opencode takes another agent silently where it does not know one.
    #[error("opencode has no agent {name}")]
    UnknownAgent { name: String, known: Vec<String> },
    #[error("the directory {} is not there", path.display())]
    NoDirectory { path: PathBuf },
    #[error("nothing runs in {name}")]
    NothingRuns { name: String },
    #[error("{} of the run in {name} did not end: {}", survivors.len(), survivors.join(", "))]
    Survived { name: String, survivors: Vec<String> },
    #[error("opencode could not be started: {0}")]
    Start(#[source] std::io::Error),
    #[error("the base session could not be copied: {0}")]
    Copy(#[from] CopyError),
    #[error("the base session could not be read: {0}")]
    Export(#[from] ExportError),
    #[error(
        "opencode imported the copy of the base, but {0} of its messages and parts are not in the database"
    )]
    RowsMissing(usize),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Permission(#[from] PermissionError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl WorkError {
    /// opencode has no session of this id, which the user calls `name`.
    pub(crate) fn lost(name: &str, session: &str) -> Self {
        match name == session {
            true => Self::NoSession { session: session.to_owned() },
            false => Self::SessionLost { name: name.to_owned(), session: session.to_owned() },
        }
    }
}

//! Why work on this machine did not go through.

use crate::disk::{Busy, DiskError};
use crate::dispatch::{Record, StoreError};
use crate::index::IndexError;
use crate::opencode::{DatabaseError, PermissionError, ProgramError, Unreadable};
use crate::session::{CopyError, ExportError};
use std::path::PathBuf;

/// Why work on this machine did not go through.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Another kugetsu works on it.
    #[error("{name} is in use: {by}")]
    Busy {
        /// The issue or session.
        name: String,
        /// Who works on it.
        by: Busy,
    },
    /// A host holds the session.
    #[error("{name} is on {host} (dispatch {dispatch}, {state})")]
    Away {
        /// The issue or session.
        name: String,
        /// Who holds it.
        host: String,
        /// The trip that took it there.
        dispatch: String,
        /// Where that stands.
        state: &'static str,
    },
    /// The issue has a session already.
    #[error("{issue} was started already")]
    Started {
        /// The issue.
        issue: String,
    },
    /// The user broke it off before the session was made.
    #[error("interrupted before the session was made")]
    Interrupted {
        /// What opencode has of it still.
        left: Option<String>,
    },
    /// There is no base session.
    #[error("there is no base session to begin from")]
    NoBase,
    /// The base session is not in opencode's database any more.
    #[error("opencode has lost the base session {session}")]
    BaseLost {
        /// Its id.
        session: String,
    },
    /// No issue has the session, and it is not in opencode's database.
    #[error("opencode has no session {session}")]
    NoSession {
        /// Its id.
        session: String,
    },
    /// The session is not in opencode's database any more.
    #[error("opencode has lost the session {session} of {name}")]
    SessionLost {
        /// The issue or session.
        name: String,
        /// Its id.
        session: String,
    },
    /// A prompt of the session is undone: opencode deletes from there on at the next one, and a copy cannot say where.
    #[error("the last words of session {session} are undone here")]
    Undone {
        /// The session.
        session: String,
    },
    /// Rows of the session keep opencode from reading it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// opencode takes another agent silently where it does not know one.
    #[error("opencode has no agent {name}")]
    UnknownAgent {
        /// As given.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The directory to work in is not there.
    #[error("the directory {} is not there", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// Nothing runs in it.
    #[error("nothing runs in {name}")]
    NothingRuns {
        /// The issue or session.
        name: String,
    },
    /// The run did not end.
    #[error("{} of the run in {name} did not end: {}", survivors.len(), survivors.join(", "))]
    Survived {
        /// The issue or session.
        name: String,
        /// Process id and command of each.
        survivors: Vec<String>,
    },
    /// opencode could not be started.
    #[error("opencode could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// The copy of the base could not be made.
    #[error("the base session could not be copied: {0}")]
    Copy(#[from] CopyError),
    /// The base's export is not what it should be.
    #[error("the base session could not be read: {0}")]
    Export(#[from] ExportError),
    /// opencode said that it imported, and rows are missing.
    #[error(
        "opencode imported the copy of the base, but {0} of its messages and parts are not in the database"
    )]
    RowsMissing(usize),
    /// A file here.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The records of trips.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local opencode.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The session's own rules.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// The local opencode's database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl WorkError {
    /// A host holds the session that the user calls `name`.
    pub(super) fn away(name: &str, record: &Record) -> Self {
        Self::Away {
            name: name.to_owned(),
            host: record.host.clone(),
            dispatch: record.id.clone(),
            state: record.state.name(),
        }
    }

    /// opencode has no session of this id, which the user calls `name`.
    pub fn lost(name: &str, session: &str) -> Self {
        match name == session {
            true => Self::NoSession { session: session.to_owned() },
            false => Self::SessionLost { name: name.to_owned(), session: session.to_owned() },
        }
    }
}

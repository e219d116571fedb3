//! opencode's database, open for changes.

use super::database::{self, DatabaseError, at};
use super::undo_log::UndoLogError;
use crate::disk::DiskError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a writer is waited for. opencode itself never writes for so long; whoever does has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens it, with foreign keys held. A commit is on the disk when it returns: SQLite's default, which opencode lowers
/// for its own connections.
pub(super) fn open(path: &Path) -> Result<Connection, DatabaseError> {
    open_within(path, PATIENCE)
}

/// As [`open`], with another patience.
pub(super) fn open_within(path: &Path, patience: Duration) -> Result<Connection, DatabaseError> {
    let connection = database::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience)?;
    let set = connection.pragma_update(None, "foreign_keys", true);
    set.and_then(|()| connection.pragma_update(None, "synchronous", "full")).map_err(|e| at(path, e))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Why a transaction was given up: SQLite's answer, or a reason of its own.
#[derive(Debug)]
pub(super) enum Stop<E> {
    Sql(rusqlite::Error),
    Why(E),
}

impl<E> From<rusqlite::Error> for Stop<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Any error of its own has these among its reasons.
macro_rules! reasons {
    ($($of:ty),*) => {
        $(impl<E: From<$of>> From<$of> for Stop<E> {
            fn from(error: $of) -> Self {
                Self::Why(error.into())
            }
        })*
    };
}
reasons!(DatabaseError, DiskError, UndoLogError);

impl<E: From<DatabaseError>> Stop<E> {
    /// The reason, of which SQLite's answer is one.
    pub(super) fn into_error(self, database: &Path) -> E {
        match self {
            Self::Why(error) => error,
            Self::Sql(error) => at(database, error).into(),
        }
    }
}

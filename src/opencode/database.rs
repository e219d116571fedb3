//! opencode's database: what is known of a session before it leaves, whether all rows of an import are there, and
//! the one thing that import does not bring back. Measured on opencode 1.3, 1.14 and 1.18.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::session::message::{self, said_in};
use crate::session::{LastUser, Setting};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Params, Transaction};

/// How long a writer (a running opencode) is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The columns that everything here rests upon.
const NEEDED: [(&str, &[&str]); 3] = [
    ("session", &["id", "title", "directory", "parent_id", "time_created", "time_updated"]),
    ("message", &["id", "session_id", "time_created", "data"]),
    ("part", &["id", "message_id", "session_id", "data"]),
];

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("opencode's database is not there: {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} is not a sound SQLite database ({source})", path.display())]
    Corrupt { path: PathBuf, source: rusqlite::Error },
    #[error("{} is not the database of a known opencode: {what}", path.display())]
    UnknownSchema { path: PathBuf, what: String },
    /// The system lets it be neither opened nor written. In WAL mode reading needs a file beside it.
    #[error("{} cannot be used ({source}): even to be read, it needs a directory that can be written", path.display())]
    Unwritable { path: PathBuf, source: rusqlite::Error },
    #[error("no space is left for {}", path.display())]
    Full { path: PathBuf },
    #[error("{} has been locked by another process for too long", path.display())]
    Busy { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: rusqlite::Error },
}

impl DatabaseError {
    /// What the user can do about it, where that is known.
    pub(crate) fn cure(&self) -> Option<&'static str> {
        match self {
            Self::Unwritable { .. } => Some("make it writable for yourself; opencode needs that, too"),
            Self::Full { .. } => Some("make room on that disk, and do it again"),
            Self::Busy { .. } => Some("try again"),
            Self::Missing { .. } => Some("start opencode once, which makes it"),
            Self::Corrupt { .. } | Self::UnknownSchema { .. } | Self::Other { .. } => None,
        }
    }
}

/// What the database knows of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub title: String,
    pub directory: String,
    /// Its own agent and model: opencode 1.18 sets them, 1.14 leaves them NULL, 1.3 has no such columns.
    pub own: Setting,
    /// What the last prompt was sent with: the TUI goes on with these.
    pub last_user: Option<LastUser>,
    pub messages: u64,
    /// Size of all messages and parts, in bytes of their JSON.
    pub bytes: u64,
}

impl SessionRow {
    /// Agent and model that the session goes on with: those of its last user message, which opencode's own interface
    /// takes, and of the row where no message says.
    pub(crate) fn setting(&self) -> Setting {
        self.last_user.as_ref().map(|user| user.setting.clone()).unwrap_or_default().or(&self.own)
    }
}

/// A session among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Where it works; most sessions share theirs with another.
    pub directory: Arc<str>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it was last changed, likewise; an import counts.
    pub updated_ms: i64,
}

/// The database, open for reading. Calls block; a writer is waited for, five seconds at most.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    connection: Connection,
    /// Whether `session` has the columns `agent` and `model`.
    has_setting: bool,
}

impl Database {
    /// Opens it read-only and looks at its schema. Safe beside a running opencode (WAL).
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = connect(path)?;
        for (table, needed) in NEEDED {
            let columns = columns(&connection, table).map_err(|e| at(path, e))?;
            if columns.is_empty() {
                return Err(unknown(path, format!("it has no table {table}")));
            }
            if let Some(column) = needed.iter().find(|column| !columns.contains(**column)) {
                return Err(unknown(path, format!("it has no column {table}.{column}")));
            }
        }
        let session = columns(&connection, "session").map_err(|e| at(path, e))?;
        let has_setting = session.contains("agent") && session.contains("model");
        Ok(Self { path: path.to_owned(), connection, has_setting })
    }

    /// What is known of a session; `None` if it is not there.
    pub(crate) fn session(&self, id: &str) -> Result<Option<SessionRow>, DatabaseError> {
        self.in_one_moment(|snapshot| self.session_in(snapshot, id))
    }

    fn session_in(&self, snapshot: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<SessionRow>> {
        let setting = if self.has_setting { "agent, model" } else { "NULL, NULL" };
        let row = snapshot
            .query_row(
                &format!("SELECT title, directory, {setting} FROM session WHERE id = ?1"),
                [id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?)),
            )
            .optional()?;
        let Some((title, directory, agent, model)) = row else { return Ok(None) };
        let own = Setting { agent, model: model.and_then(|json| message::model(&json)) };
        let (messages, message_bytes): (u64, u64) = snapshot.query_row(
            "SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM message WHERE session_id = ?1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let part_bytes: u64 = snapshot.query_row(
            "SELECT coalesce(sum(octet_length(data)), 0) FROM part WHERE session_id = ?1",
            [id],
            |row| row.get(0),
        )?;
        let last_user = snapshot
            .query_row(
                "SELECT id, data FROM message
                 WHERE session_id = ?1 AND CASE WHEN json_valid(data) THEN data ->> '$.role' END = 'user'
                 ORDER BY time_created DESC, id DESC LIMIT 1",
                [id],
                |row| Ok(LastUser { id: row.get(0)?, setting: said_in(&row.get::<_, String>(1)?) }),
            )
            .optional()?;
        Ok(Some(SessionRow { title, directory, own, last_user, messages, bytes: message_bytes + part_bytes }))
    }

    /// All sessions by their ids, in one query.
    pub(crate) fn sessions(&self) -> Result<HashMap<String, Listed>, DatabaseError> {
        self.in_one_moment(|snapshot| {
            let mut all =
                snapshot.prepare("SELECT id, directory, time_created, time_updated FROM session")?;
            let mut rows = all.query([])?;
            let mut sessions = HashMap::new();
            let mut last: Arc<str> = Arc::from("");
            while let Some(row) = rows.next()? {
                let directory = row.get_ref(1)?.as_str()?;
                if *last != *directory {
                    last = Arc::from(directory);
                }
                let (created_ms, updated_ms) = (row.get(2)?, row.get(3)?);
                sessions.insert(row.get(0)?, Listed { directory: Arc::clone(&last), created_ms, updated_ms });
            }
            Ok(sessions)
        })
    }

    /// Whether prompts of a session were undone and not redone: at the next prompt opencode deletes every message from
    /// there on.
    pub(crate) fn is_undone(&self, session: &str) -> Result<bool, DatabaseError> {
        self.in_one_moment(|snapshot| is_undone(snapshot, session))
    }

    pub(crate) fn contains(&self, id: &str) -> Result<bool, DatabaseError> {
        self.in_one_moment(|snapshot| snapshot.prepare("SELECT 1 FROM session WHERE id = ?1")?.exists([id]))
    }

    /// The newest session made in one of these directories since `ms` (milliseconds since the Unix epoch), those of
    /// sub-agents aside.
    pub(crate) fn newest_since(
        &self,
        ms: i64,
        directories: [&str; 2],
    ) -> Result<Option<String>, DatabaseError> {
        self.in_one_moment(|snapshot| {
            let newest =
                "SELECT id FROM session WHERE parent_id IS NULL AND time_created >= ?1 AND directory IN (?2, ?3)
                 ORDER BY time_created DESC, id LIMIT 1";
            snapshot.query_row(newest, (ms, directories[0], directories[1]), |row| row.get(0)).optional()
        })
    }

    /// The ids of those messages and parts that this session does not have, in the order given. Ids are keys of the whole
    /// database, so a row of another session counts as missing.
    pub(crate) fn missing(
        &self,
        session: &str,
        ids: &[(String, Vec<String>)],
    ) -> Result<Vec<String>, DatabaseError> {
        self.in_one_moment(|snapshot| {
            let mut message = snapshot.prepare("SELECT 1 FROM message WHERE id = ?1 AND session_id = ?2")?;
            let mut part = snapshot
                .prepare("SELECT 1 FROM part WHERE id = ?1 AND session_id = ?2 AND message_id = ?3")?;
            let mut missing = Vec::new();
            for (message_id, part_ids) in ids {
                if !message.exists((message_id, session))? {
                    missing.push(message_id.clone());
                }
                for part_id in part_ids {
                    if !part.exists((part_id, session, message_id))? {
                        missing.push(part_id.clone());
                    }
                }
            }
            Ok(missing)
        })
    }

    /// Reads in one transaction: all that is read is of one moment.
    pub(super) fn in_one_moment<T>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        let done = self.connection.unchecked_transaction().and_then(|snapshot| read(&snapshot));
        done.map_err(|error| at(&self.path, error))
    }
}

/// Opens a database that is there, for reading alone.
pub(super) fn connect(path: &Path) -> Result<Connection, DatabaseError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, PATIENCE)
}

/// Opens a database that is there; another writer is waited for as long as `patience`.
pub(super) fn open(path: &Path, mode: OpenFlags, patience: Duration) -> Result<Connection, DatabaseError> {
    if !path.is_file() {
        return Err(DatabaseError::Missing { path: path.to_owned() });
    }
    let opened = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let opened = opened.and_then(|connection| connection.busy_timeout(patience).map(|()| connection));
    opened.map_err(|error| at(path, error))
}

pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<HashSet<String>> {
    Ok(strings(connection, "SELECT name FROM pragma_table_info(?1)", [table])?.into_iter().collect())
}

/// The first column of all that a query finds.
pub(super) fn strings(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached(query)?.query_map(parameters, |row| row.get(0))?.collect()
}

/// As [`Database::is_undone`], within a transaction.
pub(super) fn is_undone(connection: &Connection, session: &str) -> rusqlite::Result<bool> {
    Ok(columns(connection, "session")?.contains("revert")
        && connection
            .prepare_cached("SELECT 1 FROM session WHERE id = ?1 AND revert IS NOT NULL")?
            .exists([session])?)
}

pub(super) fn unknown(path: &Path, what: String) -> DatabaseError {
    DatabaseError::UnknownSchema { path: path.to_owned(), what }
}

pub(super) fn at(path: &Path, source: rusqlite::Error) -> DatabaseError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Busy { path },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => DatabaseError::Unwritable { path, source },
        Some(ErrorCode::DiskFull) => DatabaseError::Full { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => DatabaseError::Corrupt { path, source },
        _ => DatabaseError::Other { path, source },
    }
}

#[cfg(test)]
mod tests;

//! The undo log: what stood in the database where a change of ours was made, so that it can be put back.
//!
//! A file of JSON lines: the head, what was done to one row each, and the end, without which it is no undo log.

use super::Fingerprint;
use crate::disk::{AtomicFile, DiskError};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The format that this release writes.
const VERSION: u32 = 1;

/// A row, or some of its columns.
pub(super) type Columns = Map<String, Json>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// The first line: the format, and the session that it is all about.
    Head { version: u32, session: String },
    /// A session, message or part that was not there: a key of this table.
    Made { table: Table, id: String },
    /// A row as it stood before it was changed or removed.
    Row { table: Table, columns: Columns },
    /// Columns of a session's own record as they were.
    Record { session: String, columns: Columns },
    /// All todos of a session as they were.
    Todos { session: String, rows: Vec<Columns> },
    /// The last line.
    End(End),
}

/// A table whose rows have an `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Table {
    Session,
    Message,
    Part,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Message => "message",
            Self::Part => "part",
        }
    }
}

/// What a change came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// Each session that was touched, before; `None` where it was not there.
    pub(super) former: BTreeMap<String, Option<Fingerprint>>,
    /// And afterwards.
    pub(super) after: BTreeMap<String, Option<Fingerprint>>,
    /// There were rows that hung on nothing.
    #[serde(default)]
    pub(super) loose: bool,
}

/// Why an undo log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UndoLogError {
    #[error("there is no {}, so nothing tells how the session was before", path.display())]
    Missing { path: PathBuf },
    #[error("{} does not tell how the session was before: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} has format {version}, written by a newer kugetsu; this one knows {VERSION}", path.display())]
    Newer { path: PathBuf, version: u32 },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Writes an undo log line by line. It is there only after [`Writer::finish`].
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    file: AtomicFile,
}

impl Writer {
    pub(super) fn create(path: &Path, session: &str) -> Result<Self, DiskError> {
        let mut writer = Self { path: path.to_owned(), file: AtomicFile::create(path)? };
        writer.line(&Line::Head { version: VERSION, session: session.to_owned() })?;
        Ok(writer)
    }

    pub(super) fn line(&mut self, line: &Line) -> Result<(), DiskError> {
        let written = serde_json::to_writer(&mut self.file, line).map_err(std::io::Error::from);
        written.and_then(|()| self.file.write_all(b"\n")).map_err(|e| DiskError::at(&self.path, e))
    }

    /// Writes the last line, makes the file durable and gives it its name.
    pub(super) fn finish(mut self, end: End) -> Result<(), DiskError> {
        self.line(&Line::End(end))?;
        self.file.commit()
    }
}

/// Reads an undo log: each line between head and end is shown to `see`. Returns the session and the end.
pub(super) fn read<E: From<UndoLogError>>(
    path: &Path,
    mut see: impl FnMut(Line) -> Result<(), E>,
) -> Result<(String, End), E> {
    let damaged = |reason: &str| UndoLogError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => UndoLogError::Missing { path: path.to_owned() },
        ErrorKind::InvalidData => damaged("it is no text"),
        _ => DiskError::at(path, error).into(),
    };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let (mut text, mut session, mut end) = (String::new(), None, None);
    loop {
        text.clear();
        if file.read_line(&mut text).map_err(failed)? == 0 {
            break;
        }
        if end.is_some() {
            return Err(damaged("something follows its end").into());
        }
        let head = session.is_none();
        match serde_json::from_str(&text) {
            Ok(Line::Head { version, .. }) if head && version > VERSION => {
                return Err(UndoLogError::Newer { path: path.to_owned(), version }.into());
            }
            Ok(Line::Head { session: id, .. }) if head => session = Some(id),
            _ if head => return Err(damaged("it has no head").into()),
            Ok(Line::End(last)) => end = Some(last),
            Ok(line) => see(line)?,
            Err(error) => return Err(damaged(&error.to_string()).into()),
        }
    }
    match (session, end) {
        (Some(session), Some(end)) => Ok((session, end)),
        _ => Err(damaged("it is cut").into()),
    }
}

/// The session that a whole undo log is all about.
pub(crate) fn session(path: &Path) -> Result<String, UndoLogError> {
    Ok(read::<UndoLogError>(path, |_| Ok(()))?.0)
}

/// A row of `table` with all its columns, those that are not known included.
pub(super) fn row(connection: &Connection, table: Table, id: &str) -> rusqlite::Result<Option<Columns>> {
    let query = format!("SELECT * FROM {} WHERE id = ?1", table.name());
    Ok(rows(connection, &query, [id])?.pop())
}

/// What a query finds, with the names of its columns.
pub(super) fn rows(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> rusqlite::Result<Vec<Columns>> {
    let mut query = connection.prepare_cached(query)?;
    let names: Vec<String> = query.column_names().into_iter().map(str::to_owned).collect();
    let all = query.query_map(parameters, |row| {
        let cells = names.iter().enumerate();
        cells.map(|(n, name)| Ok((name.clone(), json(row.get_ref(n)?, n)?))).collect()
    })?;
    all.collect()
}

/// Puts a row where it stood, in place of what has its id now.
pub(super) fn put(connection: &Connection, table: Table, columns: &Columns) -> rusqlite::Result<()> {
    // No REPLACE: that would remove the row, and all that hangs on it.
    let names = columns.keys().map(|name| quoted(name));
    let sets: Vec<String> = names.map(|name| format!("{name} = excluded.{name}")).collect();
    insert(connection, table.name(), columns, &format!("ON CONFLICT(id) DO UPDATE SET {}", sets.join(", ")))
}

fn insert(connection: &Connection, table: &str, columns: &Columns, otherwise: &str) -> rusqlite::Result<()> {
    let names: Vec<String> = columns.keys().map(|name| quoted(name)).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT INTO {table}({}) VALUES ({marks}) {otherwise}", names.join(", "));
    let values = rusqlite::params_from_iter(columns.values().map(value));
    connection.prepare_cached(&insert)?.execute(values).map(drop)
}

/// Puts columns of a session's own record back.
pub(super) fn put_record(connection: &Connection, session: &str, columns: &Columns) -> rusqlite::Result<()> {
    for (name, former) in columns {
        let update = format!("UPDATE session SET {} = ?2 WHERE id = ?1", quoted(name));
        connection.prepare_cached(&update)?.execute((session, value(former)))?;
    }
    Ok(())
}

/// Those columns of a session's own record.
pub(super) fn record(
    connection: &Connection,
    session: &str,
    names: &[&str],
) -> rusqlite::Result<Option<Columns>> {
    let query = format!("SELECT {} FROM session WHERE id = ?1", names.join(", "));
    Ok(rows(connection, &query, [session])?.pop())
}

/// Todos of a session, as they stand.
pub(super) fn todos(connection: &Connection, session: &str) -> rusqlite::Result<Vec<Columns>> {
    rows(connection, "SELECT * FROM todo WHERE session_id = ?1 ORDER BY position", [session])
}

/// Puts these todos in place of those that the session has.
pub(super) fn put_todos(connection: &Connection, session: &str, todos: &[Columns]) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM todo WHERE session_id = ?1")?.execute([session])?;
    todos.iter().try_for_each(|columns| insert(connection, "todo", columns, ""))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value of a column as JSON. opencode keeps no binary ones; one that is there is an error.
fn json(value: ValueRef<'_>, column: usize) -> rusqlite::Result<Json> {
    let unfit = |kind| rusqlite::Error::InvalidColumnType(column, "a row to be kept".to_owned(), kind);
    Ok(match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => {
            let number = serde_json::Number::from_f64(number);
            Json::Number(number.ok_or_else(|| unfit(rusqlite::types::Type::Real))?)
        }
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| unfit(rusqlite::types::Type::Text))?;
            text.into()
        }
        ValueRef::Blob(_) => return Err(unfit(rusqlite::types::Type::Blob)),
    })
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => number.as_f64().map_or(Value::Null, Value::Real),
        },
        Json::String(text) => Value::Text(text.clone()),
        // Nothing else is ever written.
        other => Value::Text(other.to_string()),
    }
}

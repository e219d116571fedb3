//! What a session looked like at a moment, in one short text: enough to see later whether it changed.

use super::database::{Database, DatabaseError, at, columns};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A session's rows and the fields of its own record that may come home changed.
///
/// Rows count as changed by id, order, length or `time_updated`: opencode 1.3, 1.14 and 1.18 set that at every change
/// of a message or part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// What changes by itself, apart from the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Title,
    Cost,
    Tokens,
    Summary,
    Permission,
    Todos,
}

impl Field {
    pub(super) const ALL: [Self; 6] =
        [Self::Title, Self::Cost, Self::Tokens, Self::Summary, Self::Permission, Self::Todos];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Cost => "cost",
            Self::Tokens => "tokens",
            Self::Summary => "summary",
            Self::Permission => "permission",
            Self::Todos => "todos",
        }
    }

    /// The columns of `session` that it is kept in.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Title => &["title"],
            Self::Cost => &["cost"],
            Self::Tokens => &[
                "tokens_input",
                "tokens_output",
                "tokens_reasoning",
                "tokens_cache_read",
                "tokens_cache_write",
            ],
            Self::Summary => &["summary_additions", "summary_deletions", "summary_files", "summary_diffs"],
            Self::Permission => &["permission"],
            Self::Todos => &[],
        }
    }
}

/// Stands for a field that the schema has no column for.
const ABSENT: &str = "-";

impl Fingerprint {
    /// Whether no message and no part was added, removed or changed between the two.
    pub fn same_rows(&self, other: &Self) -> bool {
        self.rows() == other.rows()
    }

    fn rows(&self) -> Option<&str> {
        self.0.split(';').next()
    }

    /// Whether a field is known to differ. What the schema did not have at one of the two moments is not.
    pub(super) fn differs_in(&self, field: Field, other: &Self) -> bool {
        match (self.field(field), other.field(field)) {
            (Some(ABSENT), _) | (_, Some(ABSENT)) => false,
            (one, two) => one != two,
        }
    }

    fn field(&self, field: Field) -> Option<&str> {
        self.0.split(';').find_map(|part| part.strip_prefix(field.name())?.strip_prefix('='))
    }
}

impl Database {
    /// What a session looks like now; `None` if it is not there.
    pub fn fingerprint(&self, session: &str) -> Result<Option<Fingerprint>, DatabaseError> {
        let read = || {
            // One transaction: all of it is of one moment.
            let snapshot = self.connection.unchecked_transaction()?;
            let columns = columns(&snapshot, "session")?;
            take(&snapshot, session, |column| columns.contains(column))
        };
        read().map_err(|e| at(&self.path, e))
    }
}

/// Takes a session's fingerprint, within a transaction; `has` knows the columns of `session`.
pub(super) fn take(
    connection: &Connection,
    session: &str,
    has: impl Fn(&str) -> bool,
) -> rusqlite::Result<Option<Fingerprint>> {
    let mut fields = Vec::new();
    for field in Field::ALL {
        let digest = match field {
            Field::Todos => Some(todos(connection, session)?),
            _ if !field.columns().iter().all(|column| has(column)) => Some(ABSENT.to_owned()),
            _ => record(connection, session, field)?,
        };
        let Some(digest) = digest else { return Ok(None) };
        fields.push(format!(";{}={digest}", field.name()));
    }
    Ok(Some(Fingerprint(format!("{}{}", rows(connection, session)?, fields.concat()))))
}

fn rows(connection: &Connection, session: &str) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    let mut counts = [0_u64; 2];
    for (count, query) in counts.iter_mut().zip([
        "SELECT id, '', time_created, time_updated, octet_length(data) FROM message
         WHERE session_id = ?1 ORDER BY time_created, id",
        "SELECT id, message_id, 0, time_updated, octet_length(data) FROM part
         WHERE session_id = ?1 ORDER BY message_id, id",
    ]) {
        let mut query = connection.prepare_cached(query)?;
        let mut rows = query.query([session])?;
        while let Some(row) = rows.next()? {
            *count += 1;
            for column in 0..5 {
                feed(&mut hash, row.get_ref(column)?);
            }
        }
    }
    let [messages, parts] = counts;
    Ok(format!("{messages}+{parts}:{}", hex(hash, 32)))
}

fn record(connection: &Connection, session: &str, field: Field) -> rusqlite::Result<Option<String>> {
    let names = field.columns();
    let query = format!("SELECT {} FROM session WHERE id = ?1", names.join(", "));
    let digest = |row: &rusqlite::Row<'_>| {
        let mut hash = Sha256::new();
        for column in 0..names.len() {
            feed(&mut hash, row.get_ref(column)?);
        }
        Ok(hex(hash, 8))
    };
    connection.prepare_cached(&query)?.query_row([session], digest).optional()
}

fn todos(connection: &Connection, session: &str) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    let mut query = connection.prepare_cached(
        "SELECT content, status, priority FROM todo WHERE session_id = ?1 ORDER BY position",
    )?;
    let mut rows = query.query([session])?;
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            feed(&mut hash, row.get_ref(column)?);
        }
    }
    Ok(hex(hash, 8))
}

/// Adds a value, its kind and its length with it, so that no two rows look alike.
pub(super) fn feed(hash: &mut Sha256, value: ValueRef<'_>) {
    let (kind, number, bytes): (u8, [u8; 8], &[u8]) = match value {
        ValueRef::Null => (0, [0; 8], &[]),
        ValueRef::Integer(number) => (1, number.to_le_bytes(), &[]),
        ValueRef::Real(number) => (2, number.to_le_bytes(), &[]),
        ValueRef::Text(bytes) => (3, (bytes.len() as u64).to_le_bytes(), bytes),
        ValueRef::Blob(bytes) => (4, (bytes.len() as u64).to_le_bytes(), bytes),
    };
    hash.update([kind]);
    hash.update(number);
    hash.update(bytes);
}

/// The first `bytes` of a digest.
pub(super) fn hex(hash: Sha256, bytes: usize) -> String {
    hash.finalize().iter().take(bytes).fold(String::new(), |mut text, byte| {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! What a session looked like at a moment, in one short text: enough to see later whether it changed.

use super::database::{Database, DatabaseError, columns};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

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

/// A session's todos in their order.
pub(super) const TODOS: &str =
    "SELECT content, status, priority FROM todo WHERE session_id = ?1 ORDER BY position";

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
        self.in_one_moment(|snapshot| take(snapshot, session))
    }
}

/// Takes a session's fingerprint, within a transaction.
pub(super) fn take(connection: &Connection, session: &str) -> rusqlite::Result<Option<Fingerprint>> {
    let known = columns(connection, "session")?;
    let mut fields = String::new();
    for field in Field::ALL {
        let mut hash = Sha256::new();
        let names = field.columns();
        let digest = if field == Field::Todos {
            feed(&mut hash, connection, TODOS, [session])?;
            format!("{:.16x}", hash.finalize())
        } else if !names.iter().all(|column| known.contains(*column)) {
            ABSENT.to_owned()
        } else {
            let query = format!("SELECT {} FROM session WHERE id = ?1", names.join(", "));
            if feed(&mut hash, connection, &query, [session])? == 0 {
                return Ok(None);
            }
            format!("{:.16x}", hash.finalize())
        };
        fields.push_str(&format!(";{}={digest}", field.name()));
    }
    let mut hash = Sha256::new();
    let messages = feed(
        &mut hash,
        connection,
        "SELECT id, '', time_created, time_updated, octet_length(data) FROM message
         WHERE session_id = ?1 ORDER BY time_created, id",
        [session],
    )?;
    let parts = feed(
        &mut hash,
        connection,
        "SELECT id, message_id, 0, time_updated, octet_length(data) FROM part
         WHERE session_id = ?1 ORDER BY message_id, id",
        [session],
    )?;
    Ok(Some(Fingerprint(format!("{messages}+{parts}:{:x}{fields}", hash.finalize()))))
}

/// Adds all values that a query finds; how many rows these are.
pub(super) fn feed(
    hash: &mut Sha256,
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> rusqlite::Result<usize> {
    let mut query = connection.prepare_cached(query)?;
    let columns = query.column_count();
    let mut rows = query.query(parameters)?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        found += 1;
        for column in 0..columns {
            feed_value(hash, row.get_ref(column)?);
        }
    }
    Ok(found)
}

/// Adds a value, its kind and its length with it, so that no two rows look alike.
fn feed_value(hash: &mut Sha256, value: ValueRef<'_>) {
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

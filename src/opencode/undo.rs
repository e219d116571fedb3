//! Puts sessions back as an undo log tells that they were, in one transaction.

use super::database::DatabaseError;
use super::fingerprint::{self, Fingerprint};
use super::schema::Schema;
use super::undo_log::{self, End, Line, Table, UndoLogError, Writer};
use super::writer::{self, Stop};
use crate::disk::DiskError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RowCount {
    pub messages: u64,
    pub parts: u64,
}

/// What was put back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// The session that it is all about.
    pub session: String,
    /// It was as it had been already, and nothing was changed.
    pub already: bool,
    /// Rows that are no longer there.
    pub removed: RowCount,
    /// Rows that have their former content, or are there again.
    pub restored: RowCount,
    /// Sessions that are no longer there.
    pub sessions: usize,
}

/// Why nothing was put back. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum UndoError {
    #[error("{session} has changed since then, so it stays as it is")]
    Changed { session: String },
    #[error("{session} would not be as it was, so it stays as it is")]
    Mismatch { session: String },
    #[error(transparent)]
    UndoLog(#[from] UndoLogError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

type Result<T> = std::result::Result<T, Stop<UndoError>>;

impl From<UndoError> for Stop<UndoError> {
    fn from(error: UndoError) -> Self {
        Self::Why(error)
    }
}

/// Puts back what the undo log `before` tells, all of it or nothing, and writes to `after` an undo log of what was there: what
/// is undone can be undone.
pub fn undo(database: &Path, before: &Path, after: &Path) -> std::result::Result<Undone, UndoError> {
    let mut connection = writer::open(database)?;
    undo_on(&mut connection, database, before, after)
}

pub(super) fn undo_on(
    connection: &mut Connection,
    database: &Path,
    before: &Path,
    after: &Path,
) -> std::result::Result<Undone, UndoError> {
    let (session, end) = undo_log::read(before, |_| Ok::<_, UndoLogError>(()))?;
    let done = || -> Result<Undone> {
        // Cannot be changed within a transaction.
        connection.pragma_update(None, "foreign_keys", !end.loose)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Schema::read(&transaction, database)??;
        let undone = Undone { session, ..Undone::default() };
        if let Some(changed) = differing(&transaction, &end.after)? {
            return match differing(&transaction, &end.former)? {
                None => Ok(Undone { already: true, ..undone }),
                Some(_) => Err(UndoError::Changed { session: changed }.into()),
            };
        }
        put_back(transaction, before, after, undone, end)
    };
    done().map_err(|stop| stop.into_error(database))
}

/// A session that does not look as it should.
fn differing(
    transaction: &Transaction<'_>,
    expected: &BTreeMap<String, Option<Fingerprint>>,
) -> rusqlite::Result<Option<String>> {
    for (session, expected) in expected {
        if fingerprint::take(transaction, session)? != *expected {
            return Ok(Some(session.clone()));
        }
    }
    Ok(None)
}

fn put_back(
    transaction: Transaction<'_>,
    before: &Path,
    after: &Path,
    mut undone: Undone,
    end: End,
) -> Result<Undone> {
    // Rows go and come in no particular order.
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    let mut keep = Writer::create(after, &undone.session)?;
    undo_log::read(before, |line| save(&transaction, line, &mut keep))?;
    undo_log::read(before, |line| remove(&transaction, line, &mut undone))?;
    undo_log::read(before, |line| put(&transaction, line, &mut undone))?;
    if let Some(session) = differing(&transaction, &end.former)? {
        return Err(UndoError::Mismatch { session }.into());
    }
    keep.finish(End { former: end.after, after: end.former, loose: end.loose })?;
    transaction.commit()?;
    Ok(undone)
}

/// Keeps what a line of the undo log is going to change.
fn save(connection: &Connection, line: Line, keep: &mut Writer) -> Result<()> {
    match line {
        Line::Made { table, id } => {
            if let Some(columns) = undo_log::row(connection, table, &id)? {
                keep.line(&Line::Row { table, columns })?;
            }
            if table == Table::Session {
                let rows = undo_log::todos(connection, &id)?;
                keep.line(&Line::Todos { session: id, rows })?;
            }
        }
        Line::Row { table, columns } => {
            let id = columns.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
            let line = match undo_log::row(connection, table, &id)? {
                Some(columns) => Line::Row { table, columns },
                None => Line::Made { table, id },
            };
            keep.line(&line)?;
        }
        Line::Record { session, columns } => {
            let names: Vec<&str> = columns.keys().map(String::as_str).collect();
            if let Some(columns) = undo_log::record(connection, &session, &names)? {
                keep.line(&Line::Record { session, columns })?;
            }
        }
        Line::Todos { session, .. } => {
            let rows = undo_log::todos(connection, &session)?;
            keep.line(&Line::Todos { session, rows })?;
        }
        Line::Head { .. } | Line::End(_) => {}
    }
    Ok(())
}

fn remove(connection: &Connection, line: Line, undone: &mut Undone) -> Result<()> {
    if let Line::Made { table, id } = line {
        let delete = format!("DELETE FROM {} WHERE id = ?1", table.name());
        connection.prepare_cached(&delete)?.execute([&id])?;
        count(&mut undone.removed, table);
        undone.sessions += usize::from(table == Table::Session);
    }
    Ok(())
}

fn put(connection: &Connection, line: Line, undone: &mut Undone) -> Result<()> {
    match line {
        Line::Row { table, columns } => {
            undo_log::put(connection, table, &columns)?;
            count(&mut undone.restored, table);
        }
        Line::Record { session, columns } => undo_log::put_record(connection, &session, &columns)?,
        Line::Todos { session, rows } => undo_log::put_todos(connection, &session, &rows)?,
        Line::Made { .. } | Line::Head { .. } | Line::End(_) => {}
    }
    Ok(())
}

fn count(rows: &mut RowCount, table: Table) {
    match table {
        Table::Message => rows.messages += 1,
        Table::Part => rows.parts += 1,
        Table::Session => {}
    }
}

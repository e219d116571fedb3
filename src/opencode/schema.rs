//! The tables of a session, known by their columns: releases differ, and a version says nothing of a schema that is
//! to come.

use super::database::{DatabaseError, unknown};
use rusqlite::Connection;
use std::path::Path;

/// The columns of `session` that every known release has. What a new one needs is known only where one is made.
const SESSION: &[&str] = &[
    "id",
    "project_id",
    "parent_id",
    "slug",
    "directory",
    "title",
    "version",
    "time_created",
    "time_updated",
];

/// What else rows are written into, likewise.
const TABLES: [(&str, &[&str]); 3] = [
    ("message", &["id", "session_id", "time_created", "time_updated", "data"]),
    ("part", &["id", "message_id", "session_id", "time_created", "time_updated", "data"]),
    ("todo", &["session_id", "content", "status", "priority", "position", "time_created", "time_updated"]),
];

#[derive(Debug)]
pub(super) struct Table {
    name: &'static str,
    columns: Vec<String>,
    /// Those that a row cannot do without: NOT NULL, and no default.
    required: Vec<String>,
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// A column that a new row needs, and that is not among those that are known to be filled.
    pub(super) fn unknown_need(&self, filled: &[&str]) -> Option<String> {
        let unknown = self.required.iter().find(|name| !filled.contains(&name.as_str()))?;
        Some(format!("column {}.{unknown}, which no row can do without", self.name))
    }
}

#[derive(Debug)]
pub(super) struct Schema {
    pub(super) session: Table,
}

impl Schema {
    /// Reads it; within a transaction it holds for as long as that.
    pub(super) fn read(
        connection: &Connection,
        database: &Path,
    ) -> rusqlite::Result<Result<Self, DatabaseError>> {
        let unknown = |what| Ok(Err(unknown(database, what)));
        let session = match read_table(connection, "session", SESSION)? {
            Ok(session) => session,
            Err(what) => return unknown(what),
        };
        for (name, needed) in TABLES {
            let table = read_table(connection, name, needed)?;
            match table.map(|table| table.unknown_need(needed)) {
                Ok(None) => {}
                Ok(Some(what)) | Err(what) => return unknown(what),
            }
        }
        Ok(Ok(Self { session }))
    }
}

fn read_table(
    connection: &Connection,
    name: &'static str,
    needed: &[&str],
) -> rusqlite::Result<Result<Table, String>> {
    let mut table = Table { name, columns: Vec::new(), required: Vec::new() };
    let mut info = connection
        .prepare_cached("SELECT name, \"notnull\" AND dflt_value IS NULL FROM pragma_table_info(?1)")?;
    let mut rows = info.query([name])?;
    while let Some(row) = rows.next()? {
        let column: String = row.get(0)?;
        if row.get(1)? {
            table.required.push(column.clone());
        }
        table.columns.push(column);
    }
    if table.columns.is_empty() {
        return Ok(Err(format!("no table {name}")));
    }
    if let Some(column) = needed.iter().find(|column| !table.has(column)) {
        return Ok(Err(format!("no column {name}.{column}")));
    }
    let mut others = connection.prepare_cached(
        "SELECT type, name FROM sqlite_schema
         WHERE tbl_name = ?1 COLLATE NOCASE AND (type IN ('trigger', 'view') OR name = ?1 AND type <> 'table')",
    )?;
    let mut rows = others.query([name])?;
    if let Some(row) = rows.next()? {
        let (kind, other): (String, String) = (row.get(0)?, row.get(1)?);
        return Ok(Err(format!("a {kind} on {name}, {}", crate::text::plain(&other))));
    }
    Ok(Ok(table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opencode::tests::{MID, NEW, OLD};

    fn read(more: &str) -> Result<Schema, String> {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(NEW).unwrap();
        connection.execute_batch(more).unwrap();
        Schema::read(&connection, Path::new("x.db")).unwrap().map_err(|error| error.to_string())
    }

    #[test]
    fn the_three_releases_are_known() {
        for (schema, cost, agent) in [(OLD, false, false), (MID, false, true), (NEW, true, true)] {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(schema).unwrap();
            let session = Schema::read(&connection, Path::new("x.db")).unwrap().unwrap().session;
            assert_eq!((session.has("cost"), session.has("agent")), (cost, agent));
        }
    }

    #[test]
    fn what_is_of_tomorrow_is_told_and_what_does_no_harm_is_not() {
        for (more, what) in [
            ("ALTER TABLE part RENAME TO piece", "no table part"),
            ("ALTER TABLE message RENAME COLUMN data TO content", "no column message.data"),
            ("DROP TABLE todo", "no table todo"),
            (
                "DROP TABLE todo; CREATE TABLE todo (session_id, content, status, priority, position, time_created,
                   time_updated, owner TEXT NOT NULL)",
                "column todo.owner, which no row can do without",
            ),
            (
                "CREATE TRIGGER count AFTER INSERT ON part BEGIN DELETE FROM event; END",
                "a trigger on part, count",
            ),
            (
                "ALTER TABLE part RENAME TO pieces; CREATE VIEW part AS SELECT * FROM pieces",
                "a view on part, part",
            ),
        ] {
            let expected = format!("x.db is not the database of a known opencode: {what}");
            assert_eq!(read(more).unwrap_err(), expected, "{more}");
        }
        for more in [
            "ALTER TABLE part ADD COLUMN colour TEXT",
            "ALTER TABLE message ADD COLUMN weight INTEGER NOT NULL DEFAULT 1",
            "CREATE INDEX more ON part(time_updated)",
            "CREATE TRIGGER other AFTER INSERT ON event BEGIN DELETE FROM event; END",
        ] {
            assert!(read(more).is_ok(), "{more}");
        }
    }
}

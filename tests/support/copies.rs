//! Copies of a session, each fit for one trip: several trips send the same messages, and none twice.

use super::machine::Machine;
use rusqlite::{Connection, params};

/// Copies `session` by SQL; returns the copy's id. `number` tells the copies of a session apart.
///
/// The last four characters of each id are what differs, so that the order of the ids stays.
pub fn copy(machine: &Machine, session: &str, number: usize) -> String {
    let mut database = machine.database();
    let rows = database.transaction().unwrap();
    let new_id = |column: &str| format!("substr({column}, 1, 26) || printf('%04d', ?2)");
    rows.execute(&copy_rows(&rows, "session", &[("id", new_id("id"))], "id"), params![session, number])
        .unwrap();
    let message = [
        ("id", new_id("id")),
        ("session_id", new_id("session_id")),
        (
            "data",
            format!(
                "CASE WHEN json_extract(data, '$.parentID') IS NULL THEN data \
                 ELSE json_set(data, '$.parentID', {}) END",
                new_id("json_extract(data, '$.parentID')")
            ),
        ),
    ];
    rows.execute(&copy_rows(&rows, "message", &message, "session_id"), params![session, number]).unwrap();
    let part =
        [("id", new_id("id")), ("message_id", new_id("message_id")), ("session_id", new_id("session_id"))];
    rows.execute(&copy_rows(&rows, "part", &part, "session_id"), params![session, number]).unwrap();
    let id = rows.query_row(&format!("SELECT {}", new_id("?1")), params![session, number], |row| row.get(0));
    rows.commit().unwrap();
    id.unwrap()
}

/// How many messages a session has on `machine`.
pub fn messages(machine: &Machine, session: &str) -> usize {
    let count = "SELECT count(*) FROM message WHERE session_id = ?1";
    machine.database().query_row(count, [session], |row| row.get(0)).unwrap()
}

/// An INSERT of the rows of `table` whose `key` is ?1, all columns as they are but the `changed` ones.
fn copy_rows(database: &Connection, table: &str, changed: &[(&str, String)], key: &str) -> String {
    let mut statement = database.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
    let columns: Vec<String> =
        statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let change =
        |column: &String| changed.iter().find(|(name, _)| name == column).map(|(_, sql)| sql.clone());
    let values: Vec<String> = columns.iter().map(|column| change(column).unwrap_or(column.clone())).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {key} = ?1")
}

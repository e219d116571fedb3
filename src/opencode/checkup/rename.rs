//! Messages that get other ids, and whatever names them.

use super::super::database::columns;
use super::super::undo_log::{self, Line, Table};
use super::kept::{KeptRows, parts_of, with_time};
use super::look::Seen;
use super::order::Moved;
use super::report::{CheckupTime, Result};
use crate::session::walk::replace_ids;
use rusqlite::Connection;
use serde::Deserialize;
use std::collections::HashMap;

/// Gives messages their new ids, wherever those are named.
pub(super) fn put_right(
    connection: &Connection,
    session: &Seen,
    moved: &[Moved],
    moment: CheckupTime,
    kept: &mut KeptRows,
) -> Result<()> {
    if moved.is_empty() {
        return Ok(());
    }
    for message in moved {
        kept.row(connection, Table::Message, &message.old)?;
        let made = Line::Made { table: Table::Message, id: message.new.clone() };
        kept.log.line(&made)?;
        for part in parts_of(connection, &message.old)? {
            kept.row(connection, Table::Part, &part)?;
        }
        let data: String = connection
            .prepare_cached("SELECT data FROM message WHERE id = ?1")?
            .query_row([&message.old], |row| row.get(0))?;
        let data = moved_in_time(data, message);
        connection
            .prepare_cached(
                "UPDATE message SET id = ?2, time_created = ?3, time_updated = ?4, data = ?5 WHERE id = ?1",
            )?
            .execute((&message.old, &message.new, message.created, moment.now_ms, data))?;
        connection
            .prepare_cached("UPDATE part SET message_id = ?2, time_updated = ?3 WHERE message_id = ?1")?
            .execute((&message.old, &message.new, moment.now_ms))?;
    }
    let ids: HashMap<&str, &str> = moved.iter().map(|m| (m.old.as_str(), m.new.as_str())).collect();
    rename_in(connection, session, Table::Message, &ids, moment, kept)?;
    rename_in(connection, session, Table::Part, &ids, moment, kept)?;
    rename_revert(connection, session, &ids, kept)
}

fn moved_in_time(data: String, message: &Moved) -> String {
    #[derive(Deserialize)]
    struct Info {
        time: Time,
    }
    #[derive(Deserialize)]
    struct Time {
        completed: Option<f64>,
    }
    if message.created == message.former {
        return data;
    }
    let took = serde_json::from_str::<Info>(&data).ok().and_then(|info| info.time.completed);
    let took = took.map(|completed| (completed as i64 - message.former).max(0));
    let moved = with_time(&data, "created", message.created);
    match (moved, took) {
        (Some(moved), Some(took)) => with_time(&moved, "completed", message.created + took).unwrap_or(moved),
        (Some(moved), None) => moved,
        (None, _) => data,
    }
}

/// Puts the new ids where rows of the session name the old ones.
fn rename_in(
    connection: &Connection,
    session: &Seen,
    table: Table,
    ids: &HashMap<&str, &str>,
    moment: CheckupTime,
    kept: &mut KeptRows,
) -> Result<()> {
    let table_name = table.name();
    let mut rows = connection.prepare(&format!(
        "SELECT id, data FROM {table_name} WHERE session_id = ?1 AND instr(data, '\"msg')"
    ))?;
    let all =
        rows.query_map([&session.id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut changed = Vec::new();
    for row in all {
        let (id, data) = row?;
        if let Some(data) = renamed(&data, ids) {
            changed.push((id, data));
        }
    }
    for (id, data) in changed {
        // A message that was moved is kept under its old id.
        if !ids.values().any(|new| *new == id) {
            kept.row(connection, table, &id)?;
        }
        connection
            .prepare_cached(&format!("UPDATE {table_name} SET data = ?2, time_updated = ?3 WHERE id = ?1"))?
            .execute((id, data, moment.now_ms))?;
    }
    Ok(())
}

fn rename_revert(
    connection: &Connection,
    session: &Seen,
    ids: &HashMap<&str, &str>,
    kept: &mut KeptRows,
) -> Result<()> {
    if !columns(connection, "session")?.contains("revert") {
        return Ok(());
    }
    let columns = undo_log::record(connection, &session.id, &["revert"])?;
    let Some(columns) = columns else { return Ok(()) };
    let text = columns.get("revert").and_then(|revert| revert.as_str());
    let Some(revert) = text.and_then(|text| renamed(text, ids)) else { return Ok(()) };
    let line = Line::Record { session: session.id.clone(), columns };
    kept.log.line(&line)?;
    connection
        .prepare_cached("UPDATE session SET revert = ?2 WHERE id = ?1")?
        .execute((&session.id, revert))?;
    Ok(())
}

/// JSON with other ids where it refers to messages; `None` where it refers to none.
fn renamed(json: &str, ids: &HashMap<&str, &str>) -> Option<String> {
    let mut out = String::new();
    replace_ids(json, &mut out, |_, id| ids.get(id).map(|new| (*new).to_owned()));
    (out != json).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_renamed_and_words_are_not() {
        let ids = HashMap::from([("msg_a", "msg_z"), ("msg_b", "msg_y")]);
        let json = r#"{"parentID":"msg_a","x":{"tail_start_id": "msg_b"},"text":"msg_a","messageID":"msg_aa","msg_b":1}"#;
        let expected = r#"{"parentID":"msg_z","x":{"tail_start_id": "msg_y"},"text":"msg_a","messageID":"msg_aa","msg_b":1}"#;
        assert_eq!(renamed(json, &ids).unwrap(), expected);
        assert_eq!(renamed(r#"{"text":"\"msg_a\"","state":{"input":{"id":"msg_a"}}}"#, &ids), None);
        assert_eq!(
            renamed(r#"{"text":"x\\","id":"msg_a"}"#, &ids).unwrap(),
            r#"{"text":"x\\","id":"msg_z"}"#
        );
    }
}

//! Settling what is wrong. Whatever is changed is kept first.

use super::kept::{KeptRows, parts_of, with_time};
use super::look::{self, Seen};
use super::order;
use super::rename::put_right;
use super::report::{CheckupTime, Result};
use crate::opencode::undo_log::Table;
use crate::session::ending::{CallEnd, ended};
use crate::session::raw::Object;
use rusqlite::{Connection, OptionalExtension as _};
use std::path::Path;

/// What a call is told that has no end.
const ENDED: &str = "The run ended while this tool was running; its result is not known.";

pub(super) fn settle(
    connection: &Connection,
    session: &str,
    seen: &[Seen],
    moment: CheckupTime,
    undo_log: &Path,
) -> Result<KeptRows> {
    let mut kept = KeptRows::begin(undo_log, session)?;
    // Messages change their ids before their parts know.
    connection.pragma_update(None, "defer_foreign_keys", true)?;
    for session in seen {
        kept.session(connection, &session.id)?;
        remove(connection, session, &mut kept)?;
        if !moment.running {
            end_calls(connection, session, moment, &mut kept)?;
            end_messages(connection, session, moment, &mut kept)?;
        }
        // Those that could not be read are gone.
        let sound = look::at(connection, session.id.clone())?.messages;
        let moved = order::put_right(&sound, moment.now_ms);
        put_right(connection, session, &moved, moment, &mut kept)?;
    }
    Ok(kept)
}

/// Takes away what opencode cannot read, and what it never shows.
fn remove(connection: &Connection, session: &Seen, kept: &mut KeptRows) -> Result<()> {
    for id in session.broken_parts.iter().chain(&session.lone_parts) {
        kept.row(connection, Table::Part, id)?;
        connection.prepare_cached("DELETE FROM part WHERE id = ?1")?.execute([id])?;
    }
    for message in session.messages.iter().filter(|message| message.broken) {
        for part in parts_of(connection, &message.id)? {
            kept.row(connection, Table::Part, &part)?;
        }
        kept.row(connection, Table::Message, &message.id)?;
        connection.prepare_cached("DELETE FROM part WHERE message_id = ?1")?.execute([&message.id])?;
        connection.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([&message.id])?;
    }
    Ok(())
}

fn end_calls(
    connection: &Connection,
    session: &Seen,
    moment: CheckupTime,
    kept: &mut KeptRows,
) -> Result<()> {
    for id in &session.open_calls {
        let row = connection
            .prepare_cached("SELECT data, time_created, time_updated FROM part WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        // Else its message could not be read, and is gone.
        let Some((data, begun, last)) = row else { continue };
        let Some(data) = with_end(&data, begun, last) else { continue };
        kept.row(connection, Table::Part, id)?;
        connection
            .prepare_cached("UPDATE part SET data = ?2, time_updated = ?3 WHERE id = ?1")?
            .execute((id, data, moment.now_ms))?;
    }
    Ok(())
}

/// A call with an end: the moment at which it was last written.
fn with_end(data: &str, begun: i64, last: i64) -> Option<String> {
    let mut part = Object::parse(data).ok()?;
    let after = ended(part.get("state")?.get(), CallEnd::Error(ENDED), begun, last).ok()?;
    part.set("state", &after).ok()?;
    serde_json::to_string(&part).ok()
}

fn end_messages(
    connection: &Connection,
    session: &Seen,
    moment: CheckupTime,
    kept: &mut KeptRows,
) -> Result<()> {
    for message in session.messages.iter().filter(|message| message.open) {
        // The moment at which something of it was last written, before it was settled here.
        let last: i64 = connection
            .prepare_cached(
                "SELECT max(time_updated) FROM (SELECT time_updated FROM message WHERE id = ?1
                   UNION ALL SELECT time_updated FROM part WHERE message_id = ?1 AND time_updated <> ?2)",
            )?
            .query_row((&message.id, moment.now_ms), |row| row.get(0))?;
        let data: String = connection
            .prepare_cached("SELECT data FROM message WHERE id = ?1")?
            .query_row([&message.id], |row| row.get(0))?;
        let Some(data) = with_time(&data, "completed", last.max(message.created)) else { continue };
        kept.row(connection, Table::Message, &message.id)?;
        connection
            .prepare_cached("UPDATE message SET data = ?2, time_updated = ?3 WHERE id = ?1")?
            .execute((&message.id, data, moment.now_ms))?;
    }
    Ok(())
}

//! One session, read row by row.

use crate::session::ending;
use crate::session::raw::Lossy;
use rusqlite::{Connection, Row};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) id: String,
    /// By time and id, as opencode reads them.
    pub(super) messages: Vec<SeenMessage>,
    pub(super) parts: usize,
    pub(super) broken_parts: Vec<String>,
    pub(super) lone_parts: Vec<String>,
    pub(super) open_calls: Vec<String>,
}

#[derive(Debug)]
pub(super) struct SeenMessage {
    pub(super) id: String,
    /// The column `time_created`.
    pub(super) created: i64,
    /// opencode cannot read it.
    pub(super) broken: bool,
    /// An answer without an end.
    pub(super) open: bool,
    /// What it answers.
    pub(super) parent: Option<String>,
}

/// What opencode cannot do without in a message.
#[derive(Deserialize)]
struct MessageInfo {
    role: Lossy,
    time: Time,
    #[serde(default, rename = "parentID")]
    parent: Option<Lossy>,
}

#[derive(Deserialize)]
struct Time {
    #[serde(rename = "created")]
    _created: f64,
    completed: Option<f64>,
}

pub(super) fn at(connection: &Connection, id: String) -> rusqlite::Result<Seen> {
    // Sorted here, and not by SQLite, which would carry the data along in several copies.
    let mut messages = connection
        .prepare_cached("SELECT id, time_created, data FROM message WHERE session_id = ?1")?
        .query_map([&id], message)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    messages.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let mut seen = Seen { id, messages, ..Seen::default() };
    let mut parts = connection.prepare_cached(
        "SELECT part.id, part.data, message.id IS NULL, part.message_id
         FROM part LEFT JOIN message ON message.id = part.message_id
         WHERE part.session_id = ?1",
    )?;
    let (mut lone, mut open, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = parts.query([&seen.id])?;
    while let Some(row) = rows.next()? {
        seen.parts += 1;
        let found = match row.get(2)? {
            true => &mut lone,
            false => match row.get_ref(1)?.as_str().ok().and_then(is_open) {
                Some(false) => continue,
                Some(true) => &mut open,
                None => &mut broken,
            },
        };
        found.push((row.get::<_, String>(3)?, row.get::<_, String>(0)?));
    }
    (seen.lone_parts, seen.open_calls, seen.broken_parts) = (ids(lone), ids(open), ids(broken));
    Ok(seen)
}

/// The ids of parts, by their messages.
fn ids(mut parts: Vec<(String, String)>) -> Vec<String> {
    parts.sort_unstable();
    parts.into_iter().map(|(_, id)| id).collect()
}

fn message(row: &Row<'_>) -> rusqlite::Result<SeenMessage> {
    let data = row.get_ref(2)?.as_str().ok();
    let info = data.and_then(|data| serde_json::from_str::<MessageInfo>(data).ok());
    Ok(SeenMessage {
        id: row.get(0)?,
        created: row.get(1)?,
        broken: info.is_none(),
        open: info.as_ref().is_some_and(|info| info.role.0 == "assistant" && info.time.completed.is_none()),
        parent: info.and_then(|info| info.parent).map(|parent| parent.0),
    })
}

/// Whether a part is a tool call without an end; `None` where it cannot be read.
fn is_open(data: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(rename = "type")]
        kind: Lossy,
        #[serde(default, borrow)]
        state: Option<&'a RawValue>,
    }
    let part: Part<'_> = serde_json::from_str(data).ok()?;
    Some(part.kind.0 == "tool" && part.state.is_some_and(ending::is_open))
}

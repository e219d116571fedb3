//! What of a session at home decides how it travels: what it holds, and which sub-agents it has.

use super::database::{Database, DatabaseError, columns, strings};
use super::fingerprint::{TODOS, feed};
use crate::session::raw::Object;
use crate::session::{Outline, Raw};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The sub-agents' sessions of ?1, with theirs; no deeper than any that opencode makes.
const DESCENDANTS: &str = "WITH RECURSIVE family(id, depth) AS (
        SELECT id, 1 FROM session WHERE parent_id = ?1
        UNION SELECT session.id, depth + 1 FROM session JOIN family ON parent_id = family.id WHERE depth < 50)
    SELECT id FROM family ORDER BY depth, id";

impl Database {
    /// What the first `messages` messages of a session and their parts look like, in one short text: it changes when
    /// one of them does. `None` where there are not so many.
    pub(crate) fn stamp(&self, session: &str, messages: usize) -> Result<Option<String>, DatabaseError> {
        let count = i64::try_from(messages).unwrap_or(i64::MAX);
        self.in_one_moment(|snapshot| {
            let mut hash = Sha256::new();
            let found = feed(
                &mut hash,
                snapshot,
                "SELECT id, time_created, time_updated, octet_length(data) FROM message
                 WHERE session_id = ?1 ORDER BY time_created, id LIMIT ?2",
                (session, count),
            )?;
            feed(
                &mut hash,
                snapshot,
                "SELECT id, message_id, time_updated, octet_length(data) FROM part
                 WHERE session_id = ?1 AND message_id IN
                   (SELECT id FROM message WHERE session_id = ?1 ORDER BY time_created, id LIMIT ?2)
                 ORDER BY message_id, id",
                (session, count),
            )?;
            Ok((found == messages).then(|| format!("{:x}", hash.finalize())))
        })
    }

    /// The sessions of a session's sub-agents, with theirs, parents first: their ids, and what they hold.
    pub(crate) fn descendants(&self, session: &str) -> Result<Vec<(String, Outline)>, DatabaseError> {
        self.in_one_moment(|snapshot| {
            let ids = strings(snapshot, DESCENDANTS, [session])?;
            ids.into_iter().map(|id| outline(snapshot, &id).map(|outline| (id, outline))).collect()
        })
    }

    /// What of `cost` and `tokens` this database counts of each of these sessions, as in a session's record.
    pub(crate) fn spent(&self, sessions: &[(String, Outline)]) -> Result<Vec<(String, Raw)>, DatabaseError> {
        const COLUMNS: [&str; 6] = [
            "cost",
            "tokens_input",
            "tokens_output",
            "tokens_reasoning",
            "tokens_cache_read",
            "tokens_cache_write",
        ];
        self.in_one_moment(|snapshot| {
            let has = columns(snapshot, "session")?;
            if !COLUMNS.iter().all(|column| has.contains(*column)) {
                return Ok(Vec::new());
            }
            let query = format!("SELECT {} FROM session WHERE id = ?1", COLUMNS.join(", "));
            let mut query = snapshot.prepare(&query)?;
            let mut all = Vec::new();
            for (id, _) in sessions {
                let spent = query.query_row([id], |row| {
                    // As it stands there: what is no number is not counted.
                    let number = |n| {
                        Ok::<_, rusqlite::Error>(match row.get_ref(n)? {
                            ValueRef::Integer(whole) => json!(whole),
                            ValueRef::Real(part) => json!(part),
                            _ => json!(0),
                        })
                    };
                    let cache = json!({"read": number(4)?, "write": number(5)?});
                    let tokens = json!({"input": number(1)?, "output": number(2)?, "reasoning": number(3)?, "cache": cache});
                    Ok(json!({"cost": number(0)?, "tokens": tokens}))
                });
                let raw = spent.optional()?.and_then(|spent| serde_json::value::to_raw_value(&spent).ok());
                all.extend(raw.map(|raw| (id.clone(), Raw::from(raw.as_ref()))));
            }
            Ok(all)
        })
    }

    /// A message of a session with its parts, as `opencode export` shapes it.
    pub(crate) fn message(&self, session: &str, id: &str) -> Result<Option<String>, DatabaseError> {
        self.in_one_moment(|snapshot| {
            let query = "SELECT CAST(data AS BLOB) FROM message WHERE id = ?1 AND session_id = ?2";
            let data: Option<Vec<u8>> =
                snapshot.prepare_cached(query)?.query_row((id, session), |row| row.get(0)).optional()?;
            let Some(data) = data else { return Ok(None) };
            let of_session = [("id", id), ("sessionID", session)];
            let info = with_keys(&data, &of_session)?;
            let mut query = snapshot.prepare_cached(
                "SELECT id, CAST(data AS BLOB) FROM part WHERE message_id = ?1 AND session_id = ?2 ORDER BY id",
            )?;
            let rows = query.query_map((id, session), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut parts = Vec::new();
            for row in rows {
                let (part, data): (String, Vec<u8>) = row?;
                parts.push(with_keys(
                    &data,
                    &[("id", part.as_str()), ("sessionID", session), ("messageID", id)],
                )?);
            }
            Ok(Some(format!("{{\"info\":{info},\"parts\":[{}]}}", parts.join(","))))
        })
    }

    /// The messages and parts of a session, in order.
    pub(crate) fn outline(&self, session: &str) -> Result<Outline, DatabaseError> {
        self.in_one_moment(|snapshot| outline(snapshot, session))
    }

    /// The session's todos as opencode has them, as JSON: `[{"content", "status", "priority"}, …]`.
    pub(crate) fn todos(&self, session: &str) -> Result<Option<Raw>, DatabaseError> {
        let todos = self.in_one_moment(|snapshot| {
            let mut query = snapshot.prepare(TODOS)?;
            let rows = query.query_map([session], |row| {
                let [content, status, priority]: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
                Ok(json!({"content": content, "status": status, "priority": priority}))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(serde_json::value::to_raw_value(&todos).ok().map(|raw| Raw::from(raw.as_ref())))
    }
}

/// The object in a row's data, with the columns that are keys among its fields.
fn with_keys(data: &[u8], keys: &[(&str, &str)]) -> rusqlite::Result<String> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error)
    };
    let text = std::str::from_utf8(data).map_err(|error| broken(error.into()))?;
    let mut object = Object::parse(text).map_err(|error| broken(error.into()))?;
    for (key, value) in keys {
        object.set(key, value).map_err(|error| broken(error.into()))?;
    }
    serde_json::to_string(&object).map_err(|error| broken(error.into()))
}

fn outline(connection: &Connection, session: &str) -> rusqlite::Result<Outline> {
    let messages = "SELECT id FROM message WHERE session_id = ?1 ORDER BY time_created, id";
    let mut outline = Outline::default();
    for id in strings(connection, messages, [session])? {
        let parts = strings(connection, "SELECT id FROM part WHERE message_id = ?1 ORDER BY id", [&id])?;
        // Only ids of four gigabytes do not fit.
        let _ = outline.push(&id, parts.iter().map(String::as_str));
    }
    Ok(outline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn database(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE session (id TEXT PRIMARY KEY, title, directory, parent_id, time_created, time_updated);
                 CREATE TABLE message (id TEXT PRIMARY KEY, session_id, time_created, time_updated, data);
                 CREATE TABLE part (id TEXT PRIMARY KEY, message_id, session_id, time_updated, data);
                 CREATE TABLE todo (session_id, content, status, priority, position);
                 INSERT INTO session (id, parent_id) VALUES ('ses_1', NULL), ('ses_3', 'ses_2'), ('ses_2', 'ses_1'), ('ses_9', NULL);
                 INSERT INTO message VALUES ('msg_2', 'ses_1', 2, 2, '{}'), ('msg_1', 'ses_1', 1, 1, '{}'), ('msg_3', 'ses_3', 1, 1, '{}');
                 INSERT INTO part VALUES ('prt_2', 'msg_1', 'ses_1', 1, '{}'), ('prt_1', 'msg_1', 'ses_1', 1, '{}'), ('prt_3', 'msg_3', 'ses_3', 1, '{}');
                 INSERT INTO todo VALUES ('ses_1', 'b \"', 'pending', 'low', 1), ('ses_1', 'a', 'completed', 'high', 0);",
            )
            .unwrap();
        connection
    }

    #[test]
    fn a_stamp_tells_of_the_first_messages_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opencode.db");
        let writing = database(&path);
        let reading = Database::open(&path).unwrap();
        let stamp = |n| reading.stamp("ses_1", n).unwrap();
        let (one, two) = (stamp(1).unwrap(), stamp(2).unwrap());
        assert!(stamp(3).is_none() && one != two);
        writing.execute("UPDATE message SET time_updated = 5 WHERE id = 'msg_2'", []).unwrap();
        assert_eq!(stamp(1).unwrap(), one);
        assert_ne!(stamp(2).unwrap(), two);
        writing.execute("UPDATE part SET data = '{ }' WHERE id = 'prt_2'", []).unwrap();
        assert_ne!(stamp(1).unwrap(), one);
    }

    #[test]
    fn sub_agents_come_behind_those_that_started_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opencode.db");
        database(&path);
        let reading = Database::open(&path).unwrap();
        let family = reading.descendants("ses_1").unwrap();
        let ids: Vec<&str> = family.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["ses_2", "ses_3"]);
        assert_eq!((family[0].1.len(), family[1].1.len(), family[1].1.part_count()), (0, 1, 1));
        let todos = reading.todos("ses_1").unwrap().unwrap();
        assert_eq!(
            todos.get(),
            r#"[{"content":"a","status":"completed","priority":"high"},{"content":"b \"","status":"pending","priority":"low"}]"#
        );
    }
}

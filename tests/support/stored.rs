//! Sessions as they stand in opencode's database, without a start of opencode: most of what a test asks of an export is this.

use super::machine::Machine;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

impl Machine {
    /// The messages of a session with their parts, as `opencode export` prints them.
    pub fn stored_messages(&self, session: &str) -> Vec<Value> {
        let database = self.database();
        let mut parts =
            database.prepare("SELECT id, data FROM part WHERE message_id = ? ORDER BY id").unwrap();
        let mut messages = database
            .prepare("SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id")
            .unwrap();
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let messages: Vec<(String, String)> =
            messages.query_map([session], pair).unwrap().map(Result::unwrap).collect();
        let with_ids = |data: &str, ids: Value| {
            let mut data: Value = serde_json::from_str(data).unwrap();
            data.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
            data
        };
        let one = |(message, data): (String, String)| {
            let parts: Vec<Value> = parts
                .query_map([&message], pair)
                .unwrap()
                .map(|part: rusqlite::Result<(String, String)>| {
                    let (id, data) = part.unwrap();
                    with_ids(&data, json!({ "id": id, "sessionID": session, "messageID": message }))
                })
                .collect();
            json!({ "info": with_ids(&data, json!({ "id": message, "sessionID": session })), "parts": parts })
        };
        messages.into_iter().map(one).collect()
    }

    /// As [`Machine::stored_messages`], with all columns of the session's own row.
    ///
    /// # Panics
    /// Where there is no such session.
    #[track_caller]
    pub fn stored(&self, session: &str) -> Value {
        let database = self.database();
        let mut query = database.prepare("SELECT * FROM session WHERE id = ?").unwrap();
        let names: Vec<String> = query.column_names().into_iter().map(str::to_owned).collect();
        let row = query.query_row([session], |row| {
            let cell = |n: usize| {
                Ok::<Value, rusqlite::Error>(match row.get_ref(n)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => json!(number),
                    ValueRef::Real(number) => json!(number),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
                })
            };
            names.iter().enumerate().map(|(n, name)| Ok((name.clone(), cell(n)?))).collect()
        });
        json!({ "info": Value::Object(row.unwrap()), "messages": self.stored_messages(session) })
    }
}

//! What came home, as rows of the database.

use super::super::writer::Stop;
use super::error::ApplyError;
use crate::session::raw::{Lossy, Object};
use crate::session::same::on_one_line;
use crate::session::{Change, ChangeReader, ExportError, is_message_id, is_part_id, is_session_id};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

/// The largest number that is kept: up to here JavaScript's are exact, and none that opencode writes is near.
pub(super) const LARGEST: f64 = 9_007_199_254_740_992.0;

/// A message as it is to stand in its table.
pub(super) struct MessageRow {
    pub(super) id: String,
    pub(super) session: String,
    /// Milliseconds since the Unix epoch.
    pub(super) created: i64,
    pub(super) data: String,
}

/// A part, likewise.
pub(super) struct PartRow {
    pub(super) id: String,
    pub(super) session: String,
    pub(super) message: String,
    pub(super) data: String,
}

/// One item of a session's list of things to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Todo {
    pub(super) content: String,
    pub(super) status: String,
    pub(super) priority: String,
}

/// Shows each change of a file to `see`, one at a time.
pub(super) fn each(
    path: &Path,
    mut see: impl FnMut(Change<'_>) -> Result<(), Stop<ApplyError>>,
) -> Result<(), Stop<ApplyError>> {
    let at = |source: ExportError| ApplyError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(|error| at(error.into()))?;
    let mut reader = ChangeReader::new(file);
    while let Some((offset, op)) = reader.read().map_err(at)? {
        see(op).map_err(|stop| match stop {
            Stop::Why(ApplyError::File { source: ExportError::NotAnExport { what }, .. }) => {
                at(ExportError::not_an_export(format!("{what} (in the change at byte {offset})"))).into()
            }
            other => other,
        })?;
    }
    Ok(())
}

/// What is wrong with a change; [`each`] knows in which file.
pub(super) fn unsound(what: impl Into<String>) -> ApplyError {
    ApplyError::File { path: Default::default(), source: ExportError::not_an_export(what) }
}

/// Reads a raw value into what it should be.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, what: &str) -> Result<T, ApplyError> {
    serde_json::from_str(raw.get()).map_err(|_| unsound(format!("{what} is not what opencode writes")))
}

/// A session's id that is safe to use.
pub(super) fn session_id(id: &str) -> Result<&str, ApplyError> {
    if is_session_id(id) { Ok(id) } else { Err(unsound("a session's id is not of opencode's shape")) }
}

pub(super) fn message(info: &RawValue) -> Result<MessageRow, ApplyError> {
    #[derive(Deserialize)]
    struct Time {
        created: f64,
    }
    let mut fields = object(info, "a message")?;
    let id = text(&fields, "id")?;
    let session = text(&fields, "sessionID")?;
    if !is_message_id(&id) {
        return Err(unsound("a message's id is not of opencode's shape"));
    }
    session_id(&session)?;
    let time = fields.get("time").ok_or_else(|| unsound("a message has no time"))?;
    let created = read::<Time>(time, "a message's time")?.created;
    // opencode asks the model for ever behind a message of the far future.
    if created.abs() > LARGEST {
        return Err(unsound("a message's time is none"));
    }
    let created = created as i64;
    for key in ["id", "sessionID"] {
        fields.remove(key);
    }
    Ok(MessageRow { id, session, created, data: data(&fields)? })
}

pub(super) fn part(part: &RawValue) -> Result<PartRow, ApplyError> {
    let mut fields = object(part, "a part")?;
    let (id, session, message) =
        (text(&fields, "id")?, text(&fields, "sessionID")?, text(&fields, "messageID")?);
    if !is_part_id(&id) || !is_message_id(&message) {
        return Err(unsound("a part's id is not of opencode's shape"));
    }
    session_id(&session)?;
    for key in ["id", "sessionID", "messageID"] {
        fields.remove(key);
    }
    Ok(PartRow { id, session, message, data: data(&fields)? })
}

pub(super) fn todos(raw: &RawValue) -> Result<Vec<Todo>, ApplyError> {
    #[derive(Deserialize)]
    struct Shape {
        content: Lossy,
        status: Lossy,
        priority: Lossy,
    }
    let all: Vec<Shape> = read(raw, "a list of todos")?;
    let todo =
        |shape: Shape| Todo { content: shape.content.0, status: shape.status.0, priority: shape.priority.0 };
    Ok(all.into_iter().map(todo).collect())
}

pub(super) fn object<'a>(raw: &'a RawValue, what: &str) -> Result<Object<'a>, ApplyError> {
    Object::parse(raw.get()).map_err(|_| unsound(format!("{what} is not what opencode writes")))
}

fn text(fields: &Object<'_>, key: &str) -> Result<String, ApplyError> {
    let raw = fields.get(key).ok_or_else(|| unsound(format!("there is no {key}")))?;
    read(raw, key)
}

fn data(fields: &Object<'_>) -> Result<String, ApplyError> {
    let text = serde_json::to_string(fields).map_err(|error| unsound(error.to_string()))?;
    // `opencode export` prints lines; its database has none.
    Ok(match on_one_line(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(line) => line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn keys_become_columns_and_the_rest_keeps_its_bytes() {
        let info = r#"{"parentID":"msg_0","id":"msg_1","time":{"created":5.0},"sessionID":"ses_1","x":1e400,"y":"\ud83d"}"#;
        let row = message(&raw(info)).unwrap();
        assert_eq!((row.id.as_str(), row.session.as_str(), row.created), ("msg_1", "ses_1", 5));
        assert_eq!(row.data, r#"{"parentID":"msg_0","time":{"created":5.0},"x":1e400,"y":"\ud83d"}"#);
        let row = part(&raw(
            r#"{"type":"text","text":"a\u2028","id":"prt_1","sessionID":"ses_1","messageID":"msg_1"}"#,
        ));
        let row = row.unwrap();
        assert_eq!(row.data, r#"{"type":"text","text":"a\u2028"}"#);
        assert_eq!((row.id, row.session, row.message), ("prt_1".into(), "ses_1".into(), "msg_1".into()));
    }

    #[test]
    fn what_opencode_would_not_write_is_refused() {
        for bad in [
            "[]",
            r#"{"id":"msg_1","sessionID":"ses_1"}"#,
            r#"{"id":"msg_1","sessionID":"ses_1","time":{"created":"now"}}"#,
            r#"{"id":"msg_'","sessionID":"ses_1","time":{"created":1}}"#,
            r#"{"id":"msg_1","sessionID":"x","time":{"created":1}}"#,
            r#"{"id":"msg_1","id":"msg_2","sessionID":"ses_1","time":{"created":1}}"#,
        ] {
            assert!(matches!(message(&raw(bad)), Err(ApplyError::File { .. })), "{bad}");
        }
        assert!(part(&raw(r#"{"id":"prt_1","sessionID":"ses_1"}"#)).is_err());
        assert!(todos(&raw(r#"[{"content":"x"}]"#)).is_err());
    }
}

//! One session's file.

use super::FORMAT;
use super::error::IndexError;
use crate::session::is_session_id;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionKind {
    /// The one that the others are copied from.
    Base,
    #[default]
    Forked,
}

/// What is known of a session: the script's fields, then ours. What is `None` is not in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionFile {
    #[serde(rename = "type")]
    pub(crate) kind: SessionKind,
    /// The issue, as `instance/user/repo#number`; none for the base.
    pub(crate) issue_ref: Option<String>,
    #[serde(rename = "opencode_session_id")]
    pub(crate) session: String,
    /// When it was made; the script's own way of writing it is not known, ours is [`timestamp`].
    pub(crate) created_at: Option<String>,
    /// `idle` or `used`, as it was last written down; what is true is found out elsewhere.
    pub(crate) state: Option<String>,
    /// [`FORMAT`], once a kugetsu that knows it has written the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<String>,
    /// When something was last done with it; see [`timestamp`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_activity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Why the last run did not do its work, here or on a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
}

const END_OF_TIME: i64 = 253_402_300_799_999;

/// A moment as we write it: RFC 3339, UTC, to the second. `ms` counts from the Unix epoch.
pub(crate) fn timestamp(ms: i64) -> String {
    // Behind the year 9999 there is no such way of writing it.
    let since = Duration::from_millis(ms.min(END_OF_TIME).try_into().unwrap_or(0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

/// The moment that [`timestamp`] wrote, in milliseconds since the Unix epoch; `None` for what others wrote in another way.
pub(crate) fn moment(text: &str) -> Option<i64> {
    let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    since.as_millis().try_into().ok()
}

impl SessionFile {
    /// A new one; nothing was done with it yet.
    pub(crate) fn new(kind: SessionKind, issue_ref: Option<String>, session: String, now_ms: i64) -> Self {
        Self {
            kind,
            issue_ref,
            session,
            created_at: Some(timestamp(now_ms)),
            state: Some("idle".to_owned()),
            format: Some(FORMAT.into()),
            ..Self::default()
        }
    }

    /// Whether kugetsu made it, and has given it no message since.
    pub(crate) fn is_fresh(&self) -> bool {
        // The script says neither where a session works nor what it was told.
        self.directory.is_some() && self.message.is_none()
    }

    /// Reads what stands in the file at `path`.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, IndexError> {
        let newer = |version: &u64| *version > u64::from(FORMAT);
        let refused = |version| IndexError::Newer { path: path.to_owned(), version };
        let file: Self = serde_json::from_slice(bytes).map_err(|error| {
            // Where the format is a newer one, that is what is wrong.
            let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let version = value.get("format").and_then(Value::as_u64).filter(newer);
            version.map_or_else(|| IndexError::damaged(path, error.to_string()), refused)
        })?;
        if let Some(version) = file.format.filter(newer) {
            return Err(refused(version));
        }
        if !is_session_id(&file.session) {
            return Err(IndexError::damaged(path, "its opencode_session_id is not of opencode's shape"));
        }
        if file.directory.as_deref().is_some_and(|directory| !is_directory(directory)) {
            return Err(IndexError::damaged(path, "its directory is no absolute path"));
        }
        Ok(file)
    }

    /// The file's new text: `old` with our fields set in their places, and all others kept.
    pub(super) fn merged_into(&self, old: Option<&[u8]>) -> Result<Vec<u8>, serde_json::Error> {
        let mut fields: Map<String, Value> = old.map(serde_json::from_slice).transpose()?.unwrap_or_default();
        let Value::Object(ours) = serde_json::to_value(self)? else { return Ok(Vec::new()) };
        for gone in ["directory", "last_activity", "message", "trouble"] {
            if !ours.contains_key(gone) {
                fields.shift_remove(gone);
            }
        }
        for (key, value) in ours {
            if !value.is_null() || fields.contains_key(&key) {
                fields.insert(key, value);
            }
        }
        fields.insert("format".to_owned(), FORMAT.into());
        let mut text = serde_json::to_vec_pretty(&fields)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Whether a program can be started there, wherever kugetsu itself was.
fn is_directory(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SessionFile, IndexError> {
        SessionFile::parse(text.as_bytes(), Path::new("x"))
    }

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(timestamp(1_795_170_275_999), "2026-11-20T10:24:35Z");
        assert_eq!(timestamp(-5), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(i64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(moment("2026-11-20T10:24:35Z"), Some(1_795_170_275_000));
        assert_eq!(moment("Mon Mar 30 12:07:40 CEST 2026"), None);
    }

    #[test]
    fn what_was_made_and_told_nothing_is_fresh() {
        let mut file =
            parse(r#"{"type": "forked", "opencode_session_id": "ses_a", "state": "idle"}"#).unwrap();
        assert!(!file.is_fresh());
        file.directory = Some("/srv".into());
        assert!(file.is_fresh());
        file.message = Some("hello".into());
        assert!(!file.is_fresh());
    }

    #[test]
    fn what_is_not_ours_keeps_its_place() {
        let old = r#"{"note": [1, {"x": null}], "type": "forked", "opencode_session_id": "ses_a", "state": "used",
            "issue_ref": "x.org/a/b#1", "message": "old", "created_at": "Mon Mar 30", "pid": 7}"#;
        let mut file = parse(old).unwrap();
        file.state = Some("idle".into());
        file.message = None;
        file.directory = Some("/srv".into());
        let text = String::from_utf8(file.merged_into(Some(old.as_bytes())).unwrap()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let script = ["note", "type", "opencode_session_id", "state", "issue_ref", "created_at", "pid"];
        assert_eq!(keys, [&script[..], &["directory", "format"]].concat());
        assert_eq!(
            (&value["state"], &value["pid"], &value["created_at"]),
            (&"idle".into(), &7.into(), &"Mon Mar 30".into())
        );
        assert_eq!(value["note"], serde_json::json!([1, {"x": null}]));
    }

    #[test]
    fn what_is_no_session_file_is_told() {
        for bad in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"type":"forked"}"#,
            r#"{"type":"other","opencode_session_id":"ses_a"}"#,
            r#"{"type":"forked","opencode_session_id":null}"#,
            r#"{"type":"forked","opencode_session_id":"../x"}"#,
            r#"{"type":"forked","opencode_session_id":"ses_a","state":7}"#,
            r#"{"type":"forked","opencode_session_id":"ses_a","directory":"../elsewhere"}"#,
            r#"{"type":"forked","opencode_session_id":"ses_a","directory":"/a\u0000b"}"#,
        ] {
            assert!(matches!(parse(bad), Err(IndexError::Damaged { .. })), "{bad}");
        }
        for newer in [
            r#"{"type":"forked","opencode_session_id":"ses_a","format":2}"#,
            r#"{"type":"of tomorrow","format":9}"#,
        ] {
            assert!(matches!(parse(newer), Err(IndexError::Newer { version: 2 | 9, .. })), "{newer}");
        }
    }
}

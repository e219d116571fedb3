//! What a host's message may name and ask for. opencode, or the model's provider, reads the files and addresses that a
//! message names, and opencode does what a `subtask` part says before the user's next prompt. So nothing that comes home
//! names a file outside of the session's directory or an address to fetch, and nothing is left to be done.

use crate::session::ExportError;
use crate::session::message::Message;
use crate::session::raw::Object;
use crate::transfer::edit::Edit;
use crate::transfer::url;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;

/// The fields of a `source` that is a file. A resource has others, which name a server to ask.
const OF_A_SOURCE: [&str; 6] = ["type", "path", "text", "range", "name", "kind"];

/// A message that names no file outside of `directory` and nothing to fetch or to do. Its parts stay: such a file as an empty
/// text, a subtask as the text of its prompt. `message` is `text`, read.
pub(crate) fn within<'t>(
    text: Cow<'t, str>,
    message: &Message<'_>,
    directory: &str,
) -> Result<Cow<'t, str>, ExportError> {
    // By what a part holds: a host may call its kind as it likes.
    if !message.parts.iter().any(|part| part.kind == "subtask" || part.has_state() || part.has_url()) {
        return Ok(text);
    }
    let changed = {
        let mut edit = Edit::new(&text)?;
        let mut is_changed = false;
        for (raw, part) in edit.parts.iter_mut().zip(&message.parts) {
            let changed = if part.kind == "subtask" {
                Some(as_text(raw)?)
            } else {
                let called = if part.has_state() { call(raw, directory)? } else { None };
                let named =
                    if part.has_url() { file(called.as_deref().unwrap_or(raw), directory)? } else { None };
                named.or(called)
            };
            if let Some(changed) = changed {
                *raw = Cow::Owned(changed);
                is_changed = true;
            }
        }
        is_changed.then(|| edit.json()).transpose()?
    };
    Ok(changed.map_or(text, Cow::Owned))
}

/// A file part; `None` where it stays as it is.
fn file(part: &RawValue, directory: &str) -> Result<Option<Box<RawValue>>, ExportError> {
    let mut object = Object::parse(part.get())?;
    if !is_within(&object, directory) {
        object.set("url", "data:text/plain,")?;
        object.set("mime", "text/plain")?;
        object.remove("source");
    } else if !without_source(&mut object, directory) {
        return Ok(None);
    }
    Ok(Some(to_raw_value(&object)?))
}

/// A tool call, which keeps of the files that are attached to it those that may be named.
fn call(part: &RawValue, directory: &str) -> Result<Option<Box<RawValue>>, ExportError> {
    let mut object = Object::parse(part.get())?;
    let Some(state) = object.get("state").filter(|state| state.get().starts_with('{')) else {
        return Ok(None);
    };
    let mut state = Object::parse(state.get())?;
    let Some(attachments) = state.get("attachments") else { return Ok(None) };
    if let Ok(all) = serde_json::from_str::<Vec<&RawValue>>(attachments.get()) {
        let mut is_changed = false;
        let mut kept = Vec::with_capacity(all.len());
        for raw in all {
            match Object::parse(raw.get()).ok().filter(|attachment| is_within(attachment, directory)) {
                Some(mut attachment) => {
                    is_changed |= without_source(&mut attachment, directory);
                    kept.push(attachment);
                }
                None => is_changed = true,
            }
        }
        if !is_changed {
            return Ok(None);
        }
        let kept = to_raw_value(&kept)?;
        state.set("attachments", &kept)?;
    } else {
        state.remove("attachments");
    }
    let state = to_raw_value(&state)?;
    object.set("state", &state)?;
    Ok(Some(to_raw_value(&object)?))
}

/// What a subtask was to do, as text. opencode would do it at the next prompt, with the agent, model and command that it names.
fn as_text(part: &RawValue) -> Result<Box<RawValue>, ExportError> {
    let object = Object::parse(part.get())?;
    let mut text = object.only(&["id", "sessionID", "messageID"]);
    text.set("type", "text")?;
    match object.get("prompt").filter(|prompt| prompt.get().starts_with('"')) {
        Some(prompt) => text.set("text", prompt)?,
        None => text.set("text", "")?,
    }
    Ok(to_raw_value(&text)?)
}

/// Whether what a file part carries is in the part itself, or a file below the directory.
fn is_within(part: &Object<'_>, directory: &str) -> bool {
    let Some(url) = part.get("url").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()) else {
        return false;
    };
    url.starts_with("data:") || url::is_below(&url, directory)
}

/// Removes the source of a file part if it is not a file below the directory; whether it did.
fn without_source(part: &mut Object<'_>, directory: &str) -> bool {
    let is_out = part.get("source").is_some_and(|source| !is_source_within(source, directory));
    if is_out {
        part.remove("source");
    }
    is_out
}

fn is_source_within(source: &RawValue, directory: &str) -> bool {
    #[derive(Deserialize)]
    struct Source {
        #[serde(rename = "type")]
        kind: String,
        path: String,
    }
    let Ok(fields) = Object::parse(source.get()) else { return false };
    let Ok(Source { kind, path }) = serde_json::from_str(source.get()) else { return false };
    fields.iter().all(|(key, _)| OF_A_SOURCE.contains(&key))
        && matches!(kind.as_str(), "file" | "symbol")
        && url::is_path_below(&path, directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const DIRECTORY: &str = "/home/me/proj";

    /// A message with this part, spelled as it is.
    fn message(part: &str) -> String {
        format!(
            r#"{{"info":{{"id":"msg_1","sessionID":"ses_1","role":"user","time":{{"created":1}}}},"parts":[{{"id":"prt_1","sessionID":"ses_1","messageID":"msg_1",{part}}}]}}"#
        )
    }

    fn confined(text: &str, directory: &str) -> String {
        within(Cow::Borrowed(text), &serde_json::from_str(text).unwrap(), directory).unwrap().into_owned()
    }

    /// The part as it comes home; `None` if it stays as it is.
    fn kept(part: &str) -> Option<Value> {
        let text = message(part);
        let kept = confined(&text, DIRECTORY);
        let value: Value = serde_json::from_str(&kept).unwrap();
        (kept != text).then(|| value["parts"][0].clone())
    }

    fn file(url: &str) -> Value {
        json!({"type": "file", "mime": "image/png", "filename": "x.png", "url": url})
    }

    fn inside(object: &Value) -> String {
        let json = object.to_string();
        json[1..json.len() - 1].to_owned()
    }

    const ELSEWHERE: [&str; 13] = [
        "file:///home/me/.ssh/id_ed25519",
        "file:///home/me/proj/../.ssh/id",
        "file:///home/me/proj/%2e%2e/x",
        "file:///home/me/proj/.\t./x",
        "file:///home/me/proj/%2\te./x",
        "file:///home/me/proj/.\r\n./x",
        "file:///home/me/proj/x/..\\..\\..\\x",
        "file:///home/me/proj/x%5c..%5c..",
        "file:///home/me/proj/x%00",
        "file:///home/me/proj/.. ",
        "http://169.254.169.254/",
        "/etc/passwd",
        "file:/etc/passwd",
    ];

    #[test]
    fn a_file_elsewhere_or_an_address_is_not_read_here() {
        for url in ELSEWHERE {
            let part = kept(&inside(&file(url))).unwrap_or_else(|| panic!("{url} stays"));
            let expected = (&json!("data:text/plain,"), &json!("text/plain"), &json!("x.png"));
            assert_eq!((&part["url"], &part["mime"], &part["filename"]), expected, "{url}");
            let data = file("data:image/png;base64,AA");
            let call =
                json!({"type": "tool", "state": {"status": "completed", "attachments": [file(url), data]}});
            assert_eq!(kept(&inside(&call)).unwrap()["state"]["attachments"], json!([data]), "{url}");
        }
        for url in
            ["file:///home/me/proj/a%20b.png", "file:///home/me/proj/a b.png?x", "data:image/png;base64,AA"]
        {
            assert_eq!(kept(&inside(&file(url))), None, "{url}");
        }
    }

    #[test]
    fn where_a_directory_is_not_known_no_file_is_below_it() {
        let text = message(&inside(&file("file:///etc/passwd")));
        assert!(!confined(&text, "").contains("passwd"));
    }

    #[test]
    fn a_part_is_told_by_what_it_says_however_that_is_spelled() {
        for part in [
            r#""type":"fil\u0065","url":"file:///etc/passwd""#,
            r#""typ\u0065":"f\u0069le","\u0075rl":"file:\/\/\/etc\/passwd""#,
            r#""type":"file","url":"http:\u002f\/169.254.169.254/passwd""#,
            r#""type":"to\u006fl","state":{"attachment\u0073":[{"type":"file","url":"file:///etc/passwd"}]}"#,
            r#""type":"tool","state":{"attachments":[{"type":"file","u\u0072l":"\u0066ile:///etc/passwd"}]}"#,
            r#""type":"tool","state":{"attachments":{"url":"file:///etc/passwd"}}"#,
            r#""type":"x","state":{"attachments":[{"type":"file","url":"file:///etc/passwd"}]}"#,
            r#""type":"text","state":{"attachments":[{"type":"file","url":"file:///etc/passwd"}]}"#,
            r#""type":"x","url":"file:///etc/passwd","state":{"attachments":{"url":"file:///etc/passwd"}}"#,
        ] {
            let part_home = kept(part).unwrap_or_else(|| panic!("{part} stays"));
            assert!(!part_home.to_string().contains("passwd"), "{part_home}");
        }
    }

    #[test]
    fn where_a_file_comes_from_is_below_the_directory_or_not_said() {
        for (source, stays) in [
            (json!({"type": "file", "path": "/home/me/.ssh/id"}), false),
            (json!({"type": "file", "path": "../.ssh/id"}), false),
            (json!({"type": "file", "path": "~/.ssh/id"}), false),
            (json!({"type": "file", "path": "/home/me/proj/../x"}), false),
            (json!({"type": "resource", "clientName": "x", "uri": "file:///etc/passwd"}), false),
            (json!({"type": "file", "path": "a", "uri": "file:///etc/passwd"}), false),
            (json!("/etc/passwd"), false),
            (
                json!({"type": "file", "path": "/home/me/proj/a", "text": {"value": "@a", "start": 0, "end": 2}}),
                true,
            ),
            (json!({"type": "symbol", "path": "src/a.rs", "name": "a", "kind": 1, "range": {}}), true),
        ] {
            for url in ["data:image/png;base64,AA", "file:///home/me/proj/a.png"] {
                let mut file = file(url);
                file["source"] = source.clone();
                let part = kept(&inside(&file));
                assert_eq!(part.is_none(), stays, "{source}");
                assert!(part.is_none_or(|part| part.get("source").is_none() && part["url"] == url));
                let call = json!({"type": "tool", "state": {"attachments": [file]}});
                assert_eq!(kept(&inside(&call)).is_none(), stays, "{source}");
            }
        }
    }

    #[test]
    fn a_subtask_is_told_and_not_done() {
        for kind in ["subtask", r"subt\u0061sk"] {
            let part = format!(
                r#""type":"{kind}","prompt":"do \ud83d it","agent":"a","model":{{"providerID":"p","modelID":"m"}},"command":"c""#
            );
            let home = confined(&message(&part), DIRECTORY);
            assert_eq!(home, message(r#""type":"text","text":"do \ud83d it""#));
        }
        assert_eq!(kept(r#""type":"subtask","prompt":[]"#).unwrap()["text"], "");
        assert_eq!(kept(r#""type":"compaction","auto":true"#), None);
    }
}

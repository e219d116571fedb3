//! opencode's snapshots of files belong to one machine. This file takes out of a message what another machine must not read.
//!
//! opencode keeps the files of a turn in a store of its own, and messages name trees in that store. To undo a turn, it gives
//! each file that a `patch` part names the content that it has in the part's tree. If the store does not know the tree,
//! opencode takes the file for new and deletes it, wherever it is; if the store knows the tree by chance (two copies of one
//! repository), opencode overwrites the file. With every undo and after every run, opencode gives git the trees that steps
//! name as they are, options included: `--output=FILE` empties that file.
//!
//! So a patch that leaves the store of its snapshot names no files, and a message of another machine names no snapshots.
//! The text of the work, and what tools said, stays.

use super::error::ExportError;
use super::message::{Message, Pieces};
use super::raw::Object;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::collections::HashMap;

/// A kind of part, a field of it, and the field's new value; `None` removes the field.
type FieldRule = (&'static str, &'static str, Option<&'static str>);

/// What a patch of this machine's opencode must not say elsewhere. The trees of its steps are harmless there.
const LEAVING: [FieldRule; 1] = [("patch", "files", Some("[]"))];

/// What no row of another machine says here. Only fields that opencode can do without are removed.
const ARRIVING: [FieldRule; 5] = [
    ("patch", "files", Some("[]")),
    ("patch", "hash", Some("\"\"")),
    ("step-start", "snapshot", None),
    ("step-finish", "snapshot", None),
    ("snapshot", "snapshot", Some("\"\"")),
];

/// A message for a machine without the snapshots of its patches. `message` is `text`, read.
pub(crate) fn leaving<'t>(text: Cow<'t, str>, message: &Message<'_>) -> Result<Cow<'t, str>, ExportError> {
    without(text, message, &LEAVING)
}

/// A message from another machine, likewise.
pub(crate) fn arriving<'t>(text: Cow<'t, str>, message: &Message<'_>) -> Result<Cow<'t, str>, ExportError> {
    without(text, message, &ARRIVING)
}

/// `merged`, with the parts that name snapshots as they stand in `own`: opencode changes none of them once they are written.
pub(crate) fn kept(own: &str, merged: String) -> Result<String, ExportError> {
    let message: Message<'_> = serde_json::from_str(own)?;
    let of_own = Pieces::of(own)?.parts;
    let mut kept: HashMap<&str, &RawValue> = HashMap::new();
    for (part, raw) in message.parts.iter().zip(of_own) {
        if ARRIVING.iter().any(|(kind, ..)| *kind == part.kind) {
            kept.insert(&part.id, raw);
        }
    }
    if kept.is_empty() {
        return Ok(merged);
    }
    let after: Message<'_> = serde_json::from_str(&merged)?;
    let mut parts = Pieces::of(&merged)?.parts;
    for (raw, part) in parts.iter_mut().zip(&after.parts) {
        if let Some(own) = kept.get(part.id.as_str()) {
            *raw = own;
        }
    }
    with_parts(&merged, &parts)
}

fn without<'t>(
    text: Cow<'t, str>,
    message: &Message<'_>,
    rules: &[FieldRule],
) -> Result<Cow<'t, str>, ExportError> {
    if !message.parts.iter().any(|part| rules.iter().any(|(kind, ..)| *kind == part.kind)) {
        return Ok(text);
    }
    let mut parts: Vec<Cow<'_, RawValue>> = Vec::with_capacity(message.parts.len());
    let mut is_changed = false;
    for (raw, part) in Pieces::of(&text)?.parts.into_iter().zip(&message.parts) {
        let changed = changed(raw, rules.iter().filter(|(kind, ..)| *kind == part.kind))?;
        is_changed |= changed.is_some();
        parts.push(changed.map_or(Cow::Borrowed(raw), Cow::Owned));
    }
    let changed = is_changed.then(|| with_parts(&text, &parts)).transpose()?;
    drop(parts);
    Ok(changed.map_or(text, Cow::Owned))
}

/// A part by these rules; `None` if it stays as it is.
fn changed<'r>(
    raw: &RawValue,
    rules: impl Iterator<Item = &'r FieldRule>,
) -> Result<Option<Box<RawValue>>, ExportError> {
    let mut part: Option<Object<'_>> = None;
    let mut is_changed = false;
    for (_, key, instead) in rules {
        let part = match &mut part {
            Some(part) => part,
            none => none.insert(Object::parse(raw.get())?),
        };
        if part.get(key).map(RawValue::get) == *instead {
            continue;
        }
        is_changed = true;
        match instead {
            Some(json) => part.set(key, &serde_json::from_str::<&RawValue>(json)?)?,
            None => part.remove(key),
        }
    }
    Ok(part.filter(|_| is_changed).map(|part| to_raw_value(&part)).transpose()?)
}

fn with_parts(message: &str, parts: &impl Serialize) -> Result<String, ExportError> {
    let mut message = Object::parse(message)?;
    message.set("parts", parts)?;
    Ok(serde_json::to_string(&message)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str = r#"["/home/me/app/a","/etc/hosts"]"#;

    fn message(parts: &[String]) -> String {
        let parts = parts.join(",");
        format!(
            r#"{{"info":{{"id":"msg_1","sessionID":"ses_1","role":"assistant","time":{{"created":1}}}},"parts":[{parts}]}}"#
        )
    }

    fn part(id: u8, rest: &str) -> String {
        format!(r#"{{"id":"prt_{id}","sessionID":"ses_1","messageID":"msg_1",{rest}}}"#)
    }

    fn patch(id: u8, hash: &str, files: &str) -> String {
        part(id, &format!(r#""type":"patch","hash":"{hash}","files":{files}"#))
    }

    /// As opencode writes a turn, with half a surrogate pair.
    fn turn(hash: &str, files: &str) -> String {
        message(&[
            part(1, &format!(r#""snapshot":"{hash}","type":"step-start""#)),
            part(2, r#""type":"tool","state":{"input":{"files":["/a"],"snapshot":"x"},"output":"\ud83d"}"#),
            part(3, &format!(r#""type":"step-finish","reason":"stop","snapshot":"{hash}","cost":0"#)),
            patch(4, hash, files),
            part(5, r#""type":"text","text":"done","files":["/a"],"snapshot":"x","hash":"y""#),
        ])
    }

    fn left(text: &str) -> String {
        leaving(Cow::Borrowed(text), &serde_json::from_str(text).unwrap()).unwrap().into_owned()
    }

    fn arrived(text: &str) -> String {
        arriving(Cow::Borrowed(text), &serde_json::from_str(text).unwrap()).unwrap().into_owned()
    }

    #[test]
    fn a_patch_that_leaves_names_no_files() {
        let text = turn("4b82", FILES);
        assert_eq!(left(&text), text.replace(FILES, "[]"), "and every other byte stays");
        let without = turn("4b82", "[]");
        let parsed: Message<'_> = serde_json::from_str(&without).unwrap();
        assert!(matches!(leaving(Cow::Borrowed(&without), &parsed), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn what_arrives_names_no_files_and_no_snapshots() {
        for hash in ["4b82", "--output=/home/me/.profile"] {
            let expected = turn(hash, FILES)
                .replace(FILES, "[]")
                .replace(&format!(r#""snapshot":"{hash}","type""#), r#""type""#)
                .replace(&format!(r#","snapshot":"{hash}","cost""#), r#","cost""#)
                .replace(hash, "");
            assert_eq!(arrived(&turn(hash, FILES)), expected);
            assert_eq!(arrived(&expected), expected);
        }
        let old = message(&[part(1, r#""type":"snapshot","snapshot":"--output=/x""#)]);
        assert_eq!(arrived(&old), message(&[part(1, r#""type":"snapshot","snapshot":"""#)]));
    }

    #[test]
    fn a_patch_is_known_however_it_is_spelled_and_whatever_it_lacks() {
        let odd = message(&[
            part(1, r#""typ\u0065":"pat\u0063h","h\u0061sh":"4b","fil\u0065s":["/a"]"#),
            part(2, r#""type":"patch","files":"/a""#),
            part(3, r#""type":"patch","hash":null,"files":null"#),
        ]);
        let returned: serde_json::Value = serde_json::from_str(&arrived(&odd)).unwrap();
        for part in returned["parts"].as_array().unwrap() {
            assert_eq!((&part["files"], &part["hash"]), (&serde_json::json!([]), &serde_json::json!("")));
        }
        let gone: serde_json::Value = serde_json::from_str(&left(&odd)).unwrap();
        assert!(gone["parts"].as_array().unwrap().iter().all(|part| part["files"] == serde_json::json!([])));
    }

    #[test]
    fn what_names_the_snapshots_of_this_machine_stays_whatever_comes_back() {
        let own = message(&[patch(1, "4b82", FILES), part(2, r#""type":"text","text":"a""#)]);
        for back in [
            patch(1, "5c93", "[]"),
            patch(1, "5c93", r#"["/other"]"#),
            part(1, r#""type":"text","hash":"5c93","files":["/other"]"#),
        ] {
            let merged = message(&[back, part(2, r#""type":"text","text":"b""#), part(3, r#""type":"x""#)]);
            let expected = message(&[
                patch(1, "4b82", FILES),
                part(2, r#""type":"text","text":"b""#),
                part(3, r#""type":"x""#),
            ]);
            assert_eq!(kept(&own, merged).unwrap(), expected);
        }
    }
}

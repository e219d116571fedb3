//! What new rows may hold. They are a host's word, so that numbers are bounded, and nothing in them names a file, or an
//! address to fetch, outside of the session's directory.

use super::edit::{Edit, unsound};
use super::error::HomeError;
use super::rights::shown;
use super::url;
use crate::session::ExportError;
use crate::session::raw::Object;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;

/// The latest time that is believed to be one, in milliseconds since the epoch (in the year 10889), by any clock.
const LATEST_MS: f64 = (1_u64 << 48) as f64;
/// The most that one message costs, in whatever the provider counts.
const DEAREST: f64 = 1e6;
/// The most that is counted of anything else, tokens above all.
const MOST_COUNTED: f64 = 1e12;
/// The longest object of tokens, in bytes.
const LONGEST_TOKENS: usize = 4096;
/// The longest title, slug or version of a session, in bytes; opencode's own have a hundred characters at most.
const LONGEST_NAME: usize = 4096;

/// Whether a raw JSON value is a time: whole milliseconds since the epoch.
pub(super) fn is_time(json: &str) -> bool {
    number(json).is_some_and(|ms| ms.fract() == 0.0 && (0.0..=LATEST_MS).contains(&ms))
}

/// Whether it may be what a message cost.
pub(super) fn is_cost(json: &str) -> bool {
    json == "null" || number(json).is_some_and(|cost| cost.abs() <= DEAREST)
}

fn is_count(json: &str) -> bool {
    json == "null" || number(json).is_some_and(|count| count.abs() <= MOST_COUNTED)
}

/// Whether it may be the tokens of a message or a session: counts, and counts in an object.
pub(super) fn are_tokens(json: &str) -> bool {
    let all = |json: &str, fits: &dyn Fn(&str) -> bool| {
        Object::parse(json).is_ok_and(|object| object.iter().all(|(_, value)| fits(value.get())))
    };
    let nested = |json: &str| is_count(json) || json.starts_with('{') && all(json, &is_count);
    json == "null" || json.len() <= LONGEST_TOKENS && all(json, &nested)
}

fn number(json: &str) -> Option<f64> {
    if !json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    json.parse().ok().filter(|number: &f64| number.is_finite())
}

#[derive(Deserialize)]
struct Row<'a> {
    id: String,
    #[serde(default, borrow)]
    time: Option<&'a RawValue>,
    #[serde(default, borrow)]
    cost: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tokens: Option<&'a RawValue>,
    #[serde(default, borrow)]
    state: Option<&'a RawValue>,
}

/// Checks the numbers of a message and its parts that opencode itself counts with: times, costs and tokens.
///
/// # Errors
/// [`HomeError::Unbelievable`] names the row and the field.
pub(super) fn check_message(text: &str) -> Result<(), HomeError> {
    #[derive(Deserialize)]
    struct Rows<'a> {
        #[serde(borrow)]
        info: Row<'a>,
        #[serde(borrow)]
        parts: Vec<Row<'a>>,
    }
    let rows: Rows<'_> = serde_json::from_str(text).map_err(unsound)?;
    std::iter::once(&rows.info).chain(&rows.parts).try_for_each(check_row)
}

fn check_row(row: &Row<'_>) -> Result<(), HomeError> {
    let refused = |what: &str| HomeError::Unbelievable { id: row.id.clone(), what: what.to_owned() };
    if let Some(name) = row.time.and_then(wrong_time) {
        return Err(refused(&format!("time.{name}")));
    }
    if row.cost.is_some_and(|cost| !is_cost(cost.get())) {
        return Err(refused("cost"));
    }
    if row.tokens.is_some_and(|tokens| !are_tokens(tokens.get())) {
        return Err(refused("tokens"));
    }
    let state = row.state.filter(|state| state.get().starts_with('{'));
    let state = state.map(|state| Object::parse(state.get()).map_err(unsound)).transpose()?;
    match state.as_ref().and_then(|state| state.get("time")).and_then(wrong_time) {
        Some(name) => Err(refused(&format!("state.time.{name}"))),
        None => Ok(()),
    }
}

/// The name of a time that is none.
fn wrong_time(time: &RawValue) -> Option<String> {
    let Ok(times) = Object::parse(time.get()) else { return Some("created".to_owned()) };
    times.iter().find(|(_, value)| !is_time(value.get())).map(|(name, _)| shown(name))
}

/// Checks the numbers of a session's record, and what is shown of it in lists.
///
/// # Errors
/// [`HomeError::Unbelievable`] names the field.
pub(super) fn check_record(id: &str, record: &str) -> Result<(), HomeError> {
    let record = Object::parse(record).map_err(unsound)?;
    let refused = |what: String| HomeError::Unbelievable { id: id.to_owned(), what };
    if let Some(name) = record.get("time").and_then(wrong_time) {
        return Err(refused(format!("time.{name}")));
    }
    for key in ["title", "slug", "version"] {
        if record.get(key).is_some_and(|text| text.get().len() > LONGEST_NAME) {
            return Err(refused(key.to_owned()));
        }
    }
    for (key, fits) in [("cost", is_count as fn(&str) -> bool), ("tokens", are_tokens)] {
        if record.get(key).is_some_and(|number| !fits(number.get())) {
            return Err(refused(key.to_owned()));
        }
    }
    let summary = record.get("summary").filter(|summary| summary.get().starts_with('{'));
    let summary = summary.map(|summary| Object::parse(summary.get()).map_err(unsound)).transpose()?;
    let counts = ["additions", "deletions", "files"];
    let is_wrong = |key: &&str| {
        let count = summary.as_ref().and_then(|summary| summary.get(key));
        count.is_some_and(|count| !is_count(count.get()))
    };
    counts.iter().find(|key| is_wrong(key)).map_or(Ok(()), |key| Err(refused(format!("summary.{key}"))))
}

/// A new message in which nothing names a file outside of `directory`, or an address to fetch: opencode, or the model's
/// provider, would read what stands there. The part stays, as text that is not there any more.
pub(super) fn within<'t>(text: &'t str, directory: &str) -> Result<Cow<'t, str>, ExportError> {
    // Nearly no message has either.
    if !text.contains("\"file\"") && !text.contains("\"attachments\"") {
        return Ok(Cow::Borrowed(text));
    }
    let mut edit = Edit::new(text)?;
    let mut changed = false;
    for part in &mut edit.parts {
        if let Some(other) = within_part(part.get(), directory)? {
            *part = Cow::Owned(other);
            changed = true;
        }
    }
    if changed { Ok(Cow::Owned(edit.json()?)) } else { Ok(Cow::Borrowed(text)) }
}

fn within_part(part: &str, directory: &str) -> Result<Option<Box<RawValue>>, ExportError> {
    let mut object = Object::parse(part).map_err(unsound)?;
    match object.get("type").map(RawValue::get) {
        Some("\"file\"") if !is_within(&object, directory) => {
            object.set("url", "data:text/plain,").map_err(unsound)?;
            object.set("mime", "text/plain").map_err(unsound)?;
            object.remove("source");
        }
        Some("\"tool\"") => {
            let Some(state) = object.get("state").filter(|state| state.get().starts_with('{')) else {
                return Ok(None);
            };
            let mut state = Object::parse(state.get()).map_err(unsound)?;
            let Some(attachments) = state.get("attachments") else { return Ok(None) };
            let all: Vec<&RawValue> = serde_json::from_str(attachments.get()).map_err(unsound)?;
            let fits = |raw: &&&RawValue| {
                Object::parse(raw.get()).is_ok_and(|attachment| is_within(&attachment, directory))
            };
            let kept: Vec<Box<RawValue>> = all.iter().filter(fits).map(|raw| (*raw).to_owned()).collect();
            if kept.len() == all.len() {
                return Ok(None);
            }
            state.set("attachments", &kept).map_err(unsound)?;
            let state = to_raw_value(&state).map_err(unsound)?;
            object.set("state", &state).map_err(unsound)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(to_raw_value(&object).map_err(unsound)?))
}

/// Whether what a file part carries is in the part itself, or a file below the directory.
fn is_within(part: &Object<'_>, directory: &str) -> bool {
    let Some(url) = part.get("url").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()) else {
        return false;
    };
    url.starts_with("data:") || url::is_below(&url, directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn message(info: Value, part: Value) -> String {
        let mut whole = json!({"info": {"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "time": {"created": 1}},
            "parts": [{"id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "tool"}]});
        for (object, more) in [("/info", info), ("/parts/0", part)] {
            let object = whole.pointer_mut(object).unwrap().as_object_mut().unwrap();
            object.extend(more.as_object().unwrap().clone());
        }
        whole.to_string()
    }

    #[test]
    fn a_number_that_opencode_does_not_write_is_refused_by_name() {
        let ms = "2100000000000.5";
        for (info, part, named) in [
            (json!({"time": {"created": 1e300}}), json!({}), "msg_1 time.created"),
            (json!({"time": {"created": 9_223_372_036_854_775_808_u64}}), json!({}), "msg_1 time.created"),
            (
                json!({"time": {"created": 1, "completed": serde_json::from_str::<Value>(ms).unwrap()}}),
                json!({}),
                "msg_1 time.completed",
            ),
            (json!({"time": {"created": 1, "completed": "now"}}), json!({}), "msg_1 time.completed"),
            (json!({"cost": 1e308}), json!({}), "msg_1 cost"),
            (json!({"cost": -1e308}), json!({}), "msg_1 cost"),
            (json!({"tokens": {"input": 1e308}}), json!({}), "msg_1 tokens"),
            (json!({"tokens": {"cache": {"read": "many"}}}), json!({}), "msg_1 tokens"),
            (json!({}), json!({"time": {"start": -1}}), "prt_1 time.start"),
            (json!({}), json!({"state": {"time": {"start": 0.5}}}), "prt_1 state.time.start"),
            (json!({}), json!({"cost": [1]}), "prt_1 cost"),
        ] {
            match check_message(&message(info, part)) {
                Err(HomeError::Unbelievable { id, what }) => assert_eq!(format!("{id} {what}"), named),
                other => panic!("{named}: {other:?}"),
            }
        }
        let honest = message(
            json!({"cost": 0.25, "tokens": {"input": 3, "output": 1.5, "cache": {"read": null, "write": 0}}}),
            json!({"time": {"start": 1, "end": 2}, "state": {"status": "completed", "time": {"start": 1795170000000.0, "end": 2}}}),
        );
        check_message(&honest).unwrap();
    }

    #[test]
    fn a_file_elsewhere_or_an_address_is_not_read_here() {
        let file = |url: &str| json!({"type": "file", "mime": "image/png", "filename": "x.png", "url": url, "source": {"path": "/x"}});
        for url in [
            "file:///home/me/.ssh/id_ed25519",
            "file:///home/me/proj/../.ssh/id",
            "file:///home/me/proj/%2e%2e/x",
            "http://169.254.169.254/",
            "/etc/passwd",
        ] {
            let text = message(json!({}), file(url));
            let kept: Value = serde_json::from_str(&within(&text, "/home/me/proj").unwrap()).unwrap();
            let part = &kept["parts"][0];
            assert_eq!(
                (&part["url"], &part["mime"], &part["filename"]),
                (&json!("data:text/plain,"), &json!("text/plain"), &json!("x.png")),
                "{url}"
            );
            assert!(part.get("source").is_none());
            let call = message(
                json!({}),
                json!({"state": {"status": "completed", "attachments": [file(url), file("data:image/png;base64,AA")]}}),
            );
            let kept: Value = serde_json::from_str(&within(&call, "/home/me/proj").unwrap()).unwrap();
            assert_eq!(kept["parts"][0]["state"]["attachments"], json!([file("data:image/png;base64,AA")]));
        }
        for url in ["file:///home/me/proj/a%20b.png", "data:image/png;base64,AA"] {
            let text = message(json!({}), file(url));
            assert_eq!(within(&text, "/home/me/proj").unwrap(), text);
        }
    }
}

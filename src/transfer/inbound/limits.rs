//! Bounds for the numbers that a host says: in new rows, and in what it changed in others.

use crate::session::raw::Object;
use crate::session::same::same;
use crate::transfer::error::HomeError;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// The latest time that is believed to be one, in milliseconds since the epoch (in the year 10889), by any clock.
const LATEST_MS: u64 = 1 << 48;
/// The most that one message costs, in whatever the provider counts.
const DEAREST: f64 = 1e6;
/// The most that is counted of anything else, tokens above all.
const MOST_COUNTED: f64 = 1e12;
/// The longest object of tokens, in bytes.
const LONGEST_TOKENS: usize = 4096;
/// The longest title, slug or version of a session, in bytes; opencode's own have a hundred characters at most.
const LONGEST_NAME: usize = 4096;

/// Whether a raw JSON value is a time, in digits, as opencode writes it. Another spelling (`1.8e12`) would not be translated.
pub(crate) fn is_time(json: &str) -> bool {
    json.bytes().all(|byte| byte.is_ascii_digit()) && json.parse().is_ok_and(|ms: u64| ms <= LATEST_MS)
}

/// Whether it may be what a message cost.
fn is_cost(json: &str) -> bool {
    is_number(json, DEAREST)
}

fn is_count(json: &str) -> bool {
    is_number(json, MOST_COUNTED)
}

fn is_number(json: &str, most: f64) -> bool {
    let is_digits = json.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    json == "null" || is_digits && json.parse().is_ok_and(|number: f64| number.abs() <= most)
}

/// Whether it may be the tokens of a message or a session: counts, and counts in an object.
fn are_tokens(json: &str) -> bool {
    let all = |json: &str, fits: &dyn Fn(&str) -> bool| {
        Object::parse(json).is_ok_and(|object| object.iter().all(|(_, value)| fits(value.get())))
    };
    let nested = |json: &str| is_count(json) || json.starts_with('{') && all(json, &is_count);
    json == "null" || json.len() <= LONGEST_TOKENS && all(json, &nested)
}

/// The name of a field as a message may show it: a host can choose any.
pub(crate) fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic() && *c != '\\').take(40).collect()
}

#[derive(Deserialize)]
struct CheckedRow<'a> {
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

impl CheckedRow<'_> {
    fn state_time(&self) -> Result<Option<Box<RawValue>>, HomeError> {
        let Some(state) = self.state.filter(|state| state.get().starts_with('{')) else { return Ok(None) };
        Ok(Object::parse(state.get())?.get("time").map(RawValue::to_owned))
    }
}

/// Checks the numbers of a message and its parts that opencode itself counts with: times, costs and tokens.
pub(crate) fn check_message(text: &str) -> Result<(), HomeError> {
    let CheckedMessage { info, parts } = serde_json::from_str(text)?;
    std::iter::once(&info).chain(&parts).try_for_each(|row| check_row(row, None))
}

/// Checks the same in a message that left: in what differs from `sent`, the message as it was sent, and in parts that were added.
pub(crate) fn check_changed(sent: &str, text: &str) -> Result<(), HomeError> {
    let (sent, now): (CheckedMessage<'_>, CheckedMessage<'_>) =
        (serde_json::from_str(sent)?, serde_json::from_str(text)?);
    let known: HashMap<&str, &CheckedRow<'_>> =
        sent.parts.iter().map(|part| (part.id.as_str(), part)).collect();
    check_row(&now.info, Some(&sent.info))?;
    now.parts.iter().try_for_each(|part| check_row(part, known.get(part.id.as_str()).copied()))
}

#[derive(Deserialize)]
struct CheckedMessage<'a> {
    #[serde(borrow)]
    info: CheckedRow<'a>,
    #[serde(borrow)]
    parts: Vec<CheckedRow<'a>>,
}

/// `before` is the row as it was sent, if it was.
fn check_row(row: &CheckedRow<'_>, before: Option<&CheckedRow<'_>>) -> Result<(), HomeError> {
    let refused = |what: &str| HomeError::Unbelievable { id: row.id.clone(), what: what.to_owned() };
    let is_wrong = |now: Option<&RawValue>, was: Option<&RawValue>, fits: fn(&str) -> bool| {
        now.is_some_and(|now| !fits(now.get()) && !was.is_some_and(|was| same(was.get(), now.get())))
    };
    let wrong = |time: Option<&RawValue>, was| time.and_then(|time| wrong_time(time, was));
    if let Some(name) = wrong(row.time, before.and_then(|row| row.time)) {
        return Err(refused(&format!("time.{name}")));
    }
    if is_wrong(row.cost, before.and_then(|row| row.cost), is_cost) {
        return Err(refused("cost"));
    }
    if is_wrong(row.tokens, before.and_then(|row| row.tokens), are_tokens) {
        return Err(refused("tokens"));
    }
    let (time, was) = (row.state_time()?, before.map(CheckedRow::state_time).transpose()?.flatten());
    match wrong(time.as_deref(), was.as_deref()) {
        Some(name) => Err(refused(&format!("state.time.{name}"))),
        None => Ok(()),
    }
}

/// The name of a value in `time` that is no time and does not stand in `was`.
fn wrong_time(time: &RawValue, was: Option<&RawValue>) -> Option<String> {
    if was.is_some_and(|was| was.get() == time.get()) {
        return None;
    }
    let Ok(times) = Object::parse(time.get()) else { return Some("created".to_owned()) };
    let was = was.and_then(|was| Object::parse(was.get()).ok());
    let is_old = |name: &str, json: &str| {
        was.as_ref().and_then(|was| was.get(name)).is_some_and(|was| was.get() == json)
    };
    let wrong = |(name, value): &(&str, &RawValue)| !is_time(value.get()) && !is_old(name, value.get());
    times.iter().find(wrong).map(|(name, _)| shown(name))
}

/// Checks the numbers of a session's record, and what is shown of it in lists.
pub(crate) fn check_record(id: &str, record: &str) -> Result<(), HomeError> {
    let record = Object::parse(record)?;
    let refused = |what: String| HomeError::Unbelievable { id: id.to_owned(), what };
    if let Some(name) = record.get("time").and_then(|time| wrong_time(time, None)) {
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
    let summary = summary.map(|summary| Object::parse(summary.get())).transpose()?;
    let counts = ["additions", "deletions", "files"];
    let is_wrong = |key: &&str| {
        let count = summary.as_ref().and_then(|summary| summary.get(key));
        count.is_some_and(|count| !is_count(count.get()))
    };
    counts.iter().find(|key| is_wrong(key)).map_or(Ok(()), |key| Err(refused(format!("summary.{key}"))))
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
            (json!({}), json!({"state": {"time": {"start": 1_795_170_000_000.0}}}), "prt_1 state.time.start"),
            (json!({}), json!({"cost": [1]}), "prt_1 cost"),
        ] {
            match check_message(&message(info, part)) {
                Err(HomeError::Unbelievable { id, what }) => assert_eq!(format!("{id} {what}"), named),
                other => panic!("{named}: {other:?}"),
            }
        }
        let honest = message(
            json!({"cost": 0.25, "tokens": {"input": 3, "output": 1.5, "cache": {"read": null, "write": 0}}}),
            json!({"time": {"start": 1, "end": 2}, "state": {"status": "completed", "time": {"start": 1_795_170_000_000_u64, "end": 2}}}),
        );
        check_message(&honest).unwrap();
    }
}

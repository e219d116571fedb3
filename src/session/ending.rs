//! The end of a tool call that has none: what was running does not run any more.
//!
//! The shapes are those that opencode 1.3.2, 1.14.41 and 1.18.33 write and take in again.

use super::raw::{Lossy, Object};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

/// How a call ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallEnd<'a> {
    Output(&'a str),
    /// Why it ended.
    Error(&'a str),
}

/// Whether this `state` of a tool call is not its end.
pub(crate) fn is_open(state: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct CallState {
        status: Lossy,
    }
    let state = serde_json::from_str::<CallState>(state.get());
    state.is_ok_and(|state| matches!(state.status.0.as_str(), "pending" | "running"))
}

/// The `state` of a call that ended at `end_ms`. `begun_ms` counts if the state does not say when it began.
pub(crate) fn ended(
    state: &str,
    end: CallEnd<'_>,
    begun_ms: i64,
    end_ms: i64,
) -> Result<Box<RawValue>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Time {
        start: f64,
    }
    let state = Object::parse(state)?;
    let empty = to_raw_value(&json!({}))?;
    let object = |key| state.get(key).filter(|raw| raw.get().starts_with('{'));
    let mut after = Object::default();
    after.set("status", if let CallEnd::Output(_) = end { "completed" } else { "error" })?;
    after.set("input", object("input").unwrap_or(&empty))?;
    match end {
        CallEnd::Output(output) => {
            let title = state.get("title").and_then(|raw| serde_json::from_str::<Lossy>(raw.get()).ok());
            after.set("output", output)?;
            after.set("title", title.as_ref().map_or("Hand-off", |title| title.0.as_str()))?;
            after.set("metadata", object("metadata").unwrap_or(&empty))?;
        }
        CallEnd::Error(error) => {
            after.set("error", error)?;
            if let Some(metadata) = object("metadata") {
                after.set("metadata", metadata)?;
            }
        }
    }
    let start = state.get("time").and_then(|raw| serde_json::from_str::<Time>(raw.get()).ok());
    let start = start.map_or(begun_ms, |time| time.start as i64);
    after.set("time", &json!({"start": start, "end": end_ms.max(start)}))?;
    to_raw_value(&after)
}

/// Sets one of the times of a message's record.
pub(crate) fn set_time(info: &mut Object<'_>, which: &str, ms: i64) -> Result<(), serde_json::Error> {
    let time = {
        let mut time = Object::parse(info.get("time").map_or("{}", RawValue::get))?;
        time.set(which, &ms)?;
        to_raw_value(&time)?
    };
    info.set("time", &time)
}

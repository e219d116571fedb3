//! Gives an end to tool calls that have none: what runs on one machine does not run on another.

use crate::session::ending::{CallEnd, ended, set_time};
use crate::session::message::{Message, Part};
use crate::session::raw::Object;
use crate::session::{ExportError, Outline, following_part_id};
use crate::transfer::baseline::{PartOf, SettledWith};
use crate::transfer::edit::Edit;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;

/// How open calls end.
pub(crate) struct Ending<'a> {
    /// The call that asked for the hand-off.
    pub(crate) hand_off: Option<HandOff<'a>>,
    /// What any other call is told.
    pub(crate) error: &'a str,
    pub(crate) now_ms: i64,
}

impl<'a> Ending<'a> {
    /// For calls that were open when the session left; `taken` are the ids of that moment.
    pub(crate) fn of_sent(settled_with: &'a SettledWith, taken: &'a Outline) -> Self {
        let hand_off = settled_with.hand_off.as_ref().map(|(call, output)| HandOff { call, output, taken });
        Self { hand_off, error: &settled_with.error, now_ms: settled_with.now_ms }
    }
}

/// The call that asked for the session to be handed off; it ends well.
pub(crate) struct HandOff<'a> {
    pub(crate) call: &'a str,
    pub(crate) output: &'a str,
    /// The ids that an added part must not have.
    pub(crate) taken: &'a Outline,
}

/// What was settled in one message.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) parts: Vec<PartOf>,
    pub(crate) added: Option<PartOf>,
}

/// Settles the open calls of a message; without any, nothing is changed.
pub(crate) fn settle(
    edit: &mut Edit<'_>,
    message: &Message<'_>,
    ending: &Ending<'_>,
) -> Result<Settled, ExportError> {
    let mut settled = Settled::default();
    let mut handed_off = None;
    for (raw, part) in edit.parts.iter_mut().zip(&message.parts).filter(|(_, part)| part.is_open()) {
        let asked = ending.hand_off.as_ref().filter(|hand_off| part.call().as_deref() == Some(hand_off.call));
        handed_off = handed_off.or(asked);
        let end = asked.map_or(CallEnd::Error(ending.error), |hand_off| CallEnd::Output(hand_off.output));
        let changed = {
            let mut call = Object::parse(raw.get())?;
            let state = call.get("state").map_or("{}", RawValue::get);
            // A pending call has no time of its own.
            let after = ended(state, end, message.info.time.created_ms(), ending.now_ms)?;
            call.set("state", &after)?;
            to_raw_value(&call)?
        };
        *raw = Cow::Owned(changed);
        settled.parts.push(PartOf { message: message.info.id.clone(), part: part.id.clone() });
    }
    if settled.parts.is_empty() || !message.info.is_assistant() {
        return Ok(settled);
    }
    if let Some(hand_off) = handed_off.filter(|_| lacks_step_finish(&message.parts)) {
        settled.added = add_step_finish(edit, message, hand_off.taken)?;
    }
    if !message.info.time.is_completed() {
        let completed = ending.now_ms.max(message.info.time.created_ms());
        set_time(&mut edit.info, "completed", completed)?;
        if handed_off.is_some() && message.info.finish().is_none() {
            edit.info.set("finish", "tool-calls")?;
        }
    }
    Ok(settled)
}

/// A message with its open calls ended.
pub(crate) fn settled<'t>(text: &'t str, ending: &Ending<'_>) -> Result<Cow<'t, str>, ExportError> {
    let message: Message<'_> = serde_json::from_str(text)?;
    if !message.parts.iter().any(Part::is_open) {
        return Ok(Cow::Borrowed(text));
    }
    let mut edit = Edit::new(text)?;
    settle(&mut edit, &message, ending)?;
    Ok(Cow::Owned(edit.json()?))
}

fn lacks_step_finish(parts: &[Part<'_>]) -> bool {
    !parts.iter().rev().take_while(|part| part.kind != "step-start").any(|part| part.kind == "step-finish")
}

fn add_step_finish(
    edit: &mut Edit<'_>,
    message: &Message<'_>,
    taken: &Outline,
) -> Result<Option<PartOf>, ExportError> {
    let last = message.parts.iter().map(|part| part.id.as_str()).max().unwrap_or("prt_0");
    let taken = taken.sorted();
    let free = std::iter::successors(following_part_id(last), |id| following_part_id(id))
        .find(|id| taken.binary_search(&id.as_str()).is_err());
    let Some(id) = free else { return Ok(None) };
    let part = json!({
        "id": id,
        "sessionID": message.info.session,
        "messageID": message.info.id,
        "type": "step-finish",
        "reason": "tool-calls",
        "cost": 0,
        "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
    });
    edit.parts.push(Cow::Owned(to_raw_value(&part)?));
    Ok(Some(PartOf { message: message.info.id.clone(), part: id }))
}

//! The copy that leaves.

use crate::session::message::{Message, Part};
use crate::session::out::Out;
use crate::session::place::move_to;
use crate::session::raw::Object;
use crate::session::reader::{Event, ExportReader};
use crate::session::{Clock, Completing, Raw, Scan, Setting};
use crate::transfer::baseline::{Baseline, SentRecord, SettledWith};
use crate::transfer::edit::Edit;
use crate::transfer::error::PrepareError;
use crate::transfer::outbound::to_host::ToHost;
use crate::transfer::paths::Paths;
use crate::transfer::setting::{former_user, set_on_info, set_on_user};
use crate::transfer::settle::{Ending, settle};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Read, Write};

/// What the outgoing copy is to be.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The directory on the host, absolute.
    pub directory: String,
    /// Agent and model of the run there; what is `None` stays as it is.
    pub setting: Setting,
    /// The host's name, as the model may see it.
    pub host: String,
    /// Now, in milliseconds since the epoch.
    pub now_ms: i64,
    /// The call id of the tool call that asked for this hand-off, if one did.
    pub handoff_call: Option<String>,
    /// The host's clock, where ids and times are to be translated to it.
    pub clock: Option<Clock>,
    /// The directories, where paths are to be translated.
    pub paths: Option<Paths>,
    /// The session's todos at home, as raw JSON, if they are known. They do not travel; see [`SentRecord`].
    pub todos: Option<Raw>,
    /// The ids at home of the messages to send; `None` for all. The baseline is of the whole session in any case.
    pub subset: Option<HashSet<String>>,
}

/// What was prepared.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What was changed, and what it takes to understand what comes back.
    pub(crate) undo: Baseline,
    pub messages: usize,
    pub parts: usize,
    /// The newest `time.created` of the whole session, in milliseconds since the epoch by the host's clock.
    pub(crate) newest_ms: Option<i64>,
}

/// Copies the export `input`, which `scan` is the scan of, to `output`, made fit for the host.
///
/// Every open tool call gets an end; directory, agent and model are the host's; patches name no files; what `opencode
/// import` insists on is filled in. Messages, parts and fields in which nothing changes are copied byte for byte.
///
/// # Errors
/// An export that is not sound or not the scanned one; a failing `output`.
pub fn prepare(
    input: impl Read,
    output: impl Write,
    scan: &Scan,
    spec: &Spec,
) -> Result<Prepared, PrepareError> {
    let settled_with = settled_with(spec);
    let ending = Ending::of_sent(&settled_with, &scan.outline);
    let mut out = Out::new(output);
    let mut reader = ExportReader::new(input);
    let (info, todos) = (Raw::from(RawValue::NULL), spec.todos.clone());
    let mut undo = Baseline {
        session: scan.id.clone(),
        last_user: None,
        settled: Vec::new(),
        added: Vec::new(),
        settled_with: None,
        sent: SentRecord { info, todos, newest_ms: scan.newest_ms },
        clock: spec.clock,
        paths: spec.paths.clone(),
        filled: None,
    };
    let mut completing = Completing::new(scan.filler(&spec.setting));
    let mut outward = ToHost::new(&scan.outline, spec.clock, spec.paths.as_ref());
    let (mut seen, mut messages, mut parts, mut newest_ms) = (0, 0, 0, None);
    let last_user = scan.last_user.as_ref().map(|user| user.id.as_str());
    while let Some(event) = reader.next()? {
        match event {
            Event::Info(text, info) => {
                if info.id != scan.id {
                    return Err(PrepareError::Changed);
                }
                undo.sent.info = serde_json::from_str(text)?;
                let mut info = Object::parse(text)?;
                // Somebody undid prompts since the trip began. With this field, the host's opencode would delete them.
                info.remove("revert");
                move_to(&mut info, &spec.directory)?;
                set_on_info(&mut info, &spec.setting)?;
                let info = serde_json::to_string(&info)?;
                let info = completing.record(&info, &scan.id)?;
                out.info(&outward.record(&info)?).map_err(PrepareError::Write)?;
            }
            Event::Message(_, text, message) => {
                if scan.outline.get(seen).is_none_or(|ids| ids.id() != message.info.id) {
                    return Err(PrepareError::Changed);
                }
                seen += 1;
                let is_last_user = last_user == Some(message.info.id.as_str());
                let created_ms = outward.created(message.info.time.created_ms());
                newest_ms = newest_ms.max(Some(created_ms));
                let text = if is_last_user || message.parts.iter().any(Part::is_open) {
                    let mut edit = Edit::new(text)?;
                    let settled = settle(&mut edit, &message, &ending)?;
                    undo.settled.extend(settled.parts);
                    undo.added.extend(settled.added);
                    if is_last_user {
                        undo.last_user = Some(former_user(&message.info.id, &edit.info));
                        set_on_user(&mut edit.info, &spec.setting)?;
                    }
                    Cow::Owned(edit.json()?)
                } else {
                    Cow::Borrowed(text)
                };
                let completed = completing.message(&text, &message)?;
                let sent = spec.subset.as_ref().is_none_or(|subset| subset.contains(&message.info.id));
                undo.added_to(&message.info.id).for_each(|part| {
                    outward.places.add(message.parts.last().map(|part| part.id.as_str()), part);
                });
                if sent {
                    messages += 1;
                    parts += message.parts.len() + undo.added_to(&message.info.id).count();
                    // Paths stand in the same places before and after; a part that was added has none.
                    let text = match &completed {
                        Cow::Borrowed(text) => outward.message(text, &message, created_ms)?,
                        Cow::Owned(text) => {
                            let message: Message<'_> = serde_json::from_str(text)?;
                            outward.message(text, &message, created_ms)?
                        }
                    };
                    out.message(&text).map_err(PrepareError::Write)?;
                }
            }
            Event::Other(key, text) => out.other(&key, text).map_err(PrepareError::Write)?,
        }
    }
    if seen != scan.outline.len() {
        return Err(PrepareError::Changed);
    }
    out.end().map_err(PrepareError::Write)?;
    undo.filled = completing.used();
    undo.settled_with = (!undo.settled.is_empty()).then_some(settled_with);
    Ok(Prepared { undo, messages, parts, newest_ms })
}

fn settled_with(Spec { host, handoff_call, now_ms, .. }: &Spec) -> SettledWith {
    let answer = format!("The session was handed off to the host {host}. The work goes on there.");
    SettledWith {
        error: format!(
            "The session moved to the host {host} while this tool was running; its result is not known."
        ),
        hand_off: handoff_call.clone().map(|call| (call, answer)),
        now_ms: *now_ms,
    }
}

//! The copy that leaves.

use super::edit::{Edit, unsound};
use super::error::PrepareError;
use super::setting::{former_info, former_user, set_on_info, set_on_user};
use super::settle::{Ending, HandOff, settle};
use super::undo::{FormerInfo, UNDO_VERSION, Undo};
use crate::session::out::Out;
use crate::session::place::move_to;
use crate::session::raw::Object;
use crate::session::reader::{Event, ExportReader};
use crate::session::{Scan, Setting};
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
}

/// Copies the export `input`, which `scan` is the scan of, to `output`, made fit for the host.
///
/// Every open tool call gets an end; directory, agent and model are the host's. A message in which nothing is
/// changed is copied byte for byte; so is, in a changed one, each part and field that is not.
///
/// # Errors
/// An export that is not sound or not the scanned one; a failing `output`.
pub fn prepare(input: impl Read, output: impl Write, scan: &Scan, spec: &Spec) -> Result<Undo, PrepareError> {
    let ending = Ending {
        hand_off: spec.handoff_call.as_deref().map(|call| HandOff {
            call,
            told: format!("The session was handed off to the host {}. The work goes on there.", spec.host),
            taken: &scan.outline,
        }),
        error: format!(
            "The session moved to the host {} while this tool was running; its result is not known.",
            spec.host
        ),
        now_ms: spec.now_ms,
    };
    let mut out = Out::new(output);
    let mut reader = ExportReader::new(input);
    let mut undo = Undo {
        version: UNDO_VERSION,
        session: scan.id.clone(),
        info: FormerInfo::default(),
        last_user: None,
        settled: Vec::new(),
        completed: Vec::new(),
        added: Vec::new(),
    };
    let last_user = scan.last_user.as_ref().map(|user| user.id.as_str());
    let mut count = 0;
    while let Some(event) = reader.next()? {
        match event {
            Event::Info(text, info) => {
                if info.id != scan.id {
                    return Err(PrepareError::Changed);
                }
                let mut info = Object::parse(text).map_err(unsound)?;
                undo.info = former_info(&info);
                move_to(&mut info, &spec.directory).map_err(unsound)?;
                set_on_info(&mut info, &spec.setting)?;
                out.info(&serde_json::to_string(&info).map_err(unsound)?).map_err(PrepareError::Write)?;
            }
            Event::Message(_, text, message) => {
                if scan.outline.get(count).is_none_or(|ids| ids.id() != message.info.id) {
                    return Err(PrepareError::Changed);
                }
                count += 1;
                let is_last_user = last_user == Some(message.info.id.as_str());
                if !is_last_user && !message.parts.iter().any(|part| part.open().is_some()) {
                    out.message(text).map_err(PrepareError::Write)?;
                    continue;
                }
                let mut edit = Edit::new(text)?;
                settle(&mut edit, &message, &ending)?.note_in(&mut undo);
                if is_last_user {
                    undo.last_user = Some(former_user(&message.info.id, &edit.info));
                    set_on_user(&mut edit.info, &spec.setting)?;
                }
                out.edited(&edit).map_err(PrepareError::Write)?;
            }
            Event::Other(key, text) => out.other(&key, text).map_err(PrepareError::Write)?,
        }
    }
    if count != scan.outline.len() {
        return Err(PrepareError::Changed);
    }
    out.end().map_err(PrepareError::Write)?;
    Ok(undo)
}

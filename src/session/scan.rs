//! One pass over an export: is it whole and sound, and what is in it?

use super::error::ExportError;
use super::filler::Filler;
use super::outline::Outline;
use super::reader::{Event, ExportReader};
use super::setting::Setting;
use std::io::Read;

/// What an export holds. Texts are as they stand in the file: strip control characters before showing them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    pub id: String,
    pub(crate) directory: String,
    /// The newest `time.created` of its messages, in milliseconds since the epoch.
    pub(crate) newest_ms: Option<i64>,
    pub(crate) outline: Outline,
    /// Agent and model in the session's own record; only 1.18 and later keep them there.
    pub(crate) setting: Setting,
    pub(crate) last_user: Option<LastUser>,
    /// Agent and model of its last assistant message.
    pub(crate) last_assistant: Setting,
}

/// The last user message of a session: the TUI goes on with its agent and model, and so does `run` before 1.18.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastUser {
    pub(crate) id: String,
    pub(crate) setting: Setting,
}

impl Scan {
    /// What a copy of the session is completed with; `wish` counts where the session says nothing.
    pub(crate) fn filler(&self, wish: &Setting) -> Filler {
        let current = self.current_setting();
        Filler::of(&self.directory, &[&current, &self.last_assistant, wish])
    }

    /// What the session goes on with: what its last user message says, and else its own record.
    pub fn current_setting(&self) -> Setting {
        self.last_user.as_ref().map(|user| user.setting.clone()).unwrap_or_default().or(&self.setting)
    }
}

/// Reads an export to its end.
///
/// # Errors
/// Whatever keeps it from being a whole, sound export; see [`ExportError`].
pub fn scan(input: impl Read) -> Result<Scan, ExportError> {
    let mut reader = ExportReader::new(input);
    let mut scan = Scan::default();
    while let Some(event) = reader.next()? {
        match event {
            Event::Info(_, info) => {
                scan.setting = info.setting();
                scan.id = info.id;
                scan.directory = info.directory.0;
            }
            Event::Message(_, _, message) => {
                let info = &message.info;
                scan.newest_ms = scan.newest_ms.max(Some(info.time.created_ms()));
                if info.is_user() {
                    scan.last_user = Some(LastUser { id: info.id.clone(), setting: info.setting() });
                }
                if info.is_assistant() {
                    scan.last_assistant = info.answered_with();
                }
                scan.outline.add(&message)?;
            }
            Event::Other(..) => {}
        }
    }
    if let Some(id) = scan.outline.duplicate() {
        return Err(ExportError::Duplicate { id: id.to_owned() });
    }
    Ok(scan)
}

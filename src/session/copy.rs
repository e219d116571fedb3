//! The same conversation as another session.

use super::complete::Completing;
use super::error::ExportError;
use super::fresh::{FreshIds, sibling};
use super::out::Out;
use super::place::move_to;
use super::raw::Object;
use super::reader::{Event, ExportReader};
use super::scan::Scan;
use super::setting::Setting;
use super::snapshots::leaving;
use super::walk::replace_ids;
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};

/// What the copy is to be.
#[derive(Debug, Clone)]
pub struct CopySpec {
    /// Its id; see [`super::new_session_id`].
    pub session: String,
    /// Its title.
    pub title: String,
    /// Its directory, absolute; `None` keeps that of the original.
    pub directory: Option<String>,
    /// Now, in milliseconds since the epoch.
    pub now_ms: i64,
}

/// Why a session could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the session file changed while it was being copied")]
    Changed,
    /// The same random id twice: 83 random bits do not do that.
    #[error("no fresh ids could be made: the source of random numbers repeats itself")]
    Repeats,
    #[error("the copied session could not be written: {0}")]
    Write(#[source] std::io::Error),
}

/// Copies the export `input`, which `scan` is the scan of, to `output` as another session, ready for import.
///
/// opencode's ids are primary keys of its whole database, and import passes over rows that it has. So every message and part
/// gets a fresh id of the same time, wherever it is named. [`Completing`] fills in what import insists on. All else stays to
/// the byte. Sub-agents' sessions are not copied; calls name them as before. As with opencode's own fork, the copy is nobody's
/// sub-agent, is not shared, and grants nothing. In another directory it must not undo what was done in the original's.
///
/// # Errors
/// An export that is not sound or not the scanned one; a `random` (64 bits a call) that is none; a failing `output`.
pub fn copy(
    input: impl Read,
    output: impl Write,
    scan: &Scan,
    spec: &CopySpec,
    random: &mut dyn FnMut() -> u64,
) -> Result<FreshIds, CopyError> {
    let ids = FreshIds::of(&scan.outline, spec.now_ms, random).ok_or(CopyError::Repeats)?;
    let others = HashMap::new();
    let renaming = Renaming { from: &scan.id, to: &spec.session, ids: &ids, others: &others };
    let is_elsewhere = spec.directory.as_ref().is_some_and(|directory| *directory != scan.directory);
    let mut out = Out::new(output);
    let mut reader = ExportReader::new(input);
    let mut buffer = String::new();
    let mut completing = Completing::new(scan.filler(&Setting::default()));
    let mut count = 0;
    while let Some(event) = reader.next()? {
        let (Event::Info(text, _) | Event::Message(_, text, _) | Event::Other(_, text)) = &event;
        // Before the ids are replaced: what is filled in may name a message.
        let completed = match &event {
            Event::Message(_, text, message) => completing.message(text, message)?,
            Event::Info(..) | Event::Other(..) => Cow::Borrowed(*text),
        };
        let copied = renaming.renamed(&completed, &mut buffer, random);
        match event {
            Event::Info(_, info) => {
                if info.id != scan.id {
                    return Err(CopyError::Changed);
                }
                let record = record(copied, spec, random).map_err(ExportError::from)?;
                let record = completing.record(&record, &spec.session)?;
                out.info(&record).map_err(CopyError::Write)?;
            }
            Event::Message(_, _, message) => {
                let known = scan.outline.get(count).is_some_and(|known| {
                    known.id() == message.info.id
                        && known.parts().eq(message.parts.iter().map(|part| part.id.as_str()))
                });
                if !known {
                    return Err(CopyError::Changed);
                }
                count += 1;
                let copied = Cow::Borrowed(copied);
                let copied = if is_elsewhere { leaving(copied, &message)? } else { copied };
                out.message(&copied).map_err(CopyError::Write)?;
            }
            Event::Other(key, _) => out.other(&key, copied).map_err(CopyError::Write)?,
        }
    }
    if count != scan.outline.len() {
        return Err(CopyError::Changed);
    }
    out.end().map_err(CopyError::Write)?;
    Ok(ids)
}

/// The ids of a copy's rows.
pub(crate) struct Renaming<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) ids: &'a FreshIds,
    /// The sessions that are copied with it, and their copies' ids.
    pub(crate) others: &'a HashMap<String, String>,
}

impl Renaming<'_> {
    /// Raw JSON of the original as that of the copy, in a buffer that is used again.
    pub(crate) fn renamed<'b>(
        &self,
        json: &str,
        buffer: &'b mut String,
        random: &mut dyn FnMut() -> u64,
    ) -> &'b str {
        buffer.clear();
        replace_ids(json, buffer, |key, id| {
            if id == self.from {
                return Some(self.to.to_owned());
            }
            if let Some(other) = self.others.get(id) {
                return Some(other.clone());
            }
            // A tool's attachments have ids like parts, and are no rows.
            let attachment = |random| sibling(id, "prt_", random).filter(|_| key == "id");
            self.ids.get(id).map(str::to_owned).or_else(|| attachment(&mut *random))
        });
        buffer
    }
}

/// The session's own record, its ids replaced already.
pub(crate) fn record(
    json: &str,
    spec: &CopySpec,
    random: &mut dyn FnMut() -> u64,
) -> Result<String, serde_json::Error> {
    let mut info = Object::parse(json)?;
    for gone in ["parentID", "share", "permission"] {
        info.remove(gone);
    }
    if let Some(directory) = &spec.directory {
        move_to(&mut info, directory)?;
    }
    // opencode names the plan files of a session by its slug and its time.
    info.set("slug", &format!("copy-{:08x}", random() & 0xffff_ffff))?;
    info.set("title", &spec.title)?;
    info.set("time", &json!({"created": spec.now_ms, "updated": spec.now_ms}))?;
    serde_json::to_string(&info)
}

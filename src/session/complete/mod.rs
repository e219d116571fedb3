//! Completes copies of sessions that `opencode import` refuses: fills in what older releases did not write, and brings into
//! today's form what they wrote otherwise. `run`, `export` and the interface take such sessions as they are.
//!
//! The session itself stays as it is. What opencode does not look at stays to the byte.

mod mend;
mod schema;
#[cfg(test)]
mod tests;

use super::error::ExportError;
use super::filler::Filler;
use super::message::{Message, Pieces};
use super::out::Out;
use super::raw::{Object, quoted};
use super::reader::{Event, ExportReader};
use super::scan::Scan;
use super::setting::Setting;
use super::walk::unescaped;
use mend::{Fillings, Mended, mend};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{Read, Write};

/// Completes the copy of one session, message by message, in its order.
#[derive(Debug)]
pub(crate) struct Completing {
    filler: Filler,
    /// The last user message so far.
    asked: Option<String>,
    /// Something was filled in.
    is_needed: bool,
}

impl Completing {
    pub(crate) fn new(filler: Filler) -> Self {
        Self::behind(filler, None)
    }

    /// For a message somewhere in the session: `asked` is the last user message before it.
    pub(crate) fn behind(filler: Filler, asked: Option<String>) -> Self {
        Self { filler, asked, is_needed: false }
    }

    /// The filler, if anything was filled in that belongs to a message.
    pub(crate) fn used(self) -> Option<Filler> {
        self.is_needed.then_some(self.filler)
    }

    pub(crate) fn record<'t>(&self, json: &'t str, session: &str) -> Result<Cow<'t, str>, ExportError> {
        let fillings = self.fillings(session, session, session, 0);
        match mend(&schema::RECORD, json, &fillings) {
            Ok(Mended::Sound) => Ok(Cow::Borrowed(json)),
            Ok(Mended::Changed(json)) => Ok(Cow::Owned(json)),
            Ok(Mended::Unfit) => Err(incomplete(session, "its record is not in opencode's form")),
            Err(what) => Err(incomplete(session, what)),
        }
    }

    /// The next message: `text` is `message`, raw.
    pub(crate) fn message<'t>(
        &mut self,
        text: &'t str,
        message: &Message<'_>,
    ) -> Result<Cow<'t, str>, ExportError> {
        let completed = self.completed(text, message)?;
        self.is_needed |= completed.is_some();
        if message.info.is_user() {
            self.asked = Some(message.info.id.clone());
        }
        Ok(completed.map_or(Cow::Borrowed(text), Cow::Owned))
    }

    fn completed(&self, text: &str, message: &Message<'_>) -> Result<Option<String>, ExportError> {
        let pieces = Pieces::of(text)?;
        let info = self.info(pieces.info.get(), message)?;
        let mut parts = Vec::with_capacity(pieces.parts.len());
        let mut is_needed = info.is_some();
        for (raw, part) in pieces.parts.iter().zip(&message.parts) {
            let mended = self.part(raw.get(), message, &part.id)?;
            is_needed |= mended.is_some();
            parts.push(mended.map_or(Cow::Borrowed(*raw), Cow::Owned));
        }
        if !is_needed {
            return Ok(None);
        }
        let mut whole = Object::parse(text)?;
        if let Some(info) = info {
            whole.set("info", &info)?;
        }
        whole.set("parts", &parts)?;
        Ok(Some(serde_json::to_string(&whole)?))
    }

    fn info(&self, raw: &str, message: &Message<'_>) -> Result<Option<Box<RawValue>>, ExportError> {
        let own = match message.info.is_user() {
            true => message.info.setting(),
            false => message.info.answered_with(),
        };
        let id = message.info.id.as_str();
        let mut fillings = self.fillings(&message.info.session, id, id, message.info.time.created_ms());
        fillings.agent = message.info.agent().unwrap_or(fillings.agent);
        let own = own.model.as_ref().map(|model| (model.provider.as_str(), model.id.as_str()));
        fillings.model = own.or(fillings.model);
        let old = in_new_form(raw)?;
        let raw = old.as_deref().unwrap_or(raw);
        match mend(&schema::MESSAGE, raw, &fillings).map_err(|what| incomplete(id, what))? {
            Mended::Sound => old.map(raw_value).transpose(),
            Mended::Changed(json) => raw_value(json).map(Some),
            Mended::Unfit => Err(incomplete(id, "it is neither the user's nor an assistant's")),
        }
    }

    fn part(&self, raw: &str, message: &Message<'_>, id: &str) -> Result<Option<Box<RawValue>>, ExportError> {
        let info = &message.info;
        let mut fillings = self.fillings(&info.session, &info.id, id, info.time.created_ms());
        fillings.agent = info.agent().unwrap_or(fillings.agent);
        let lacking = |what| incomplete(id, what);
        match mend(&schema::PART, raw, &fillings).map_err(lacking)? {
            Mended::Sound => Ok(None),
            Mended::Changed(json) => raw_value(json).map(Some),
            Mended::Unfit => {
                let mut part = Object::parse(raw)?;
                part.set("type", schema::STAND_IN)?;
                let json = serde_json::to_string(&part)?;
                raw_value(match mend(&schema::PART, &json, &fillings).map_err(lacking)? {
                    Mended::Changed(json) => json,
                    Mended::Sound | Mended::Unfit => json,
                })
                .map(Some)
            }
        }
    }

    fn fillings<'f>(
        &'f self,
        session: &'f str,
        message: &'f str,
        part: &'f str,
        created_ms: i64,
    ) -> Fillings<'f> {
        let model = self.filler.model.as_ref();
        Fillings {
            directory: &self.filler.directory,
            agent: &self.filler.agent,
            model: model.map(|model| (model.provider.as_str(), model.id.as_str())),
            session,
            message,
            part,
            created_ms,
            // A message that answers none stands for itself.
            parent: self.asked.as_deref().unwrap_or(message),
        }
    }
}

/// Copies the export `input`, which `scan` is the scan of, to `output`, fit for import.
pub(crate) fn complete(input: impl Read, output: impl Write, scan: &Scan) -> Result<(), ExportError> {
    let mut completing = Completing::new(scan.filler(&Setting::default()));
    let mut out = Out::new(output);
    let mut reader = ExportReader::new(input);
    while let Some(event) = reader.next()? {
        match event {
            Event::Info(text, info) => out.info(&completing.record(text, &info.id)?)?,
            Event::Message(_, text, message) => out.message(&completing.message(text, &message)?)?,
            Event::Other(key, text) => out.other(&key, text)?,
        }
    }
    Ok(out.end()?)
}

fn incomplete(item: &str, what: &'static str) -> ExportError {
    ExportError::Incomplete { item: item.to_owned(), what }
}

fn raw_value(json: String) -> Result<Box<RawValue>, ExportError> {
    RawValue::from_string(json).map_err(ExportError::from)
}

/// What older releases wrote in another form, in today's; `None` where nothing is.
fn in_new_form(info: &str) -> Result<Option<String>, ExportError> {
    let mut info = Object::parse(info)?;
    let mut is_changed = false;
    let text = |raw: &str| raw.starts_with('"').then(|| raw.to_owned());
    // The lines of a prompt of the user's own.
    let lines =
        info.get("system").filter(|_| info.get("role").is_some_and(|role| unescaped(role.get()) == "user"));
    if let Some(Ok(lines)) = lines.map(|raw| serde_json::from_str::<Vec<super::raw::Lossy>>(raw.get())) {
        let lines: Vec<String> = lines.into_iter().map(|line| line.0).collect();
        info.set("system", &lines.join("\n"))?;
        is_changed = true;
    }
    // An error that is its message, or has it beside its name.
    let said = info.get("error").and_then(|error| match Object::parse(error.get()) {
        Ok(fields) if fields.get("data").is_some() => None,
        Ok(fields) => text(fields.get("message")?.get()),
        Err(_) => text(error.get()),
    });
    if let Some(said) = said {
        let json = format!("{{\"name\":{},\"data\":{{\"message\":{said}}}}}", quoted("UnknownError"));
        info.set("error", &raw_value(json)?)?;
        is_changed = true;
    }
    Ok(is_changed.then(|| serde_json::to_string(&info)).transpose()?)
}

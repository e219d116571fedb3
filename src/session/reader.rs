//! Walks through an export: the session's record, then each message, then the end.

use super::error::ExportError;
use super::id::{is_message_id, is_part_id, is_session_id};
use super::message::{self, Message, Pieces};
use super::raw::{Lossy, Raw};
use super::setting::Setting;
use super::splitter::Splitter;
use serde::Deserialize;
use std::io::Read;

/// The largest single value of a file that was made here, in bytes: a message, or the session's record.
pub(crate) const LARGEST: usize = 512 * 1024 * 1024;

/// What one value of a file may come to, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Any value: of messages the whole.
    pub(crate) value: usize,
    /// A row: a message without its parts, one part, the session's record.
    pub(crate) row: usize,
}

impl Limits {
    /// Of what opencode has here.
    pub(crate) const HOME: Self = Self { value: LARGEST, row: LARGEST };
    /// Of what a host sends: it may be compressed to a thousandth, and work on a row takes several times the row's size.
    /// With these, whatever it sends takes 256 MB here at most.
    pub(crate) const HOST: Self = Self { value: 64 << 20, row: 32 << 20 };
}

/// The fields of the session's record that are looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) directory: Lossy,
    #[serde(default, rename = "parentID")]
    pub(crate) parent: Option<String>,
    #[serde(default)]
    agent: Option<Lossy>,
    #[serde(default)]
    model: Option<Raw>,
}

impl Info {
    pub(crate) fn setting(&self) -> Setting {
        Setting {
            agent: self.agent.as_ref().map(|a| a.0.clone()),
            model: self.model.as_ref().and_then(|raw| message::model(raw.get())),
        }
    }
}

/// What an export consists of.
pub(crate) enum Event<'a> {
    /// The session's own record; comes first, once. Raw and read.
    Info(&'a str, Info),
    /// A message: where it begins in the file, raw, and read.
    Message(u64, &'a str, Box<Message<'a>>),
    /// A field beside `info` and `messages`; no release known today writes one. Its key and value, raw.
    Other(String, &'a str),
}

enum ReaderState {
    Start,
    Field,
    Message { first: bool },
    AfterField,
    End,
}

/// Reads an export, message by message, and checks all of it: JSON to the last byte, the shapes, whose is what.
pub(crate) struct ExportReader<R> {
    splitter: Splitter<R>,
    row: usize,
    state: ReaderState,
    session: Option<String>,
    messages: bool,
    /// Nothing may follow the end.
    is_alone: bool,
}

impl<R: Read> ExportReader<R> {
    /// For an export that opencode made here.
    pub(crate) fn new(input: R) -> Self {
        Self::at(0, input, Limits::HOME)
    }

    /// For an export that begins at this offset of a file; offsets are told in that file.
    pub(crate) fn at(offset: u64, input: R, limits: Limits) -> Self {
        let splitter = Splitter::at(offset, input, limits.value);
        let state = ReaderState::Start;
        Self { splitter, row: limits.row, state, session: None, messages: false, is_alone: true }
    }

    /// As [`ExportReader::at`], whatever follows its end.
    pub(crate) fn within(offset: u64, input: R, limits: Limits) -> Self {
        Self { is_alone: false, ..Self::at(offset, input, limits) }
    }

    /// Where in the file the last piece ends.
    pub(crate) fn offset(&self) -> u64 {
        self.splitter.offset()
    }

    /// The next piece; `None` once the whole file is read and found sound.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'_>>, ExportError> {
        loop {
            match self.state {
                ReaderState::Start => {
                    self.splitter.punctuation(b"{")?;
                    if self.splitter.need()? == b'}' {
                        return Err(ExportError::not_an_export("it has no \"info\""));
                    }
                    self.state = ReaderState::Field;
                }
                ReaderState::Field => {
                    let key: String = {
                        let (offset, bytes) = self.splitter.value()?;
                        parse(offset, bytes)?.1
                    };
                    self.splitter.punctuation(b":")?;
                    self.state = ReaderState::AfterField;
                    if self.session.is_none() && key != "info" {
                        return Err(ExportError::not_an_export("its first field is not \"info\""));
                    }
                    match key.as_str() {
                        "info" => return self.info().map(Some),
                        "messages" => {
                            self.begin_messages()?;
                            self.state = ReaderState::Message { first: true };
                        }
                        _ => {
                            let (offset, bytes) = self.splitter.value()?;
                            let (text, _) = parse::<serde::de::IgnoredAny>(offset, bytes)?;
                            return Ok(Some(Event::Other(key, text)));
                        }
                    }
                }
                ReaderState::Message { first } => {
                    if first && self.splitter.need()? == b']'
                        || !first && self.splitter.punctuation(b",]")? == b']'
                    {
                        if first {
                            self.splitter.punctuation(b"]")?;
                        }
                        self.state = ReaderState::AfterField;
                        continue;
                    }
                    self.state = ReaderState::Message { first: false };
                    return self.message().map(Some);
                }
                ReaderState::AfterField => {
                    if self.splitter.punctuation(b",}")? == b',' {
                        self.state = ReaderState::Field;
                    } else {
                        self.state = ReaderState::End;
                    }
                }
                ReaderState::End => {
                    if self.is_alone && self.splitter.peek()?.is_some() {
                        return Err(self.splitter.not_json("something follows the end"));
                    }
                    if !self.messages {
                        return Err(ExportError::not_an_export("it has no \"messages\""));
                    }
                    return Ok(None);
                }
            }
        }
    }

    fn info(&mut self) -> Result<Event<'_>, ExportError> {
        if self.session.is_some() {
            return Err(ExportError::not_an_export("it has more than one \"info\""));
        }
        let row = self.row;
        let (offset, bytes) = self.splitter.value()?;
        if bytes.len() > row {
            return Err(ExportError::TooLarge { offset, limit: row });
        }
        let (text, info) = parse::<Info>(offset, bytes)?;
        if !is_session_id(&info.id) {
            return Err(ExportError::not_an_export("the session's id is not of opencode's shape"));
        }
        if info.parent.as_deref().is_some_and(|parent| !is_session_id(parent)) {
            return Err(ExportError::not_an_export("the parent's id is not of opencode's shape"));
        }
        self.session = Some(info.id.clone());
        Ok(Event::Info(text, info))
    }

    fn begin_messages(&mut self) -> Result<(), ExportError> {
        if std::mem::replace(&mut self.messages, true) {
            return Err(ExportError::not_an_export("it has more than one \"messages\""));
        }
        if self.splitter.need()? != b'[' {
            return Err(ExportError::not_an_export("\"messages\" is not an array"));
        }
        self.splitter.punctuation(b"[").map(|_| ())
    }

    fn message(&mut self) -> Result<Event<'_>, ExportError> {
        let session = self.session.as_deref().unwrap_or_default();
        let row = self.row;
        let (offset, bytes) = self.splitter.value()?;
        let (text, message) = parse::<Message<'_>>(offset, bytes)?;
        if bytes.len() > row && largest_row(offset, text)? > row {
            return Err(ExportError::TooLarge { offset, limit: row });
        }
        if !is_message_id(&message.info.id) || !message.parts.iter().all(|part| is_part_id(&part.id)) {
            return Err(ExportError::not_an_export(format!(
                "an id in the message at byte {offset} is not of opencode's shape"
            )));
        }
        let stray =
            |item: &str, owner: &str| ExportError::Stray { item: item.to_owned(), owner: owner.to_owned() };
        if message.info.session != session {
            return Err(stray(&message.info.id, session));
        }
        for part in &message.parts {
            if part.session != session {
                return Err(stray(&part.id, session));
            }
            if part.message != message.info.id {
                return Err(stray(&part.id, &message.info.id));
            }
        }
        Ok(Event::Message(offset, text, Box::new(message)))
    }
}

/// The size of the largest row of a message: its own record, or one of its parts.
fn largest_row(offset: u64, text: &str) -> Result<usize, ExportError> {
    let (_, Pieces { info, parts }) = parse(offset, text.as_bytes())?;
    let all = parts.iter().map(|part| part.get().len());
    Ok(all.chain([info.get().len()]).max().unwrap_or_default())
}

/// Has serde_json check a value, which began at `offset` of the file, and reads from it what `T` wants.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    offset: u64,
    bytes: &'a [u8],
) -> Result<(&'a str, T), ExportError> {
    // serde_json does not look into the bytes of strings that it skips.
    let text = std::str::from_utf8(bytes).map_err(|error| ExportError::NotJson {
        offset: offset + error.valid_up_to() as u64,
        what: "not UTF-8".to_owned(),
    })?;
    match serde_json::from_str(text) {
        Ok(value) => Ok((text, value)),
        Err(error) if error.is_data() => {
            // The parser quotes the value that it did not expect, and that is the file's.
            let said: String =
                error.to_string().chars().filter(|c| matches!(c, ' '..='~')).take(120).collect();
            Err(ExportError::not_an_export(format!("{said} (in the value at byte {offset})")))
        }
        Err(error) => {
            let line_start: usize =
                text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let at = offset + (line_start + error.column().saturating_sub(1)) as u64;
            let said = error.to_string();
            let what = said.split(" at line ").next().unwrap_or_default().to_owned();
            Err(ExportError::NotJson { offset: at, what })
        }
    }
}

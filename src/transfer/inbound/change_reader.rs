//! An arrival file, read again.

use crate::session::{ArrivalReader, ExportError, Op, Patch};
use crate::transfer::error::HomeError;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::Read;

/// A part, behind its id.
pub(crate) type PartById = (String, Box<RawValue>);

/// A change of an arrival file, with what it is about.
pub(crate) enum Change {
    Session(String, Option<String>, Box<RawValue>),
    Patch(String, Vec<(&'static str, Box<RawValue>)>),
    Message { session: String, id: String, info: Box<RawValue> },
    Part { session: String, message: String, id: String, raw: Box<RawValue> },
    Todos(String, Box<RawValue>),
}

impl Change {
    fn of(op: &Op<'_>) -> Result<Self, ExportError> {
        #[derive(Deserialize)]
        struct Ids {
            id: String,
            #[serde(rename = "sessionID")]
            session: String,
            #[serde(default, rename = "messageID")]
            message: String,
        }
        let ids = |raw: &RawValue| serde_json::from_str::<Ids>(raw.get()).map_err(ExportError::from);
        Ok(match op {
            Op::Session(new) => {
                let parent = new.parent.as_ref().map(ToString::to_string);
                Self::Session(new.id.to_string(), parent, new.info.to_owned())
            }
            Op::Patch(patch) => Self::Patch(patch.session.to_string(), fields(patch)),
            Op::Message(message) => {
                let Ids { id, session, .. } = ids(message.info)?;
                Self::Message { session, id, info: message.info.to_owned() }
            }
            Op::Part(raw) => {
                let Ids { id, session, message } = ids(raw)?;
                Self::Part { session, message, id, raw: (*raw).to_owned() }
            }
            Op::Todos(todos) => Self::Todos(todos.session.to_string(), todos.todos.to_owned()),
        })
    }

    pub(crate) fn session(&self) -> &str {
        match self {
            Self::Session(session, ..) | Self::Patch(session, _) | Self::Todos(session, _) => session,
            Self::Message { session, .. } | Self::Part { session, .. } => session,
        }
    }
}

fn fields(patch: &Patch<'_>) -> Vec<(&'static str, Box<RawValue>)> {
    let all =
        [("title", patch.title), ("cost", patch.cost), ("tokens", patch.tokens), ("summary", patch.summary)];
    all.into_iter().filter_map(|(key, raw)| Some((key, raw?.to_owned()))).collect()
}

/// The changes of an arrival file, one of them in memory.
pub(crate) struct Changes<R> {
    reader: ArrivalReader<R>,
    pub(crate) next: Option<Change>,
}

impl<R: Read> Changes<R> {
    pub(crate) fn new(arrival: R) -> Result<Self, HomeError> {
        let mut changes = Self { reader: ArrivalReader::new(arrival), next: None };
        changes.read()?;
        Ok(changes)
    }

    pub(crate) fn read(&mut self) -> Result<(), HomeError> {
        self.next = self.reader.read()?.map(|(_, op)| Change::of(&op)).transpose()?;
        Ok(())
    }

    pub(crate) fn take(&mut self) -> Result<Option<Change>, HomeError> {
        let change = self.next.take();
        self.read()?;
        Ok(change)
    }

    /// What is next of this message: its record, and parts with their ids.
    pub(crate) fn of_message(
        &mut self,
        message: &str,
    ) -> Result<(Option<Box<RawValue>>, Vec<PartById>), HomeError> {
        let (mut record, mut parts) = (None, Vec::new());
        loop {
            match self.next.take() {
                Some(Change::Message { id, info, .. }) if id == message => record = Some(info),
                Some(Change::Part { message: of, id, raw, .. }) if of == message => parts.push((id, raw)),
                other => {
                    self.next = other;
                    return Ok((record, parts));
                }
            }
            self.read()?;
        }
    }
}

//! A change set, read again.

use crate::session::{Change, ChangeReader, ExportError, Patch};
use crate::transfer::error::HomeError;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::Read;

/// A part, behind its id.
pub(crate) type PartById = (String, Box<RawValue>);

/// A change of a change set, with what it is about.
pub(crate) enum MergedChange {
    Session(String, Option<String>, Box<RawValue>),
    Patch(String, Vec<(&'static str, Box<RawValue>)>),
    Message { session: String, id: String, info: Box<RawValue> },
    Part { session: String, message: String, id: String, raw: Box<RawValue> },
    Todos(String, Box<RawValue>),
}

impl MergedChange {
    fn of(op: &Change<'_>) -> Result<Self, ExportError> {
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
            Change::Session(new) => {
                let parent = new.parent.as_ref().map(ToString::to_string);
                Self::Session(new.id.to_string(), parent, new.info.to_owned())
            }
            Change::Patch(patch) => Self::Patch(patch.session.to_string(), fields(patch)),
            Change::Message(message) => {
                let Ids { id, session, .. } = ids(message.info)?;
                Self::Message { session, id, info: message.info.to_owned() }
            }
            Change::Part(raw) => {
                let Ids { id, session, message } = ids(raw)?;
                Self::Part { session, message, id, raw: (*raw).to_owned() }
            }
            Change::Todos(todos) => Self::Todos(todos.session.to_string(), todos.todos.to_owned()),
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

/// The changes of a change set, one of them in memory.
pub(crate) struct MergedChanges<R> {
    reader: ChangeReader<R>,
    pub(crate) next: Option<MergedChange>,
}

impl<R: Read> MergedChanges<R> {
    pub(crate) fn new(change_set: R) -> Result<Self, HomeError> {
        let mut changes = Self { reader: ChangeReader::new(change_set), next: None };
        changes.read()?;
        Ok(changes)
    }

    pub(crate) fn read(&mut self) -> Result<(), HomeError> {
        self.next = self.reader.read()?.map(|(_, op)| MergedChange::of(&op)).transpose()?;
        Ok(())
    }

    pub(crate) fn take(&mut self) -> Result<Option<MergedChange>, HomeError> {
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
                Some(MergedChange::Message { id, info, .. }) if id == message => record = Some(info),
                Some(MergedChange::Part { message: of, id, raw, .. }) if of == message => {
                    parts.push((id, raw))
                }
                other => {
                    self.next = other;
                    return Ok((record, parts));
                }
            }
            self.read()?;
        }
    }
}

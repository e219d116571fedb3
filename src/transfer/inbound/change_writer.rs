//! Writes the change set.

use crate::session::same::on_one_line;
use crate::session::{Change, NewMessage, NewSession, Patch, Todos};
use crate::transfer::error::HomeError;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{BufWriter, Write};

/// The changes, one a line.
pub(crate) struct ChangeWriter<W: Write> {
    output: BufWriter<W>,
}

impl<W: Write> ChangeWriter<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output: BufWriter::with_capacity(128 * 1024, output) }
    }

    fn write(&mut self, op: &Change<'_>) -> Result<(), HomeError> {
        op.write(&mut self.output).map_err(HomeError::Write)
    }

    pub(crate) fn session(&mut self, id: &str, parent: Option<&str>, info: &str) -> Result<(), HomeError> {
        let parent = parent.map(Cow::Borrowed);
        self.write(&Change::Session(NewSession { id: id.into(), parent, info: raw(info)?.as_ref() }))
    }

    pub(crate) fn patch(&mut self, patch: Patch<'_>) -> Result<(), HomeError> {
        self.write(&Change::Patch(patch))
    }

    pub(crate) fn todos(&mut self, session: &str, todos: &str) -> Result<(), HomeError> {
        self.write(&Change::Todos(Todos { session: session.into(), todos: raw(todos)?.as_ref() }))
    }

    pub(crate) fn message(&mut self, info: &str) -> Result<(), HomeError> {
        self.write(&Change::Message(NewMessage { info: raw(info)?.as_ref() }))
    }

    pub(crate) fn part(&mut self, part: &str) -> Result<(), HomeError> {
        self.write(&Change::Part(raw(part)?.as_ref()))
    }

    pub(crate) fn end(mut self) -> Result<(), HomeError> {
        self.output.flush().map_err(HomeError::Write)
    }
}

/// The same on one line; most are, and a large one is not copied.
fn raw(json: &str) -> Result<Cow<'_, RawValue>, HomeError> {
    Ok(match on_one_line(json) {
        Cow::Borrowed(json) => Cow::Borrowed(serde_json::from_str(json)?),
        Cow::Owned(json) => Cow::Owned(RawValue::from_string(json)?),
    })
}

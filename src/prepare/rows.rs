//! Writes the arrival file.

use super::edit::unsound;
use super::error::HomeError;
use crate::session::same::on_one_line;
use crate::session::{NewMessage, NewSession, Op, Patch, Todos};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{BufWriter, Write};

/// The changes, one a line.
pub(super) struct Rows<W: Write> {
    output: BufWriter<W>,
}

impl<W: Write> Rows<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output: BufWriter::with_capacity(128 * 1024, output) }
    }

    fn write(&mut self, op: &Op<'_>) -> Result<(), HomeError> {
        op.write(&mut self.output).map_err(HomeError::Write)
    }

    pub(super) fn session(&mut self, id: &str, parent: Option<&str>, info: &str) -> Result<(), HomeError> {
        let parent = parent.map(Cow::Borrowed);
        self.write(&Op::Session(NewSession { id: id.into(), parent, info: &raw(info)? }))
    }

    pub(super) fn patch(&mut self, patch: Patch<'_>) -> Result<(), HomeError> {
        self.write(&Op::Patch(patch))
    }

    pub(super) fn todos(&mut self, session: &str, todos: &str) -> Result<(), HomeError> {
        self.write(&Op::Todos(Todos { session: session.into(), todos: &raw(todos)? }))
    }

    pub(super) fn message(&mut self, info: &str) -> Result<(), HomeError> {
        self.write(&Op::Message(NewMessage { info: &raw(info)? }))
    }

    pub(super) fn part(&mut self, part: &str) -> Result<(), HomeError> {
        self.write(&Op::Part(&raw(part)?))
    }

    pub(super) fn end(mut self) -> Result<(), HomeError> {
        self.output.flush().map_err(HomeError::Write)
    }
}

fn raw(json: &str) -> Result<Box<RawValue>, HomeError> {
    Ok(RawValue::from_string(on_one_line(json).into_owned()).map_err(unsound)?)
}

//! Writes a session file: the record, then the messages, one a line.

use super::raw::quoted;
use std::io::{BufWriter, Write};

const BUFFER: usize = 128 * 1024;

pub(crate) struct Out<W: Write> {
    output: BufWriter<W>,
    begun: bool,
    open: bool,
}

impl<W: Write> Out<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output: BufWriter::with_capacity(BUFFER, output), begun: false, open: false }
    }

    /// Writes the session's record; comes first.
    pub(crate) fn info(&mut self, json: &str) -> std::io::Result<()> {
        write!(self.output, "{{\"info\":{json}")
    }

    pub(crate) fn message(&mut self, json: &str) -> std::io::Result<()> {
        self.output.write_all(if self.begun { b",\n" } else { b",\"messages\":[\n" })?;
        (self.begun, self.open) = (true, true);
        self.output.write_all(json.as_bytes())
    }

    /// Writes a field beside the record and the messages.
    pub(crate) fn other(&mut self, key: &str, json: &str) -> std::io::Result<()> {
        self.close()?;
        write!(self.output, ",{}:{json}", quoted(key))
    }

    pub(crate) fn end(mut self) -> std::io::Result<()> {
        if !self.begun {
            self.output.write_all(b",\"messages\":[")?;
            self.open = true;
        }
        self.close()?;
        self.output.write_all(b"}\n")?;
        self.output.flush()
    }

    fn close(&mut self) -> std::io::Result<()> {
        if std::mem::take(&mut self.open) {
            self.output.write_all(b"]")?;
        }
        Ok(())
    }
}

//! The session as it left, read only as far as needed.

use crate::session::reader::{Event, ExportReader};
use crate::transfer::error::HomeError;
use crate::transfer::inbound::returned::check_session;
use std::io::Read;

/// An export of home, of which messages are asked for in their order.
pub(crate) struct Before<'s, R> {
    reader: ExportReader<R>,
    session: &'s str,
    asked: Option<String>,
    /// The last user message before the message that was read last.
    asked_before: Option<String>,
}

impl<'s, R: Read> Before<'s, R> {
    pub(crate) fn new(input: R, session: &'s str) -> Self {
        Self { reader: ExportReader::new(input), session, asked: None, asked_before: None }
    }

    /// The next message: its id, its `time.created`, and its text. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(String, i64, String)>, HomeError> {
        while let Some(event) = self.reader.next().map_err(HomeError::Kept)? {
            match event {
                Event::Info(_, info) => check_session(self.session, &info.id)?,
                Event::Message(_, text, message) => {
                    self.asked_before.clone_from(&self.asked);
                    if message.info.is_user() {
                        self.asked = Some(message.info.id.clone());
                    }
                    let created_ms = message.info.time.created_ms();
                    return Ok(Some((message.info.id.clone(), created_ms, text.to_owned())));
                }
                Event::Other(..) => {}
            }
        }
        Ok(None)
    }

    /// The user message that the last message that was read answers, if any.
    pub(crate) fn asked(&self) -> Option<&str> {
        self.asked_before.as_deref()
    }
}

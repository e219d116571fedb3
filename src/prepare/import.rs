//! What comes home, as a file for `opencode import`: for a database whose schema is not known.

use super::changes::{Change, Changes};
use super::edit::unsound;
use super::error::HomeError;
use crate::session::Raw;
use crate::session::out::Out;
use serde::Serialize;
use serde_json::value::RawValue;
use std::io::{Read, Write};

/// Writes to `output` what import can bring home of an arrival file: the session's own new messages and parts. What
/// changed, todos and sub-agents cannot come that way, since import changes no row and takes one session.
///
/// `record` is [`super::Homecoming::record`].
///
/// # Errors
/// An arrival file that cannot be read; a failing `output`.
pub fn import_file(arrival: impl Read, record: &Raw, output: impl Write) -> Result<(), HomeError> {
    #[derive(serde::Deserialize)]
    struct Own {
        id: String,
    }
    let session = serde_json::from_str::<Own>(record.get()).map_err(unsound)?.id;
    let mut out = Out::new(output);
    out.info(record.get()).map_err(HomeError::Write)?;
    let mut changes = Changes::new(arrival)?;
    while let Some(change) = changes.take()? {
        let Change::Message { session: of, id, info } = change else { continue };
        let (_, parts) = changes.of_message(&id)?;
        if of == session {
            let parts = parts.into_iter().map(|(_, part)| part).collect();
            out.edited(&Element { info, parts }).map_err(HomeError::Write)?;
        }
    }
    out.end().map_err(HomeError::Write)
}

/// An element of `messages`.
#[derive(Serialize)]
struct Element {
    info: Box<RawValue>,
    parts: Vec<Box<RawValue>>,
}

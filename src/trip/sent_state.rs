//! How the session at home stood when it was sent: what comes back is compared with that.

use crate::disk::{self, DiskError};
use crate::opencode::Fingerprint;
use crate::session::{Outline, is_message_id, is_part_id};
use crate::trip::error::TripError;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;

/// The file in the dispatch's directory. Its first line is JSON; then each message has a line with its id, and each of
/// its parts one behind that, with a blank in front.
pub(crate) const FILE: &str = "departed";
/// The format of the file.
const VERSION: u32 = 1;

/// The session as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentState {
    /// Tells later whether the session was changed at home.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) outline: Outline,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    fingerprint: Fingerprint,
}

impl SentState {
    /// Writes it down, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), TripError> {
        let at = |source: std::io::Error| TripError::Disk(DiskError::at(path, source));
        let head = Head { version: VERSION, fingerprint: self.fingerprint.clone() };
        let mut text = serde_json::to_vec(&head).map_err(|error| at(error.into()))?;
        text.push(b'\n');
        for message in self.outline.iter() {
            writeln!(text, "{}", message.id()).map_err(at)?;
            for part in message.parts() {
                writeln!(text, " {part}").map_err(at)?;
            }
        }
        Ok(disk::write_atomic(path, &text)?)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, TripError> {
        let at = |source: std::io::Error| TripError::Disk(DiskError::at(path, source));
        let file = std::fs::File::open(path).map_err(at)?;
        let damaged = |why: &str| at(std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned()));
        let mut lines = BufReader::new(file).lines();
        let head = lines.next().ok_or_else(|| damaged("it is empty"))?.map_err(at)?;
        let head: Head = serde_json::from_str(&head).map_err(|error| damaged(&error.to_string()))?;
        if head.version != VERSION {
            return Err(damaged("it was written by a newer kugetsu"));
        }
        let mut outline = Outline::default();
        let mut message: Option<(String, Vec<String>)> = None;
        let push = |outline: &mut Outline, message: Option<(String, Vec<String>)>| match message {
            Some((id, parts)) => outline
                .push(&id, parts.iter().map(String::as_str))
                .map_err(|error| damaged(&error.to_string())),
            None => Ok(()),
        };
        for line in lines {
            let line = line.map_err(at)?;
            match (line.strip_prefix(' '), &mut message) {
                (Some(part), Some((_, parts))) if is_part_id(part) => parts.push(part.to_owned()),
                (None, _) if is_message_id(&line) => {
                    push(&mut outline, message.replace((line, Vec::new())))?;
                }
                _ => return Err(damaged("a line is no id")),
            }
        }
        push(&mut outline, message)?;
        Ok(Self { fingerprint: head.fingerprint, outline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> SentState {
        let mut outline = Outline::default();
        outline.push("msg_1", ["prt_1", "prt_2"].into_iter()).unwrap();
        outline.push("msg_2", [].into_iter()).unwrap();
        SentState { fingerprint: serde_json::from_str(r#""2+2:ab;title=cd""#).unwrap(), outline }
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert!(SentState::read(&path).is_err());
        example().write(&path).unwrap();
        assert_eq!(SentState::read(&path).unwrap(), example());
    }

    #[test]
    fn the_first_format_is_read_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let fixture = "{\"version\":1,\"fingerprint\":\"2+2:ab;title=cd\"}\nmsg_1\n prt_1\n prt_2\nmsg_2\n";
        disk::write_atomic(&path, fixture.as_bytes()).unwrap();
        assert_eq!(SentState::read(&path).unwrap(), example());
    }

    #[test]
    fn what_is_damaged_or_newer_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for text in [
            "",
            "{",
            "{\"version\":2,\"fingerprint\":\"x\"}\n",
            "{\"version\":1,\"fingerprint\":\"x\"}\n prt_1\n",
            "{\"version\":1,\"fingerprint\":\"x\"}\nses_1\n",
        ] {
            disk::write_atomic(&path, text.as_bytes()).unwrap();
            assert!(SentState::read(&path).is_err(), "{text:?}");
        }
    }
}

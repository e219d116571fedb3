//! A bundle: the result of a run, as the host writes it. Sections stand behind each other, the session's first, then its
//! sub-agents'. Each is a line of JSON that names the session and a length, and a document of so many bytes.
//!
//! The document is an export with `todos` and `base` beside `info` and `messages`. It has only messages and parts that are
//! new or changed. docs/remote-layout.md has the format.

use super::error::ExportError;
use super::id::is_session_id;
use super::outline::Outline;
use super::reader::{ExportReader, Limits, parse};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom, Take};

/// What a bundle begins with, and an export does not.
const BEGINNING: &[u8] = b"{\"bundle\":";

/// The newest format that is read.
const FORMAT: u64 = 1;

/// The longest line before a document, in bytes.
const LONGEST: usize = 4096;

/// Whose a section is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Header {
    bundle: u64,
    pub(crate) session: String,
    /// The session whose sub-agent it is.
    #[serde(default)]
    pub(crate) parent: Option<String>,
    bytes: u64,
    /// Whether the session was made there since the launch.
    #[serde(default)]
    pub(crate) new: Option<bool>,
    /// Whether it is as it was at the launch, and home was not known to have it then.
    #[serde(default)]
    pub(crate) same: bool,
    /// Those rows that home had when the run was launched and that are still there.
    pub(crate) known: Known,
}

/// Rows, by their number and a digest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Known {
    pub(crate) messages: u64,
    pub(crate) parts: u64,
    /// SHA-256 over the ids in their order, each and a line feed: a message's own, then its parts'. In hexadecimal.
    pub(crate) digest: String,
}

impl Known {
    /// What a host must say that has all of these.
    pub(crate) fn of(outline: &Outline) -> Self {
        let mut digest = Sha256::new();
        for id in outline.ids() {
            digest.update(id);
            digest.update(b"\n");
        }
        let digest = format!("{:x}", digest.finalize());
        Self { messages: outline.len() as u64, parts: outline.part_count() as u64, digest }
    }
}

/// Where a document stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document {
    at: u64,
    bytes: u64,
}

impl Document {
    /// Reads it, from its first byte to its last. Offsets are told in the whole file.
    pub(crate) fn open<R: Read + Seek>(
        self,
        input: &mut R,
    ) -> Result<ExportReader<Take<&mut R>>, ExportError> {
        input.seek(SeekFrom::Start(self.at))?;
        Ok(ExportReader::at(self.at, input.take(self.bytes), Limits::HOST))
    }

    /// Where the section behind this one begins.
    pub(crate) fn next<R: Read + Seek>(self, input: &mut R) -> Result<u64, ExportError> {
        let end = self.at.checked_add(self.bytes).ok_or(ExportError::Cut { offset: self.at })?;
        match read_at(input, end, 1)?.first() {
            Some(b'\n') => Ok(end + 1),
            Some(_) => {
                Err(ExportError::NotJson { offset: end, what: "a section is longer than it says".into() })
            }
            None => Err(ExportError::Cut { offset: end }),
        }
    }
}

/// Whether this is a bundle; else it should be an export.
pub(crate) fn is_bundle(input: &mut (impl Read + Seek)) -> Result<bool, ExportError> {
    Ok(read_at(input, 0, BEGINNING.len())? == BEGINNING)
}

/// The section that begins at this offset; `None` at the end of the file.
pub(crate) fn section_at(
    input: &mut (impl Read + Seek),
    offset: u64,
) -> Result<Option<(Header, Document)>, ExportError> {
    let held = read_at(input, offset, LONGEST)?;
    if held.is_empty() {
        return Ok(None);
    }
    let Some(end) = memchr::memchr(b'\n', &held) else {
        return Err(match held.len() {
            LONGEST => ExportError::NotJson {
                offset,
                what: format!("the line of a section is over {LONGEST} bytes"),
            },
            n => ExportError::Cut { offset: offset + n as u64 },
        });
    };
    let line = held.get(..end).unwrap_or_default();
    #[derive(Deserialize)]
    struct Format {
        bundle: u64,
    }
    let (_, Format { bundle: format }) = parse(offset, line)?;
    if format > FORMAT {
        return Err(ExportError::not_an_export(format!(
            "it is a bundle of format {format}, and this kugetsu reads {FORMAT}"
        )));
    }
    let (_, header) = parse::<Header>(offset, line)?;
    if !is_session_id(&header.session) || header.parent.as_deref().is_some_and(|id| !is_session_id(id)) {
        return Err(ExportError::not_an_export(format!(
            "an id in the section at byte {offset} is not of opencode's shape"
        )));
    }
    let document = Document { at: offset + end as u64 + 1, bytes: header.bytes };
    Ok(Some((header, document)))
}

/// So many bytes, or up to the end of the file.
fn read_at(input: &mut (impl Read + Seek), offset: u64, most: usize) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    input.seek(SeekFrom::Start(offset))?;
    input.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::reader::Event;
    use serde_json::json;
    use std::io::Cursor;

    fn header(session: &str, bytes: usize) -> String {
        let known = json!({"messages": 0, "parts": 0, "digest": ""});
        json!({"bundle": 1, "session": session, "parent": null, "bytes": bytes, "new": false, "known": known})
            .to_string()
    }

    fn section(session: &str, document: &str) -> String {
        format!("{}\n{document}\n", header(session, document.len()))
    }

    /// All ids of sessions, and the events of their documents by number.
    fn read(text: &str) -> Result<Vec<(String, usize)>, ExportError> {
        let mut input = Cursor::new(text);
        let (mut at, mut all) = (0, Vec::new());
        while let Some((header, document)) = section_at(&mut input, at)? {
            let mut count = 0;
            let mut reader = document.open(&mut input)?;
            while let Some(event) = reader.next()? {
                count += 1;
                if let Event::Info(_, info) = event {
                    assert_eq!(info.id, header.session);
                }
            }
            at = document.next(&mut input)?;
            all.push((header.session, count));
        }
        Ok(all)
    }

    const ONE: &str = r#"{"info":{"id":"ses_1"},"messages":[],"todos":[],"base":{}}"#;
    const TWO: &str = r#"{"info":{"id":"ses_2"},"messages":[]}"#;

    #[test]
    fn sections_follow_each_other() {
        let text = section("ses_1", ONE) + &section("ses_2", TWO);
        assert!(is_bundle(&mut Cursor::new(&text)).unwrap());
        assert!(!is_bundle(&mut Cursor::new(ONE)).unwrap() && !is_bundle(&mut Cursor::new("")).unwrap());
        assert_eq!(read(&text).unwrap(), [("ses_1".into(), 3), ("ses_2".into(), 1)]);
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn every_cut_is_found() {
        let text = section("ses_1", ONE) + &section("ses_2", TWO);
        for end in 1..text.len() {
            match read(&text[..end]) {
                Err(ExportError::Cut { offset }) => assert!(offset <= end as u64),
                Ok(sections) => assert_eq!((sections.len(), end), (1, section("ses_1", ONE).len())),
                Err(other) => panic!("cut at {end}: {other}"),
            }
        }
    }

    #[test]
    fn a_section_is_as_long_as_it_says() {
        for (bytes, behind) in [(ONE.len() - 1, ""), (ONE.len() + 1, ""), (ONE.len(), "x"), (0, "")] {
            let text = format!("{}\n{ONE}{behind}\n{}", header("ses_1", bytes), section("ses_2", TWO));
            assert!(read(&text).is_err(), "{bytes} {behind}");
        }
        let text = format!("{}\n{ONE}\n", header("ses_1", 0).replace(":0,", ":18446744073709551615,"));
        assert!(matches!(read(&text), Err(ExportError::NotJson { .. } | ExportError::Cut { .. })));
    }

    #[test]
    fn what_is_no_section_is_refused() {
        let good = header("ses_1", ONE.len());
        for bad in [
            "x".to_owned(),
            "{}".to_owned(),
            "[".repeat(4000),
            good.replace("ses_1", "../ses_1"),
            good.replace("null", "\"pi\""),
            good.replace("\"known\"", "\"unknown\""),
            good.replace("\"bytes\":", "\"bytes\":-"),
            good.replace("\"bundle\":1", "\"bundle\":2"),
            " ".repeat(2 * LONGEST),
        ] {
            let error = read(&format!("{bad}\n{ONE}\n")).unwrap_err();
            assert!(!matches!(error, ExportError::Cut { .. }), "{bad}: {error}");
        }
    }

    #[test]
    fn an_offset_is_told_in_the_whole_file() {
        let broken = ONE.replace("[]", "[!]");
        let text = section("ses_1", &broken);
        let error = read(&text).unwrap_err();
        let at = text.find('!').unwrap() as u64;
        assert!(matches!(error, ExportError::NotJson { offset, .. } if offset == at), "{error}");
    }

    #[test]
    fn the_digest_is_over_ids_in_their_order() {
        let mut outline = Outline::default();
        outline.push("msg_a", ["prt_1", "prt_2"].into_iter()).unwrap();
        outline.push("msg_b", std::iter::empty()).unwrap();
        let known = Known::of(&outline);
        assert_eq!((known.messages, known.parts), (2, 2));
        // printf 'msg_a\nprt_1\nprt_2\nmsg_b\n' | sha256sum
        assert_eq!(known.digest, "8ed499d200907ad984a376d9c5e59bada0c135afa693968bcea3f3d7b902ac35");
    }
}

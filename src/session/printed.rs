//! An export among other words: plugins of opencode print what they like where it prints the session.

use super::error::ExportError;
use super::reader::{Event, ExportReader, Limits};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes that are searched at once.
const CHUNK: usize = 256 * 1024;

/// How far `{` and what follows it may stand apart, in bytes.
const SPACE: usize = 64;

/// How many places are tried.
const MOST: usize = 16;

/// Where the first whole and sound export of this session stands in what opencode printed; `None` if there is none.
pub(crate) fn find_export(
    input: &mut (impl Read + Seek),
    session: &str,
    limits: Limits,
) -> Result<Option<Range<u64>>, ExportError> {
    let mut from = 0;
    for _ in 0..MOST {
        let Some(start) = next_start(input, from)? else { return Ok(None) };
        if let Some(end) = end_of(input, start, (session, limits))? {
            return Ok(Some(start..end));
        }
        from = start + 1;
    }
    Ok(None)
}

/// The next place, from an offset on, that begins as an export does: `{ "info" :`.
fn next_start(input: &mut (impl Read + Seek), from: u64) -> Result<Option<u64>, ExportError> {
    input.seek(SeekFrom::Start(from))?;
    let mut base = from;
    let mut held = Vec::new();
    loop {
        let before = held.len();
        input.by_ref().take(CHUNK as u64).read_to_end(&mut held)?;
        let is_end = held.len() == before;
        // What stands at the end may go on in the next chunk.
        let sure = if is_end { held.len() } else { held.len().saturating_sub(SPACE) };
        let found = memchr::memchr_iter(b'{', held.get(..sure).unwrap_or_default());
        let mut begins = found.filter(|at| is_start(held.get(*at..).unwrap_or_default()));
        if let Some(at) = begins.next() {
            return Ok(Some(base + at as u64));
        }
        if is_end {
            return Ok(None);
        }
        held.drain(..sure);
        base += sure as u64;
    }
}

fn is_start(bytes: &[u8]) -> bool {
    let bytes = bytes.get(..bytes.len().min(SPACE)).unwrap_or_default();
    let rest = bytes.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let rest = rest.and_then(|rest| rest.strip_prefix(b"\"info\"")).map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b":"))
}

/// Where the export of the session that begins at `start` ends, if it is whole and sound.
fn end_of(
    input: &mut (impl Read + Seek),
    start: u64,
    (session, limits): (&str, Limits),
) -> Result<Option<u64>, ExportError> {
    input.seek(SeekFrom::Start(start))?;
    let mut reader = ExportReader::within(start, input, limits);
    loop {
        match reader.next() {
            Ok(Some(Event::Info(_, info))) if info.id != session => return Ok(None),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(Some(reader.offset())),
            Err(ExportError::Io(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::arbitrary::{FIXTURES, SESSION, session};
    use proptest::prelude::*;
    use std::io::Cursor;

    fn found(text: &str, session: &str) -> Option<String> {
        let range = find_export(&mut Cursor::new(text), session, Limits::HOME).unwrap()?;
        Some(text[range.start as usize..range.end as usize].to_owned())
    }

    #[test]
    fn an_export_is_found_among_what_a_plugin_prints() {
        for (name, export) in FIXTURES {
            let id = &export[export.find("ses_").unwrap()..][..30];
            let export = export.trim();
            for (before, behind) in [
                ("", ""),
                ("loaded\n", "bye\n"),
                ("{\"a\":1}\n", "\n{\n}\n"),
                ("{\"info\": 1} no newline", "}]\""),
                ("{\"info\":{\"id\":\"ses_x\"},\"messages\":[]}\n", "\u{fffd}"),
                (" {\"info\" \" \\\" {", ""),
                (&"x{".repeat(CHUNK), "\n"),
                (&" ".repeat(CHUNK - 3), "\n"),
            ] {
                let text = format!("{before}{export}{behind}");
                assert_eq!(found(&text, id).as_deref(), Some(export), "{name}: {before:.40}");
            }
            assert_eq!(found(export, "ses_another"), None);
            assert_eq!(found(&format!("x\n{}", &export[..export.len() - 1]), id), None, "a cut one is none");
        }
        assert_eq!(found("", "ses_1"), None);
    }

    proptest! {
        #[test]
        fn whatever_stands_around_it(draft in session(), before in ".{0,40}", behind in ".{0,40}") {
            prop_assume!(!before.contains('"'));
            let json = draft.json();
            let text = format!("{before}{json}{behind}");
            prop_assert_eq!(found(&text, SESSION), Some(json));
        }
    }
}

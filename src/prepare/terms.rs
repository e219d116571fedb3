//! Where in a message ids, times and paths stand, and a message with others in their places.

use super::paths::Style;
use crate::session::message::Message;
use crate::session::remap::ends_in_id;
use crate::session::walk::{Leaf, Step, is_said, walk};

/// Which time is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// That of the message itself: `info.time.created`.
    Created,
    /// Any other.
    Other,
}

/// What is to stand in the place of an id, a time or a path; `None` leaves it.
pub(super) struct Fields<'f> {
    pub(super) id: &'f dyn Fn(&str) -> Option<String>,
    /// Of a whole number above zero, in milliseconds since the epoch.
    pub(super) time: &'f dyn Fn(Said, i64) -> Option<i64>,
    /// Of a string of raw JSON with its quotes, likewise to be written raw.
    pub(super) path: &'f dyn Fn(Style, &str) -> Option<String>,
}

/// A message, or a session's own record, with its ids, times and paths replaced; every other byte stays.
///
/// An id is a string in a field whose name ends in `id`; a time is a number in an object under the key `time`. Neither
/// is looked for in what a model gave to a tool. The model reads paths in what it gave to a tool, in an assistant
/// message's `path`, in file parts and in patches; those in speech, the user's included, and in what tools said stay.
pub(super) fn in_other_terms(json: &str, message: Option<&Message<'_>>, fields: &Fields<'_>) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    walk(json, &mut out, |way, leaf| match leaf {
        Leaf::Text(raw) => {
            if let Some(style) = message.and_then(|message| style(way, message)) {
                return (fields.path)(style, raw);
            }
            let Some(Step::Field(key)) = way.last() else { return None };
            if !ends_in_id(key) || is_said(way) || raw.contains('\\') {
                return None;
            }
            (fields.id)(raw.trim_matches('"')).map(|id| format!("\"{id}\""))
        }
        Leaf::Number(raw) => {
            let [.., time, Step::Field(_)] = way else { return None };
            if !time.is("time") || is_said(way) {
                return None;
            }
            let said = match way {
                [info, _, created] if info.is("info") && created.is("created") => Said::Created,
                _ => Said::Other,
            };
            let ms = raw.parse().ok().filter(|ms| *ms > 0)?;
            (fields.time)(said, ms).filter(|other| *other != ms).map(|other| other.to_string())
        }
    });
    out
}

/// How a path is written in this place, if the model reads one there.
fn style(way: &[Step<'_>], message: &Message<'_>) -> Option<Style> {
    match way {
        [info, path, key] if info.is("info") && path.is("path") => {
            (message.info.is_assistant() && (key.is("cwd") || key.is("root"))).then_some(Style::Whole)
        }
        [parts, Step::Element(n), rest @ ..] if parts.is("parts") => {
            let kind = message.parts.get(*n)?.kind.as_str();
            match (kind, rest) {
                ("tool", [state, input, ..]) if state.is("state") && input.is("input") => Some(Style::Text),
                ("file", [url]) if url.is("url") => Some(Style::Url),
                ("file", [source, path]) if source.is("source") && path.is("path") => Some(Style::Whole),
                ("patch", [files, Step::Element(_)]) if files.is("files") => Some(Style::Whole),
                _ => None,
            }
        }
        _ => None,
    }
}

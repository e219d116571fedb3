//! Where in a message ids, times and paths stand, and a message with others in their places.

use crate::session::ExportError;
use crate::session::message::Message;
use crate::session::walk::{Leaf, PathStep, id_at, walk};
use crate::transfer::paths::{GROWTH, Style};

/// Which time is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// That of the message itself: `info.time.created`.
    Created,
    /// One of the part that stands there in its message.
    Part(usize),
    /// Any other.
    Other,
}

/// What is to stand in the place of an id, a time or a path; `None` leaves it.
pub(crate) struct Replacements<'f> {
    pub(crate) id: &'f dyn Fn(&str) -> Option<String>,
    /// Of a whole number, in milliseconds since the epoch.
    pub(crate) time: &'f dyn Fn(Said, i64) -> Option<i64>,
    /// Of a string of raw JSON with its quotes, likewise to be written raw.
    pub(crate) path: &'f dyn Fn(Style, &str) -> Option<String>,
}

/// A message, or a session's own record, with its ids, times and paths replaced; every other byte stays.
///
/// An id is a string in a field whose name ends in `id`, but not in what a model gave to a tool. A time is a number in the
/// `time` of a record, a message, a part or a call, but not in what tools keep under that name. A path stands in what a model
/// gave to a tool, in an assistant message's `path` and in file parts; what anybody said, tools included, stays.
///
/// # Errors
/// More ids and times than a message has, so that they would not all be replaced. Too many paths just stay as they are.
pub(crate) fn in_other_terms(
    json: &str,
    message: Option<&Message<'_>>,
    fields: &Replacements<'_>,
) -> Result<String, ExportError> {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    let mut of_paths = GROWTH;
    let mut of_others = Some(GROWTH);
    walk(json, &mut out, |way, leaf| {
        let (Leaf::Text(raw) | Leaf::Number(raw)) = leaf;
        let growth = |other: &str| other.len().saturating_sub(raw.len());
        let style = message.and_then(|message| style(way, message));
        if let (Leaf::Text(raw), Some(style)) = (leaf, style) {
            let other = (fields.path)(style, raw)?;
            of_paths = of_paths.checked_sub(growth(&other))?;
            return Some(other);
        }
        let other = replaced(way, leaf, message.is_some(), fields)?;
        of_others = of_others.and_then(|room| room.checked_sub(growth(&other)));
        of_others.map(|_| other)
    });
    match of_others {
        Some(_) => Ok(out),
        None => Err(ExportError::not_an_export("a message has more ids and times than opencode writes")),
    }
}

/// What is to stand in the place of an id or a time.
fn replaced(
    way: &[PathStep<'_>],
    leaf: Leaf<'_>,
    in_message: bool,
    fields: &Replacements<'_>,
) -> Option<String> {
    match leaf {
        Leaf::Text(_) => (fields.id)(&id_at(way, leaf)?.1).map(|id| format!("\"{id}\"")),
        Leaf::Number(raw) => {
            let said = said(way, in_message)?;
            let ms = raw.parse().ok()?;
            (fields.time)(said, ms).filter(|other| *other != ms).map(|other| other.to_string())
        }
    }
}

/// Which time stands in this place, if one does.
fn said(way: &[PathStep<'_>], in_message: bool) -> Option<Said> {
    let [above @ .., time, PathStep::Field(key)] = way else { return None };
    if !time.is("time") {
        return None;
    }
    match above {
        [] if !in_message => Some(Said::Other),
        [info] if info.is("info") => Some(if key == "created" { Said::Created } else { Said::Other }),
        [parts, PathStep::Element(n)] if parts.is("parts") => Some(Said::Part(*n)),
        [parts, PathStep::Element(n), state] if parts.is("parts") && state.is("state") => {
            Some(Said::Part(*n))
        }
        _ => None,
    }
}

/// How a path is written in this place, if the model reads one there.
fn style(way: &[PathStep<'_>], message: &Message<'_>) -> Option<Style> {
    match way {
        [info, path, key] if info.is("info") && path.is("path") => {
            (message.info.is_assistant() && (key.is("cwd") || key.is("root"))).then_some(Style::Whole)
        }
        [parts, PathStep::Element(n), rest @ ..] if parts.is("parts") => {
            let kind = message.parts.get(*n)?.kind.as_str();
            match (kind, rest) {
                ("tool", [state, input, ..]) if state.is("state") && input.is("input") => Some(Style::Text),
                ("file", [url]) if url.is("url") => Some(Style::Url),
                ("file", [source, path]) if source.is("source") && path.is("path") => Some(Style::Whole),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(json: &str, message: bool) -> String {
        let parsed = message.then(|| serde_json::from_str::<Message<'_>>(json).unwrap());
        let time = |said, ms| Some(ms + if said == Said::Created { 1000 } else { 1 });
        let fields = Replacements { id: &|_| None, time: &time, path: &|_, _| None };
        in_other_terms(json, parsed.as_ref(), &fields).unwrap()
    }

    #[test]
    fn only_the_times_of_opencode_itself_are_times() {
        let json = r#"{"info":{"id":"msg_1","sessionID":"ses_1","role":"assistant","time":{"created":5,"completed":6},"x":{"time":{"n":7}}},
            "parts":[{"id":"prt_1","sessionID":"ses_1","messageID":"msg_1","type":"tool","time":{"start":5},"state":{"status":"completed",
            "time":{"start":5,"end":6},"input":{"time":{"n":7}},"metadata":{"time":{"total":12}}},"metadata":{"time":{"total":12}}}]}"#;
        let expected = json
            .replace(r#""created":5,"completed":6"#, r#""created":1005,"completed":7"#)
            .replace(r#""start":5"#, r#""start":6"#)
            .replace(r#""end":6"#, r#""end":7"#);
        assert_eq!(later(json, true), expected);
        let record = r#"{"id":"ses_1","time":{"created":5},"metadata":{"time":{"total":12}}}"#;
        assert_eq!(later(record, false), record.replace(":5}", ":6}"));
    }

    /// A host could fill a message with paths first, so that its ids and times stayed as it wrote them.
    #[test]
    fn paths_take_no_room_from_ids_and_times() {
        let json = r#"{"parts":[{"id":"prt_1","sessionID":"ses_1","messageID":"msg_1","type":"tool","state":{"input":{"a":"x","b":"x"}}}],
            "info":{"id":"msg_1","sessionID":"ses_1","role":"assistant","time":{"created":5}}}"#;
        let parsed: Message<'_> = serde_json::from_str(json).unwrap();
        let long = format!("\"{}\"", "y".repeat(GROWTH - 7));
        let path = |_, _: &str| Some(long.clone());
        let fields = |id: &'static dyn Fn(&str) -> Option<String>| {
            let fields = Replacements { id, time: &|_, ms| Some(ms + 1000), path: &path };
            in_other_terms(json, Some(&parsed), &fields)
        };
        let other = fields(&|id| (id == "ses_1").then(|| "ses_another".to_owned())).unwrap();
        let path_once = other.replacen(&long, "\"x\"", 1);
        let expected = json.replace("ses_1", "ses_another").replace(":5}", ":1005}");
        assert!(path_once == expected, "{} {}", other.len(), path_once.len());
        assert!(fields(&|_| Some("z".repeat(GROWTH))).is_err());
    }
}

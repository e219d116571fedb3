//! What came back.

use super::edit::{Edit, unsound};
use super::error::HomeError;
use super::setting::{put, set_on_user};
use super::settle::{Ending, settle};
use super::undo::Undo;
use crate::session::message::{self, Message};
use crate::session::out::Out;
use crate::session::raw::Object;
use crate::session::reader::{Event, ExportReader, parse};
use crate::session::{ExportError, MessageIds, Outline, Setting};
use std::io::{Read, Seek, SeekFrom, Write};

/// What came back, beside what is in the import file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Homecoming {
    /// The messages that are new, with their parts, as the database must hold them after the import.
    pub new_messages: Outline,
    /// Parts that were added to messages that had left; they are in the import file as well.
    pub late_parts: Vec<LatePart>,
    /// The text of the last new assistant message: its text parts, joined with newlines. `None` without any.
    pub reply: Option<String>,
    /// The last new assistant message.
    pub last_assistant: Option<LastAssistant>,
    /// The newest `time.created` of all messages, in milliseconds since the epoch.
    pub newest_ms: Option<i64>,
    /// New tool calls that had no end; the import file gives them one.
    pub open_calls: usize,
}

/// A part that was added to a message that had left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatePart {
    /// The message's id.
    pub message: String,
    /// Its own id.
    pub part: String,
}

/// How the agent's work ended. Texts are as they stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAssistant {
    /// The message's id.
    pub id: String,
    /// The agent that worked.
    pub agent: Option<String>,
    /// The model's provider.
    pub provider: Option<String>,
    /// The model's id.
    pub model: Option<String>,
    /// What went wrong, if something did.
    pub error: Option<String>,
    /// Why the model stopped: `stop`, `tool-calls`, …
    pub finish: Option<String>,
    /// Whether it came to an end at all; not so when the run was killed.
    pub completed: bool,
}

/// Checks the file `back` against what left, and writes to `output` what home is to import: the session's record
/// as it was before, and only the messages that are new (and those that got new parts). The last user message
/// among them gets agent and model of before, since the TUI goes on with those of the last user message.
///
/// `left` is the outline of the outgoing copy, or of the export that it was made from.
///
/// # Errors
/// See [`HomeError`]; `output` is then incomplete.
pub fn homecoming(
    left: &Outline,
    undo: &Undo,
    mut back: impl Read + Seek,
    output: impl Write,
    now_ms: i64,
) -> Result<Homecoming, HomeError> {
    let seen = look_through(left, undo, &mut back)?;
    let ending = Ending {
        hand_off: None,
        error: "The run on the other host ended while this tool was running; its result is not known."
            .to_owned(),
        now_ms,
    };
    let mut out = Out::new(output);
    out.info(&seen.info).map_err(HomeError::Write)?;
    let mut bytes = Vec::new();
    for extent in &seen.extents {
        bytes.resize(extent.length, 0);
        back.seek(SeekFrom::Start(extent.offset)).map_err(ExportError::Io)?;
        back.read_exact(&mut bytes).map_err(ExportError::Io)?;
        let (text, message) = parse::<Message<'_>>(extent.offset, &bytes)?;
        let is_last_user = seen.last_user.as_deref() == Some(message.info.id.as_str());
        let has_open = message.parts.iter().any(|part| part.open().is_some());
        if !is_last_user && !has_open {
            out.message(text).map_err(HomeError::Write)?;
            continue;
        }
        let mut edit = Edit::new(text)?;
        if has_open {
            settle(&mut edit, &message, &ending)?;
        }
        if is_last_user {
            put_back(&mut edit.info, undo)?;
        }
        out.edited(&edit).map_err(HomeError::Write)?;
    }
    out.end().map_err(HomeError::Write)?;
    Ok(seen.homecoming)
}

/// Where a message for the import file stands in the file that came back.
struct Extent {
    offset: u64,
    length: usize,
}

struct Seen {
    homecoming: Homecoming,
    info: String,
    extents: Vec<Extent>,
    /// The last user message that is new.
    last_user: Option<String>,
}

fn look_through(left: &Outline, undo: &Undo, back: &mut (impl Read + Seek)) -> Result<Seen, HomeError> {
    back.seek(SeekFrom::Start(0)).map_err(ExportError::Io)?;
    let mut reader = ExportReader::new(back);
    let mut all = Outline::default();
    let mut seen = Seen {
        homecoming: Homecoming {
            new_messages: Outline::default(),
            late_parts: Vec::new(),
            reply: None,
            last_assistant: None,
            newest_ms: None,
            open_calls: 0,
        },
        info: String::new(),
        extents: Vec::new(),
        last_user: None,
    };
    let known = left.sorted();
    let mut next = 0;
    let mut misplaced: Option<String> = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::Info(text, info) => {
                if info.id != undo.session {
                    return Err(HomeError::OtherSession { expected: undo.session.clone(), found: info.id });
                }
                let mut info = Object::parse(text).map_err(unsound)?;
                put(&mut info, "directory", undo.info.directory.as_ref())?;
                put(&mut info, "path", undo.info.path.as_ref())?;
                put(&mut info, "agent", undo.info.agent.as_ref())?;
                put(&mut info, "model", undo.info.model.as_ref())?;
                seen.info = serde_json::to_string(&info).map_err(unsound)?;
            }
            Event::Message(offset, text, message) => {
                all.add(&message)?;
                let here = &mut seen.homecoming;
                here.newest_ms = here.newest_ms.max(Some(message.info.time.created_ms()));
                let wrong = match left.get(next).filter(|ids| ids.id() == message.info.id) {
                    Some(ids) => {
                        next += 1;
                        let (late, wrong) = late_parts(ids, &message, &known, undo);
                        if late.is_empty() {
                            misplaced = misplaced.or(wrong);
                            continue;
                        }
                        here.late_parts.extend(late);
                        wrong
                    }
                    None => {
                        here.new_messages.add(&message)?;
                        note_new(&mut seen.last_user, here, &message);
                        let is_known = |id: &&str| known.binary_search(id).is_ok();
                        let id = message.info.id.as_str();
                        let parts = message.parts.iter().map(|part| part.id.as_str());
                        (next < left.len())
                            .then_some(id)
                            .or_else(|| std::iter::once(id).chain(parts).find(is_known))
                            .map(str::to_owned)
                    }
                };
                misplaced = misplaced.or(wrong);
                here.open_calls += message.parts.iter().filter(|part| part.open().is_some()).count();
                seen.extents.push(Extent { offset, length: text.len() });
            }
            Event::Other(..) => {}
        }
    }
    if let Some(id) = all.duplicate() {
        return Err(ExportError::Duplicate { id: id.to_owned() }.into());
    }
    check_missing(left, &all)?;
    match misplaced {
        Some(id) => Err(HomeError::OutOfOrder { id }),
        None => Ok(seen),
    }
}

/// The parts of a message that had left which are new, and the first part that stands in a wrong place.
fn late_parts(
    ids: MessageIds<'_>,
    message: &Message<'_>,
    known: &[&str],
    undo: &Undo,
) -> (Vec<LatePart>, Option<String>) {
    let mut late = Vec::new();
    let mut wrong = None;
    let mut expected = ids.parts().peekable();
    for part in &message.parts {
        let id = part.id.as_str();
        if expected.next_if_eq(&id).is_some() || undo.added.iter().any(|added| added.part == id) {
            continue;
        }
        if known.binary_search(&id).is_ok() {
            wrong = wrong.or_else(|| Some(id.to_owned()));
        } else {
            late.push(LatePart { message: message.info.id.clone(), part: id.to_owned() });
        }
    }
    (late, wrong)
}

fn check_missing(left: &Outline, back: &Outline) -> Result<(), HomeError> {
    let here = back.sorted();
    let all = left.iter().flat_map(|message| std::iter::once(message.id()).chain(message.parts()));
    let mut missing = all.filter(|id| here.binary_search(id).is_err());
    match missing.next() {
        Some(first) => Err(HomeError::Missing { first: first.to_owned(), count: 1 + missing.count() }),
        None => Ok(()),
    }
}

fn note_new(last_user: &mut Option<String>, home: &mut Homecoming, message: &Message<'_>) {
    let info = &message.info;
    if info.is_user() {
        *last_user = Some(info.id.clone());
    }
    if !info.is_assistant() {
        return;
    }
    let said: Vec<String> = message.parts.iter().filter_map(|part| part.said()).collect();
    home.reply = (!said.is_empty()).then(|| said.join("\n"));
    home.last_assistant = Some(LastAssistant {
        id: info.id.clone(),
        agent: info.agent().map(str::to_owned),
        provider: info.provider().map(str::to_owned),
        model: info.model_id().map(str::to_owned),
        error: info.error(),
        finish: info.finish().map(str::to_owned),
        completed: info.time.is_completed(),
    });
}

/// Gives the last user message agent and model of the one before the trip, or else of the session's record.
/// A field that neither has stays as it came: a user message without agent or model cannot be imported.
fn put_back(info: &mut Object<'_>, undo: &Undo) -> Result<(), ExportError> {
    set_on_user(info, &former_setting(undo))?;
    let Some(user) = &undo.last_user else { return Ok(()) };
    if user.agent.is_some() {
        put(info, "agent", user.agent.as_ref())?;
    }
    if user.model.is_some() {
        put(info, "model", user.model.as_ref())?;
        put(info, "variant", user.variant.as_ref())?;
    }
    Ok(())
}

fn former_setting(undo: &Undo) -> Setting {
    Setting {
        agent: undo.info.agent.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()),
        model: undo.info.model.as_ref().and_then(|raw| message::model(raw.get())),
    }
}

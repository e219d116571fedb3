//! One pass over the file that came back: whose it is, which rows it has, and where each message stands.

use crate::session::bundle::{Document, Header, Known, is_bundle, section_at};
use crate::session::message::Message;
use crate::session::raw::{Object, at_most};
use crate::session::reader::{Event, ExportReader, Limits, parse};
use crate::session::same::on_one_line;
use crate::session::{ExportError, Outline, Raw, find_export};
use crate::transfer::error::HomeError;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

/// The most sessions that one run brings home.
const MOST: usize = 10_000;

/// The most new messages and parts, of all sessions: each takes half a kilobyte of memory.
const MOST_NEW: usize = 250_000;

/// What is held of all sessions' records, todos and of how they stood before, in bytes.
const HELD: usize = 32 << 20;

/// The longest list of todos, in bytes.
const LONGEST_TODOS: usize = 4 << 20;

/// The longest `cost` and `tokens`, in bytes.
const LONGEST_COUNTER: usize = 4096;

/// The kind of file that a host writes at the end of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ReturnedKind {
    /// A bundle: what is new and changed, of the session and its sub-agents.
    #[default]
    Bundle,
    /// A plain export of the whole session, from a host where opencode's database cannot be read.
    Export,
}

/// A file that came back.
pub(crate) struct Returned {
    pub(crate) kind: ReturnedKind,
    pub(crate) root: Section,
    /// Its sub-agents', parents first.
    pub(crate) children: Vec<Section>,
}

/// What came back of one session.
#[derive(Default)]
pub(crate) struct Section {
    pub(crate) session: String,
    pub(crate) parent: Option<String>,
    /// It was made there since the launch.
    pub(crate) is_new: bool,
    /// It is as it was at the launch, and home was not known to have it then.
    pub(crate) is_same: bool,
    /// Messages and parts of a sub-agent that are as they were at the launch, by the host's ids.
    pub(crate) former: HashSet<String>,
    /// What the host still has of what left; only a bundle says so.
    pub(crate) known: Option<Known>,
    pub(crate) record: String,
    pub(crate) todos: Option<String>,
    pub(crate) todo_count: usize,
    /// How it stood before the run.
    pub(crate) base: Option<Base>,
    /// The messages and parts in the file, in the host's ids.
    pub(crate) outline: Outline,
    pub(crate) messages: Vec<ReturnedRows>,
}

/// A message in the file.
pub(crate) struct ReturnedRows {
    offset: u64,
    length: usize,
    /// `time.created`, in milliseconds since the epoch by the host's clock.
    pub(crate) created_ms: i64,
    pub(crate) is_user: bool,
}

/// A session as it stood on the host before the run.
#[derive(Deserialize)]
pub(crate) struct Base {
    pub(crate) info: Raw,
    #[serde(default)]
    pub(crate) todos: Option<Raw>,
}

impl ReturnedRows {
    pub(crate) fn read(&self, input: &mut (impl Read + Seek)) -> Result<String, ExportError> {
        let mut bytes = vec![0; self.length];
        input.seek(SeekFrom::Start(self.offset))?;
        input.read_exact(&mut bytes)?;
        parse::<Message<'_>>(self.offset, &bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| ExportError::Cut { offset: self.offset })?;
        Ok(on_one_line(&text).into_owned())
    }
}

/// How much of a file may still be held.
#[derive(Clone)]
struct Room {
    rows: usize,
    bytes: usize,
}

impl Room {
    /// Takes room for a value that begins at `start` of the file.
    fn hold(&mut self, start: u64, bytes: usize) -> Result<(), ExportError> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or(ExportError::TooLarge { offset: start, limit: HELD })?;
        Ok(())
    }

    fn rows(&mut self, rows: usize) -> Result<(), ExportError> {
        let too_many = || {
            ExportError::not_an_export(format!("it has more than {MOST_NEW} messages and parts that are new"))
        };
        self.rows = self.rows.checked_sub(rows).ok_or_else(too_many)?;
        Ok(())
    }
}

/// Reads the file to its end. `known`: how many messages and parts home has, of all sessions that may be in it.
pub(crate) fn read_back(
    input: &mut (impl Read + Seek),
    session: &str,
    known: usize,
) -> Result<Returned, HomeError> {
    let mut room = Room { rows: known.saturating_add(MOST_NEW), bytes: HELD };
    if !is_bundle(input)? {
        input.seek(SeekFrom::Start(0)).map_err(ExportError::Io)?;
        let root = export(input, session, &mut room)?;
        check_session(session, &root.session)?;
        return Ok(Returned { kind: ReturnedKind::Export, root, children: Vec::new() });
    }
    let (mut root, mut children) = (None, Vec::new());
    let mut at = 0;
    while let Some((header, document)) = section_at(input, at)? {
        if root.is_none() {
            check_session(session, &header.session)?;
        }
        let read = read_section(input, header, document, (root.is_some(), &mut room))?;
        match root {
            None => root = Some(read),
            Some(_) if children.len() < MOST => children.push(read),
            Some(_) => {
                return Err(ExportError::not_an_export(format!("it has more than {MOST} sessions")).into());
            }
        }
        at = document.next(input)?;
    }
    let root = root.ok_or(ExportError::Cut { offset: 0 })?;
    Ok(Returned { kind: ReturnedKind::Bundle, root, children })
}

/// A plain export. Plugins of the host's opencode may have printed something around it.
fn export(input: &mut (impl Read + Seek), session: &str, room: &mut Room) -> Result<Section, HomeError> {
    let mut tried = room.clone();
    let wrong = match section(ExportReader::at(0, &mut *input, Limits::HOST), None, &mut tried) {
        Ok(section) => return Ok(section),
        Err(wrong) => wrong,
    };
    let range = find_export(input, session, Limits::HOST)?.ok_or(wrong)?;
    input.seek(SeekFrom::Start(range.start)).map_err(ExportError::Io)?;
    Ok(section(ExportReader::within(range.start, input, Limits::HOST), None, room)?)
}

fn read_section(
    input: &mut (impl Read + Seek),
    header: Header,
    document: Document,
    (is_child, room): (bool, &mut Room),
) -> Result<Section, HomeError> {
    let mut section = section(document.open(input)?, Some(header.known), room)?;
    section.is_new = header.new.unwrap_or(true);
    section.is_same = header.same;
    check_session(&header.session, &section.session)?;
    // The session itself may be somebody's sub-agent; its parent stayed at home.
    if is_child && section.parent != header.parent {
        let owner = header.parent.unwrap_or_else(|| "nobody".to_owned());
        return Err(ExportError::Stray { item: section.session, owner }.into());
    }
    Ok(section)
}

pub(crate) fn check_session(expected: &str, found: &str) -> Result<(), HomeError> {
    if expected == found {
        return Ok(());
    }
    Err(HomeError::OtherSession { expected: expected.to_owned(), found: found.to_owned() })
}

fn section<R: Read>(
    mut reader: ExportReader<R>,
    known: Option<Known>,
    room: &mut Room,
) -> Result<Section, ExportError> {
    let mut section = Section { known, ..Section::default() };
    loop {
        let offset = reader.offset();
        let Some(event) = reader.next()? else { return Ok(section) };
        match event {
            Event::Info(text, info) => {
                room.hold(offset, text.len())?;
                check_counters(text)?;
                section.record = on_one_line(text).into_owned();
                section.session = info.id;
                section.parent = info.parent;
            }
            // Only home may hold what opencode does not write today.
            Event::Message(_, _, message) if message.is_odd() => {
                let what = "a field of a message is not of the kind that opencode writes";
                return Err(ExportError::not_an_export(what));
            }
            Event::Message(offset, text, message) => {
                room.rows(1 + message.parts.len())?;
                if message.info.counters_size() > LONGEST_COUNTER {
                    return Err(no_counters());
                }
                section.outline.add(&message)?;
                section.messages.push(ReturnedRows {
                    offset,
                    length: text.len(),
                    created_ms: message.info.time.created_ms(),
                    is_user: message.info.is_user(),
                });
            }
            Event::Other(key, text) => {
                let held = matches!(key.as_str(), "todos" | "base" | "former");
                room.hold(offset, if held { text.len() } else { 0 })?;
                section.other(offset, &key, text)?;
            }
        }
    }
}

impl Section {
    /// A field beside the record and the messages, which begins at `offset` of the file.
    fn other(&mut self, offset: u64, key: &str, text: &str) -> Result<(), ExportError> {
        #[derive(Deserialize)]
        struct Former(#[serde(deserialize_with = "at_most::<MOST_NEW, String, _, _>")] HashSet<String>);
        match key {
            "todos" if text.len() > LONGEST_TODOS => {
                return Err(ExportError::TooLarge { offset, limit: LONGEST_TODOS });
            }
            "todos" => {
                let (todos, count) = todos(text)?;
                (self.todos, self.todo_count) = (Some(todos), count);
            }
            "base" => {
                self.base = serde_json::from_str(&on_one_line(text))?;
                self.base.as_ref().map_or(Ok(()), |base| check_counters(base.info.get()))?;
            }
            "former" => {
                let Former(ids) = serde_json::from_str(text)?;
                self.former = ids;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Cost and tokens of a record are added up later: a handful of numbers.
fn check_counters(record: &str) -> Result<(), ExportError> {
    let record = Object::parse(record)?;
    let is_long = |key| record.get(key).is_some_and(|raw| raw.get().len() > LONGEST_COUNTER);
    if is_long("cost") || is_long("tokens") { Err(no_counters()) } else { Ok(()) }
}

fn no_counters() -> ExportError {
    ExportError::not_an_export("cost or tokens are not of the kind that opencode writes")
}

/// Todos as opencode keeps them, and their number.
fn todos(text: &str) -> Result<(String, usize), ExportError> {
    #[derive(Deserialize)]
    struct Todo<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
        #[serde(borrow)]
        status: &'a RawValue,
        #[serde(borrow)]
        priority: &'a RawValue,
    }
    let line = on_one_line(text);
    let all: Vec<Todo<'_>> = serde_json::from_str(&line)?;
    let is_text = |raw: &RawValue| raw.get().starts_with('"');
    if all.iter().all(|todo| is_text(todo.content) && is_text(todo.status) && is_text(todo.priority)) {
        let count = all.len();
        return Ok((line.into_owned(), count));
    }
    Err(ExportError::not_an_export("a todo is not of opencode's shape"))
}

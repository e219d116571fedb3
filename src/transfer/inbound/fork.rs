//! What came back as a session of its own, whole: the session at home has moved on, or a copy was sent.

use crate::session::raw::Object;
use crate::session::{CopySpec, ExportError, FreshIds, Outline, Renaming, copied_session_id, record_of_copy};
use crate::transfer::baseline::Baseline;
use crate::transfer::edit::{Pieces, part_ids};
use crate::transfer::error::HomeError;
use crate::transfer::inbound::change_reader::{MergedChange, MergedChanges};
use crate::transfer::inbound::change_writer::ChangeWriter;
use crate::transfer::inbound::result::MergeResult;
use crate::transfer::inbound::sent_export::Before;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};

/// What a fork is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkInput<'a> {
    pub left: &'a Outline,
    pub undo: &'a Baseline,
    pub merged: &'a MergeResult,
    /// The sub-agents' sessions that home has.
    pub children: &'a [(String, Outline)],
}

impl ForkInput<'_> {
    /// Whether home has this sub-agent's session.
    fn has(&self, session: &str) -> bool {
        self.children.iter().any(|(id, _)| *id == session)
    }
}

/// Writes to `output` a change set for a session of its own, with fresh ids, of what left and what was done on the host.
/// `random` is asked for 64 bits at a time. Returns the sub-agents' sessions that home has and that went on there: what is
/// new in them is left out, since they cannot be in two places.
///
/// `before` is an export of the session at home: the one that left, or a later one, of which only what left counts.
/// `change_set` is what [`crate::transfer::reconcile`] wrote. The fork is nobody's sub-agent and grants nothing, as with
/// [`crate::session::copy`]. The sub-agents of the run are copied: the session itself may bring them home one day.
pub(crate) fn fork(
    away: &ForkInput<'_>,
    before: impl Read,
    change_set: impl Read,
    output: impl Write,
    spec: &CopySpec,
    random: &mut dyn FnMut() -> u64,
) -> Result<Vec<String>, HomeError> {
    let mut outline = Outline::default();
    away.merged.add_to(&mut outline, away.left)?;
    let sub_agents = away.merged.sub_agents.iter().filter(|(id, _)| !away.has(id));
    let mut others = HashMap::new();
    for (id, of) in sub_agents {
        of.iter().try_for_each(|message| outline.push(message.id(), message.parts()))?;
        others.insert(id.clone(), copied_session_id(id, spec.now_ms, random));
    }
    let ids = FreshIds::of(&outline, spec.now_ms, random).ok_or(HomeError::Repeats)?;
    let session = away.undo.session.as_str();
    let mut writer = Writer {
        away,
        spec,
        renaming: Renaming { from: session, to: &spec.session, ids: &ids, others: &others },
        random,
        buffer: String::new(),
        rows: ChangeWriter::new(output),
    };
    let mut changes = MergedChanges::new(change_set)?;
    writer.record(&mut changes)?;
    writer.left(Before::new(before, session), &mut changes)?;
    let left_out = writer.rest(&mut changes)?;
    writer.rows.end()?;
    Ok(left_out)
}

struct Writer<'a, W: Write> {
    away: &'a ForkInput<'a>,
    spec: &'a CopySpec,
    renaming: Renaming<'a>,
    random: &'a mut dyn FnMut() -> u64,
    buffer: String,
    rows: ChangeWriter<W>,
}

impl<W: Write> Writer<'_, W> {
    fn renamed(&mut self, json: &str) -> String {
        self.renaming.renamed(json, &mut self.buffer, self.random).to_owned()
    }

    fn session(&self, id: &str) -> String {
        match id == self.renaming.from {
            true => self.renaming.to.to_owned(),
            false => self.renaming.others.get(id).map_or(id, String::as_str).to_owned(),
        }
    }

    /// The session itself: its record, with what changed in it, and its todos.
    fn record(&mut self, changes: &mut MergedChanges<impl Read>) -> Result<(), HomeError> {
        let session = self.away.undo.session.as_str();
        let mut record = self.away.undo.sent.info.get().to_owned();
        let mut todos = self.away.undo.sent.todos.as_ref().map(|todos| todos.get().to_owned());
        loop {
            match changes.next.take() {
                Some(MergedChange::Patch(of, fields)) if of == session => record = patched(&record, fields)?,
                Some(MergedChange::Todos(of, raw)) if of == session => todos = Some(raw.get().to_owned()),
                other => {
                    changes.next = other;
                    break;
                }
            }
            changes.read()?;
        }
        let record = self.renamed(&record);
        let mut info = Object::parse(&record)?;
        // With this field, opencode would delete the work at the next prompt.
        info.remove("revert");
        let record = serde_json::to_string(&info)?;
        let record = record_of_copy(&record, self.spec, self.random)?;
        self.rows.session(self.renaming.to, None, &record)?;
        match todos.filter(|todos| todos != "[]") {
            Some(todos) => self.rows.todos(self.renaming.to, &todos),
            None => Ok(()),
        }
    }

    /// What left, with what changed there.
    fn left(
        &mut self,
        mut before: Before<'_, impl Read>,
        changes: &mut MergedChanges<impl Read>,
    ) -> Result<(), HomeError> {
        let mut left = self.away.left.iter().peekable();
        let late = self.away.merged.late_by_message();
        while let Some(expected) = left.peek().copied() {
            let id = expected.id();
            let Some((found, _, text)) = before.next()? else {
                return Err(HomeError::NotKept { id: id.to_owned() });
            };
            if found != id {
                continue;
            }
            left.next();
            let (info, changed) = changes.of_message(id)?;
            let pieces = Pieces::of(&text)?;
            let info = info.map_or_else(|| pieces.info.get().to_owned(), |info| info.get().to_owned());
            let late = late.get(id).into_iter().flatten().copied();
            let ids: HashSet<&str> = expected.parts().chain(late).collect();
            let other: HashSet<&str> = changed.iter().map(|(id, _)| id.as_str()).collect();
            let mut parts: Vec<(String, String)> = Vec::new();
            for (id, raw) in part_ids(&text)?.into_iter().zip(&pieces.parts) {
                if ids.contains(id.as_str()) && !other.contains(id.as_str()) {
                    parts.push((id, raw.get().to_owned()));
                }
            }
            // A part that was only given an end is gone if the host undid it.
            let changed = changed.into_iter().filter(|(id, _)| ids.contains(id.as_str()));
            parts.extend(changed.map(|(id, raw)| (id, raw.get().to_owned())));
            parts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            self.message(&info)?;
            for (_, part) in parts {
                self.part(&part)?;
            }
        }
        Ok(())
    }

    /// The new messages, and the sub-agents of the run.
    fn rest(&mut self, changes: &mut MergedChanges<impl Read>) -> Result<Vec<String>, HomeError> {
        let root = self.away.undo.session.clone();
        let mut left_out = Vec::new();
        while let Some(change) = changes.take()? {
            let session = change.session().to_owned();
            if session != root && self.away.has(&session) {
                if left_out.last() != Some(&session) && !left_out.contains(&session) {
                    left_out.push(session);
                }
                continue;
            }
            match change {
                MergedChange::Session(id, parent, info) => {
                    // If its parent stays with the original session, it belongs to the fork itself.
                    let parent = parent.filter(|parent| !self.away.has(parent)).unwrap_or(root.clone());
                    let (id, parent) = (self.session(&id), self.session(&parent));
                    let info = self.renamed(info.get());
                    let mut info = Object::parse(&info)?;
                    info.set("parentID", &parent)?;
                    let info = serde_json::to_string(&info)?;
                    self.rows.session(&id, Some(&parent), &info)?;
                }
                MergedChange::Message { info, .. } => self.message(info.get())?,
                MergedChange::Part { raw, .. } => self.part(raw.get())?,
                MergedChange::Todos(_, todos) => self.rows.todos(&self.session(&session), todos.get())?,
                MergedChange::Patch(..) => {}
            }
        }
        Ok(left_out)
    }

    fn message(&mut self, info: &str) -> Result<(), HomeError> {
        let info = self.renamed(info);
        self.rows.message(&info)
    }

    fn part(&mut self, part: &str) -> Result<(), HomeError> {
        let part = self.renamed(part);
        self.rows.part(&part)
    }
}

/// A record with the fields of a patch.
fn patched(record: &str, fields: Vec<(&'static str, Box<RawValue>)>) -> Result<String, ExportError> {
    let mut info = Object::parse(record)?;
    for (key, value) in fields {
        if value.get() == "null" {
            info.remove(key);
        } else {
            info.set(key, &value)?;
        }
    }
    serde_json::to_string(&info).map_err(ExportError::from)
}

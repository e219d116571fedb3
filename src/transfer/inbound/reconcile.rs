//! What came back, made into what comes home.

use crate::session::message::Message;
use crate::session::same::same;
use crate::session::snapshots::kept;
use crate::session::{Completing, ExportError, Outline, SAME_CLOCK_MS};
use crate::transfer::baseline::{Baseline, PartOf};
use crate::transfer::edit::{Edit, Pieces, part_ids};
use crate::transfer::error::HomeError;
use crate::transfer::inbound::change_writer::ChangeWriter;
use crate::transfer::inbound::limits::{check_changed, check_message, check_record};
use crate::transfer::inbound::merge::{OnBreach, Versions, merge_message};
use crate::transfer::inbound::new_ids::{Bounds, TimeMap};
use crate::transfer::inbound::result::{MergeContext, MergeResult};
use crate::transfer::inbound::returned::{Returned, ReturnedKind, Section, read_back};
use crate::transfer::inbound::rights::{Breach, OpenRows};
use crate::transfer::inbound::sent_export::Before;
use crate::transfer::inbound::sent_rows::{CheckedRows, Origin, SentRows};
use crate::transfer::inbound::session_record::{Changed, Records, changed_todos};
use crate::transfer::inbound::to_home::ToHome;
use crate::transfer::inbound::usage::Usage;
use crate::transfer::outbound::id_map::IdMap;
use crate::transfer::outbound::to_host::ToHost;
use crate::transfer::setting::put_back;
use crate::transfer::settle::{Ending, settled};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek, Write};

/// Checks the file `back` (a bundle, or a plain export) against what left, and writes to `output` the change set: the
/// changes that make of the session at home the one that left, and the work.
///
/// `left` is the outline of the export that the copy was made from. `before` is that export, or one of the session at
/// home as long as that has not moved on. It is read as far as needed, if a row that left comes back changed or was given
/// an end in the copy. Of such a row only what the host changed changes at home, not what preparing changed.
///
/// - New messages and parts come as they are. The last user message among them gets agent and model of before, since
///   the TUI goes on with them.
/// - Calls that were open when the session left are ended at home as they were in the copy; calls that the run left open
///   are ended as well.
/// - Of the session's record and todos comes what the run changed there, if the table of rights lets a host change it.
///   Whether it changed here, too, is for the reader of the file to see. Rules never come.
/// - What a host changed in older messages beyond its right is in the file, too, and in [`MergeResult::breaches`]: then the file
///   is not for the session itself.
/// - If somebody undid the end of what left and went on, the host has only its beginning. What comes home does not fit into the
///   session at home then; see [`MergeResult::remaining`].
/// - A plain export holds neither sub-agents nor todos, and does not tell how things stood before: of what left, only parts
///   that were added come home.
///
/// On an error, `output` is incomplete.
pub(crate) fn reconcile(
    left: &Outline,
    undo: &Baseline,
    mut back: impl Read + Seek,
    before: impl Read,
    output: impl Write,
    here: &MergeContext<'_>,
) -> Result<MergeResult, HomeError> {
    let rows = |outline: &Outline| outline.len() + outline.part_count();
    let known = rows(left) + here.children.iter().map(|(_, outline)| rows(outline)).sum::<usize>();
    let merged = read_back(&mut back, &undo.session, known)?;
    let sent_rows = SentRows::new(left, undo)?;
    let children: Vec<&str> = here.children.iter().map(|(id, _)| id.as_str()).collect();
    let CheckedRows { standings, remaining } = sent_rows.check(&merged, &children)?;
    let earliest_ms = if here.host_is_ahead { 0 } else { here.launched_ms.saturating_sub(SAME_CLOCK_MS) };
    let bounds = Bounds {
        ahead_ms: undo.clock.map_or(0, |clock| clock.ahead_ms),
        launched_ms: here.launched_ms,
        earliest_ms,
        now_ms: here.now_ms,
    };
    let directory = undo.record()?.get("directory").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let directory = directory.unwrap_or_default();
    let inward = ToHome::new(undo, &sent_rows, &merged, &standings, here.children, bounds, directory);
    let mut home = Merge {
        undo,
        here,
        sent_rows: remaining.as_ref().unwrap_or(&sent_rows),
        inward: &inward,
        outward: ToHost::new(&sent_rows.taken, undo.clock, undo.paths.as_ref()),
        rows: ChangeWriter::new(output),
        merged: MergeResult::of(merged.kind),
        asked: None,
    };
    home.record(&merged, &standings, &mut back)?;
    let before = Before::new(before, &undo.session);
    home.root(&merged.root, &standings, &mut back, before)?;
    let former = home.former(&merged);
    for (section, child) in (1..).zip(&merged.children) {
        if !former.contains(child.session.as_str()) {
            home.child(section, child, &mut back)?;
        }
    }
    home.merged.keeps_ids = home.keeps_ids(&merged)?;
    home.rows.end()?;
    home.merged.todos =
        merged.children.iter().map(|child| child.todo_count).fold(merged.root.todo_count, usize::max);
    let merged = home.merged;
    Ok(MergeResult { remaining: remaining.map(|remaining| remaining.taken), ..merged })
}

/// A file that came back, on its way into a change set.
pub(crate) struct Merge<'h, W: Write> {
    pub(crate) undo: &'h Baseline,
    pub(crate) here: &'h MergeContext<'h>,
    sent_rows: &'h SentRows,
    pub(crate) inward: &'h ToHome<'h>,
    outward: ToHost<'h>,
    pub(crate) rows: ChangeWriter<W>,
    pub(crate) merged: MergeResult,
    /// The user message that the last message of home that was read answers.
    asked: Option<String>,
}

impl<W: Write> Merge<'_, W> {
    /// What changed in the session's own record and todos.
    fn record(
        &mut self,
        merged: &Returned,
        standings: &[Origin],
        back: &mut (impl Read + Seek),
    ) -> Result<(), HomeError> {
        if merged.kind == ReturnedKind::Export {
            self.merged.not_carried =
                vec!["todos", "sub-agents", "title and cost", "changes of older messages"];
            return Ok(());
        }
        let sent = &self.undo.sent;
        let home = Some(sent.info.get());
        let base = merged.root.base.as_ref().map(|base| base.info.get()).or(home);
        let mut spent = Usage::default();
        for (message, _) in merged.root.messages.iter().zip(standings).filter(|(_, of)| **of == Origin::New) {
            let text = message.read(back)?;
            check_message(&text)?;
            spent.add(&text)?;
        }
        check_record(&self.undo.session, &merged.root.record)?;
        let changed = Changed::of(&Records { now: &merged.root.record, base, home }, &spent)?;
        self.merged.has_other_rules |= changed.has_other_rules;
        self.merged.is_overcounted |= changed.is_overcounted;
        if let Some(patch) = changed.patch(&self.undo.session) {
            self.rows.patch(patch)?;
        }
        if let Some(todos) = changed_todos(&merged.root, Some(sent)) {
            self.rows.todos(&self.undo.session, todos)?;
        }
        Ok(())
    }

    /// The messages of the session itself, in its order: those that left and are other ones now, then the new ones.
    fn root(
        &mut self,
        root: &Section,
        standings: &[Origin],
        back: &mut (impl Read + Seek),
        mut before: Before<'_, impl Read>,
    ) -> Result<(), HomeError> {
        let ended: HashSet<&str> = self.undo.settled.iter().map(|part| part.message.as_str()).collect();
        let ended =
            self.sent_rows.home.iter().enumerate().filter(|(_, message)| ended.contains(message.id()));
        let mut known: BTreeMap<usize, Option<usize>> = ended.map(|(position, _)| (position, None)).collect();
        for (at, standing) in standings.iter().enumerate() {
            if let Origin::Sent(position) = standing
                && self.is_worth(root, at)
            {
                known.insert(*position, Some(at));
            }
        }
        for (position, at) in known {
            let id = self.sent_rows.home.get(position).map(|message| message.id()).unwrap_or_default();
            let (own, created_ms) = self.own(&mut before, id)?;
            let merged = at.and_then(|at| Some((self.inward.timing(0, at), root.messages.get(at)?)));
            let merged = merged.map(|(timing, message)| Ok::<_, ExportError>((timing, message.read(back)?)));
            let merged = merged.transpose()?;
            self.known(&own, created_ms, merged.as_ref().map(|(timing, text)| (*timing, text.as_str())))?;
        }
        let new =
            || (0..).zip(&root.messages).zip(standings).filter(|(_, standing)| **standing == Origin::New);
        let last_user = new().filter(|((_, message), _)| message.is_user).last().map(|((at, _), _)| at);
        for ((at, message), _) in new() {
            let timing = self.inward.timing(0, at);
            let text = message.read(back)?;
            check_message(&text)?;
            self.new_message(&self.inward.message(&text, timing)?, last_user == Some(at))?;
            self.merged.newest_ms = self.merged.newest_ms.max(Some(timing.created(message.created_ms)));
        }
        Ok(())
    }

    /// A message as it stood when it left, and its `time.created` in the copy.
    fn own(&mut self, before: &mut Before<'_, impl Read>, id: &str) -> Result<(String, i64), HomeError> {
        while let Some((found, home_ms, text)) = before.next()? {
            let created_ms = self.outward.created(home_ms);
            if found == id {
                self.asked = before.asked().map(str::to_owned);
                return Ok((text, created_ms));
            }
        }
        Err(HomeError::NotKept { id: id.to_owned() })
    }

    /// A message of home with what was filled in for the copy.
    fn completed<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, HomeError> {
        let Some(filler) = &self.undo.filled else { return Ok(Cow::Borrowed(text)) };
        let message: Message<'_> = serde_json::from_str(text)?;
        Ok(Completing::behind(filler.clone(), self.asked.clone()).message(text, &message)?)
    }

    /// Whether a message that left need be looked at. A bundle holds no others; of an export, only those with new parts.
    fn is_worth(&self, root: &Section, at: usize) -> bool {
        self.merged.kind == ReturnedKind::Bundle
            || root
                .outline
                .get(at)
                .is_some_and(|message| message.parts().any(|part| !self.sent_rows.has(part)))
    }

    /// A message that left: `own` stands at home, `back` came back, in the terms of the host, with its times.
    fn known(&mut self, own: &str, created_ms: i64, back: Option<(TimeMap, &str)>) -> Result<(), HomeError> {
        let ended = match &self.undo.settled_with {
            Some(settled_with) => settled(own, &Ending::of_sent(settled_with, &self.sent_rows.taken))?,
            None => Cow::Borrowed(own),
        };
        let open = OpenRows::of(own)?;
        let merged = match back {
            Some((timing, back)) => {
                let completed = self.completed(&ended)?;
                let message: Message<'_> = serde_json::from_str(&completed)?;
                let sent = self.outward.message(&completed, &message, created_ms)?;
                check_changed(&sent, back)?;
                let base = self.inward.message(&sent, self.inward.bounds.known())?;
                let theirs = self.inward.message(back, timing)?;
                let versions = Versions { base: &base, ours: &ended, theirs: &theirs };
                let breaches = &mut self.merged.breaches;
                let merged = merge_message(&versions, &open, OnBreach::Take, breaches)?;
                let merged = kept(&ended, merged)?;
                self.merged.older_changed += usize::from(!same(&merged, &ended));
                Cow::Owned(merged)
            }
            None => ended,
        };
        let text = self.ended(&merged)?.into_owned();
        let late = self.changes(own, &text)?;
        for part in late {
            let is_added = self.undo.added_to(&part.message).any(|added| added == part.part);
            if !is_added && !open.message {
                let breach = Breach { row: part.part.clone(), field: String::new() };
                self.merged.breaches.push(breach);
            }
            self.merged.late_parts.push(part);
        }
        Ok(())
    }

    /// Writes what of a message differs from `own`; returns the parts that are new.
    pub(crate) fn changes(&mut self, own: &str, text: &str) -> Result<Vec<PartOf>, HomeError> {
        let own_ids = part_ids(own)?;
        let own_ids: HashMap<&str, usize> = own_ids.iter().map(String::as_str).zip(0..).collect();
        let (own, now) = (Pieces::of(own)?, Pieces::of(text)?);
        let message: Message<'_> = serde_json::from_str(text)?;
        let mut parts = Vec::new();
        let mut late = Vec::new();
        for (raw, part) in now.parts.iter().zip(&message.parts) {
            match own_ids.get(part.id.as_str()).and_then(|at| own.parts.get(*at)) {
                Some(before) if same(before.get(), raw.get()) => {}
                Some(_) => {
                    self.merged.changed += 1;
                    parts.push(raw);
                }
                None if self.was_cut(&message.info.id, &part.id) => {}
                None => {
                    late.push(PartOf { message: message.info.id.clone(), part: part.id.clone() });
                    parts.push(raw);
                }
            }
        }
        let changed = !same(own.info.get(), now.info.get());
        self.merged.changed += usize::from(changed);
        if changed || !late.is_empty() {
            self.rows.message(now.info.get())?;
        }
        parts.into_iter().try_for_each(|part| self.rows.part(part.get()))?;
        Ok(late)
    }

    /// Whether preparing added this part, and somebody undid it on the host.
    fn was_cut(&self, message: &str, part: &str) -> bool {
        self.undo.added_to(message).any(|added| added == part)
            && self.sent_rows.pairs().all(|(home, _)| home != part)
    }

    /// A message of the session itself that is new.
    fn new_message(&mut self, text: &str, is_last_user: bool) -> Result<(), HomeError> {
        let text = self.ended(text)?;
        let text = if is_last_user {
            let mut edit = Edit::new(&text)?;
            put_back(&mut edit.info, self.undo)?;
            Cow::Owned(edit.json()?)
        } else {
            text
        };
        let message: Message<'_> = serde_json::from_str(&text)?;
        self.merged.new_messages.add(&message)?;
        self.merged.note(&message);
        self.write(&text)
    }

    /// A message of the run, without open calls.
    pub(crate) fn ended<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, HomeError> {
        let ending = Ending {
            hand_off: None,
            error: "The run on the other host ended while this tool was running; its result is not known.",
            now_ms: self.here.now_ms,
        };
        Ok(settled(text, &ending)?)
    }

    /// A new message, as it is to be.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), HomeError> {
        let split = Pieces::of(text)?;
        self.rows.message(split.info.get())?;
        split.parts.iter().try_for_each(|part| self.rows.part(part.get()))
    }

    /// Whether home's ids and the undo's clock tell all that the host has.
    fn keeps_ids(&self, merged: &Returned) -> Result<bool, HomeError> {
        let Some(clock) = self.undo.clock else { return Ok(self.inward.ids.is_identity) };
        let mut home = Outline::default();
        self.merged.add_to(&mut home, &self.sent_rows.home)?;
        let places = IdMap::new(&home, Some(&clock.later(self.here.now_ms)));
        let known = |there: &str| self.inward.id(there).is_some_and(|home| places.there(home) == there);
        let left = self.sent_rows.pairs().all(|(home, there)| places.there(home) == there);
        Ok(left && merged.root.outline.sorted().into_iter().all(known))
    }
}

//! The rows that left, as the host has them, and whether it still has all.

use crate::session::bundle::Known;
use crate::session::{ExportError, Outline};
use crate::transfer::baseline::Baseline;
use crate::transfer::error::HomeError;
use crate::transfer::inbound::returned::{Returned, ReturnedKind, Section};
use crate::transfer::outbound::id_map::IdMap;
use std::collections::HashSet;

/// The rows that left.
pub(crate) struct SentRows {
    /// In the ids of home, with the parts that preparing added.
    pub(crate) home: Outline,
    /// In the ids of home, without them.
    pub(crate) taken: Outline,
    /// The same, in those of the host.
    pub(crate) there: Outline,
    rows: Vec<SentRow>,
}

/// A row that left.
#[derive(Clone)]
struct SentRow {
    there: String,
    home: String,
    /// The position of its message.
    message: usize,
}

/// Where a message of the session itself, that came back, is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was sent, at this position.
    Sent(usize),
    New,
}

/// What came back: what left, or its beginning, and more.
pub(crate) struct CheckedRows {
    /// Where each message of the session itself is from.
    pub(crate) standings: Vec<Origin>,
    /// If the host does not have all that left: what it still has.
    pub(crate) remaining: Option<SentRows>,
}

impl SentRows {
    pub(crate) fn new(left: &Outline, undo: &Baseline) -> Result<Self, HomeError> {
        let (mut home, mut taken) = (Outline::default(), Outline::default());
        for message in left.iter() {
            let is_added = |id: &&str| undo.added.iter().any(|added| added.part == *id);
            taken.push(message.id(), message.parts().filter(|id| !is_added(id)))?;
            home.push_sorted(message.id(), message.parts().chain(undo.added_to(message.id())))?;
        }
        let mut places = IdMap::new(&taken, undo.clock.as_ref());
        for message in taken.iter() {
            undo.added_to(message.id()).for_each(|part| places.add(message.parts().last(), part));
        }
        let there = places.outline(&home)?;
        let mut rows = Vec::with_capacity(home.len() + home.part_count());
        for (position, (here, there)) in home.iter().zip(there.iter()).enumerate() {
            for (home, there) in here.all().zip(there.all()) {
                rows.push(SentRow { there: there.to_owned(), home: home.to_owned(), message: position });
            }
        }
        rows.sort_unstable_by(|a, b| a.there.cmp(&b.there));
        Ok(Self { home, taken, there, rows })
    }

    fn find(&self, there: &str) -> Option<&SentRow> {
        let at = self.rows.binary_search_by(|row| row.there.as_str().cmp(there)).ok()?;
        self.rows.get(at)
    }

    /// Whether a row with this id of the host's left.
    pub(crate) fn has(&self, there: &str) -> bool {
        self.find(there).is_some()
    }

    /// The ids at home and on the host.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|row| (row.home.as_str(), row.there.as_str()))
    }

    /// The id at home of a row that left.
    pub(crate) fn home_id(&self, there: &str) -> Option<&str> {
        self.find(there).map(|row| row.home.as_str())
    }

    /// Checks that all that left is there once, in its order and its place; or all before the prompt from which somebody undid.
    /// `children` are sub-agents' sessions that home has.
    pub(crate) fn check(&self, back: &Returned, children: &[&str]) -> Result<CheckedRows, HomeError> {
        self.check_ids(back)?;
        self.check_parents(back, children)?;
        let standings = self.check_order(&back.root)?;
        // Only who goes on takes away what was undone.
        let goes_on = standings.contains(&Origin::New);
        let remaining = match (back.kind, &back.root.known) {
            (ReturnedKind::Bundle, Some(known)) => self.check_known(known, goes_on)?,
            _ => self.check_whole(&back.root.outline, goes_on)?,
        };
        Ok(CheckedRows { standings, remaining })
    }

    /// Its first `messages` messages, with `parts` parts in all; `None` if so many are not a beginning of it.
    /// With the next prompt opencode deletes what was undone, from a message or from a part on.
    fn first(&self, messages: usize, parts: usize) -> Result<Option<Self>, ExportError> {
        let none = Outline::default;
        let mut first = Self { home: none(), taken: none(), there: none(), rows: Vec::new() };
        let mut more = parts;
        for (at, there) in self.there.iter().enumerate().take(messages) {
            let (Some(home), Some(taken)) = (self.home.get(at), self.taken.get(at)) else { return Ok(None) };
            let kept = there.parts().len().min(more);
            if kept < there.parts().len() && at + 1 < messages {
                return Ok(None);
            }
            more -= kept;
            let here: Vec<&str> = home.parts().take(kept).collect();
            first.taken.push(taken.id(), taken.parts().filter(|part| here.contains(part)))?;
            first.home.push(home.id(), here.into_iter())?;
            first.there.push(there.id(), there.parts().take(kept))?;
        }
        if first.there.len() < messages || more > 0 {
            return Ok(None);
        }
        let ids = first.there.sorted();
        let is_kept = |row: &&SentRow| ids.binary_search(&row.there.as_str()).is_ok();
        first.rows = self.rows.iter().filter(is_kept).cloned().collect();
        Ok(Some(first))
    }

    /// Every id occurs once, and no sub-agent has one that left.
    fn check_ids(&self, back: &Returned) -> Result<(), HomeError> {
        for child in &back.children {
            if let Some(id) = child.outline.ids().find(|id| self.has(id)) {
                let (item, owner) = (id.to_owned(), child.session.clone());
                return Err(ExportError::Stray { item, owner }.into());
            }
        }
        let sections = || std::iter::once(&back.root).chain(&back.children);
        let sessions = sections().map(|section| section.session.as_str());
        let mut seen = HashSet::new();
        match sessions
            .chain(sections().flat_map(|section| section.outline.ids()))
            .find(|id| !seen.insert(*id))
        {
            Some(id) => Err(ExportError::Duplicate { id: id.to_owned() }.into()),
            None => Ok(()),
        }
    }

    /// Every sub-agent's session has its parent before it, or at home.
    fn check_parents(&self, back: &Returned, children: &[&str]) -> Result<(), HomeError> {
        let mut known: HashSet<&str> = children.iter().copied().collect();
        known.insert(&back.root.session);
        for child in &back.children {
            if !child.parent.as_deref().is_some_and(|parent| known.contains(parent)) {
                return Err(HomeError::Orphan { session: child.session.clone() });
            }
            known.insert(&child.session);
        }
        Ok(())
    }

    /// What left comes in the order in which it left, and before all that is new.
    fn check_order(&self, root: &Section) -> Result<Vec<Origin>, HomeError> {
        let mut standings = Vec::with_capacity(root.messages.len());
        let (mut next, mut new) = (0, false);
        for message in root.outline.iter() {
            let astray = |id: &str| HomeError::OutOfOrder { id: id.to_owned() };
            let row = self.find(message.id());
            let position = row.map(|row| row.message);
            match position {
                Some(position) if new || position < next => return Err(astray(message.id())),
                Some(position) => next = position + 1,
                None => new = true,
            }
            let ids = position.and_then(|position| self.there.get(position));
            let mut expected = ids.iter().flat_map(|ids| ids.parts());
            for part in message.parts().filter(|part| self.has(part)) {
                if !expected.any(|id| id == part) {
                    return Err(astray(part));
                }
            }
            standings.push(position.map_or(Origin::New, Origin::Sent));
        }
        Ok(standings)
    }

    /// What a bundle says of what is still there.
    fn check_known(&self, known: &Known, goes_on: bool) -> Result<Option<Self>, HomeError> {
        let expected = Known::of(&self.there);
        if *known == expected {
            return Ok(None);
        }
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let first = self.first(count(known.messages), count(known.parts))?;
        if let Some(first) = first.filter(|first| goes_on && Known::of(&first.there) == *known) {
            return Ok(Some(first));
        }
        let lost = |expected: u64, known: u64| expected.saturating_sub(known);
        match (lost(expected.messages, known.messages), lost(expected.parts, known.parts)) {
            (0, 0) => Err(HomeError::Altered),
            (messages, parts) => Err(HomeError::Lost { messages, parts }),
        }
    }

    /// Checks a whole session: it has all rows that left, or the first of them.
    fn check_whole(&self, back: &Outline, goes_on: bool) -> Result<Option<Self>, HomeError> {
        let here = back.sorted();
        let is_here = |id: &&str| here.binary_search(id).is_ok();
        let mut missing = self.there.ids().filter(|id| !is_here(id));
        let Some(lost) = missing.next() else { return Ok(None) };
        let messages = self.there.iter().filter(|message| is_here(&message.id())).count();
        let parts = self.there.iter().flat_map(|message| message.parts()).filter(is_here).count();
        // If all of its first so many rows are here, no others are.
        match self.first(messages, parts)? {
            Some(first) if goes_on && first.there.sorted().iter().all(is_here) => Ok(Some(first)),
            _ => Err(HomeError::Missing { first: lost.to_owned(), count: 1 + missing.count() }),
        }
    }
}

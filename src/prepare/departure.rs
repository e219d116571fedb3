//! What left, as the host has it, and whether it is all still there.

use super::back::{Back, BackKind, Section};
use super::error::HomeError;
use super::places::Places;
use super::undo::Undo;
use crate::session::bundle::Known;
use crate::session::{ExportError, Outline};
use std::collections::HashSet;

/// The rows that left.
pub(super) struct Departure {
    /// In the ids of home, with the parts that preparing added.
    pub(super) home: Outline,
    /// In the ids of home, without them.
    pub(super) taken: Outline,
    /// The same, in those of the host.
    pub(super) there: Outline,
    rows: Vec<Row>,
}

/// A row that left.
struct Row {
    there: String,
    home: String,
    /// The position of its message.
    message: usize,
}

/// What a message of the session itself is, that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It left, and stood at this position.
    Left(usize),
    New,
}

impl Departure {
    pub(super) fn new(left: &Outline, undo: &Undo) -> Result<Self, HomeError> {
        let (mut home, mut taken) = (Outline::default(), Outline::default());
        for message in left.iter() {
            let is_added = |id: &&str| undo.added.iter().any(|added| added.part == *id);
            taken.push(message.id(), message.parts().filter(|id| !is_added(id)))?;
            let mut parts: Vec<&str> = message.parts().chain(undo.added_to(message.id())).collect();
            parts.sort_unstable();
            parts.dedup();
            home.push(message.id(), parts.into_iter())?;
        }
        let mut places = Places::new(&taken, undo.clock.as_ref());
        for message in taken.iter() {
            undo.added_to(message.id()).for_each(|part| places.add(message.parts().last(), part));
        }
        let there = places.outline(&home)?;
        let mut rows = Vec::with_capacity(home.len() + home.part_count());
        for (position, (here, there)) in home.iter().zip(there.iter()).enumerate() {
            let ids = std::iter::once(here.id()).chain(here.parts());
            for (home, there) in ids.zip(std::iter::once(there.id()).chain(there.parts())) {
                rows.push(Row { there: there.to_owned(), home: home.to_owned(), message: position });
            }
        }
        rows.sort_unstable_by(|a, b| a.there.cmp(&b.there));
        Ok(Self { home, taken, there, rows })
    }

    fn find(&self, there: &str) -> Option<&Row> {
        let at = self.rows.binary_search_by(|row| row.there.as_str().cmp(there)).ok()?;
        self.rows.get(at)
    }

    /// Whether a row with this id of the host's left.
    pub(super) fn has(&self, there: &str) -> bool {
        self.find(there).is_some()
    }

    /// The ids at home and on the host.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|row| (row.home.as_str(), row.there.as_str()))
    }

    /// The id at home of a row that left.
    pub(super) fn home_id(&self, there: &str) -> Option<&str> {
        self.find(there).map(|row| row.home.as_str())
    }

    /// Checks that all that left is there, once, in its order and in its place, and tells what each message of the
    /// session itself is. `children` are sub-agents' sessions that home has.
    pub(super) fn check(&self, back: &Back, children: &[&str]) -> Result<Vec<Standing>, HomeError> {
        self.check_ids(back)?;
        self.check_parents(back, children)?;
        let standings = self.check_order(&back.root)?;
        match (back.kind, &back.root.known) {
            (BackKind::Bundle, Some(known)) => self.check_known(known)?,
            _ => self.check_whole(&back.root.outline)?,
        }
        Ok(standings)
    }

    /// Every id is there once, and no sub-agent has one that left.
    fn check_ids(&self, back: &Back) -> Result<(), HomeError> {
        let mut sessions: Vec<&str> = std::iter::once(&back.root)
            .chain(&back.children)
            .map(|section| section.session.as_str())
            .collect();
        sessions.sort_unstable();
        let mut ids = back.root.outline.sorted();
        for child in &back.children {
            let of_child = child.outline.sorted();
            if let Some(id) = of_child.iter().find(|id| self.has(id)) {
                let (item, owner) = ((*id).to_owned(), child.session.clone());
                return Err(ExportError::Stray { item, owner }.into());
            }
            ids.extend(of_child);
        }
        ids.sort_unstable();
        let twice =
            |all: &[&str]| all.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned());
        match twice(&sessions).or_else(|| twice(&ids)) {
            Some(id) => Err(ExportError::Duplicate { id }.into()),
            None => Ok(()),
        }
    }

    /// Every sub-agent's session has its parent before it, or at home.
    fn check_parents(&self, back: &Back, children: &[&str]) -> Result<(), HomeError> {
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
    fn check_order(&self, root: &Section) -> Result<Vec<Standing>, HomeError> {
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
            standings.push(position.map_or(Standing::New, Standing::Left));
        }
        Ok(standings)
    }

    /// What a bundle says of what is still there.
    fn check_known(&self, known: &Known) -> Result<(), HomeError> {
        let expected = Known::of(&self.there);
        if *known == expected {
            return Ok(());
        }
        let lost = |expected: u64, known: u64| expected.saturating_sub(known);
        match (lost(expected.messages, known.messages), lost(expected.parts, known.parts)) {
            (0, 0) => Err(HomeError::Altered),
            (messages, parts) => Err(HomeError::Lost { messages, parts }),
        }
    }

    /// A whole session has all of it.
    fn check_whole(&self, back: &Outline) -> Result<(), HomeError> {
        let here = back.sorted();
        let all = self.there.iter().flat_map(|message| std::iter::once(message.id()).chain(message.parts()));
        let mut missing = all.filter(|id| here.binary_search(id).is_err());
        match missing.next() {
            Some(first) => Err(HomeError::Missing { first: first.to_owned(), count: 1 + missing.count() }),
            None => Ok(()),
        }
    }
}

//! Sub-agents' sessions that came back.

use crate::session::raw::Object;
use crate::session::same::same;
use crate::session::{ExportError, Outline};
use crate::transfer::edit::{Pieces, part_ids};
use crate::transfer::error::HomeError;
use crate::transfer::inbound::limits::{check_message, check_record};
use crate::transfer::inbound::merge::{OnBreach, Versions, merge_message};
use crate::transfer::inbound::reconcile::Merge;
use crate::transfer::inbound::returned::{Returned, Section};
use crate::transfer::inbound::rights::OpenRows;
use crate::transfer::inbound::session_record::{Changed, Records, changed_todos};
use crate::transfer::inbound::usage::Usage;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::io::{Read, Seek, Write};

/// What a host may say of a new sub-agent's session. Its rules are its parent's; it is not undone, archived or shared.
const OF_A_NEW_SESSION: [&str; 12] = [
    "id",
    "slug",
    "projectID",
    "parentID",
    "title",
    "agent",
    "model",
    "version",
    "summary",
    "cost",
    "tokens",
    "time",
];

/// The times of such a session; another would archive it.
const TIMES: [&str; 2] = ["created", "updated"];

impl<W: Write> Merge<'_, W> {
    /// Sub-agents' sessions that home does not have, and in which nothing was done since the launch. They are of earlier
    /// trips: home has deleted them, or has them as a copy's. A host that got the session anew sends them all the same,
    /// since it does not know what home has.
    pub(crate) fn former<'b>(&self, merged: &'b Returned) -> HashSet<&'b str> {
        let mut former = HashSet::new();
        let mut parents = HashSet::new();
        for child in merged.children.iter().rev() {
            let is_here = self.here.children.iter().any(|(id, _)| *id == child.session);
            let goes_on = parents.contains(child.session.as_str());
            if !self.here.host_is_ahead && child.is_same && !is_here && !goes_on {
                former.insert(child.session.as_str());
            } else {
                parents.extend(child.parent.as_deref());
            }
        }
        former
    }

    /// An outline in the ids of home.
    fn at_home(&self, merged: &Outline) -> Result<Outline, HomeError> {
        let id = |there| self.inward.id(there).unwrap_or(there);
        let mut home = Outline::default();
        for message in merged.iter() {
            home.push(id(message.id()), message.parts().map(id))?;
        }
        Ok(home)
    }

    /// A sub-agent's session. Of one that home has, only what the run did and what home lacks: a host that does not know
    /// that home has it sends all of it, in its own paths and with its own counts.
    pub(crate) fn child(
        &mut self,
        section: usize,
        child: &Section,
        back: &mut (impl Read + Seek),
    ) -> Result<(), HomeError> {
        let own = self.here.children.iter().find(|(id, _)| *id == child.session).map(|(_, own)| own.sorted());
        let is_wanted = |there: &str| {
            let is_missing =
                |own: &Vec<&str>| self.inward.id(there).is_none_or(|home| own.binary_search(&home).is_err());
            own.as_ref().is_none_or(is_missing) || !child.is_same && !child.former.contains(there)
        };
        let sorted = child.outline.sorted();
        let wanted: HashSet<&str> = sorted.into_iter().filter(|id| is_wanted(id)).collect();
        if own.is_some() && child.is_same && wanted.is_empty() {
            return Ok(());
        }
        let info = self.new_record(child)?;
        self.merged.children += 1;
        self.rows.session(&child.session, child.parent.as_deref(), &info)?;
        match own.is_some() {
            true if child.is_same => {}
            true => self.goes_on(child, own.as_ref(), back)?,
            false => self.is_new(child)?,
        }
        for (at, (message, ids)) in child.messages.iter().zip(child.outline.iter()).enumerate() {
            let parts: Vec<bool> = ids.parts().map(|part| wanted.contains(part)).collect();
            let is_wanted = wanted.contains(ids.id());
            if !is_wanted && !parts.contains(&true) {
                continue;
            }
            let text = message.read(back)?;
            check_message(&text)?;
            let text = self.inward.message(&text, self.inward.timing(section, at))?;
            let id = self.inward.id(ids.id()).unwrap_or(ids.id()).to_owned();
            let own = match own.is_some() {
                true => (self.here.rows)(&child.session, &id).map_err(HomeError::Rows)?,
                false => None,
            };
            match own {
                Some(own) => self.known_of_child(&own, &only(&text, &parts)?)?,
                None => {
                    let text = self.ended(&text)?;
                    self.write(&text)?;
                }
            }
        }
        Ok(())
    }

    /// A message of a sub-agent's session that home has: what a host may change of it comes home, all else stays as it is.
    /// It may differ on the host, by its paths, since it did not leave with the trip.
    fn known_of_child(&mut self, own: &str, theirs: &str) -> Result<(), HomeError> {
        let open = OpenRows::of(own)?;
        let mut breaches = Vec::new();
        let base = self.inward.as_if_sent(own)?;
        let versions = Versions { base: &base, ours: own, theirs };
        let merged = merge_message(&versions, &open, OnBreach::Keep, &mut breaches)?;
        let merged = self.ended(&merged)?.into_owned();
        let kept = part_ids(own)?;
        let is_own = |part: &String| open.message || kept.contains(part);
        let parts: Vec<bool> = part_ids(&merged)?.iter().map(is_own).collect();
        self.merged.kept_rows += breaches.len() + parts.iter().filter(|is_own| !**is_own).count();
        let merged = only(&merged, &parts)?;
        self.merged.older_changed += usize::from(!same(&merged, own));
        self.changes(own, &merged)?;
        Ok(())
    }

    /// The record of a sub-agent's session as home would make it, with what a host may say of it.
    fn new_record(&mut self, child: &Section) -> Result<String, HomeError> {
        check_record(&child.session, &child.record)?;
        let record = self.inward.record(&child.record)?;
        let there = Object::parse(&record)?;
        let mut info = there.only(&OF_A_NEW_SESSION);
        if let Some(time) = there.get("time") {
            info.set("time", &Object::parse(time.get())?.only(&TIMES))?;
        }
        let home = self.undo.record()?;
        for key in ["directory", "path"] {
            if let Some(value) = home.get(key).filter(|_| key == "directory" || there.get(key).is_some()) {
                info.set(key, value)?;
            }
        }
        self.merged.has_other_rules |= grants(&there);
        Ok(serde_json::to_string(&info)?)
    }

    /// What changed in the record and the todos of a sub-agent's session that home has.
    fn goes_on(
        &mut self,
        child: &Section,
        own: Option<&Vec<&str>>,
        back: &mut (impl Read + Seek),
    ) -> Result<(), HomeError> {
        let mut spent = Usage::default();
        for (message, ids) in child.messages.iter().zip(child.outline.iter()) {
            let id = self.inward.id(ids.id()).unwrap_or(ids.id());
            if own.is_none_or(|own| own.binary_search(&id).is_err()) {
                let text = message.read(back)?;
                check_message(&text)?;
                spent.add(&text)?;
            }
        }
        let home = self.here.spent.iter().find(|(id, _)| *id == child.session).map(|(_, spent)| spent.get());
        let base = child.base.as_ref().map(|base| base.info.get());
        let changed = Changed::of(&Records { now: &child.record, base, home }, &spent)?.counted();
        self.merged.is_overcounted |= changed.is_overcounted;
        if let Some(patch) = changed.patch(&child.session) {
            self.rows.patch(patch)?;
        }
        match changed_todos(child, None) {
            Some(todos) => self.rows.todos(&child.session, todos),
            None => Ok(()),
        }
    }

    /// The todos of a sub-agent's session that home does not have, and what it lacks.
    fn is_new(&mut self, child: &Section) -> Result<(), HomeError> {
        let outline = self.at_home(&child.outline)?;
        self.merged.sub_agents.push((child.session.clone(), outline));
        let lacking = "what sub-agents said earlier, in sessions that are not here any more";
        let had_messages = child.known.as_ref().is_some_and(|known| known.messages > 0);
        if had_messages && !self.merged.not_carried.contains(&lacking) {
            self.merged.not_carried.push(lacking);
        }
        match child.todos.as_deref().filter(|todos| !same(todos, "[]")) {
            Some(todos) => self.rows.todos(&child.session, todos),
            None => Ok(()),
        }
    }
}

/// A message with only those of its parts for which `is_kept` says so.
fn only(message: &str, is_kept: &[bool]) -> Result<String, ExportError> {
    let Pieces { info, parts } = Pieces::of(message)?;
    let parts = parts.into_iter().zip(is_kept).filter(|(_, is_kept)| **is_kept).map(|(part, _)| part);
    Ok(serde_json::to_string(&Pieces { info, parts: parts.collect() })?)
}

/// Whether a record has rules that allow something: opencode itself gives sub-agents only such as deny.
fn grants(record: &Object<'_>) -> bool {
    let rules = record.get("permission").map(RawValue::get).filter(|rules| *rules != "null");
    let rules: Option<Vec<std::collections::BTreeMap<String, serde_json::Value>>> =
        rules.map(|rules| serde_json::from_str(rules).unwrap_or_else(|_| vec![Default::default()]));
    rules.is_some_and(|rules| {
        rules.iter().any(|rule| rule.get("action").is_none_or(|action| action != "deny"))
    })
}

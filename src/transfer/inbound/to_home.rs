//! The words of the host in those of home: ids, times and paths of what came back.

use crate::session::message::Message;
use crate::session::snapshots::arriving;
use crate::session::stamp::IdKind;
use crate::session::{ExportError, Outline};
use crate::transfer::baseline::Baseline;
use crate::transfer::error::HomeError;
use crate::transfer::inbound::confine::within;
use crate::transfer::inbound::new_ids::{Bounds, Had, HomeIds, NewIds, Placement, TimeMap};
use crate::transfer::inbound::returned::{Returned, Section};
use crate::transfer::inbound::sent_rows::{Origin, SentRows};
use crate::transfer::paths::Paths;
use crate::transfer::terms::{Replacements, Said, in_other_terms};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Translates what came.
pub(crate) struct ToHome<'a> {
    paths: Option<&'a Paths>,
    sent_rows: &'a SentRows,
    pub(crate) bounds: Bounds,
    /// The session's directory at home.
    directory: String,
    pub(crate) ids: HomeIds,
    /// The times of the messages of each session, in the order of the file.
    timings: Vec<Vec<TimeMap>>,
}

impl<'a> ToHome<'a> {
    /// Settles which ids and times everything gets. `children` are the sub-agents' sessions that home has.
    pub(crate) fn new(
        undo: &'a Baseline,
        sent_rows: &'a SentRows,
        back: &Returned,
        standings: &[Origin],
        children: &[(String, Outline)],
        bounds: Bounds,
        directory: String,
    ) -> Self {
        let mut all = vec![root(undo, sent_rows, &back.root, standings, &bounds)];
        let none = Outline::default();
        // Its messages may be older than the launch if the host got this trip's session anew, or home has deleted the
        // sub-agent's: then the host sends all of it.
        let any_time = Bounds { earliest_ms: 0, ..bounds };
        for child in &back.children {
            let had = children.iter().find(|(id, _)| *id == child.session).map(|(_, outline)| outline);
            let is_whole = child.known.as_ref().is_none_or(|known| known.messages == 0);
            let bounds = if !child.is_new && (is_whole || had.is_none()) { &any_time } else { &bounds };
            all.push(sub_agent(child, had.unwrap_or(&none), bounds));
        }
        let (ids, timings) = HomeIds::new(all, &sent_rows.home);
        Self { paths: undo.paths.as_ref(), sent_rows, bounds, directory, ids, timings }
    }

    /// The times of the `at`th message of the `section`th session in the file.
    pub(crate) fn timing(&self, section: usize, at: usize) -> TimeMap {
        self.timings.get(section).and_then(|all| all.get(at)).copied().unwrap_or_else(|| self.bounds.known())
    }

    pub(crate) fn id<'i>(&'i self, there: &'i str) -> Option<&'i str> {
        self.ids.get(there).or_else(|| self.sent_rows.home_id(there))
    }

    /// A message. It loses the host's snapshots, and all that home would read or do because a host says so.
    pub(crate) fn message<'t>(&self, text: &'t str, timing: TimeMap) -> Result<Cow<'t, str>, HomeError> {
        let message: Message<'_> = serde_json::from_str(text)?;
        self.bounded(Cow::Owned(self.translated(text, &message, timing)?), &message)
    }

    /// A message of home as if a host had sent it. What comes back is compared with that.
    pub(crate) fn as_if_sent<'t>(&self, own: &'t str) -> Result<Cow<'t, str>, HomeError> {
        let message: Message<'_> = serde_json::from_str(own)?;
        self.bounded(Cow::Borrowed(own), &message)
    }

    fn bounded<'t>(&self, text: Cow<'t, str>, message: &Message<'_>) -> Result<Cow<'t, str>, HomeError> {
        let text = arriving(text, message)?;
        Ok(within(text, message, &self.directory)?)
    }

    fn translated(&self, text: &str, message: &Message<'_>, timing: TimeMap) -> Result<String, ExportError> {
        let is_added = |n: usize| message.parts.get(n).is_some_and(|part| !self.sent_rows.has(&part.id));
        let added = timing.of_added(self.bounds.earliest_ms);
        let fields = Replacements {
            id: &|id| self.id(id).map(str::to_owned),
            time: &|said, ms| {
                Some(match said {
                    Said::Created => timing.created(ms),
                    Said::Part(n) if timing.is_known() && is_added(n) => added.home(ms),
                    Said::Part(_) | Said::Other => timing.home(ms),
                })
            },
            path: &|style, text| self.paths.and_then(|paths| paths.homeward(style, text)),
        };
        in_other_terms(text, Some(message), &fields)
    }

    pub(crate) fn record(&self, text: &str) -> Result<String, ExportError> {
        let timing = self.bounds.known();
        let fields = Replacements {
            id: &|id| self.id(id).map(str::to_owned),
            time: &|_, ms| Some(timing.home(ms)),
            path: &|_, _| None,
        };
        in_other_terms(text, None, &fields)
    }
}

fn root(
    undo: &Baseline,
    sent_rows: &SentRows,
    root: &Section,
    standings: &[Origin],
    bounds: &Bounds,
) -> NewIds {
    let home = &sent_rows.home;
    let last = home.len().checked_sub(1).and_then(|last| home.get(last));
    let mut placing = Placement::behind(bounds, undo.sent.newest_ms, last.map(|message| message.id()));
    for ((message, merged), standing) in root.outline.iter().zip(&root.messages).zip(standings) {
        match standing {
            Origin::Sent(position) => {
                let last_part = home.get(*position).and_then(|message| message.parts().last());
                let last_there = sent_rows.there.get(*position).and_then(|message| message.parts().last());
                let late = message.parts().filter(|part| !sent_rows.has(part));
                placing.left(merged.created_ms, &Had { id: "", last_part, last_there }, late);
            }
            Origin::New => placing.new_message(merged.created_ms, message.id(), message.parts()),
        }
    }
    placing.arrivals
}

/// The rows of a sub-agent's session. Those that home has are known by the random ends of their ids, which always stay.
fn sub_agent(section: &Section, home: &Outline, bounds: &Bounds) -> NewIds {
    let mut by_end: HashMap<&str, Option<&str>> = HashMap::new();
    let mut messages = HashMap::new();
    for message in home.iter() {
        messages.insert(message.id(), message);
        for id in message.all() {
            by_end.entry(end_of(id)).and_modify(|twice| *twice = None).or_insert(Some(id));
        }
    }
    let mut ends = HashSet::new();
    let mut twice = HashSet::new();
    for id in section.outline.sorted() {
        if !ends.insert(end_of(id)) {
            twice.insert(end_of(id));
        }
    }
    let same = |id: &str| {
        let end = end_of(id);
        by_end.get(end).copied().flatten().filter(|home| !twice.contains(end) && home.get(..3) == id.get(..3))
    };
    let mut placing = Placement::behind(bounds, None, None);
    for (message, merged) in section.outline.iter().zip(&section.messages) {
        match same(message.id()).and_then(|id| messages.get(id)) {
            Some(own) => {
                let had = Had { id: own.id(), last_part: own.parts().last(), last_there: None };
                placing.had(merged.created_ms, message.id(), &had, message.parts(), &same);
            }
            None => placing.new_message(merged.created_ms, message.id(), message.parts()),
        }
    }
    placing.arrivals
}

fn end_of(id: &str) -> &str {
    let kind = if id.starts_with("msg") { IdKind::Message } else { IdKind::Part };
    kind.read(id).map_or(id, |(_, tail)| tail)
}

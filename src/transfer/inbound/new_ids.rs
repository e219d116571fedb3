//! Which ids and times new rows get at home.
//!
//! They are put back by as much as the host's clock is ahead. If they then lie between what left (and the launch) and now,
//! that is all. But a clock may be set during a run, by decades if a machine without a battery learns the time. So a row
//! that does not fit is tried as it is, as of a clock that has become right; if that does not fit either, it is put right
//! behind the row before it. The rows keep their order in any case, and the same file gives the same ids whenever it is read.

use crate::session::stamp::{DISORDER_MS, IdKind, PER_MS, near, tail_for, up_to};
use crate::session::{Outline, SAME_CLOCK_MS, following_part_id};
use std::collections::{HashMap, HashSet};

/// What a host may call a time, in milliseconds since the epoch: up to the year 10889.
const BELIEVABLE: std::ops::RangeInclusive<i64> = 0..=1 << 48;

/// When things happened, in milliseconds since the epoch by home's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// By how much the host's clock was ahead.
    pub(crate) ahead_ms: i64,
    /// The time of a row that fits in nowhere else.
    pub(crate) launched_ms: i64,
    /// Lower bound for the time of a new row.
    pub(crate) earliest_ms: i64,
    pub(crate) now_ms: i64,
}

/// The times of a message that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeMap {
    /// `time.created` at home; 0 where home has the message and knows it.
    pub(crate) created_ms: i64,
    /// What is subtracted from the host's times.
    offset_ms: i64,
    bounds: [i64; 2],
    /// The other offset that may have held.
    other_ms: i64,
    /// Lower bound for the times of the row.
    earliest_ms: i64,
}

impl TimeMap {
    /// When the message was made, at home; `there_ms` is that of the host.
    pub(crate) fn created(&self, there_ms: i64) -> i64 {
        if self.created_ms > 0 { self.created_ms } else { self.home(there_ms) }
    }

    /// Any other time of the message, at home.
    pub(crate) fn home(&self, there_ms: i64) -> i64 {
        let [_, end] = self.bounds;
        self.translated(there_ms).clamp(self.earliest_ms.min(end), end)
    }

    /// For a part that was added to the message: its times are no older than `earliest_ms`.
    pub(crate) fn of_added(self, earliest_ms: i64) -> Self {
        Self { earliest_ms: self.earliest_ms.max(earliest_ms), ..self }
    }

    fn translated(&self, there_ms: i64) -> i64 {
        let [now, end] = self.bounds;
        let shifted = there_ms.saturating_sub(self.offset_ms);
        let other = there_ms.saturating_sub(self.other_ms);
        if (1..=end).contains(&shifted) || self.offset_ms == 0 {
            shifted
        } else if (self.created_ms.max(1)..=end).contains(&other) {
            other
        } else if shifted < 1 {
            self.created_ms.max(1)
        } else {
            self.created_ms.max(now)
        }
    }

    /// Whether home has the message, and knows when it was made.
    pub(crate) fn is_known(&self) -> bool {
        self.created_ms == 0
    }
}

impl Bounds {
    /// What may have to be subtracted from the host's times, the likeliest first.
    fn offsets(&self) -> [i64; 2] {
        [self.ahead_ms, 0]
    }

    fn end_ms(&self) -> i64 {
        self.now_ms.saturating_add(SAME_CLOCK_MS)
    }

    fn end(&self) -> i64 {
        self.end_ms().saturating_mul(PER_MS).saturating_add(PER_MS - 1)
    }

    /// The times of a row that home has, or that may be older than the launch.
    pub(crate) fn known(&self) -> TimeMap {
        self.timing(0, self.ahead_ms)
    }

    pub(crate) fn timing(&self, created_ms: i64, offset_ms: i64) -> TimeMap {
        let other_ms = if offset_ms == self.ahead_ms { 0 } else { self.ahead_ms };
        // What left may be as old as it likes.
        let earliest_ms = created_ms.min(self.earliest_ms).max(1);
        TimeMap { created_ms, offset_ms, bounds: [self.now_ms, self.end_ms()], other_ms, earliest_ms }
    }
}

/// A row that home has already.
pub(crate) struct Had<'h> {
    /// Its id at home.
    pub(crate) id: &'h str,
    /// The last part, at home, of a message.
    pub(crate) last_part: Option<&'h str>,
    /// The same part on the host, where that is known.
    pub(crate) last_there: Option<&'h str>,
}

/// The rows of one session that came back.
#[derive(Default)]
pub(crate) struct NewIds {
    /// The ids, on the host and at home, of new rows.
    pub(crate) new: Vec<(String, String)>,
    /// Those of rows that home has.
    pub(crate) had: Vec<(String, String)>,
    /// The times of the messages, in their order.
    pub(crate) timings: Vec<TimeMap>,
}

/// Gives rows their ids and times, one message of a session after the other.
pub(crate) struct Placement<'b> {
    bounds: &'b Bounds,
    /// Of the message before: its `time.created`, the time in its id, and its id.
    last_ms: i64,
    last: Option<i64>,
    last_id: String,
    pub(crate) arrivals: NewIds,
}

impl<'b> Placement<'b> {
    /// Behind a message of this time and id, if home has one.
    pub(crate) fn behind(bounds: &'b Bounds, newest_ms: Option<i64>, last_id: Option<&str>) -> Self {
        let mut placing = Self {
            bounds,
            last_ms: newest_ms.map_or(bounds.earliest_ms, |newest| newest.max(bounds.earliest_ms)),
            last: None,
            last_id: String::new(),
            arrivals: NewIds::default(),
        };
        if let Some(id) = last_id {
            placing.last = placing.home_stamp(IdKind::Message, id);
            if newest_ms == Some(placing.last_ms) {
                id.clone_into(&mut placing.last_id);
            }
        }
        placing
    }

    /// The whole time in an id of home.
    fn home_stamp(&self, kind: IdKind, id: &str) -> Option<i64> {
        let latest = self.bounds.end().saturating_add(DISORDER_MS * PER_MS);
        kind.read(id).map(|(bits, _)| up_to(latest, bits))
    }

    /// A message of the session that came home: its times are known there.
    pub(crate) fn left<'p>(&mut self, created_ms: i64, had: &Had<'_>, late: impl Iterator<Item = &'p str>) {
        let timing = self.bounds.known();
        self.arrivals.timings.push(timing);
        self.late_parts(created_ms, timing.offset_ms, had, late);
    }

    /// A message of a sub-agent's session that home has. Its id tells what was subtracted from its times then.
    pub(crate) fn had<'p, 'h>(
        &mut self,
        created_ms: i64,
        id: &str,
        had: &Had<'_>,
        parts: impl Iterator<Item = &'p str>,
        own: &impl Fn(&str) -> Option<&'h str>,
    ) {
        let there_ms = believable(created_ms);
        let home = self.home_stamp(IdKind::Message, had.id);
        let offset = match (IdKind::Message.read(id), home) {
            (Some((bits, _)), Some(home)) => (near(there_ms * PER_MS, bits) - home).div_euclid(PER_MS),
            _ => self.bounds.ahead_ms,
        };
        let timing = self.bounds.timing(there_ms - offset, offset);
        self.arrivals.timings.push(timing);
        self.arrivals.had.push((id.to_owned(), had.id.to_owned()));
        (self.last_ms, self.last) = (self.last_ms.max(timing.created_ms), home.or(self.last));
        had.id.clone_into(&mut self.last_id);
        let mut late = Vec::new();
        for part in parts {
            match own(part) {
                Some(home) => self.arrivals.had.push((part.to_owned(), home.to_owned())),
                None => late.push(part),
            }
        }
        self.late_parts(created_ms, offset, had, late.into_iter());
    }

    /// Parts that the host added to a message that home has, behind its other parts.
    fn late_parts<'p>(
        &mut self,
        created_ms: i64,
        offset_ms: i64,
        had: &Had<'_>,
        late: impl Iterator<Item = &'p str>,
    ) {
        let there_ms = believable(created_ms);
        let mut last = had.last_part.and_then(|part| self.home_stamp(IdKind::Part, part));
        let mut last_id = had.last_part.unwrap_or_default().to_owned();
        for part in late {
            let stamp = self.part(part, there_ms, offset_ms, last, self.bounds.earliest_ms);
            let home = match stamp {
                Some(stamp) => IdKind::Part.at(stamp, part),
                None if part > last_id.as_str() => part.to_owned(),
                None => {
                    IdKind::Part.at(last.unwrap_or(self.bounds.launched_ms.saturating_mul(PER_MS)) + 1, part)
                }
            };
            // A part that is the last on the host is the last at home, even if the time in ids began anew between them.
            let is_behind = had.last_there.map_or(offset_ms != 0, |last| part > last);
            let home = match (is_behind && home < last_id, IdKind::Part.read(&last_id)) {
                (false, _) => home,
                (true, Some((bits, _))) => IdKind::Part.at(bits + 1, part),
                (true, None) => following_part_id(&last_id).unwrap_or(home),
            };
            last = self.home_stamp(IdKind::Part, &home).or(last);
            last_id.clone_from(&home);
            self.arrivals.new.push((part.to_owned(), home));
        }
    }

    /// The time for the id of a part that stands behind another; `None` for an id without time.
    fn part(
        &self,
        id: &str,
        there_ms: i64,
        offset_ms: i64,
        last: Option<i64>,
        earliest_ms: i64,
    ) -> Option<i64> {
        let (bits, _) = IdKind::Part.read(id)?;
        let home_ms = there_ms.saturating_sub(offset_ms);
        let lowest = last.map_or(i64::MIN, |last| last + 1);
        let fits = |offset: i64, slack_ms: i64| {
            let there = near(home_ms.saturating_add(offset).saturating_mul(PER_MS), bits);
            let home = there.saturating_sub(offset.saturating_mul(PER_MS));
            let lowest = lowest.max(earliest_ms.saturating_sub(slack_ms).saturating_mul(PER_MS));
            (lowest..=self.bounds.end()).contains(&home).then_some(home)
        };
        let [first, second] = self.bounds.offsets();
        let other = || fits(first, SAME_CLOCK_MS).or_else(|| fits(second, SAME_CLOCK_MS));
        fits(offset_ms, DISORDER_MS).or_else(other).or(Some(lowest.max(earliest_ms.saturating_mul(PER_MS))))
    }

    pub(crate) fn new_message<'p>(
        &mut self,
        created_ms: i64,
        id: &str,
        parts: impl Iterator<Item = &'p str>,
    ) {
        let there_ms = believable(created_ms);
        let fits = |offset: &i64| (self.last_ms..=self.bounds.end_ms()).contains(&(there_ms - offset));
        let offset = self.bounds.offsets().into_iter().find(fits);
        let mut created =
            offset.map_or(self.last_ms.max(self.bounds.launched_ms), |offset| there_ms - offset);
        let offset = there_ms - created;
        let lowest = self.last.map_or(i64::MIN, |last| last + 1);
        let wanted =
            IdKind::Message.read(id).map(|(bits, _)| near(there_ms * PER_MS, bits) - offset * PER_MS);
        let fits = |stamp: &i64| (lowest..=self.bounds.end()).contains(stamp);
        let stamp = wanted.map(|stamp| Some(stamp).filter(fits).unwrap_or(lowest.max(created * PER_MS)));
        let home = stamp.map_or_else(|| id.to_owned(), |stamp| IdKind::Message.at(stamp, id));
        if (created, &home) <= (self.last_ms, &self.last_id) {
            created = self.last_ms + 1;
        }
        self.place_parts(&parts.collect::<Vec<_>>(), there_ms, there_ms - created, created);
        self.arrivals.timings.push(self.bounds.timing(created, offset));
        self.arrivals.new.push((id.to_owned(), home.clone()));
        (self.last_ms, self.last, self.last_id) = (created, stamp.or(self.last), home);
    }

    /// The parts of a new message. Ids of another make stay if that keeps the order; else all get opencode's own.
    fn place_parts(&mut self, parts: &[&str], there_ms: i64, offset_ms: i64, created_ms: i64) {
        let mut last = None;
        let mut homes = Vec::with_capacity(parts.len());
        for part in parts {
            let stamp = self.part(part, there_ms, offset_ms, last, created_ms);
            homes.push(stamp.map_or_else(|| (*part).to_owned(), |stamp| IdKind::Part.at(stamp, part)));
            last = stamp.or(last);
        }
        if parts.is_sorted() && !homes.is_sorted() {
            let first = created_ms.saturating_mul(PER_MS) + 1;
            homes = (first..).zip(parts).map(|(stamp, part)| IdKind::Part.at(stamp, part)).collect();
        }
        self.arrivals.new.extend(parts.iter().map(|part| (*part).to_owned()).zip(homes));
    }
}

fn believable(ms: i64) -> i64 {
    ms.clamp(*BELIEVABLE.start(), *BELIEVABLE.end())
}

/// The ids of what came, by those of the host.
pub(crate) struct HomeIds {
    ids: HashMap<String, String>,
    /// All of them are those of the host.
    pub(crate) is_identity: bool,
}

impl HomeIds {
    /// No new id occurs twice, and none is that of a row that `left`.
    pub(crate) fn new(all: Vec<NewIds>, left: &Outline) -> (Self, Vec<Vec<TimeMap>>) {
        let mut taken: HashSet<String> = left.sorted().into_iter().map(str::to_owned).collect();
        taken.extend(all.iter().flat_map(|of| &of.had).map(|(_, home)| home.clone()));
        let mut ids = HashMap::new();
        let mut timings = Vec::with_capacity(all.len());
        for NewIds { new, had, timings: of } in all {
            for (there, mut home) in new {
                if !taken.insert(home.clone()) {
                    let kind = if there.starts_with("msg") { IdKind::Message } else { IdKind::Part };
                    home = kind.id(kind.read(&home).map_or(0, |(bits, _)| bits), &tail_for(&there));
                    taken.insert(home.clone());
                }
                ids.insert(there, home);
            }
            ids.extend(had);
            timings.push(of);
        }
        let is_identity = ids.iter().all(|(there, home)| there == home);
        (Self { ids, is_identity }, timings)
    }

    pub(crate) fn get(&self, there: &str) -> Option<&str> {
        self.ids.get(there).map(String::as_str)
    }
}

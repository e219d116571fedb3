//! Which ids the rows of home have on a host with another clock.
//!
//! The time in each id is put forward by as much as the host is ahead. If all times then lie between the last beginning of
//! the host's ids and the host's now, that is all, and the ids keep their order. If not (a host believes to be in 1970, a
//! session is older than the last beginning of the ids), each row, in the session's order, gets its time or the time right
//! behind the row before it, whichever is later: rows that are too old stand close together at the beginning, in their order.
//! More rows at the end change nothing of those before.

use crate::session::stamp::{IdKind, PER_MS, near, tail_for, unrolled};
use crate::session::{Clock, ExportError, MessageIds, Outline, following_part_id};
use std::collections::HashSet;

/// The ids of home's rows, on the host.
pub(crate) struct IdMap {
    /// Ids at home and there, sorted by the first; empty where they are the same.
    pairs: Vec<(String, String)>,
    /// Those of parts that were added later.
    added: Vec<(String, String)>,
}

impl IdMap {
    /// For the rows of a session, in its order.
    pub(crate) fn new(home: &Outline, clock: Option<&Clock>) -> Self {
        let mut pairs = clock.map(|clock| StampPlan::of(home, clock).pairs(home)).unwrap_or_default();
        pairs.sort_unstable();
        Self { pairs, added: Vec::new() }
    }

    pub(crate) fn there<'i>(&'i self, home: &'i str) -> &'i str {
        self.found(home).unwrap_or(home)
    }

    /// The same, of an id that may be no row's.
    pub(crate) fn found(&self, home: &str) -> Option<&str> {
        let at = self.pairs.binary_search_by(|(id, _)| id.as_str().cmp(home)).ok();
        let pair = match at {
            Some(at) => self.pairs.get(at),
            None => self.added.iter().find(|(id, _)| id == home),
        };
        pair.map(|(_, there)| there.as_str())
    }

    /// Gives an id on the host to a part that was added behind the last part of a message.
    pub(crate) fn add<'p>(&mut self, last: Option<&'p str>, part: &'p str) {
        if self.pairs.is_empty() {
            return;
        }
        let last = last.map(|last| self.there(last).to_owned()).unwrap_or_else(|| part.to_owned());
        let taken = |id: &String| self.pairs.iter().chain(&self.added).any(|(_, there)| there == id);
        let free = std::iter::successors(following_part_id(&last), |id| following_part_id(id));
        if let Some(there) = free.into_iter().find(|id| !taken(id)) {
            self.added.push((part.to_owned(), there));
        }
    }

    /// A whole session as it stands there.
    pub(crate) fn outline(&self, home: &Outline) -> Result<Outline, ExportError> {
        let mut there = Outline::default();
        for message in home.iter() {
            there.push(self.there(message.id()), message.parts().map(|part| self.there(part)))?;
        }
        Ok(there)
    }
}

/// Which ids the messages of a session at home have on a host with this clock.
pub(crate) fn messages_there(home: &Outline, clock: Option<&Clock>) -> HashSet<String> {
    let places = IdMap::new(home, clock);
    home.iter().map(|message| places.there(message.id()).to_owned()).collect()
}

/// A row and the time that it gets, in milliseconds × 0x1000; `None` for an id without time that stays as it is.
struct MessageStamps {
    stamp: Option<i64>,
    parts: Vec<Option<i64>>,
}

struct StampPlan(Vec<MessageStamps>);

impl StampPlan {
    fn of(home: &Outline, clock: &Clock) -> Self {
        let first = clock.from_ms.saturating_mul(PER_MS);
        let end = clock.now_ms.saturating_add(clock.ahead_ms).saturating_mul(PER_MS);
        let wanted = Self::wanted(home, clock);
        let fits = |stamp: &Option<i64>| stamp.is_none_or(|stamp| (first..end).contains(&stamp));
        if wanted.0.iter().all(|row| fits(&row.stamp) && row.parts.iter().all(fits))
            && wanted.is_in_order(home)
        {
            return wanted;
        }
        wanted.pushed_up(first).pushed_down(end)
    }

    /// Every time as it is at home, put forward.
    fn wanted(home: &Outline, clock: &Clock) -> Self {
        let forward = clock.ahead_ms.saturating_mul(PER_MS);
        let stamps = unrolled(home.iter().map(|message| message.id()), clock.now_ms);
        let mut last =
            stamps.iter().copied().find_map(|stamp| stamp).unwrap_or(clock.now_ms.saturating_mul(PER_MS));
        let row = |(message, stamp): (MessageIds<'_>, Option<i64>)| {
            last = stamp.unwrap_or(last);
            let part = |id| IdKind::Part.read(id).map(|(bits, _)| near(last, bits).saturating_add(forward));
            MessageStamps {
                stamp: stamp.map(|stamp| stamp.saturating_add(forward)),
                parts: message.parts().map(part).collect(),
            }
        };
        Self(home.iter().zip(stamps).map(row).collect())
    }

    /// Whether ids of another make, which stay as they are, keep their order among the others.
    fn is_in_order(&self, home: &Outline) -> bool {
        let mut before: Option<(&str, String)> = None;
        for (message, row) in home.iter().zip(&self.0) {
            let id = spelled(IdKind::Message, message.id(), row.stamp);
            let is_foreign = |id: &str| IdKind::Message.read(id).is_none();
            if let Some((old, new)) = &before {
                let foreign = is_foreign(old) || is_foreign(message.id());
                if foreign && old.cmp(&message.id()) != new.as_str().cmp(&id) {
                    return false;
                }
            }
            let parts: Vec<String> = message
                .parts()
                .zip(&row.parts)
                .map(|(id, stamp)| spelled(IdKind::Part, id, *stamp))
                .collect();
            let before_parts: Vec<&str> = message.parts().collect();
            if before_parts.is_sorted() && !parts.is_sorted() {
                return false;
            }
            before = Some((message.id(), id));
        }
        true
    }

    /// Moves up what stands below `first`, or below what is before it.
    fn pushed_up(self, first: i64) -> Self {
        // What was moved last; nothing else may come to stand there.
        let mut moved = first - 1;
        let mut at_least = |wanted: Option<i64>, lowest: i64| {
            let lowest = lowest.max(moved + 1);
            match wanted {
                Some(stamp) if stamp >= lowest => stamp,
                _ => {
                    moved = lowest;
                    lowest
                }
            }
        };
        let mut last = first - 1;
        let rows = self.0.into_iter().map(|row| {
            last = at_least(row.stamp, last + 1);
            let mut last_part = first - 1;
            let parts = row.parts.into_iter().map(|part| {
                last_part = at_least(part, last_part + 1);
                Some(last_part)
            });
            MessageStamps { parts: parts.collect(), stamp: Some(last) }
        });
        Self(rows.collect())
    }

    /// Moves down what does not stand below `end`, or below what is behind it.
    fn pushed_down(mut self, end: i64) -> Self {
        let mut next = end;
        for row in self.0.iter_mut().rev() {
            row.stamp = row.stamp.map(|stamp| stamp.min(next - 1));
            next = row.stamp.unwrap_or(next);
            let mut next_part = end;
            for part in row.parts.iter_mut().rev() {
                *part = part.map(|stamp| stamp.min(next_part - 1));
                next_part = part.unwrap_or(next_part);
            }
        }
        self
    }

    fn pairs(&self, home: &Outline) -> Vec<(String, String)> {
        let mut taken = HashSet::new();
        let mut pairs = Vec::with_capacity(home.len() + home.part_count());
        let mut add = |kind: IdKind, id: &str, stamp: Option<i64>| {
            let mut there = spelled(kind, id, stamp);
            if !taken.insert(there.clone()) {
                there = kind.id(stamp.unwrap_or_default(), &tail_for(id));
                taken.insert(there.clone());
            }
            pairs.push((id.to_owned(), there));
        };
        for (message, row) in home.iter().zip(&self.0) {
            add(IdKind::Message, message.id(), row.stamp);
            message.parts().zip(&row.parts).for_each(|(id, stamp)| add(IdKind::Part, id, *stamp));
        }
        pairs
    }
}

/// An id with another time. One of another make stays where it gets none, and is replaced where it gets one.
fn spelled(kind: IdKind, id: &str, stamp: Option<i64>) -> String {
    stamp.map_or_else(|| id.to_owned(), |stamp| kind.at(stamp, id))
}

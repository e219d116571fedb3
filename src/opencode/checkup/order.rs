//! Times and ids: opencode asks by both what came after what, and whether a prompt is answered already.

use super::look::SeenMessage;
use super::report::ProblemKind;
use crate::session::stamp::{self, PER_MS, near};

/// A message may be that much newer than the clock: two machines never agree to the millisecond.
const SLACK_MS: i64 = 2_000;

/// No time is farther away than this, in milliseconds: ids count with it.
const FARTHEST_MS: i64 = 1 << 50;

fn stamp_of(ms: i64) -> i64 {
    ms.clamp(-FARTHEST_MS, FARTHEST_MS) * PER_MS
}

/// The whole number in a message's id, of which that has only the lower bits: the one nearest to the message's own time.
/// A session may be older than the ids' last beginning.
fn whole(message: &SeenMessage) -> Option<i64> {
    let (bits, _) = stamp::IdKind::Message.read(&message.id)?;
    Some(near(stamp_of(message.created), bits))
}

/// Whether a message is newer than the clock, by its time or by its id.
fn is_ahead(message: &SeenMessage, now_ms: i64) -> bool {
    let limit = now_ms + SLACK_MS;
    message.created > limit || whole(message).is_some_and(|id| id > stamp_of(limit))
}

/// The messages that do not stand where they belong. An id of another make says nothing of its place.
pub(super) fn problems(messages: &[SeenMessage], now_ms: i64) -> Vec<(ProblemKind, String)> {
    let mut found = Vec::new();
    let mut highest = None;
    for message in messages {
        if is_ahead(message, now_ms) {
            found.push((ProblemKind::Ahead, message.id.clone()));
        }
        let Some(own) = whole(message) else { continue };
        if highest.is_some_and(|highest| own < highest) {
            found.push((ProblemKind::OutOfOrder, message.id.clone()));
        } else {
            highest = Some(own);
        }
    }
    found
}

/// A message that gets another place in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) old: String,
    pub(super) new: String,
    pub(super) former: i64,
    pub(super) created: i64,
}

/// New ids, and times where those are ahead, for all messages from the first that is out of place: they keep their
/// order, and nothing is ahead of the clock any more. Nothing where nothing is wrong, or where the order itself is in
/// doubt, because an answer stands before what it answers.
pub(super) fn put_right(messages: &[SeenMessage], now_ms: i64) -> Vec<Moved> {
    let out: Vec<String> = problems(messages, now_ms).into_iter().map(|(_, id)| id).collect();
    let Some(first) = messages.iter().position(|message| out.contains(&message.id)) else {
        return Vec::new();
    };
    if answers_before_questions(messages) {
        return Vec::new();
    }
    // Those that are ahead keep their distances as far as there is room for them.
    let newest = messages.last().map_or(now_ms, |message| message.created);
    let shift = (newest - now_ms).max(0);
    let (kept, rest) = messages.split_at(first);
    let mut time = kept.last().map_or(i64::MIN, |message| message.created);
    let mut last = kept.iter().filter_map(whole).next_back();
    let mut moved = Vec::new();
    for message in rest {
        let wanted = if message.created > now_ms { message.created - shift } else { message.created };
        time = time.max(wanted);
        let own = stamp_of(time) + 1;
        let next = last.map_or(own, |last| own.max(last + 1));
        last = Some(next);
        let new = stamp::IdKind::Message.at(next, &message.id);
        moved.push(Moved { old: message.id.clone(), new, former: message.created, created: time });
    }
    moved
}

fn answers_before_questions(messages: &[SeenMessage]) -> bool {
    let place = |id: &str| messages.iter().position(|message| message.id == id);
    messages
        .iter()
        .enumerate()
        .any(|(n, message)| message.parent.as_deref().and_then(place).is_some_and(|parent| parent > n))
}

//! What is known of a run: its events as they come from the host, and what is kept of them and of their sum.

use crate::disk::{self, DiskError};
use crate::dispatch::Dispatch;
use crate::events::{Activity, Lines, Outcome, Reply};
use crate::trip::observer::{News, Observer};
use crate::trip::watch::segments;
use crate::trip::watch::segments::{Keeper, LIMITS, SegmentLimits};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The format of the sum's file.
const VERSION: u64 = 1;
/// Bytes of events behind the sum that are read for what a run is at.
const RECENT: u64 = 8 << 20;
/// Bytes of an answer that is kept; no value that comes home is longer.
const ANSWER: usize = 64 << 20;

/// What the events of a run up to an offset add up to, and its answer: `events.json` in the dispatch's directory. So the
/// events need not be read again, and the answer does not depend on them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    version: u64,
    /// Bytes of events that are in it.
    upto: u64,
    outcome: Outcome,
    activity: Activity,
    reply: Reply,
    /// The answer as the session has it, once that is home.
    #[serde(default)]
    answer: Option<String>,
}

impl Sum {
    fn path(directory: &Path) -> PathBuf {
        directory.join("events.json")
    }

    /// The sum as it was written down, or that of no events. `None` where a newer kugetsu has written it.
    fn read(directory: &Path) -> Option<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let bytes = std::fs::read(Self::path(directory)).unwrap_or_default();
        match serde_json::from_slice::<Versioned>(&bytes) {
            Ok(Versioned { version }) if version > VERSION => None,
            _ => Some(serde_json::from_slice(&bytes).unwrap_or_default()),
        }
    }

    fn write(&self, directory: &Path) -> Result<(), DiskError> {
        let path = Self::path(directory);
        let bytes = serde_json::to_vec(&Self { version: VERSION, ..self.clone() });
        disk::write_atomic(&path, &bytes.map_err(|error| DiskError::at(&path, error.into()))?)
    }

    fn add(&mut self, event: &crate::events::Event) {
        self.outcome.add(event);
        self.activity.add(event);
        self.reply.add(event);
    }
}

/// What is known of a run; it outlives the connections.
pub(crate) struct Journal {
    directory: PathBuf,
    lines: Lines,
    sum: Sum,
    /// Keeps the events; none where that is not possible any more.
    keeper: Option<Keeper>,
    /// When something was last heard of the run.
    heard: Instant,
    /// That it is silent was said.
    has_warned: bool,
}

impl Journal {
    /// Goes on where the kept events end; what they tell is told again.
    pub(crate) fn open(dispatch: &Dispatch, observer: &dyn Observer) -> Self {
        Self::at(&dispatch.directory, LIMITS, observer)
    }

    fn at(directory: &Path, limits: SegmentLimits, observer: &dyn Observer) -> Self {
        let sum = Sum::read(directory);
        let is_newer = sum.is_none();
        let mut journal = Self {
            directory: directory.to_owned(),
            lines: Lines::default(),
            sum: sum.unwrap_or_default(),
            keeper: None,
            heard: Instant::now(),
            has_warned: false,
        };
        let upto = journal.sum.upto;
        let kept = segments::read(directory, 0, |at, bytes| {
            if at != journal.lines.taken() {
                journal.lines.go_on_at(at);
            }
            for event in journal.lines.feed(bytes) {
                if at >= upto {
                    journal.sum.add(&event);
                }
                observer.tell(News::Event(&event));
            }
        });
        match kept.and_then(|()| Keeper::open(directory, limits)) {
            Ok(keeper) if !is_newer && keeper.end() == journal.lines.taken() => journal.keeper = Some(keeper),
            // What was read is kept in mind all the same.
            Ok(_) => observer.tell(not_kept(&"another kugetsu writes them")),
            Err(error) => observer.tell(not_kept(&error)),
        }
        journal
    }

    fn hear(&mut self, events: &[u8], observer: &dyn Observer) {
        for event in self.lines.feed(events) {
            self.sum.add(&event);
            observer.tell(News::Event(&event));
        }
    }

    /// More of the events, as they stand there.
    pub(crate) fn take(&mut self, bytes: &[u8], observer: &dyn Observer) {
        self.heard = Instant::now();
        // Packed is what ends with an event, so that the sum is that of whole events.
        let is_full = self.keeper.as_ref().is_some_and(|keeper| keeper.is_full(bytes.len()));
        let last_end = bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| is_full);
        let (first, rest) = bytes.split_at(last_end.map_or(0, |at| at + 1));
        for piece in [first, rest] {
            self.keep(piece, observer);
            self.hear(piece, observer);
            if self.lines.is_between_events() && self.keeper.as_ref().is_some_and(|keeper| keeper.is_full(0))
            {
                self.pack(observer);
            }
        }
    }

    fn keep(&mut self, bytes: &[u8], observer: &dyn Observer) {
        if let Some(Err(error)) = self.keeper.as_mut().map(|keeper| keeper.add(bytes)) {
            // What is kept has nothing left out.
            self.keeper = None;
            observer.tell(not_kept(&error));
        }
    }

    /// Packs what is kept, and writes down what all of it adds up to.
    pub(crate) fn pack(&mut self, observer: &dyn Observer) {
        let Some(keeper) = &mut self.keeper else { return };
        let packed = keeper.pack();
        self.sum.upto = self.lines.taken();
        if let Err(error) = packed.and_then(|()| self.sum.write(&self.directory)) {
            self.keeper = None;
            observer.tell(not_kept(&error));
        }
    }

    pub(crate) fn outcome(&self) -> &Outcome {
        &self.sum.outcome
    }

    /// The run lives and says nothing: whether it has been silent for so long that it is to be said, once.
    pub(crate) fn is_stalled(&mut self, after: std::time::Duration) -> bool {
        let stalled = !self.has_warned && self.heard.elapsed() >= after;
        self.has_warned |= stalled;
        stalled
    }

    /// The offset up to which events were taken, in bytes.
    pub(crate) fn taken(&self) -> u64 {
        self.lines.taken()
    }
}

fn not_kept(why: &dyn std::fmt::Display) -> News<'static> {
    News::Warning(format!("the events are not kept any more: {why}"))
}
/// What is known here of a run: out of the sum, and of the events behind it.
#[derive(Debug, Default)]
pub(crate) struct KnownRun {
    pub(crate) activity: Activity,
    pub(crate) reply: Option<String>,
    /// What was taken of the host's events.
    pub(crate) lines: Lines,
    /// No events before these are unknown.
    pub(crate) is_whole: bool,
}

/// What is known here of a run, however much it said: no more than the end of its events is read.
pub(crate) fn known(directory: &Path) -> KnownRun {
    let mut sum = Sum::read(directory).unwrap_or_default();
    let from = sum.upto.max(segments::end(directory).saturating_sub(RECENT));
    let mut known = KnownRun { is_whole: from == sum.upto, ..KnownRun::default() };
    known.lines.go_on_at(from);
    if !known.is_whole {
        sum.reply = Reply::default();
    }
    // What cannot be read here, the host has.
    let _ = segments::read(directory, from, |at, bytes| {
        if at != known.lines.taken() {
            known.lines.go_on_at(at);
            known.is_whole = false;
        }
        known.lines.feed(bytes).iter().for_each(|event| sum.add(event));
    });
    known.reply = sum.answer.or_else(|| sum.reply.text().map(str::to_owned));
    known.activity = sum.activity;
    known
}

/// The answer of a run as its session has it, once that is home.
pub(crate) fn answer(directory: &Path) -> Option<String> {
    Sum::read(directory)?.answer
}

/// Keeps the answer of a run as its session has it: its events may have had no room for it.
pub(crate) fn keep_answer(directory: &Path, answer: &str) -> Result<(), DiskError> {
    match Sum::read(directory) {
        Some(sum) if answer.len() <= ANSWER && sum.answer.as_deref() != Some(answer) => {
            Sum { answer: Some(answer.to_owned()), ..sum }.write(directory)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

    use super::*;
    use crate::events::Event;
    use std::sync::Mutex;

    /// Notes warnings and texts.
    #[derive(Default)]
    struct Ear(Mutex<(Vec<String>, Vec<String>)>);

    impl Observer for Ear {
        fn tell(&self, news: News<'_>) {
            let mut heard = self.0.lock().unwrap();
            match news {
                News::Warning(words) => heard.0.push(words),
                News::Event(Event::Text(text)) => heard.1.push(text.clone()),
                _ => {}
            }
        }
    }

    /// A step with a text, as a run writes it.
    fn step(text: &str) -> String {
        format!(
            "{{\"type\":\"step_start\"}}\n{{\"type\":\"text\",\"part\":{{\"text\":\"{text}\"}}}}\n\
             {{\"type\":\"step_finish\",\"part\":{{\"reason\":\"stop\",\"tokens\":{{\"input\":7}}}}}}\n"
        )
    }

    const SMALL: SegmentLimits = SegmentLimits { plain: 1000, packed: 2000 };

    #[test]
    fn of_many_events_the_end_is_kept_and_the_answer_with_it() {
        let room = tempfile::tempdir().unwrap();
        let all: String = (0..1000).map(|n| step(&format!("answer {n}"))).collect();
        let ear = Ear::default();
        let mut journal = Journal::at(room.path(), SMALL, &ear);
        for (at, bytes) in all.as_bytes().chunks(77).enumerate() {
            if at % 100 == 99 {
                // Another process takes it up.
                journal = Journal::at(room.path(), SMALL, &ear);
                assert_eq!(journal.taken(), at as u64 * 77);
            }
            journal.take(bytes, &ear);
        }
        journal.pack(&ear);
        assert_eq!(ear.0.lock().unwrap().0, [] as [&str; 0]);
        let known = known(room.path());
        assert_eq!((known.reply.as_deref(), known.activity.tokens()), (Some("answer 999"), 7000));
        assert!(known.is_whole && known.lines.taken() == all.len() as u64);
        assert_eq!((journal.outcome().events, journal.taken()), (3000, all.len() as u64));
        let size =
            std::fs::read_dir(room.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
        assert!(size.sum::<u64>() < 5000);
        let later = Ear::default();
        let journal = Journal::at(room.path(), SMALL, &later);
        let heard = later.0.lock().unwrap();
        assert_eq!(heard.1.last().map(String::as_str), Some("answer 999"));
        assert!(heard.1.len() < 1000 && heard.0.is_empty(), "the beginning is let go");
        assert_eq!((journal.outcome().events, journal.taken()), (3000, all.len() as u64));
    }

    #[test]
    fn an_endless_event_is_kept_within_bounds_and_passed_over() {
        let room = tempfile::tempdir().unwrap();
        let ear = Ear::default();
        let mut journal = Journal::at(room.path(), SegmentLimits { plain: 1 << 20, packed: 1 << 20 }, &ear);
        let piece = vec![b'['; 1 << 20];
        for _ in 0..12 {
            journal.take(&piece, &ear);
        }
        journal.take(format!("\n{}", step("the end")).as_bytes(), &ear);
        assert_eq!(known(room.path()).reply.as_deref(), Some("the end"));
        let size =
            std::fs::read_dir(room.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
        assert!(size.sum::<u64>() < 2 << 20);
    }

    #[test]
    fn the_answer_that_is_home_is_told_whatever_the_events_had_room_for() {
        let room = tempfile::tempdir().unwrap();
        let ear = Ear::default();
        let mut journal = Journal::at(room.path(), SMALL, &ear);
        journal.take(step("looking").as_bytes(), &ear);
        let long = "x".repeat(9 << 20);
        step(&long).as_bytes().chunks(1 << 16).for_each(|bytes| journal.take(bytes, &ear));
        journal.pack(&ear);
        assert!(known(room.path()).reply.is_none(), "an event this long is passed over");
        keep_answer(room.path(), &long).unwrap();
        assert!(known(room.path()).reply.is_some_and(|reply| reply == long));
    }

    #[test]
    fn what_an_earlier_kugetsu_kept_is_known_by_its_end() {
        let room = tempfile::tempdir().unwrap();
        let some = step("first") + &step("last");
        std::fs::write(room.path().join("events"), &some).unwrap();
        let short = known(room.path());
        assert_eq!(
            (short.reply.as_deref(), short.activity.tokens(), short.is_whole),
            (Some("last"), 14, true)
        );
        let all = step("x").repeat(RECENT as usize / step("x").len()) + &some;
        std::fs::write(room.path().join("events"), &all).unwrap();
        let long = known(room.path());
        assert_eq!((long.reply.as_deref(), long.is_whole), (Some("last"), false));
        assert_eq!(long.lines.taken(), all.len() as u64);
    }

    #[test]
    fn a_sum_of_this_format_is_read_and_one_of_a_newer_kugetsu_is_left_alone() {
        let room = tempfile::tempdir().unwrap();
        let path = Sum::path(room.path());
        std::fs::write(&path, include_bytes!("../../../tests/fixtures/events-1.json")).unwrap();
        let known = known(room.path());
        assert_eq!((known.reply.as_deref(), known.activity.tokens()), (Some("done"), 7));
        std::fs::write(&path, "{\"version\":2}").unwrap();
        let ear = Ear::default();
        let mut journal = Journal::at(room.path(), SMALL, &ear);
        journal.take(step("x").as_bytes(), &ear);
        journal.pack(&ear);
        keep_answer(room.path(), "x").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\":2}");
        assert_eq!(ear.0.lock().unwrap().0.len(), 1);
    }
}

//! The events of a run as they are kept here: byte for byte what the host has of them, from the beginning.

use super::{EVENTS, News, Observer};
use crate::dispatch::Dispatch;
use crate::events::{Lines, Outcome, Reply};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

/// Bytes of events that are kept of one run. They are heard beyond that, too.
const MOST: u64 = 256 << 20;

/// What is known of a run; it outlives the connections.
pub(super) struct Journal {
    lines: Lines,
    pub(super) outcome: Outcome,
    reply: Reply,
    /// Where the events are kept; none where that is not possible any more.
    file: Option<File>,
    /// Bytes that are kept.
    most: u64,
    /// When something was last heard of the run.
    heard: Instant,
    /// That it is silent was said.
    told: bool,
}

impl Journal {
    /// Goes on where the kept events end; what they tell is told again.
    pub(super) fn open(dispatch: &Dispatch, observer: &dyn Observer) -> Self {
        Self::at(&dispatch.file(EVENTS), MOST, observer)
    }

    fn at(path: &Path, most: u64, observer: &dyn Observer) -> Self {
        let mut journal = Self {
            lines: Lines::default(),
            outcome: Outcome::default(),
            reply: Reply::default(),
            file: None,
            most,
            heard: Instant::now(),
            told: false,
        };
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        match opened.and_then(|file| journal.hear(&file, observer).map(|()| file)) {
            Ok(file) => journal.file = Some(file),
            // What was read is kept in mind all the same.
            Err(error) => observer.tell(News::Warning(format!("the events are not kept: {error}"))),
        }
        journal
    }

    fn hear(&mut self, events: impl Read, observer: &dyn Observer) -> std::io::Result<()> {
        let Self { lines, outcome, reply, .. } = self;
        lines.read(events, |event| {
            outcome.add(event);
            reply.add(event);
            observer.tell(News::Event(event));
        })
    }

    /// More of the events, as they stand there.
    pub(super) fn take(&mut self, bytes: &[u8], observer: &dyn Observer) {
        self.heard = Instant::now();
        let room = self.taken() + bytes.len() as u64 <= self.most;
        let why = match &mut self.file {
            Some(file) if room => file.write_all(bytes).err().map(|error| error.to_string()),
            Some(_) => Some(format!("they are more than {} MiB", self.most >> 20)),
            None => None,
        };
        if let Some(why) = why {
            // What is kept is the beginning, with nothing left out.
            self.file = None;
            observer.tell(News::Warning(format!("the events are not kept any more: {why}")));
        }
        // Bytes in memory can be read.
        let _ = self.hear(bytes, observer);
    }

    /// The run lives and says nothing: whether it has been silent for so long that it is to be said, once.
    pub(super) fn is_stalled(&mut self, after: std::time::Duration) -> bool {
        let stalled = !self.told && self.heard.elapsed() >= after;
        self.told |= stalled;
        stalled
    }

    /// The offset up to which events were taken, in bytes.
    pub(super) fn taken(&self) -> u64 {
        self.lines.taken()
    }
}

/// The answer of a run, from the events that are kept of it.
pub(super) fn reply(dispatch: &Dispatch) -> Option<String> {
    let (mut lines, mut reply) = (Lines::default(), Reply::default());
    lines.read(File::open(dispatch.file(EVENTS)).ok()?, |event| reply.add(event)).ok()?;
    reply.text().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Notes warnings, and counts events.
    #[derive(Default)]
    struct Ear(Mutex<(Vec<String>, usize)>);

    impl Observer for Ear {
        fn tell(&self, news: News<'_>) {
            let mut heard = self.0.lock().unwrap();
            match news {
                News::Warning(words) => heard.0.push(words),
                News::Event(_) => heard.1 += 1,
                _ => {}
            }
        }
    }

    #[test]
    fn events_are_heard_beyond_what_is_kept_of_them() {
        const STEP: &[u8] = b"{\"type\":\"step_start\"}\n";
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("events");
        for takes in 1..=2 {
            let ear = Ear::default();
            // Taken up again, it goes on where the kept ones end.
            let mut journal = Journal::at(&path, STEP.len() as u64 * 2 + 5, &ear);
            while journal.taken() < STEP.len() as u64 * 4 {
                journal.take(STEP, &ear);
            }
            let heard = ear.0.lock().unwrap();
            assert_eq!((heard.0.len(), heard.1), (1, 4), "{takes}: {:?}", heard.0);
            assert_eq!(std::fs::read(&path).unwrap(), STEP.repeat(2));
        }
    }
}

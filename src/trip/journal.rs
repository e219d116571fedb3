//! The events of a run as they are kept here: byte for byte what the host has of them, from the beginning.

use super::{EVENTS, News, Observer};
use crate::dispatch::Dispatch;
use crate::events::{Event, Lines, Outcome, Reply};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Instant;

/// What is known of a run; it outlives the connections.
pub(super) struct Journal {
    lines: Lines,
    pub(super) outcome: Outcome,
    reply: Reply,
    /// Where the events are kept; none where that is not possible any more.
    file: Option<File>,
    /// When something was last heard of the run.
    heard: Instant,
    /// That it is silent was said.
    told: bool,
}

impl Journal {
    /// Goes on where the kept events end; what they tell is told again.
    pub(super) fn open(dispatch: &Dispatch, observer: &dyn Observer) -> Self {
        let mut journal = Self {
            lines: Lines::default(),
            outcome: Outcome::default(),
            reply: Reply::default(),
            file: None,
            heard: Instant::now(),
            told: false,
        };
        let path = dispatch.file(EVENTS);
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        match opened.and_then(|mut file| journal.replay(&mut file, observer).map(|()| file)) {
            Ok(file) => journal.file = Some(file),
            // What was read is kept in mind all the same.
            Err(error) => observer.tell(News::Warning(format!("the events are not kept: {error}"))),
        }
        journal
    }

    fn replay(&mut self, file: &mut File, observer: &dyn Observer) -> std::io::Result<()> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            self.read(buffer.get(..n).unwrap_or_default(), observer);
        }
    }

    fn read(&mut self, bytes: &[u8], observer: &dyn Observer) {
        for event in self.lines.feed(bytes) {
            self.outcome.add(&event);
            self.reply.add(&event);
            observer.tell(News::Event(&event));
        }
    }

    /// More of the events, as they stand there.
    pub(super) fn take(&mut self, bytes: &[u8], observer: &dyn Observer) {
        self.heard = Instant::now();
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write_all(bytes)) {
            self.file = None;
            observer.tell(News::Warning(format!("the events are not kept any more: {error}")));
        }
        self.read(bytes, observer);
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
    let mut file = File::open(dispatch.file(EVENTS)).ok()?;
    let (mut lines, mut reply) = (Lines::default(), Reply::default());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let n = file.read(&mut buffer).ok()?;
        if n == 0 {
            return reply.text().map(str::to_owned);
        }
        let events: Vec<Event> = lines.feed(buffer.get(..n).unwrap_or_default());
        events.iter().for_each(|event| reply.add(event));
    }
}

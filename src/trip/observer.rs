//! What a trip tells while it goes on.

use crate::dispatch::{Moment, Record, Step};
use crate::events::Event;
use std::time::Duration;

/// Something worth showing.
#[derive(Debug)]
pub(crate) enum News<'a> {
    /// The trip has a record from here on.
    Recorded(&'a Record),
    /// A step is about to be done, or is done; the record says so already.
    Point {
        step: Step,
        /// Before or after it.
        moment: Moment,
    },
    /// An earlier trip of the session, cut short before its launch, is given up for this one.
    Superseded {
        record: &'a Record,
        /// How its message begins, in one line; empty where it is not known.
        words: &'a str,
    },
    /// Bytes of the step in progress that are done, and all there are.
    Bytes {
        done: u64,
        total: u64,
    },
    /// The session is exported and found whole.
    Exported {
        messages: usize,
    },
    Connected,
    Sent {
        bytes: u64,
    },
    /// The session is imported there and its run goes on.
    Working {
        agent: &'a str,
        model: &'a str,
        host: &'a str,
        directory: &'a str,
    },
    Event(&'a Event),
    /// The connection is lost and will be made again after a pause.
    Reconnecting {
        pause: Duration,
        why: String,
    },
    /// Something that the user should know and that stops nothing.
    Warning(String),
    /// From here to the opposite the trip must not be interrupted.
    Critical(bool),
}

/// Whoever shows it. Called from worker threads too.
pub(crate) trait Observer: Send + Sync {
    fn tell(&self, news: News<'_>);
}

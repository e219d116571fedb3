//! What a trip tells while it goes on.

use crate::dispatch::{Moment, Record, Step};
use crate::events::Event;
use std::time::Duration;

/// Something worth showing.
#[derive(Debug)]
pub enum News<'a> {
    /// The trip has a record from here on.
    Recorded(&'a Record),
    /// A step is about to be done, or is done; the record says so already.
    Point {
        /// The step.
        step: Step,
        /// Before or after it.
        moment: Moment,
    },
    /// An earlier trip of the session, cut short before its launch, is given up for this one.
    GivenUp {
        /// Its record.
        record: &'a Record,
        /// How its message begins, in one line; empty where it is not known.
        words: &'a str,
    },
    /// Bytes of the step in progress that are done, and all there are.
    Bytes {
        /// So far.
        done: u64,
        /// In all.
        total: u64,
    },
    /// The session is exported and found whole.
    Exported {
        /// Its messages.
        messages: usize,
    },
    /// The connection stands.
    Connected,
    /// The parcel is on the host.
    Sent {
        /// Its size.
        bytes: u64,
    },
    /// The session is imported there and its run goes on.
    Working {
        /// The agent.
        agent: &'a str,
        /// The model.
        model: &'a str,
        /// The host's name.
        host: &'a str,
        /// The directory there.
        directory: &'a str,
    },
    /// An event of the run.
    Event(&'a Event),
    /// The connection is lost and will be made again after a pause.
    Reconnecting {
        /// The pause.
        pause: Duration,
        /// Why.
        why: String,
    },
    /// Something that the user should know and that stops nothing.
    Warning(String),
    /// From here to the opposite the trip must not be interrupted.
    Critical(bool),
}

/// Whoever shows it. Called from worker threads too.
pub trait Observer: Send + Sync {
    /// Takes one piece of news.
    fn tell(&self, news: News<'_>);
}

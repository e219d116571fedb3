//! The events of a run are heard again, or as they come, without taking part in the trip.

use crate::dispatch::{Dispatch, State, Step};
use crate::events::{Event, Lines, Reply};
use crate::host::{self, Frame};
use crate::hosts::HostEntry;
use crate::trip::connection::{HostConnection, Pauses, moved_within};
use crate::trip::error::TripError;
use crate::trip::tools::{STDERR, Tools};
use crate::trip::watch::stream::watch;
use crate::trip::watch::{journal, segments};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Standard error beyond this is not fetched, in bytes.
const LONGEST: u64 = 1 << 20;

/// The most bytes that are heard of a run that is not followed: a host could tell more for ever.
const MOST: u64 = 1 << 30;
/// The longest that such a run is listened to.
const LONG_ENOUGH: Duration = Duration::from_secs(2 * 3600);

/// How the listening ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listened {
    /// What the run said on standard error, as far as it is known.
    pub stderr: String,
    pub goes_on: bool,
}

/// What an event is handed to.
pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// Hears the events of one dispatch: those that are kept here, then the host's. Nothing is written, here or there.
pub(crate) struct Listener {
    dispatch: Dispatch,
    connection: HostConnection,
    lines: Arc<Mutex<Lines>>,
    /// What is kept here was heard.
    begun: bool,
}

impl Listener {
    pub(crate) fn new(dispatch: Dispatch, host: HostEntry) -> Self {
        Self { dispatch, connection: HostConnection::new(host), lines: Arc::default(), begun: false }
    }

    /// Hears what was not heard before. `follow`: until the run ends, over as many connections as it takes.
    ///
    /// # Errors
    /// The host cannot be reached; what is kept here was heard by then.
    pub(crate) async fn listen(
        &mut self,
        tools: &Tools,
        follow: bool,
        hear: &OnEvent,
    ) -> Result<Listened, TripError> {
        if !self.begun {
            self.hear_kept(hear);
            self.begun = true;
        }
        let record = self.dispatch.record.clone();
        if !record.is_away() || matches!(record.state, State::Finished) {
            let stderr = std::fs::read(self.dispatch.file(STDERR)).unwrap_or_default();
            return Ok(Listened { stderr: String::from_utf8_lossy(&stderr).into_owned(), goes_on: false });
        }
        let mut pauses = Pauses::default();
        let end = loop {
            match self.watch_on(tools, follow, hear).await {
                Err(error) if follow && error.is_transient() => {
                    pauses.pause(tools, &mut self.connection, &error).await?
                }
                end => break end?,
            }
        };
        let goes_on = end.is_none();
        Ok(match end {
            Some(Frame::Ended(result)) => Listened { stderr: result.words, goes_on },
            Some(Frame::Dead(words)) => Listened { stderr: words, goes_on },
            _ => Listened { stderr: stderr(tools, &mut self.connection, &record.id).await, goes_on },
        })
    }

    /// Hears what the host has behind what was heard; its last frame, or `None` where the run goes on and nobody wants more.
    async fn watch_on(
        &mut self,
        tools: &Tools,
        follow: bool,
        hear: &OnEvent,
    ) -> Result<Option<Frame>, TripError> {
        let from = self.lines.lock().unwrap_or_else(PoisonError::into_inner).taken();
        let (lines, hear) = (Arc::clone(&self.lines), Arc::clone(hear));
        // What there is by now is told at once; a run that goes on may be listened to for days.
        let limits = if follow { (None, u64::MAX) } else { (Some(LONG_ENOUGH), MOST) };
        let take = move |frame: Frame| {
            let mut enough = false;
            match frame {
                Frame::Events(bytes) => {
                    let events = lines.lock().unwrap_or_else(PoisonError::into_inner).feed(&bytes);
                    events.iter().for_each(hear.as_ref());
                }
                // Behind all the events that there were.
                Frame::Beat => enough = !follow,
                _ => {}
            }
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        watch(tools, &mut self.connection, (&self.dispatch.record.id, from), limits, take).await
    }

    /// Hears what is kept here; of a trip that is home its answer, where the events had no room for that.
    fn hear_kept(&self, hear: &OnEvent) {
        let (directory, mut heard) = (&self.dispatch.directory, Reply::default());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // What cannot be read here, the host has.
        let _ = segments::read(directory, 0, |at, bytes| {
            if at != lines.taken() {
                lines.go_on_at(at);
            }
            for event in lines.feed(bytes) {
                heard.add(&event);
                hear(&event);
            }
        });
        // Where somebody went on with the session there, its last answer is not the run's.
        let is_later = self.dispatch.record.result.as_ref().is_some_and(|result| result.later);
        match journal::answer(directory).filter(|_| !is_later) {
            Some(answer) if heard.text() != Some(&answer) => hear(&Event::Text(answer)),
            _ => {}
        }
    }
}

/// What a run that goes on has said on standard error so far; nothing where that cannot be had.
async fn stderr(tools: &Tools, connection: &mut HostConnection, id: &str) -> String {
    let remote = format!("{}/stderr", host::dispatch_directory(id));
    let room = tools.kugetsu_home.join("dispatches").join(id);
    let fetched = connection.call(tools, (Step::Wait, Some(moved_within(LONGEST))), move |transport| {
        let Ok(directory) = tempfile::tempdir_in(room) else { return Ok(Vec::new()) };
        let local = directory.path().join("stderr");
        transport.download(&remote, &local, LONGEST, &mut |_| ())?;
        Ok(std::fs::read(&local).unwrap_or_default())
    });
    fetched.await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

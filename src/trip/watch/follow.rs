//! The wait: a run is followed until it leaves its result, over as many connections as it takes.

use crate::clock;
use crate::dispatch::{State, Step};
use crate::host::{EndedBy, Frame, RunResult};
use crate::text::span;
use crate::trip::connection::Pauses;
use crate::trip::error::TripError;
use crate::trip::observer::{News, Observer};
use crate::trip::tools::{STDERR, Tools};
use crate::trip::under_way::Trip;
use crate::trip::watch::journal::Journal;
use crate::trip::watch::stream;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What the watch brings, shared with the worker thread that listens to it.
struct Watch {
    journal: Mutex<Journal>,
    observer: Arc<dyn Observer>,
    stall_after: Duration,
    dispatch: String,
    /// The run was heard of.
    alive: Notify,
    /// It was at work since this connection began.
    seen: AtomicBool,
}

impl Trip {
    /// Waits until the run has ended and left its result. A trip that was not launched yet is, first.
    ///
    /// # Errors
    /// [`TripError::TimedOut`], [`TripError::NotBegun`] or [`TripError::OutOfReach`] after `patience`; [`TripError::Lost`] if the runner is gone;
    /// a connection that cannot heal. A connection that was lost is made again, without end.
    pub(crate) async fn follow(
        &mut self,
        tools: &Tools,
        patience: Option<Duration>,
    ) -> Result<(), TripError> {
        self.connection.set_deadline(patience);
        // What comes behind the wait is bounded by the same, each thing by itself.
        self.connection.set_call_limit(patience);
        let (host, dispatch) = (self.connection.host.name.clone(), self.record().id.clone());
        let Some(after) = patience else { return self.follow_without_end(tools).await };
        match tokio::time::timeout(after, self.follow_without_end(tools)).await {
            Ok(followed) => followed,
            Err(_) => Err(match (self.connection.trouble(), self.record()) {
                (Some(why), record) => TripError::OutOfReach { host, after, why, begun: record.is_away() },
                (None, record) if record.is_unlaunched() || record.state == State::Uploaded => {
                    TripError::NotBegun { host, dispatch, after, known: record.is_unlaunched() }
                }
                (None, _) => TripError::TimedOut { host, dispatch, after },
            }),
        }
    }

    pub(crate) async fn follow_without_end(&mut self, tools: &Tools) -> Result<(), TripError> {
        self.continue_sending(tools).await?;
        if !self.record().is_away() || self.record().state == State::Finished {
            return Ok(());
        }
        self.begin(tools, Step::Wait)?;
        let watch = Arc::new(Watch {
            journal: Mutex::new(Journal::open(&self.dispatch, tools.observer.as_ref())),
            observer: Arc::clone(&tools.observer),
            stall_after: tools.stall_after,
            dispatch: self.record().id.clone(),
            alive: Notify::new(),
            seen: AtomicBool::new(false),
        });
        let mut pauses = Pauses::default();
        loop {
            let before = watch.taken();
            let error = match self.watch(tools, &watch).await {
                Ok(end) => return self.ended(tools, end, &watch),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            if watch.taken() > before {
                pauses.reset();
            }
            pauses.pause(tools, &mut self.connection, &error).await?;
        }
    }

    /// Follows the run over one connection, from where the last one ended.
    async fn watch(&mut self, tools: &Tools, watch: &Arc<Watch>) -> Result<Frame, TripError> {
        let listener = Arc::clone(watch);
        watch.seen.store(false, Ordering::Relaxed);
        let Self { connection, dispatch, .. } = self;
        let (id, from) = (dispatch.record.id.clone(), watch.taken());
        let take = move |frame| {
            listener.take(frame);
            ControlFlow::Continue(())
        };
        let mut watching =
            std::pin::pin!(stream::watch(tools, connection, (&id, from), (None, u64::MAX), take));
        let end = loop {
            tokio::select! {
                biased;
                end = &mut watching => break end?,
                () = watch.alive.notified() => if let State::Launched { identity } = &dispatch.record.state {
                    dispatch.record.state = State::Running { identity: identity.clone() };
                    dispatch.save()?;
                },
            }
        };
        end.ok_or(TripError::Broken("a watch ended that nobody had ended"))
    }

    fn ended(&mut self, tools: &Tools, end: Frame, watch: &Watch) -> Result<(), TripError> {
        let outcome = {
            let mut journal = watch.journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.pack(tools.observer.as_ref());
            journal.outcome().clone()
        };
        match end {
            Frame::Ended(result) => {
                self.keep(STDERR, result.words.as_bytes())?;
                self.dispatch.record.trouble =
                    ended_by(&result).or_else(|| outcome.trouble(result.status, &result.words));
                self.dispatch.record.outcome = Some(outcome);
                self.dispatch.record.result = Some(result);
                self.has_latest_result = watch.seen.load(Ordering::Relaxed);
                self.reach(tools, Step::Wait, State::Finished)
            }
            Frame::Dead(words) => {
                self.keep(STDERR, words.as_bytes())?;
                let error = TripError::Lost {
                    host: self.connection.host.name.clone(),
                    dispatch: self.record().id.clone(),
                    words: words.clone(),
                };
                self.dispatch.record.outcome = Some(outcome);
                self.dispatch.record.ended_ms = Some(clock::now_ms());
                self.reach(tools, Step::Wait, State::Lost { last_words: words })?;
                Err(error)
            }
            _ => Err(TripError::not_on_host(self.record())),
        }
    }
}

/// What ended a run that did not end by itself.
pub(crate) fn ended_by(result: &RunResult) -> Option<String> {
    match result.ended_by {
        EndedBy::Done => None,
        EndedBy::Cancelled => Some("it was cancelled".to_owned()),
        EndedBy::Timeout => Some("it took longer than its run_timeout and was ended".to_owned()),
        EndedBy::Fetched => Some("it was cut short: its runner there died".to_owned()),
    }
}

impl Watch {
    fn taken(&self) -> u64 {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).taken()
    }

    fn take(&self, frame: Frame) {
        self.alive.notify_one();
        self.seen.fetch_or(frame == Frame::Beat, Ordering::Relaxed);
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        match frame {
            Frame::Events(bytes) => journal.take(&bytes, self.observer.as_ref()),
            Frame::Beat if journal.is_stalled(self.stall_after) => {
                self.observer.tell(News::Warning(format!(
                    "nothing has been heard of the run for {}; it may be asking a provider that does not answer. \
                     It goes on; end it: kugetsu cancel {}",
                    span(self.stall_after),
                    self.dispatch
                )));
            }
            _ => {}
        }
    }
}

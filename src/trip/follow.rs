//! The wait: a run is followed until it leaves its result, over as many connections as it takes.

use super::{News, Observer, PATIENCE, Tools, Trip, TripError};
use crate::clock;
use crate::dispatch::{State, Step};
use crate::events::{Event, Lines, Outcome};
use crate::host::{self, Frame, Frames, FramesError, HostEnv};
use crate::transport::TransportError;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest pause before a lost connection is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of the run; it outlives the connections.
#[derive(Default)]
struct Seen {
    lines: Lines,
    outcome: Outcome,
}

impl Trip {
    /// Waits until the run has ended and left its result.
    ///
    /// # Errors
    /// [`TripError::TimedOut`] after `patience`; [`TripError::Lost`] if the runner is gone; a connection that
    /// cannot heal. A connection that was lost is made again, without end.
    pub async fn follow(&mut self, tools: &Tools, patience: Option<Duration>) -> Result<(), TripError> {
        let (host, dispatch) = (self.host.name.clone(), self.record().id.clone());
        let following = self.follow_without_end(tools);
        match patience {
            None => following.await,
            Some(after) => tokio::time::timeout(after, following).await.unwrap_or(Err(TripError::TimedOut {
                host,
                dispatch,
                after,
            })),
        }
    }

    async fn follow_without_end(&mut self, tools: &Tools) -> Result<(), TripError> {
        if self.record().state == State::Uploaded {
            self.relaunch(tools).await?;
        }
        if !matches!(self.record().state, State::Launched { .. } | State::Lost { .. }) {
            return Ok(());
        }
        self.dispatch.begin(Step::Wait)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut pause = Duration::from_secs(1);
        loop {
            let before = taken(&seen);
            let why = match self.watch(tools, &seen).await {
                Ok(end) => return self.ended(end, &seen),
                Err(TripError::Transport { source: source @ TransportError::Lost { .. }, .. }) => {
                    source.to_string()
                }
                Err(TripError::Connect { source, .. }) if source.retryable() => source.to_string(),
                Err(error) => return Err(error),
            };
            if taken(&seen) > before {
                pause = Duration::from_secs(1);
            }
            tools.tell(News::Reconnecting { pause, why });
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Follows the run over one connection, from where the last one ended.
    async fn watch(&mut self, tools: &Tools, seen: &Arc<Mutex<Seen>>) -> Result<Frame, TripError> {
        let script = host::watch(&HostEnv::default(), &self.record().id, taken(seen));
        let (seen, observer) = (Arc::clone(seen), Arc::clone(&tools.observer));
        let host = self.host.name.clone();
        let watched = self
            .on_host(tools, Step::Wait, move |transport| {
                let mut frames = Frames::default();
                let mut problem = None;
                transport.stream(&script, PATIENCE, &mut |bytes| match frames.feed(bytes) {
                    Ok(complete) => {
                        complete.into_iter().for_each(|frame| take(&seen, observer.as_ref(), frame));
                        ControlFlow::Continue(())
                    }
                    Err(error) => {
                        problem = Some(error);
                        ControlFlow::Break(())
                    }
                })?;
                Ok(match problem {
                    Some(problem) => Err(problem),
                    None => frames.end(),
                })
            })
            .await?;
        let end: Result<Option<Frame>, FramesError> = watched;
        let cut = || TripError::Transport {
            host: host.clone(),
            step: Step::Wait,
            source: TransportError::Lost {
                during: "waiting".to_owned(),
                detail: "the watch there ended".to_owned(),
            },
        };
        end.map_err(|source| TripError::Watch { host: host.clone(), source })?.ok_or_else(cut)
    }

    fn ended(&mut self, end: Frame, seen: &Mutex<Seen>) -> Result<(), TripError> {
        let outcome = seen.lock().unwrap_or_else(PoisonError::into_inner).outcome.clone();
        let lost = |words: String| TripError::Lost {
            host: self.host.name.clone(),
            dispatch: self.dispatch.record.id.clone(),
            words,
        };
        match end {
            Frame::Ended(result) => {
                self.dispatch.record.trouble = outcome.trouble(result.status, &result.words);
                self.dispatch.record.outcome = Some(outcome);
                self.dispatch.record.result = Some(result);
                Ok(self.dispatch.reach(State::Finished)?)
            }
            Frame::Dead(words) => {
                let error = lost(words.clone());
                self.dispatch.record.outcome = Some(outcome);
                self.dispatch.record.ended_ms = Some(clock::now_ms());
                self.dispatch.reach(State::Lost { last_words: words })?;
                Err(error)
            }
            _ => Err(lost("its directory there is gone".to_owned())),
        }
    }
}

fn taken(seen: &Mutex<Seen>) -> u64 {
    seen.lock().unwrap_or_else(PoisonError::into_inner).lines.taken()
}

fn take(seen: &Mutex<Seen>, observer: &dyn Observer, frame: Frame) {
    let Frame::Events(bytes) = frame else { return };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let events: Vec<Event> = seen.lines.feed(&bytes);
    for event in &events {
        seen.outcome.add(event);
        observer.tell(News::Event(event));
    }
}

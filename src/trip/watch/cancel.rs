//! A trip is ended: nothing of its run is left on the host, or it never begins.

use crate::clock;
use crate::disk::Busy;
use crate::dispatch::{State, Step};
use crate::host::{self, Cancel, HostEnv};
use crate::hosts::HostEntry;
use crate::trip::connection::{HostConnection, WhenUnreachable};
use crate::trip::error::TripError;
use crate::trip::report::TripReport;
use crate::trip::send::supersede::SweepResult;
use crate::trip::tools::{Tools, UNDER_WAY, WORK_PATIENCE};
use crate::trip::under_way::Trip;
use std::time::Duration;

/// How long a host that was reached may be out of reach in between.
const OUTAGE: Duration = Duration::from_secs(30);

/// What was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The run; the session is on the host until it is fetched.
    Run,
    /// The run, which another kugetsu follows: that one brings the session home.
    TheirRun { by: Busy },
    /// Nothing: the run had ended by itself.
    ByItself,
    /// The trip, before a run began: the session never left.
    Unlaunched,
}

/// A trip that was ended.
#[derive(Debug, Clone)]
pub(crate) struct CancelReport {
    pub ended: Ended,
    /// What there is to say of the trip now.
    pub report: TripReport,
}

/// Ends the trip `id`.
///
/// # Errors
/// [`TripError::Over`] where there is nothing to end; [`TripError::Survived`] where something of the run is left.
pub(crate) async fn cancel(tools: &Tools, id: &str, host: HostEntry) -> Result<CancelReport, TripError> {
    let record = tools.dispatch(id)?.record;
    match Trip::resume(tools, id, host.clone(), "cancel") {
        Ok(mut trip) => {
            let ended = trip.cancel(tools).await?;
            Ok(CancelReport { ended, report: trip.report() })
        }
        // Who follows a run has the lock as long as it lasts.
        Err(TripError::Busy { by, .. }) if record.is_away() => {
            let found = HostConnection::new(host).cancel(tools, id).await?;
            let dispatch = tools.dispatch(id)?;
            let ended = match found {
                Cancel::Yes => Ended::TheirRun { by },
                Cancel::Ended => Ended::ByItself,
                Cancel::Never => Ended::Unlaunched,
                Cancel::Gone => return Err(TripError::not_on_host(&dispatch.record)),
            };
            Ok(CancelReport { ended, report: TripReport::of(&dispatch) })
        }
        Err(error) => Err(error),
    }
}

impl HostConnection {
    /// Has the host end all of a run, and say that nothing is left of it.
    async fn cancel(&mut self, tools: &Tools, id: &str) -> Result<Cancel, TripError> {
        self.connect(tools).await?;
        self.set_outage_limit(Some(OUTAGE));
        // The script waits for the runner, which writes down what the run came to.
        let script = host::cancel(&HostEnv::default(), id);
        let answer =
            self.ask_again(tools, Step::Wait, WhenUnreachable::Retry, (&script, WORK_PATIENCE)).await?;
        let host = &self.host.name;
        let cancelled =
            host::Cancelled::from_answer(&answer).map_err(TripError::garbled(host, Step::Wait))?;
        match cancelled.left {
            0 => Ok(cancelled.found),
            left => Err(TripError::Survived { host: host.clone(), dispatch: id.to_owned(), left }),
        }
    }
}

impl Trip {
    async fn cancel(&mut self, tools: &Tools) -> Result<Ended, TripError> {
        if self.record().is_unlaunched() {
            self.never(tools).await?;
            return Ok(Ended::Unlaunched);
        }
        let id = self.record().id.clone();
        match self.record().state {
            State::Cancelled { launched: false } => return Ok(Ended::Unlaunched),
            State::Finished => {
                // What the run left at work, as a server.
                self.connection.cancel(tools, &id).await?;
                return Ok(Ended::ByItself);
            }
            State::Home { .. } | State::Failed { .. } => {
                return Err(TripError::Over { dispatch: id, state: self.record().state.name() });
            }
            _ => {}
        }
        match self.connection.cancel(tools, &id).await? {
            Cancel::Yes => {
                self.dispatch.record.trouble = Some("it was cancelled".to_owned());
                self.dispatch.reach(State::Cancelled { launched: true })?;
                Ok(Ended::Run)
            }
            // By an earlier cancelling.
            Cancel::Ended if matches!(self.record().state, State::Cancelled { .. }) => Ok(Ended::Run),
            Cancel::Ended => {
                self.follow_without_end(tools).await?;
                Ok(Ended::ByItself)
            }
            Cancel::Never => {
                self.never(tools).await?;
                Ok(Ended::Unlaunched)
            }
            Cancel::Gone => Err(TripError::not_on_host(self.record())),
        }
    }

    /// Sees to it that a trip that was not launched never is.
    async fn never(&mut self, tools: &Tools) -> Result<(), TripError> {
        self.dispatch.record.ended_ms = Some(clock::now_ms());
        self.dispatch.reach(State::Cancelled { launched: false })?;
        for name in UNDER_WAY {
            self.dispatch.discard(name)?;
        }
        if self.record().is_on_host {
            let id = self.record().id.clone();
            // What stays there costs only room: nobody launches it any more.
            let env = HostEnv { account: self.record().account.clone(), ..HostEnv::default() };
            if let SweepResult::Removed = self.connection.sweep(tools, &env, &id, false).await {
                self.dispatch.record.is_on_host = false;
                self.dispatch.save()?;
            }
        }
        Ok(())
    }
}

//! A trip under way, wherever it stands.

use crate::disk::Lock;
use crate::dispatch::{Dispatch, Record, Sent, State, Step};
use crate::hosts::HostEntry;
use crate::trip::connection::HostConnection;
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::report::TripReport;
use crate::trip::steps::Steps;
use crate::trip::tools::Tools;
use crate::trip::watch::journal;
use std::time::Duration;

/// One trip under way: its dispatch, the session's lock, and the connection to the host.
pub(crate) struct Trip {
    pub(crate) dispatch: Dispatch,
    pub(crate) connection: HostConnection,
    /// Nobody has taken it up before.
    pub(crate) is_new: bool,
    /// Earlier trips of the session, as they stood when this one began.
    pub(crate) earlier: Vec<Dispatch>,
    pub(crate) reply: Option<String>,
    /// How long the way out may take in all; `None`: as long as it takes.
    pub(crate) patience: Option<Duration>,
    /// The host's result is the latest: this process saw the run end, or had the result made.
    pub(crate) has_latest_result: bool,
    _lock: Lock,
}

impl Trip {
    pub(crate) fn new(dispatch: Dispatch, host: HostEntry, lock: Lock) -> Self {
        Self {
            dispatch,
            connection: HostConnection::new(host),
            is_new: false,
            earlier: Vec::new(),
            reply: None,
            patience: None,
            has_latest_result: false,
            _lock: lock,
        }
    }

    /// Takes up a trip, wherever it stopped. `verb` is what others are told meanwhile.
    ///
    /// # Errors
    /// [`TripError::Busy`] where another kugetsu is at it.
    pub(crate) fn resume(tools: &Tools, id: &str, host: HostEntry, verb: &str) -> Result<Self, TripError> {
        let session = tools.dispatch(id)?.record.session;
        let lock = tools.lock(&session, &format!("{verb} {id}"))?;
        // Read again under the lock: whoever had it may just have finished.
        let dispatch = tools.dispatch(id)?;
        tools.tell(News::Recorded(&dispatch.record));
        Ok(Self::new(dispatch, host, lock))
    }

    pub(crate) fn record(&self) -> &Record {
        &self.dispatch.record
    }

    /// What was sent, of a trip that went so far.
    pub(crate) fn sent(&self) -> Result<Sent, TripError> {
        let sent = self.record().sent.clone();
        sent.ok_or_else(|| TripError::UnknownDispatch(self.record().id.clone()))
    }

    /// What there is to say of the trip now.
    pub(crate) fn report(&self) -> TripReport {
        TripReport {
            reply: self.reply.clone().or_else(|| journal::known(&self.dispatch.directory).reply),
            ..TripReport::of(&self.dispatch)
        }
    }

    pub(crate) fn begin(&mut self, tools: &Tools, step: Step) -> Result<(), TripError> {
        Steps::of(tools, &mut self.dispatch).begin(step)
    }

    pub(crate) fn done(&mut self, tools: &Tools, step: Step) -> Result<(), TripError> {
        Steps::of(tools, &mut self.dispatch).done(step)
    }

    pub(crate) fn reach(&mut self, tools: &Tools, step: Step, state: State) -> Result<(), TripError> {
        Steps::of(tools, &mut self.dispatch).reach(step, state)
    }
}

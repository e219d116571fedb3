//! The use cases: a session goes to a host, is worked on there, and comes home. Plans, then applies;
//! prints nothing and reads no environment.

mod arrive;
mod back;
mod cancel;
mod checked;
mod cure;
mod deliver;
mod depart;
mod departed;
mod dry;
mod earlier;
mod error;
mod fallback;
mod fetch;
mod fitness;
mod follow;
mod holding;
mod home;
mod journal;
mod kept;
mod launch;
mod line;
mod link;
mod listen;
mod local;
mod look;
mod memory;
mod observer;
mod owner;
mod parcel;
mod plan;
mod prompt;
mod report;
mod restore;
mod segments;
mod sending;
mod share;
mod snapshot;
mod spare;
mod status;
mod steps;
#[cfg(test)]
mod tests;
mod watch;

pub use cancel::{CancelReport, Ended, cancel};
pub use depart::check_here;
pub use dry::DryRun;
pub use error::{ApartReason, Kind, TripError};
pub use holding::Holding;
pub use kept::{LeftOnHosts, Remains, Removed, left_on_hosts};
pub use listen::{Hear, Heard, Listener};
pub use memory::Term;
pub use observer::{News, Observer};
pub use plan::Request;
pub use report::{Report, RunReport};
pub use snapshot::{Snapshot, snapshot};
pub use status::{Look, look_at};

use crate::disk::{self, Lock, Taken};
use crate::dispatch::{Dispatch, Moment, Record, State, Step, Store};
use crate::hosts::HostEntry;
use crate::opencode::Program;
use crate::transport::Connector;
use line::Line;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use steps::Steps;

/// How long a host may be silent before the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a host may be silent that works on something: it tells every five seconds that it lives, and may be busy.
const WORK_PATIENCE: Duration = Duration::from_secs(60);
/// What a script other than the watch may answer at most, in bytes.
const ANSWER: usize = 4 << 20;
/// A dispatch's file with the user's message, byte for byte.
const MESSAGE: &str = "message";
/// A dispatch's files that are of use until the session is home.
const UNDER_WAY: [&str; 3] = ["export.json", "parcel", departed::FILE];
/// A dispatch's file with the last words of its run's standard error.
const STDERR: &str = "stderr";

/// What a trip is made with.
#[derive(Clone)]
pub struct Tools {
    /// kugetsu's home.
    pub kugetsu_home: PathBuf,
    /// The user's home directory.
    pub user_home: PathBuf,
    /// The local opencode.
    pub program: Program,
    /// The local opencode's database.
    pub database: PathBuf,
    /// The records.
    pub store: Store,
    /// Makes connections.
    pub connector: Arc<dyn Connector>,
    /// Is told how it goes.
    pub observer: Arc<dyn Observer>,
    /// A run that says nothing for so long is said to be stalled.
    pub stall_after: Duration,
    /// Where this process kills itself, for tests: a debug build only does.
    pub kill_at: Option<(Moment, Step)>,
}

impl Tools {
    fn tell(&self, news: News<'_>) {
        self.observer.tell(news);
    }

    /// Takes the session's lock, or says who has it.
    fn lock(&self, session: &str, task: &str) -> Result<Lock, TripError> {
        match disk::take_session(&self.kugetsu_home, session, task)? {
            Taken::Ours(lock) => Ok(lock),
            Taken::Theirs(by) => Err(TripError::Busy { session: session.to_owned(), by }),
        }
    }
}

/// One trip under way: its dispatch, the session's lock, and the line to the host.
pub struct Trip {
    dispatch: Dispatch,
    line: Line,
    /// Nobody has taken it up before.
    is_new: bool,
    /// Earlier trips of the session, as they stood when this one began.
    earlier: Vec<Dispatch>,
    reply: Option<String>,
    /// How long the way out may take in all; `None`: for as long as it goes on.
    patience: Option<Duration>,
    /// What the run left there is as new as can be: this process saw the run end, or had it made.
    is_fresh: bool,
    _lock: Lock,
}

impl Trip {
    fn new(dispatch: Dispatch, host: HostEntry, lock: Lock) -> Self {
        Self {
            dispatch,
            line: Line::new(host),
            is_new: false,
            earlier: Vec::new(),
            reply: None,
            patience: None,
            is_fresh: false,
            _lock: lock,
        }
    }

    /// Takes up a trip, wherever it stopped. `verb` is what others are told meanwhile.
    ///
    /// # Errors
    /// [`TripError::Busy`] where another kugetsu is at it.
    pub fn resume(tools: &Tools, id: &str, host: HostEntry, verb: &str) -> Result<Self, TripError> {
        let unknown = || TripError::UnknownDispatch(id.to_owned());
        let session = tools.store.open(id)?.ok_or_else(unknown)?.record.session;
        let lock = tools.lock(&session, &format!("{verb} {id}"))?;
        // Read again under the lock: whoever had it may just have finished.
        let dispatch = tools.store.open(id)?.ok_or_else(unknown)?;
        tools.tell(News::Recorded(&dispatch.record));
        Ok(Self::new(dispatch, host, lock))
    }

    /// The record as it stands.
    pub fn record(&self) -> &Record {
        &self.dispatch.record
    }

    /// What there is to say of the trip now.
    pub fn report(&self) -> Report {
        Report {
            reply: self.reply.clone().or_else(|| journal::known(&self.dispatch.directory).reply),
            ..Report::of(&self.dispatch)
        }
    }

    fn begin(&mut self, tools: &Tools, step: Step) -> Result<(), TripError> {
        Steps::of(tools, &mut self.dispatch).begin(step)
    }

    fn done(&mut self, tools: &Tools, step: Step) -> Result<(), TripError> {
        Steps::of(tools, &mut self.dispatch).done(step)
    }

    fn reach(&mut self, tools: &Tools, step: Step, state: State) -> Result<(), TripError> {
        Steps::of(tools, &mut self.dispatch).reach(step, state)
    }
}

/// The message of a dispatch, where it is kept.
pub fn message(dispatch: &Dispatch) -> Option<Vec<u8>> {
    std::fs::read(dispatch.file(MESSAGE)).ok()
}

/// Runs work that takes a while on a worker thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TripError> + Send + 'static,
) -> Result<T, TripError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(TripError::Broken("a worker thread ended before its work")))
}

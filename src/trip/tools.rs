//! What a trip is made with, and what all of its parts go by.

use crate::disk::{self, Lock};
use crate::dispatch::{Dispatch, Moment, Step, Store};
use crate::opencode::Program;
use crate::transport::Connector;
use crate::trip::error::TripError;
use crate::trip::observer::{News, Observer};
use crate::trip::sent_state;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a host may be silent before the connection counts as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a host may be silent that works on something: it tells every five seconds that it lives, and may be busy.
pub(crate) const WORK_PATIENCE: Duration = Duration::from_secs(60);
/// What a script other than the watch may answer at most, in bytes.
pub(crate) const ANSWER: usize = 4 << 20;
/// A dispatch's file with the user's message, byte for byte.
pub(crate) const MESSAGE: &str = "message";
/// A dispatch's files that are of use until the session is home.
pub(crate) const UNDER_WAY: [&str; 3] = ["export.json", "parcel", sent_state::FILE];
/// A dispatch's file with the last words of its run's standard error.
pub(crate) const STDERR: &str = "stderr";

/// What a trip is made with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub kugetsu_home: PathBuf,
    pub user_home: PathBuf,
    pub program: Program,
    pub database: PathBuf,
    pub store: Store,
    pub connector: Arc<dyn Connector>,
    pub observer: Arc<dyn Observer>,
    /// A run that says nothing for so long is said to be stalled.
    pub stall_after: Duration,
    /// Where this process kills itself, for tests: a debug build only does.
    pub kill_at: Option<(Moment, Step)>,
}

impl Tools {
    pub(crate) fn tell(&self, news: News<'_>) {
        self.observer.tell(news);
    }

    /// The dispatch of this id.
    pub(crate) fn dispatch(&self, id: &str) -> Result<Dispatch, TripError> {
        self.store.open(id)?.ok_or_else(|| TripError::UnknownDispatch(id.to_owned()))
    }

    /// Takes the session's lock, or says who has it.
    pub(crate) fn lock(&self, session: &str, task: &str) -> Result<Lock, TripError> {
        let taken = disk::take_session(&self.kugetsu_home, session, task)?;
        taken.map_err(|by| TripError::Busy { session: session.to_owned(), by })
    }
}

/// The message of a dispatch, where it is kept.
pub(crate) fn message(dispatch: &Dispatch) -> Option<Vec<u8>> {
    std::fs::read(dispatch.file(MESSAGE)).ok()
}

/// Runs work that takes a while on a worker thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TripError> + Send + 'static,
) -> Result<T, TripError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(TripError::Broken("a worker thread ended before its work")))
}

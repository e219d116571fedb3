//! The use cases: a session goes to a host, is worked on there, and comes home. Plans, then applies;
//! prints nothing and reads no environment.

mod checked;
mod error;
mod fitness;
mod follow;
mod home;
mod link;
mod local;
mod look;
mod observer;
mod outbound;
mod parcel;
mod plan;
mod prompt;
mod report;

pub use error::{Kind, TripError};
pub use observer::{News, Observer};
pub use outbound::DryRun;
pub use plan::Request;
pub use report::{Report, RunReport};

use crate::disk::{self, Lock};
use crate::dispatch::{Dispatch, Record, Step, Store};
use crate::hosts::HostEntry;
use crate::opencode::Program;
use crate::session::Outline;
use crate::transport::{Connector, Transport, TransportError};
use link::Link;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a host may be silent before the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// Whoever only looks whether a lock is held has a share of it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);
/// How long importing may take; a session of hundreds of megabytes takes a slow host minutes.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(1800);
/// What a script other than the watch may answer at most, in bytes.
const ANSWER: usize = 4 << 20;

/// What a trip is made with.
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
}

impl Tools {
    fn tell(&self, news: News<'_>) {
        self.observer.tell(news);
    }

    /// Takes the session's lock, or says who has it.
    fn lock(&self, session: &str, command: &str) -> Result<Lock, TripError> {
        disk::private_dir(&self.kugetsu_home.join("locks"))?;
        let path = disk::session_lock(&self.kugetsu_home, session);
        match Lock::exclusive_within(&path, command, LOCK_PATIENCE)? {
            Some(lock) => Ok(lock),
            None => Err(TripError::Busy { session: session.to_owned(), by: Lock::held_by(&path) }),
        }
    }

    async fn connect(&self, host: &HostEntry) -> Result<Link, TripError> {
        let (connector, entry) = (Arc::clone(&self.connector), host.clone());
        let connected = tokio::task::spawn_blocking(move || connector.connect(&entry, PATIENCE)).await;
        match connected {
            Ok(Ok(transport)) => Ok(Link::new(transport)),
            Ok(Err(source)) => Err(TripError::Connect { host: host.name.clone(), ssh: host.ssh(), source }),
            Err(_) => Err(TripError::Transport {
                host: host.name.clone(),
                step: Step::Connect,
                source: TransportError::Lost {
                    during: "connecting".to_owned(),
                    detail: "no answer".to_owned(),
                },
            }),
        }
    }
}

/// One trip under way: its dispatch, the session's lock, and the connection.
pub struct Trip {
    dispatch: Dispatch,
    host: HostEntry,
    link: Option<Link>,
    /// What left, where this process sent it itself.
    left: Option<Outline>,
    reply: Option<String>,
    _lock: Lock,
}

impl Trip {
    /// Takes up a trip that was launched earlier.
    ///
    /// # Errors
    /// [`TripError::Busy`] where another kugetsu is at it.
    pub fn resume(tools: &Tools, id: &str, host: HostEntry) -> Result<Self, TripError> {
        let unknown = || TripError::UnknownDispatch(id.to_owned());
        let session = tools.store.open(id)?.ok_or_else(unknown)?.record.session;
        let lock = tools.lock(&session, &format!("wait {id}"))?;
        // Read again under the lock: whoever had it may just have finished.
        let dispatch = tools.store.open(id)?.ok_or_else(unknown)?;
        tools.tell(News::Recorded(&dispatch.record));
        Ok(Self { dispatch, host, link: None, left: None, reply: None, _lock: lock })
    }

    /// The record as it stands.
    pub fn record(&self) -> &Record {
        &self.dispatch.record
    }

    /// What there is to say of the trip now.
    pub fn report(&self) -> Report {
        Report::new(&self.dispatch.record, self.reply.clone())
    }

    /// Runs `call` on this trip's connection, made now if there is none.
    async fn on_host<T: Send + 'static>(
        &mut self,
        tools: &Tools,
        step: Step,
        call: impl FnOnce(&mut dyn Transport) -> Result<T, TransportError> + Send + 'static,
    ) -> Result<T, TripError> {
        let link = match &mut self.link {
            Some(link) => link,
            none => none.insert(tools.connect(&self.host).await?),
        };
        let result = link.call(call).await;
        if matches!(result, Err(TransportError::Lost { .. })) {
            self.link = None;
        }
        result.map_err(|source| TripError::Transport { host: self.host.name.clone(), step, source })
    }
}

/// Runs work that takes a while on a worker thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TripError> + Send + 'static,
) -> Result<T, TripError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(TripError::Broken("a worker thread ended before its work")))
}

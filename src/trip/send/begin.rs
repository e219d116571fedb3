//! The way out: from a request, or a trip that stopped on the way, to a run on the host.

use crate::clock;
use crate::disk::{self, Busy};
use crate::dispatch::{HostOrigin, Plan, ProjectHost, Record, State, Step, Store};
use crate::host;
use crate::hosts::HostEntry;
use crate::opencode::Database;
use crate::text::plain;
use crate::trip::connection::WhenUnreachable;
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::send::inspect::{InspectedHost, inspect};
use crate::trip::send::local::{Local, check_undone, export, local};
use crate::trip::send::plan::Request;
use crate::trip::send::supersede::SweepResult;
use crate::trip::steps::Steps;
use crate::trip::tools::{MESSAGE, PATIENCE, Tools, UNDER_WAY};
use crate::trip::under_way::Trip;
use std::time::Duration;

impl Request {
    /// Sends the session and starts its run there; returns as soon as it runs.
    ///
    /// # Errors
    /// By phase; nothing runs on the host unless the error says that this is not known.
    pub(crate) async fn launch(&self, tools: &Tools) -> Result<Trip, TripError> {
        let steps = Steps::unrecorded(tools);
        steps.begin(Step::Resolve)?;
        self.check_message()?;
        let local = local(tools, &self.session)?;
        let plan = self.plan(&local.own, &tools.user_home)?;
        steps.done(Step::Resolve)?;

        steps.begin(Step::Lock)?;
        let lock = tools.lock(&self.session, &format!("remote {}", self.host.name))?;
        check_here(&tools.store, &self.session, self.force)?;
        steps.done(Step::Lock)?;

        steps.begin(Step::Record)?;
        // Nobody else has the lock: a trip of this session that is neither away nor at its end was cut short.
        let earlier = tools.store.of(&self.session)?;
        let dispatch = tools.store.create_with(self.record(&local, plan), &[(MESSAGE, &self.message)])?;
        let mut trip = Trip::new(dispatch, self.host.clone(), lock);
        trip.earlier = earlier;
        trip.is_new = true;
        trip.connection.set_outage_limit(self.patience);
        trip.patience = self.patience;
        tools.tell(News::Recorded(trip.record()));
        steps.done(Step::Record)?;

        trip.depart(tools).await?;
        Ok(trip)
    }

    fn record(&self, local: &Local, plan: Plan) -> Record {
        Record {
            version: crate::dispatch::VERSION,
            id: self.id.clone(),
            session: self.session.clone(),
            title: local.title.clone(),
            issue: self.issue.clone(),
            host: self.host.name.clone(),
            origin: Some(origin(&self.host)),
            mode: self.mode,
            created_ms: clock::now_ms(),
            plan,
            state: State::Planned,
            ..Record::default()
        }
    }
}

/// Whose word the host is, and how it is reached where that is a project's.
fn origin(host: &HostEntry) -> HostOrigin {
    let Some(file) = &host.source else { return HostOrigin::Alias };
    if !host.is_project {
        return HostOrigin::User;
    }
    HostOrigin::Project(ProjectHost {
        file: file.to_string_lossy().into_owned(),
        host: host.host.clone(),
        port: host.port,
        identity_file: host.identity_file.as_ref().map(|path| path.to_string_lossy().into_owned()),
        opencode: host.opencode.clone(),
        env: host.env.clone(),
    })
}

/// Refuses a session that is on a host, unless `forced`, and one in which a process of an earlier run still works. Hold the
/// session's lock.
///
/// # Errors
/// [`TripError::Away`], [`TripError::Busy`]; a record that cannot be read.
pub(crate) fn check_here(store: &Store, session: &str, forced: bool) -> Result<(), TripError> {
    if let Some(away) = store.away(session)?.filter(|_| !forced) {
        return Err(TripError::away(&away.record));
    }
    let remains = crate::process::find(&crate::process::run_mark(session), None);
    match remains.first() {
        None => Ok(()),
        Some(first) => {
            let by = Busy::Remains { command: plain(&first.command), pid: first.pid };
            Err(TripError::Busy { session: session.to_owned(), by })
        }
    }
}

impl Trip {
    /// Has the session leave and its run begin, from wherever that stopped. A trip whose run was launched is left
    /// as it is.
    pub(crate) async fn continue_sending(&mut self, tools: &Tools) -> Result<(), TripError> {
        if self.record().is_unlaunched() {
            check_here(&tools.store, &self.record().session, self.record().plan.forced)?;
            return self.depart(tools).await;
        }
        if self.record().state == State::Uploaded { self.relaunch(tools).await } else { Ok(()) }
    }

    /// From the plan to the run. What an earlier attempt made is made again: the session may have gone on here since.
    async fn depart(&mut self, tools: &Tools) -> Result<(), TripError> {
        for name in UNDER_WAY {
            self.dispatch.discard(name)?;
        }
        self.dispatch.record.sent = None;
        self.dispatch.reach(State::Planned)?;
        let Some(message) = disk::read(&self.dispatch.file(MESSAGE))? else {
            return Err(TripError::NoMessage { dispatch: self.record().id.clone() });
        };
        let gone = match self.patience {
            None => self.go(tools, &message).await,
            Some(after) => match tokio::time::timeout(after, self.go(tools, &message)).await {
                Ok(gone) => gone,
                Err(_) => Err(self.too_slow(after)),
            },
        };
        let Err(mut error) = gone else { return Ok(()) };
        if let TripError::OutOfReach { begun, .. } = &mut error {
            *begun = self.record().is_away();
        }
        self.give_up(&error)?;
        Err(error)
    }

    /// The user's time passed on the way out.
    fn too_slow(&self, after: Duration) -> TripError {
        let (host, dispatch) = (self.connection.host.name.clone(), self.record().id.clone());
        match (self.record().is_away(), self.connection.trouble()) {
            (true, _) => {
                let why = format!("nothing was heard of it within {}", humantime::format_duration(after));
                TripError::LaunchUnknown { host, dispatch, why }
            }
            (false, Some(why)) => TripError::OutOfReach { host, after, why, begun: false },
            (false, None) => {
                let step = self.record().doing.last().copied().unwrap_or(Step::Probe);
                TripError::Slow { host, step, after }
            }
        }
    }

    async fn go(&mut self, tools: &Tools, message: &[u8]) -> Result<(), TripError> {
        let (plan, id) = (self.record().plan.clone(), self.record().id.clone());
        let (session, into) = (self.record().session.clone(), self.dispatch.file("export.json"));
        let owner = tools.owner()?;
        // Taken before the export: whatever moves on here while that is made shows when the session comes home.
        let unknown = || TripError::UnknownSession { session: session.clone() };
        let database = Database::open(&tools.database)?;
        check_undone(&database, &session)?;
        let fingerprint = database.fingerprint(&session)?.ok_or_else(unknown)?;
        // The host is looked at, and a directory made there, while opencode exports: on most machines neither waits
        // for the other. Both are awaited, so that what was made there can be removed again.
        let (exported, found) = {
            let (steps, connection) = (Steps::of(tools, &mut self.dispatch), &mut self.connection);
            let there = async {
                let mut found = inspect(tools, &steps, connection, &plan, &id).await?;
                steps.note(|record| record.is_on_host = true);
                steps.begin(Step::Open)?;
                let open = host::open(&found.env, &id, &owner);
                let opened = connection
                    .ask_again(tools, Step::Open, WhenUnreachable::GiveUp, (&open, PATIENCE))
                    .await?;
                found.env.account = host::account(&opened);
                steps.note(|record| record.account.clone_from(&found.env.account));
                steps.done(Step::Open)?;
                Ok::<_, TripError>(found)
            };
            tokio::join!(export(tools, &steps, &session, &into), there)
        };
        let found = found?;
        let delivered = match (self.supersede_earlier(tools, &found.env).await, exported) {
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(scan)) => self.deliver(tools, &found, (scan, fingerprint), message).await,
        };
        match delivered {
            Err(error @ TripError::LaunchUnknown { .. }) => Err(error),
            Err(error) => self.withdraw(tools, &found, error).await,
            Ok(()) => Ok(()),
        }
    }

    /// Takes back what is on the host of a trip that did not come to a run.
    async fn withdraw(
        &mut self,
        tools: &Tools,
        found: &InspectedHost,
        error: TripError,
    ) -> Result<(), TripError> {
        let id = self.record().id.clone();
        let is_far = matches!(error, TripError::OutOfReach { .. } | TripError::Slow { .. });
        let swept = match error.is_transient() || is_far {
            // The next trip to this host sweeps it.
            true => SweepResult::Unknown,
            false => self.connection.sweep(tools, &found.env, &id, false).await,
        };
        match swept {
            SweepResult::Removed => {
                self.dispatch.record.is_on_host = false;
                self.dispatch.record.doing.remove(&Step::Launch);
                Err(error)
            }
            // A launch that failed may have started the runner all the same.
            SweepResult::Launched | SweepResult::Unknown if self.record().is_away() => {
                let host = self.connection.host.name.clone();
                Err(TripError::LaunchUnknown { host, dispatch: id, why: error.to_string() })
            }
            SweepResult::Launched | SweepResult::Unknown => Err(error),
        }
    }

    /// Puts the record of a trip that did not come to a run into order. A new one of which nothing is on the host is
    /// forgotten. One that was taken up can be taken up again.
    fn give_up(&mut self, error: &TripError) -> Result<(), TripError> {
        if self.record().is_away() {
            return Ok(());
        }
        for name in UNDER_WAY {
            self.dispatch.discard(name)?;
        }
        match (self.is_new, self.record().is_on_host) {
            (false, _) => Ok(self.dispatch.reach(State::Planned)?),
            (true, false) => Ok(self.dispatch.remove()?),
            (true, true) => {
                self.dispatch.record.ended_ms = Some(clock::now_ms());
                let message = error.to_string();
                Ok(self.dispatch.reach(State::Failed { step: error.step(), message })?)
            }
        }
    }

    /// Writes `bytes` into a private file of this dispatch, whole or not at all.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), TripError> {
        Ok(disk::write_atomic(&self.dispatch.file(name), bytes)?)
    }
}

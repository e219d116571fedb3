//! What came back is checked against what was sent, and written into opencode's database in one step. Where the session was
//! changed at home meanwhile, it becomes a fork.

use crate::disk::{self, DiskError};
use crate::dispatch::Dispatch;
use crate::opencode::apply::{self, Applied, ApplyError, ApplyInput};
use crate::opencode::{Database, DatabaseError};
use crate::session::{CopySpec, Outline};
use crate::transfer::{Baseline, ForkInput, MergeContext, MergeResult, fork, reconcile};
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::sent_state;
use crate::trip::sent_state::SentState;
use crate::trip::tools::{Tools, blocking};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of one way home, in the dispatch's directory.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// What came back, readable.
    pub(crate) back: PathBuf,
    pub(crate) export: PathBuf,
    /// What is to be changed at home.
    pub(crate) change_set: PathBuf,
    /// How all was before, for `undo`.
    pub(crate) undo_log: PathBuf,
    /// For `opencode import`, where the schema is not known.
    pub(crate) import: PathBuf,
    /// The fork, where the session was changed at home meanwhile.
    fork: PathBuf,
    pub(crate) sent_state: PathBuf,
}

/// What came back from a host, on its way into the session here.
pub(crate) struct ReturnedWork {
    pub(crate) files: Files,
    pub(crate) host: String,
    pub(crate) session: String,
    title: String,
    pub(crate) directory: PathBuf,
    pub(crate) undo: Baseline,
    pub(crate) sent_state: SentState,
    /// Since when anything of the trip can have been done, in milliseconds since the epoch.
    launched_ms: i64,
    /// The host had more of the session than home when it was sent there.
    host_is_ahead: bool,
    /// When what came back had arrived; written down, since times of new messages depend on it.
    pub(crate) arrived_ms: i64,
}

/// Where what came back is now.
#[derive(Debug)]
pub(crate) enum ApplyOutcome {
    Home(Applied),
    /// `opencode import` brought home what it can: why no more, and what is not there.
    Imported(String, Vec<&'static str>),
    HomeChanged,
}

impl ReturnedWork {
    /// Of a dispatch whose back-file stands unpacked in `room`, where all that is made of it goes.
    pub(crate) fn new(
        dispatch: &Dispatch,
        room: &Path,
        undo: Baseline,
        arrived_ms: i64,
    ) -> Result<Self, TripError> {
        let record = &dispatch.record;
        Ok(Self {
            files: Files {
                back: room.join("back.json"),
                export: dispatch.file("export.json"),
                change_set: room.join("arrival"),
                undo_log: room.join("before"),
                import: room.join("home.json"),
                fork: room.join("beside"),
                sent_state: dispatch.file(sent_state::FILE),
            },
            host: record.host.clone(),
            session: record.session.clone(),
            title: record.title.clone(),
            directory: PathBuf::from(&record.plan.home_directory),
            undo,
            sent_state: SentState::read(&dispatch.file(sent_state::FILE))?,
            launched_ms: record.created_ms,
            host_is_ahead: record.sent.as_ref().is_some_and(|sent| sent.host_is_ahead),
            arrived_ms,
        })
    }

    pub(crate) fn left(&self) -> &Outline {
        &self.sent_state.outline
    }

    /// Checks what came back against what left, and writes down what is to be changed at home.
    ///
    /// # Errors
    /// [`TripError::Home`]: what came back is not what left and more. It is kept.
    pub(crate) async fn read(&self, tools: &Tools) -> Result<MergeResult, TripError> {
        let database = self.database(tools)?;
        let children = database.descendants(&self.session)?;
        let spent = database.spent(&children)?;
        let (files, host, undo) = (self.files.clone(), self.host.clone(), self.undo.clone());
        let left = self.left().clone();
        let (now_ms, launched_ms, host_is_ahead) = (self.arrived_ms, self.launched_ms, self.host_is_ahead);
        blocking(move || {
            let back = open(&files.back)?;
            let before = open(&files.export)?;
            disk::remove(&files.change_set)?;
            let output = disk::create_new_private(&files.change_set)?;
            let rows = &|session: &str, id: &str| Ok(database.message(session, id)?);
            let here =
                MergeContext { now_ms, launched_ms, host_is_ahead, children: &children, spent: &spent, rows };
            reconcile(&left, &undo, back, before, &output, &here).map_err(|source| TripError::Home {
                host,
                source,
                kept: files.back,
            })
        })
        .await
    }

    /// Writes it into opencode's database: all of it, or nothing. The same again changes nothing.
    ///
    /// # Errors
    /// Whatever the error, the session here is as it was.
    pub(crate) async fn apply(&self, tools: &Tools, merged: &MergeResult) -> Result<ApplyOutcome, TripError> {
        match self.apply_change_set(tools).await? {
            Ok(applied) => Ok(ApplyOutcome::Home(applied)),
            Err(ApplyError::Diverged { .. }) => Ok(ApplyOutcome::HomeChanged),
            Err(ApplyError::Gone { session }) => Err(TripError::UnknownSession { session }),
            Err(error) if error.falls_back() => self.fall_back(tools, merged, error).await,
            Err(source) => Err(self.refused(source)),
        }
    }

    async fn apply_change_set(&self, tools: &Tools) -> Result<Result<Applied, ApplyError>, TripError> {
        let sent = self.sent_state.fingerprint.clone();
        let (files, database) = (self.files.clone(), tools.database.clone());
        let (session, now_ms) = (self.session.clone(), self.arrived_ms);
        let observer = Arc::clone(&tools.observer);
        let applied = blocking(move || {
            let input = ApplyInput {
                file: &files.change_set,
                session: &session,
                sent: Some(&sent),
                undo_log: &files.undo_log,
                now_ms,
            };
            Ok(apply::apply_telling(&database, &input, &|| observer.tell(News::Critical(true))))
        });
        let applied = applied.await;
        // Nothing is waited for from here to where the record says so.
        tools.tell(News::Critical(false));
        applied
    }

    /// Makes a session of its own, `copy`, with fresh ids: of what was sent, as far as the host still has it, and of what was
    /// done there. The session itself is not touched. The same again changes nothing.
    ///
    /// # Errors
    /// As for [`ReturnedWork::apply`].
    pub(crate) async fn fork(
        &self,
        tools: &Tools,
        merged: &MergeResult,
        copy: &str,
    ) -> Result<(), TripError> {
        let database = self.database(tools)?;
        if database.contains(copy)? {
            return Ok(());
        }
        let children = database.descendants(&self.session)?;
        let (files, host, undo) = (self.files.clone(), self.host.clone(), self.undo.clone());
        let left = merged.remaining.as_ref().unwrap_or(self.left()).clone();
        let (merged, path) = (merged.clone(), tools.database.clone());
        let spec = CopySpec {
            session: copy.to_owned(),
            title: format!("{} (from {})", self.title, self.host),
            directory: None,
            now_ms: self.arrived_ms,
        };
        let session = self.session.clone();
        let observer = Arc::clone(&tools.observer);
        let made = blocking(move || {
            let mut random = || RandomState::new().hash_one(0);
            let away = ForkInput { left: &left, undo: &undo, merged: &merged, children: &children };
            disk::remove(&files.fork)?;
            let output = disk::create_new_private(&files.fork)?;
            let refused = |source| TripError::Home { host, source, kept: files.back };
            let (export, arrival) = (open(&files.export)?, open(&files.change_set)?);
            let left_out = fork(&away, export, arrival, output, &spec, &mut random).map_err(refused)?;
            let input = ApplyInput {
                file: &files.fork,
                session: &session,
                sent: None,
                undo_log: &files.undo_log,
                now_ms: spec.now_ms,
            };
            let commits = || observer.tell(News::Critical(true));
            Ok((apply::apply_telling(&path, &input, &commits), left_out))
        });
        let made = made.await;
        tools.tell(News::Critical(false));
        let (applied, left_out) = made?;
        applied.map_err(|source| self.refused(source))?;
        if !left_out.is_empty() {
            let (host, sessions) = (&self.host, left_out.join(", "));
            tools.tell(News::Warning(format!(
                "the sessions of sub-agents that are here stay as they are; what these did since is on {host} only: {sessions}"
            )));
        }
        Ok(())
    }

    /// The database here.
    ///
    /// # Errors
    /// Where it is not one of a known opencode, what came back is said to be kept.
    pub(crate) fn database(&self, tools: &Tools) -> Result<Database, TripError> {
        Database::open(&tools.database).map_err(|error| match error {
            DatabaseError::UnknownSchema { .. } => self.refused(error.into()),
            other => other.into(),
        })
    }

    pub(crate) fn refused(&self, source: ApplyError) -> TripError {
        let kept = self.files.back.clone();
        TripError::Apply { host: self.host.clone(), source: Box::new(source), kept }
    }
}

pub(crate) fn open(path: &Path) -> Result<File, TripError> {
    File::open(path).map_err(|source| DiskError::at(path, source).into())
}

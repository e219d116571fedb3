//! Work on this machine: an issue's session is made from the base, a message is worked on in it, a run is stopped,
//! and what became of runs is found out. One run at a time: opencode has no lock, so each run holds one of ours.

mod copying;
mod destroy;
mod error;
mod files;
mod fork;
mod guard;
mod held;
mod job;
mod log;
mod make;
mod prune;
mod run;
mod state;
mod stop;
mod survey;

pub(crate) use destroy::{DestroyTarget, check_free, destroy};
pub(crate) use error::WorkError;
pub(crate) use files::{RunFiles, unfinished};
pub(crate) use fork::{fork, unfork};
pub(crate) use guard::{Guarded, guard};
pub(crate) use job::Job;
pub(crate) use log::{LogReader, log_path};
pub(crate) use make::make;
pub(crate) use prune::{Item, removable};
pub(crate) use run::{Done, GUARD, Watcher, exit, run};
pub(crate) use state::{WorkState, state_of};
pub(crate) use stop::{Stopped, stop};
pub(crate) use survey::{HERE, Survey, SurveyRow, survey};

use crate::dispatch::{Record, Store as Dispatches};
use crate::index::Store as Index;
use crate::opencode::Program;
use std::path::PathBuf;

pub(crate) struct Bench {
    pub(crate) kugetsu_home: PathBuf,
    /// kugetsu's own program, which starts itself as the guard of a run.
    pub(crate) kugetsu: PathBuf,
    pub(crate) program: Program,
    pub(crate) database: PathBuf,
    pub(crate) index: Index,
    /// The trips, for those that have a session away.
    pub(crate) dispatches: Dispatches,
}

impl Bench {
    /// Refuses a session that a host holds; `name` is what the user calls it.
    fn check_here(&self, session: &str, name: &str) -> Result<(), WorkError> {
        let Some(away) = self.dispatches.away(session)? else { return Ok(()) };
        let Record { host, id: dispatch, state, .. } = away.record;
        Err(WorkError::Away { name: name.to_owned(), host, dispatch, state: state.name() })
    }
}

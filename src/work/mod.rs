//! Work on this machine: an issue's session is made from the base, a message is worked on in it, a run is stopped,
//! and what became of runs is found out. One run at a time: opencode has no lock, so each run holds one of ours.

mod copying;
mod destroy;
mod error;
mod files;
mod fork;
mod guard;
mod held;
mod log;
mod make;
mod prune;
mod run;
mod state;
mod stop;
mod survey;

pub use destroy::{Doomed, check_free, destroy};
pub use error::WorkError;
pub use files::{RunFiles, unfinished};
pub use fork::{fork, unfork};
pub use guard::{Guarded, guard};
pub use log::{LogReader, log_path};
pub use make::make;
pub use prune::{Item, Litter, Litters, Pruned, litter};
pub use run::{Done, GUARD, Job, Watcher, exit, run};
pub use state::{State, state_of};
pub use stop::{Stopped, stop};
pub use survey::{HERE, Row, Survey, survey};

use crate::dispatch::Store as Dispatches;
use crate::index::Store as Index;
use crate::opencode::Program;
use std::path::PathBuf;

/// What work on this machine is done with.
pub struct Bench {
    /// kugetsu's home.
    pub kugetsu_home: PathBuf,
    /// kugetsu's own program, which starts itself as the guard of a run.
    pub kugetsu: PathBuf,
    /// The local opencode.
    pub program: Program,
    /// Its database.
    pub database: PathBuf,
    /// The sessions of issues.
    pub index: Index,
    /// The trips, for those that have a session away.
    pub dispatches: Dispatches,
}

impl Bench {
    /// Refuses a session that a host holds; `name` is what the user calls it.
    fn check_here(&self, session: &str, name: &str) -> Result<(), WorkError> {
        let away = self.dispatches.away(session)?;
        away.map_or(Ok(()), |away| Err(WorkError::away(name, &away.record)))
    }
}

//! A run is ended cleanly, with everything that it started.

use super::files::survivor;
use super::guard::{GRACE, terminate};
use super::{Bench, RunFiles, WorkError};
use crate::disk::{self, Busy, Holder, Lock, Task, session_lock};
use crate::process::{end_all, run_mark};
use crate::work::WorkState;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    Run,
    Remains,
}

/// Ends the run of `session`, and proves that nothing of it is left. `name` is what the user calls it, `file` its file in
/// the index.
///
/// # Errors
/// [`WorkError::NothingRuns`]; [`WorkError::Busy`] where what holds the session is no run here;
/// [`WorkError::Survived`].
pub(crate) fn stop(
    bench: &Bench,
    session: &str,
    name: &str,
    file: Option<&str>,
) -> Result<Stopped, WorkError> {
    let path = session_lock(&bench.kugetsu_home, session);
    let files = RunFiles::new(&bench.kugetsu_home, session);
    let proven = |mut survivors: Vec<String>| {
        survivors.extend(end_all(&run_mark(session), None, GRACE).iter().map(survivor));
        match survivors.is_empty() {
            true => Ok(()),
            false => Err(WorkError::Survived { name: name.to_owned(), survivors }),
        }
    };
    let stopped = if Lock::is_held(&path) {
        let holder = Lock::holder(&path);
        let Some(Holder { pid: runner, task: Task::Run(_), .. }) = holder else {
            return Err(WorkError::Busy { name: name.to_owned(), by: Busy::Held(holder) });
        };
        // The lock is held, so its holder lives, and this is its number.
        terminate(runner);
        let patience = GRACE + Duration::from_secs(10);
        let Some(_free) = Lock::exclusive_within(&path, "stop", patience)? else {
            return Err(WorkError::Survived {
                name: name.to_owned(),
                survivors: vec![format!("kugetsu ({runner})")],
            });
        };
        proven(files.survivors())?;
        Stopped::Run
    } else if crate::process::find(&run_mark(session), None).is_empty() {
        return Err(WorkError::NothingRuns { name: name.to_owned() });
    } else {
        proven(Vec::new())?;
        Stopped::Remains
    };
    disk::remove(&files.prompt())?;
    if let Some(file) = file {
        bench.index.change(&format!("stop {name}"), file, |file| {
            file.state = Some(WorkState::Idle.name().to_owned())
        })?;
    }
    Ok(stopped)
}

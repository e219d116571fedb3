//! The guard of a run: a process between kugetsu and opencode that outlives neither. Whatever becomes of kugetsu,
//! opencode and all that it started are ended.

use crate::process::{Mark, end_all};
use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// How long what is asked to end may take before it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Runs `program` in a process session of its own until it ends, or until this process is told to end or loses its
/// parent: then everything that carries `mark` is ended. `None` in that case.
///
/// # Errors
/// The program could not be started.
pub async fn guard(parent: u32, mark: &Mark, program: &[OsString]) -> io::Result<Option<ExitStatus>> {
    // Ctrl-C at the terminal is for the parent to deal with.
    rustix::process::setsid()?;
    let mut told = signal(SignalKind::terminate())?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    let orphaned = move || {
        rustix::process::getppid().is_none_or(|now| now.as_raw_nonzero().get().unsigned_abs() != parent)
    };
    let (name, arguments) =
        program.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut child = Command::new(name).args(arguments).env(mark.name, &mark.value).spawn()?;
    // The kernel tells of a parent's death on Linux only.
    let lost = async {
        while !orphaned() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let ended = tokio::select! {
        biased;
        status = child.wait() => Some(status?),
        _ = told.recv() => None,
        () = lost => None,
    };
    if ended.is_none() {
        let (mark, root) = (mark.clone(), child.id());
        let ending = tokio::task::spawn_blocking(move || end_all(&mark, root, GRACE));
        // The child must be waited for, or it would look alive.
        let _ = tokio::join!(ending, child.wait());
    }
    Ok(ended)
}

//! The guard of a run: a process between kugetsu and opencode that outlives neither. Whatever becomes of kugetsu,
//! opencode and all that it started are ended.

use crate::process::{Mark, MarkedProcess, end_all};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long what is asked to end may take before it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(3);

pub(crate) enum Guarded {
    Ended(ExitStatus),
    /// It was ended, with all that it started but for these.
    Stopped(Vec<MarkedProcess>),
}

/// Runs `program` in a process session of its own until it ends, or until this process is told to end or loses its
/// parent: then everything that carries `mark` or descends from it is ended.
///
/// # Errors
/// The program could not be started.
pub(crate) async fn guard(parent: u32, mark: &Mark, program: &[OsString]) -> io::Result<Guarded> {
    // Ctrl-C at the terminal is for the parent to deal with.
    rustix::process::setsid()?;
    let (mut terminate, mut children) = (signal(SignalKind::terminate())?, signal(SignalKind::child())?);
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        // What loses its parent becomes a child of this process, so that all stays below it, with the mark or without.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    let orphaned = move || {
        rustix::process::getppid().is_none_or(|now| now.as_raw_nonzero().get().unsigned_abs() != parent)
    };
    let (name, arguments) =
        program.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let child = Command::new(name).args(arguments).env(mark.name, &mark.value).spawn()?.id();
    // The kernel tells of a parent's death on Linux only.
    let lost = async {
        while !orphaned() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let ended = async {
        loop {
            if let Some(status) = reap(child)? {
                return Ok::<_, io::Error>(status);
            }
            children.recv().await;
        }
    };
    tokio::select! {
        biased;
        status = ended => return Ok(Guarded::Ended(status?)),
        _ = terminate.recv() => {}
        () = lost => {}
    }
    // Elsewhere this process begins others itself, to look around.
    let root = if cfg!(target_os = "linux") { std::process::id() } else { child };
    let mark = mark.clone();
    let mut ending = tokio::task::spawn_blocking(move || end_all(&mark, Some(root), GRACE));
    loop {
        tokio::select! {
            left = &mut ending => return Ok(Guarded::Stopped(left?)),
            _ = children.recv() => drop(reap(child)?),
        }
    }
}

/// Asks a process to end; that it has just ended by itself is as good.
pub(super) fn terminate(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Waits for the children that have ended, whoever began them: they would look alive for ever. How `child` ended, if it
/// is among them. Where none is adopted it is the only one to be waited for: others are those of whoever looks around.
fn reap(child: u32) -> io::Result<Option<ExitStatus>> {
    let only =
        if cfg!(target_os = "linux") { None } else { i32::try_from(child).ok().and_then(Pid::from_raw) };
    let mut ended = None;
    loop {
        let next = match only {
            None => wait(WaitOptions::NOHANG),
            only => waitpid(only, WaitOptions::NOHANG),
        };
        match next {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().unsigned_abs() == child => {
                ended = Some(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(ended),
            Err(error) => return Err(error.into()),
        }
    }
}

//! The files of a session's runs on this machine: `runs/<session>/`, 0700.

use super::WorkError;
use super::job::Job;
use crate::disk;
use crate::opencode::{cause, tail};
use crate::process::MarkedProcess;
use crate::session::is_session_id;
use crate::text::plain;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes of standard error that are looked at for last words.
const TAIL: u64 = 2000;

/// The files of a session's current or last run.
#[derive(Debug, Clone)]
pub(crate) struct RunFiles {
    directory: PathBuf,
    debug: bool,
}

impl RunFiles {
    /// Those of `session`; nothing is made yet.
    pub(crate) fn new(kugetsu_home: &Path, session: &str) -> Self {
        Self { directory: kugetsu_home.join("runs").join(session), debug: false }
    }

    pub(crate) fn of(kugetsu_home: &Path, job: &Job) -> Self {
        Self { debug: job.debug, ..Self::new(kugetsu_home, &job.session) }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The message, as it is given to opencode.
    pub(crate) fn prompt(&self) -> PathBuf {
        self.directory.join("prompt")
    }

    /// What opencode tells of the run, a JSON object a line.
    pub(crate) fn events(&self) -> PathBuf {
        self.directory.join("events")
    }

    /// opencode's standard error; with `--debug` its own log, which stays until the next such run.
    pub(crate) fn stderr(&self) -> PathBuf {
        self.directory.join(if self.debug { "opencode.log" } else { "stderr" })
    }

    /// Tells which processes of a stopped run could not be ended.
    fn survivors_path(&self) -> PathBuf {
        self.directory.join("survivors")
    }

    pub(crate) fn keep_survivors(&self, left: &[MarkedProcess]) -> Result<(), WorkError> {
        if left.is_empty() {
            return Ok(());
        }
        let text: Vec<String> = left.iter().map(survivor).collect();
        Ok(disk::write_atomic(&self.survivors_path(), text.join("\n").as_bytes())?)
    }

    /// Processes of the last run that could not be ended.
    pub(super) fn survivors(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.survivors_path()).unwrap_or_default();
        text.lines().map(plain).collect()
    }

    /// A run begins, so the survivors of the last one are forgotten.
    pub(super) fn forget_survivors(&self) -> Result<(), WorkError> {
        Ok(disk::remove(&self.survivors_path())?)
    }

    pub(super) fn make(&self) -> Result<(), WorkError> {
        Ok(disk::private_dir(&self.directory)?)
    }

    /// A new empty file in the place of the last run's.
    pub(super) fn fresh(path: &Path) -> Result<File, WorkError> {
        disk::remove(path)?;
        Ok(disk::create_new_private(path)?)
    }

    /// The end of the run's standard error, in lines.
    pub(super) fn last_words(&self) -> String {
        // Where nothing can be read, nothing was said.
        let end = File::open(self.stderr()).and_then(|mut file| tail(&mut file, TAIL)).unwrap_or_default();
        end.lines().map(plain).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// The line of standard error that says why the run ended.
    pub(super) fn cause(&self) -> String {
        cause(&self.last_words())
    }
}

/// The sessions whose message is still there, sorted: a run of theirs goes on, or was cut short.
pub(crate) fn unfinished(kugetsu_home: &Path) -> Result<Vec<String>, WorkError> {
    let mut sessions = disk::names(&kugetsu_home.join("runs"))?;
    sessions.retain(|name| is_session_id(name) && RunFiles::new(kugetsu_home, name).prompt().is_file());
    Ok(sessions)
}

/// A process that could not be ended, as the user is told of it.
pub(super) fn survivor(found: &MarkedProcess) -> String {
    format!("{} ({})", plain(&found.command), found.pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_told_until_the_next_run() {
        let home = tempfile::tempdir().unwrap();
        let files = RunFiles::new(home.path(), "ses_1");
        files.make().unwrap();
        files.keep_survivors(&[]).unwrap();
        assert_eq!(files.survivors(), [] as [&str; 0]);
        let left = |pid, command: &str| MarkedProcess { pid, command: command.to_owned() };
        files.keep_survivors(&[left(7, "sudo sleep 600"), left(8, "a\nb")]).unwrap();
        assert_eq!(files.survivors(), ["sudo sleep 600 (7)", "a b (8)"]);
        files.forget_survivors().unwrap();
        assert_eq!(files.survivors(), [] as [&str; 0]);
    }
}

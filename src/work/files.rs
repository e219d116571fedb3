//! The files of a session's runs on this machine: `runs/<session>/`, 0700.

use super::WorkError;
use crate::disk;
use crate::session::is_session_id;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes of standard error that are looked at for last words.
const TAIL: u64 = 2000;

/// Where the files of a session's current or last run are.
#[derive(Debug, Clone)]
pub struct RunFiles {
    directory: PathBuf,
}

impl RunFiles {
    /// Those of `session`; nothing is made yet.
    pub fn new(kugetsu_home: &Path, session: &str) -> Self {
        Self { directory: kugetsu_home.join("runs").join(session) }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The message, as it is given to opencode.
    pub fn prompt(&self) -> PathBuf {
        self.directory.join("prompt")
    }

    /// What opencode tells of the run, a JSON object a line.
    pub fn events(&self) -> PathBuf {
        self.directory.join("events")
    }

    /// What opencode prints beside; with `--debug` its own log.
    pub fn stderr(&self) -> PathBuf {
        self.directory.join("stderr")
    }

    /// Makes the directory.
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
        let mut tail = Vec::new();
        // Where nothing can be read, nothing was said.
        let _ = File::open(self.stderr()).and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            file.take(TAIL).read_to_end(&mut tail)
        });
        let lines = String::from_utf8_lossy(&tail).lines().map(crate::text::plain).collect::<Vec<_>>();
        lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// The last of these lines.
    pub(super) fn last_line(&self) -> String {
        self.last_words().lines().last().unwrap_or_default().to_owned()
    }
}

/// The sessions whose message is still there, sorted: a run of theirs goes on, or was cut short.
///
/// # Errors
/// The directory of the runs cannot be read.
pub fn unfinished(kugetsu_home: &Path) -> Result<Vec<String>, WorkError> {
    let mut sessions = names(&kugetsu_home.join("runs"))?;
    sessions.retain(|name| is_session_id(name) && RunFiles::new(kugetsu_home, name).prompt().is_file());
    Ok(sessions)
}

/// Names in a directory of ours, sorted; none if there is no such directory.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, WorkError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk::DiskError::at(directory, error).into()),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

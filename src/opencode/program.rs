//! The `opencode` program of this machine. It is started, and what it prints is reported; whether a session came
//! through whole is for the callers to see from the file and the rows.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use tempfile::TempPath;
use tokio::process::Command;

use super::child::{self, Ended};
use super::{Version, version_cache};
use crate::disk::{DiskError, create_new_private, is_full};
use crate::session::is_session_id;

/// How much of a short answer (a version, a path, an import's report) is read, in bytes.
const SHORT_ANSWER: u64 = 64 * 1024;

/// What of this process decides where opencode and its database are. Unset variables are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Surroundings<'a> {
    pub home: Option<&'a Path>,
    pub path: Option<&'a OsStr>,
    pub opencode: Option<&'a OsStr>,
    pub data_home: Option<&'a OsStr>,
    /// `OPENCODE_DB`: absolute, or relative to opencode's data directory.
    pub database: Option<&'a OsStr>,
}

/// Why the local opencode could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error(
        "opencode was not found in PATH or ~/.opencode/bin; install it, or set KUGETSU_OPENCODE to its path"
    )]
    NotFound,
    #[error("{} (from KUGETSU_OPENCODE) is not an executable file", path.display())]
    NotExecutable { path: PathBuf },
    #[error("{} could not be started: {source}", path.display())]
    Start { path: PathBuf, source: io::Error },
    #[error("opencode {command} failed ({status}): {last_line}")]
    Failed { command: &'static str, status: String, last_line: String },
    #[error("{} --version prints no version", path.display())]
    NoVersion { path: PathBuf },
    #[error("{} is opencode {version}; kugetsu works with opencode 1.x", path.display())]
    UnsupportedVersion { path: PathBuf, version: Version },
    #[error("there is no session {id} here")]
    UnknownSession { id: String },
    /// `opencode import` came to its end without saying that it imported this session.
    #[error("opencode did not import {id} ({status}): {last_line}")]
    NotImported {
        id: String,
        /// How it ended, in words; it can be "exit status: 0".
        status: String,
        last_line: String,
    },
    /// `opencode session delete` said that it did, and the session is there still.
    #[error("opencode says that it deleted {id}, and still has it")]
    NotDeleted { id: String },
    /// The directory that a session is to be imported in is not there.
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl ProgramError {
    /// What to do about it, as a thing to read.
    pub(crate) fn cure(&self) -> Option<&'static str> {
        match self {
            Self::Failed { last_line, .. } | Self::NotImported { last_line, .. }
                if child::is_databases(last_line) =>
            {
                Some("another program may hold opencode's database; the same again once that has ended")
            }
            Self::UnsupportedVersion { .. } => Some("name one that is 1.x: KUGETSU_OPENCODE=PATH"),
            _ => None,
        }
    }
}

/// An opencode that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// `KUGETSU_OPENCODE`, else the first in `PATH` (its absolute directories), else `~/.opencode/bin/opencode`.
    pub(crate) fn locate(from: Surroundings<'_>) -> Result<Self, ProgramError> {
        if let Some(named) = from.opencode.filter(|named| !named.is_empty()) {
            let path = std::path::absolute(named).unwrap_or_else(|_| named.into());
            return if is_executable(&path) {
                Ok(Self::at(path))
            } else {
                Err(ProgramError::NotExecutable { path })
            };
        }
        std::env::split_paths(from.path.unwrap_or_default())
            .filter(|directory| directory.is_absolute())
            .chain(from.home.map(|home| home.join(".opencode/bin")))
            .map(|directory| directory.join("opencode"))
            .find(|path| is_executable(path))
            .map(Self::at)
            .ok_or(ProgramError::NotFound)
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, remembered in the file `cache` for as long as the program is the same file.
    pub(crate) async fn version(&self, cache: Option<&Path>) -> Result<Version, ProgramError> {
        let cache = cache.zip(version_cache::ProgramKey::of(&self.path));
        let known = cache.as_ref().and_then(|(file, key)| version_cache::recall(file, key));
        let version = match known {
            Some(version) => version,
            None => {
                let (ended, answer) = self.ask(self.command(["--version"])).await?;
                let Some(version) = Version::parse(&answer) else {
                    return Err(match ended.status.success() {
                        true => ProgramError::NoVersion { path: self.path.clone() },
                        false => failed("--version", ended),
                    });
                };
                if let Some((file, key)) = cache {
                    version_cache::remember(file, key, version);
                }
                version
            }
        };
        if version.is_supported() {
            Ok(version)
        } else {
            Err(ProgramError::UnsupportedVersion { path: self.path.clone(), version })
        }
    }

    /// Writes a session's export to the new file `into`, mode 0600. On an error, or dropped before its end, the
    /// file is gone. That the program says it went well proves nothing: the caller has to parse the file.
    pub(crate) async fn export(&self, session: &str, into: &Path) -> Result<(), ProgramError> {
        let unknown = || ProgramError::UnknownSession { id: child::last_line(session) };
        // Anything else could be taken for a flag.
        if !is_session_id(session) {
            return Err(unknown());
        }
        let file = create_new_private(into)?;
        let unfinished = TempPath::try_from_path(into).map_err(|e| DiskError::at(into, e))?;
        let stdout = file.try_clone().map_err(|e| DiskError::at(into, e))?;
        let ended = child::run(self.command(["export", session]), stdout).await.map_err(|e| self.start(e))?;
        let bytes = file.metadata().map_err(|e| DiskError::at(into, e))?.len();
        if !ended.status.success() && ended.cause.contains("Session not found") {
            return Err(unknown());
        }
        if is_full(&file) {
            // Whatever it says, the file is cut, or nothing could be done with it.
            return Err(DiskError::at(into, io::ErrorKind::StorageFull.into()).into());
        }
        if !ended.status.success() || bytes == 0 {
            return Err(failed("export", ended));
        }
        unfinished.keep().map_err(|e| DiskError::at(into, e.error))?;
        Ok(())
    }

    /// Imports the export in `file` as `session`, in `directory`: opencode 1.18 takes the directory of the session
    /// from where it runs, others from the file. Rows that exist are kept as they are. The exit status is not
    /// believed (1.3 and 1.14 exit 0 for a file that is not there); and it may have stopped half way: the rows
    /// have to be looked at, see [`super::Database::missing`].
    pub(crate) async fn import(
        &self,
        file: &Path,
        directory: &Path,
        session: &str,
    ) -> Result<(), ProgramError> {
        if !directory.is_dir() {
            return Err(ProgramError::NotADirectory { path: directory.to_owned() });
        }
        let file = std::path::absolute(file).map_err(|e| DiskError::at(file, e))?;
        let mut command = self.command([OsStr::new("import"), file.as_os_str()]);
        command.current_dir(directory).env("PWD", directory);
        let (ended, answer) = self.ask(command).await?;
        let said = format!("Imported session: {session}");
        if child::lines(&answer).any(|line| line.ends_with(&said)) {
            return Ok(());
        }
        // 1.3 and 1.14 say what is wrong on stdout and exit 0; 1.18 says it on stderr and exits 1.
        let answer = child::last_line(&answer);
        let last_line = match ended.status.success() && !answer.is_empty() {
            true => answer,
            false => ended.cause,
        };
        Err(ProgramError::NotImported {
            id: child::last_line(session),
            status: ended.status.to_string(),
            last_line,
        })
    }

    /// Opens its own interface in `directory` on the terminal of this process, and waits until it is left.
    pub(crate) async fn interface(&self, directory: &Path) -> Result<ExitStatus, ProgramError> {
        let mut command = self.command::<[&str; 0], _>([]);
        command.current_dir(directory).env("PWD", directory).kill_on_drop(true);
        let status = async { command.spawn()?.wait().await };
        status.await.map_err(|e| self.start(e))
    }

    /// The agents that a session can run as in `directory`: those that only serve others are left out. opencode takes
    /// its default agent silently where it does not know the one that is asked for.
    pub(crate) async fn agents(&self, directory: &Path) -> Result<Vec<String>, ProgramError> {
        let mut command = self.command(["agent", "list"]);
        command.current_dir(directory).env("PWD", directory);
        let (ended, answer) = self.ask(command).await?;
        let agents: Vec<String> = child::lines(&answer)
            .filter_map(|line| {
                line.strip_suffix(" (primary)").or_else(|| line.strip_suffix(" (all)")).map(str::to_owned)
            })
            .collect();
        if agents.is_empty() { Err(failed("agent list", ended)) } else { Ok(agents) }
    }

    /// Deletes a session, with its messages and its sub-agents' sessions. Known to 1.3, 1.14 and 1.18, from any directory.
    /// Whether the rows are gone is for the caller to see.
    pub(crate) async fn delete(&self, session: &str) -> Result<(), ProgramError> {
        if !is_session_id(session) {
            return Err(ProgramError::UnknownSession { id: child::last_line(session) });
        }
        let (ended, _) = self.ask(self.command(["session", "delete", session])).await?;
        if ended.status.success() { Ok(()) } else { Err(failed("session delete", ended)) }
    }

    /// Where its database is: computed as opencode does it, and asked (which takes a second) only where no file is
    /// found that way. `from` must be what the program itself is going to see.
    pub(crate) async fn db_path(&self, from: Surroundings<'_>) -> Result<PathBuf, ProgramError> {
        if let Some(path) = expected_database(from).filter(|path| path.is_file()) {
            return Ok(path);
        }
        let (ended, answer) = self.ask(self.command(["db", "path"])).await?;
        // Plugins print, too.
        let paths: Vec<PathBuf> =
            child::lines(&answer).map(PathBuf::from).filter(|path| path.is_absolute()).collect();
        let named = paths.iter().rfind(|path| path.extension().is_some_and(|end| end == "db"));
        match named.or(paths.last()).filter(|_| ended.status.success()) {
            Some(path) => Ok(path.clone()),
            None => Err(failed("db path", ended)),
        }
    }

    fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = Command::new(&self.path);
        command.args(args).env("OPENCODE_DISABLE_AUTOUPDATE", "1");
        command
    }

    /// Runs it for a short answer on its standard output.
    async fn ask(&self, command: Command) -> Result<(Ended, String), ProgramError> {
        let ask = async {
            let mut stdout = tempfile::tempfile()?;
            let ended = child::run(command, stdout.try_clone()?).await?;
            let answer = child::head(&mut stdout, SHORT_ANSWER)?;
            Ok((ended, answer))
        };
        ask.await.map_err(|e| self.start(e))
    }

    fn start(&self, source: io::Error) -> ProgramError {
        ProgramError::Start { path: self.path.clone(), source }
    }
}

fn failed(command: &'static str, ended: Ended) -> ProgramError {
    ProgramError::Failed { command, status: ended.status.to_string(), last_line: ended.cause }
}

fn expected_database(from: Surroundings<'_>) -> Option<PathBuf> {
    let set = |value: Option<&OsStr>| value.filter(|text| !text.is_empty()).map(PathBuf::from);
    let data = set(from.data_home)
        .or_else(|| Some(from.home?.join(".local/share")))
        .map(|data| data.join("opencode"));
    match set(from.database) {
        Some(named) if named.is_absolute() => Some(named),
        named => Some(data?.join(named.unwrap_or_else(|| "opencode.db".into()))),
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;

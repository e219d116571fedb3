//! Locks that the kernel holds for a process and frees at its death, however it dies.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DiskError, private_dir};
use crate::clock;
use crate::text::plain;

/// The file of a session's lock; whoever runs or moves the session holds it.
pub fn session_lock(kugetsu_home: &Path, session: &str) -> PathBuf {
    kugetsu_home.join("locks").join(format!("{session}.lock"))
}

/// How long a session's lock is waited for: whoever only looks whether it is held has a share of it for a moment.
const GLANCE: Duration = Duration::from_millis(300);

/// Takes a session's lock, so that nobody else runs or moves the session meanwhile, or says who has it. `task` is what
/// others are told.
pub fn take_session(
    kugetsu_home: &Path,
    session: &str,
    task: impl Into<Task>,
) -> Result<Result<Lock, Busy>, DiskError> {
    private_dir(&kugetsu_home.join("locks"))?;
    let path = session_lock(kugetsu_home, session);
    Ok(Lock::exclusive_within(&path, task, GLANCE)?.ok_or_else(|| Lock::busy(&path)))
}

/// What the holder of a lock does; in the lock's file, its command without `kugetsu`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Task {
    /// Runs opencode on this machine, in the session that the user calls so.
    Run(String),
    /// Sends a session to a host, follows it there, or brings it home: `remote pi`, `wait ID`.
    Trip(String),
    /// Anything else, which is over in a moment.
    Other(String),
}

impl From<String> for Task {
    fn from(command: String) -> Self {
        match command.split_once(' ') {
            Some(("run", name)) => Self::Run(name.to_owned()),
            Some(("remote" | "wait" | "fetch", _)) => Self::Trip(command),
            _ => Self::Other(command),
        }
    }
}

impl From<&str> for Task {
    fn from(command: &str) -> Self {
        command.to_owned().into()
    }
}

impl From<Task> for String {
    fn from(task: Task) -> Self {
        task.to_string()
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(name) => write!(f, "run {name}"),
            Self::Trip(command) | Self::Other(command) => f.write_str(command),
        }
    }
}

/// Who took a lock, as its file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id; says who to look for, never whether it lives.
    pub pid: u32,
    /// What it does; in the file, its command without `kugetsu`.
    #[serde(rename = "command")]
    pub task: Task,
    /// Since when, in milliseconds since the Unix epoch.
    pub since: i64,
}

/// Why a session, or what else is locked, cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Busy {
    /// Another kugetsu has it; nothing is known of that one where its file cannot be read.
    Held(Option<Holder>),
    /// Nobody has it, but a process of an earlier run is alive and may work in it.
    Remains {
        /// Its command line, fit to be shown.
        command: String,
        /// Its id.
        pid: u32,
    },
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(Some(Holder { pid, task, since })) => {
                let seconds = clock::now_ms().saturating_sub(*since).max(0).unsigned_abs() / 1000;
                let since = humantime::format_duration(Duration::from_secs(seconds));
                write!(f, "kugetsu {task} (process {pid}) for {since}")
            }
            Self::Held(None) => f.write_str("another kugetsu has it"),
            Self::Remains { command, pid } => {
                write!(f, "an earlier run here left {command} alive (process {pid})")
            }
        }
    }
}

/// An exclusive lock on a file; freed when dropped and when this process dies.
///
/// The file itself stays, unless its holder takes it away ([`Lock::remove`]): whoever gets a lock makes sure that it is
/// on the file of that name, or two processes could hold locks on two files of one name. Programs started
/// meanwhile do not inherit the lock (std opens files with `O_CLOEXEC`).
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child that another thread is just forking.
        // Where unlocking fails, closing follows at once.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock, or returns `None` at once when another process (or another [`Lock`] of this one) has it.
    /// `task` is what [`Lock::holder`] shows to others meanwhile.
    pub fn try_exclusive(path: &Path, task: impl Into<Task>) -> Result<Option<Self>, DiskError> {
        let task = task.into();
        let at = |source| DiskError::at(path, source);
        loop {
            let file = open(path).map_err(at)?;
            match file.try_lock() {
                Ok(()) if !is_at(&file, path).map_err(at)? => {}
                Ok(()) => return Self::signed(file, task).map(Some).map_err(at),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(at(source)),
            }
        }
    }

    /// As [`Lock::try_exclusive`], waiting for another holder as long as `patience`: for what is held for moments only.
    pub(crate) fn exclusive_within(
        path: &Path,
        task: impl Into<Task>,
        patience: Duration,
    ) -> Result<Option<Self>, DiskError> {
        let task = task.into();
        if let Some(lock) = Self::try_exclusive(path, task.clone())? {
            return Ok(Some(lock));
        }
        let at = |source| DiskError::at(path, source);
        let file = open(path).map_err(at)?;
        // The kernel lets those who wait have it in turn, and knows no limit of time: so a thread of its own waits.
        // Where nobody asks for the file any more it is closed, and free, as soon as it is locked.
        let (sender, receiver) = mpsc::channel();
        let waiting = std::thread::Builder::new().spawn(move || sender.send(file.lock().map(|()| file)));
        waiting.map_err(at)?;
        match receiver.recv_timeout(patience) {
            Ok(Ok(file)) if !is_at(&file, path).map_err(at)? => Self::try_exclusive(path, task),
            Ok(Ok(file)) => Self::signed(file, task).map(Some).map_err(at),
            Ok(Err(source)) => Err(at(source)),
            Err(_) => Ok(None),
        }
    }

    /// Whether somebody holds it. Looking takes a share of the lock for a moment, so whoever wants it for long should
    /// use [`Lock::exclusive_within`] with a little patience.
    pub fn is_held(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Why whoever did not get it did not.
    pub(crate) fn busy(path: &Path) -> Busy {
        Busy::Held(Self::holder(path))
    }

    /// Writes down who holds it now.
    fn signed(mut file: File, task: Task) -> io::Result<Self> {
        let holder = Holder { pid: std::process::id(), task, since: clock::now_ms() };
        let line = serde_json::to_string(&holder)?;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{line}")?;
        Ok(Self { file })
    }

    /// Removes the lock's file, `path`, and frees it. Whoever waited for it makes another.
    pub(crate) fn remove(self, path: &Path) -> Result<(), DiskError> {
        std::fs::remove_file(path).map_err(|source| DiskError::at(path, source))
    }

    /// Who took the lock last, where that can be read. Says nothing about whether it is still held.
    pub(crate) fn holder(path: &Path) -> Option<Holder> {
        let mut line = String::new();
        File::open(path).ok()?.take(64 * 1024).read_to_string(&mut line).ok()?;
        let holder: Holder = serde_json::from_str(&line).ok()?;
        // Whoever can write the file is not to write to a terminal by it.
        Some(Holder { task: plain(&holder.task.to_string()).into(), ..holder })
    }
}

/// Whether `path` still names this file: its last holder may have removed it.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_second_taker_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ses_1.lock");
        assert_eq!(Lock::holder(&path), None);
        let lock = Lock::try_exclusive(&path, "remote pi").unwrap().unwrap();
        assert!(Lock::try_exclusive(&path, "other").unwrap().is_none());
        let holder = Lock::holder(&path).unwrap();
        assert_eq!((holder.pid, holder.task), (std::process::id(), Task::Trip("remote pi".into())));
        assert!(holder.since > 0);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(lock);
        assert!(path.exists());
        let _again = Lock::try_exclusive(&path, "x").unwrap().unwrap();
        assert_eq!(Lock::holder(&path).unwrap().task, "x".into());
    }

    #[test]
    fn who_waits_gets_it_in_turn_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = &dir.path().join("lock");
        let within = |ms| Lock::exclusive_within(path, "waiter", Duration::from_millis(ms)).unwrap();
        let lock = within(0).unwrap();
        assert!(within(5).is_none());
        std::thread::scope(|scope| {
            let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| within(60_000).is_some())).collect();
            drop(lock);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        });
        assert_eq!(Lock::holder(path).unwrap().task, "waiter".into());
        assert!(within(60_000).is_some(), "the one that gave up holds nothing");
    }

    #[test]
    fn what_a_holder_wrote_reaches_no_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::File::create(&path)
            .and_then(|mut file| {
                file.write_all(br#"{"pid":1,"command":"run \u001b[2J\u202ex","since":-9223372036854775808}"#)
            })
            .unwrap();
        let by = Lock::busy(&path).to_string();
        assert!(by.starts_with("kugetsu run x (process 1) for ") && !by.contains(char::is_control), "{by:?}");
    }

    #[test]
    fn a_task_is_written_as_its_command() {
        for (command, task) in [
            ("run a/b#1", Task::Run("a/b#1".into())),
            ("remote pi", Task::Trip("remote pi".into())),
            ("wait 20261120-103015-4k2mtv7a", Task::Trip("wait 20261120-103015-4k2mtv7a".into())),
            ("fetch x", Task::Trip("fetch x".into())),
            ("cancel x", Task::Other("cancel x".into())),
            ("verify", Task::Other("verify".into())),
            ("runs x", Task::Other("runs x".into())),
        ] {
            assert_eq!((Task::from(command), task.to_string().as_str()), (task.clone(), command));
        }
    }

    #[test]
    fn a_session_is_taken_by_one() {
        let home = tempfile::tempdir().unwrap();
        let take = |command: &str| take_session(&home.path().join("kugetsu"), "ses_1", command).unwrap();
        let lock = take("run it").unwrap();
        let by = take("move it").unwrap_err();
        assert!(by.to_string().starts_with("kugetsu run it (process "), "{by}");
        assert!(matches!(by, Busy::Held(Some(Holder { task: Task::Run(name), .. })) if name == "it"));
        drop(lock);
        assert!(take("move it").is_ok());
    }

    #[test]
    fn a_removed_lock_is_never_held_by_two() {
        let dir = tempfile::tempdir().unwrap();
        let path = &dir.path().join("lock");
        let within = || Lock::exclusive_within(path, "waiter", Duration::from_secs(60)).unwrap();
        let lock = within().unwrap();
        let held = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Where it was just removed, another may have been quicker with the new one.
                    for _ in 0..50 {
                        let Some(lock) = within() else { continue };
                        assert_eq!(held.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        held.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        lock.remove(path).unwrap();
                    }
                });
            }
            lock.remove(path).unwrap();
        });
        assert!(!Lock::is_held(path) && !path.exists());
    }

    #[test]
    fn a_lock_dies_with_the_killed_process_that_held_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        // flock(1) of util-linux takes the same kernel lock and becomes the shell that says so.
        let mut holder = Command::new("flock")
            .arg("--no-fork")
            .arg(&path)
            .args(["sh", "-c", "echo held; read never"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("flock is missing: apt-get install util-linux");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        assert!(Lock::try_exclusive(&path, "x").unwrap().is_none());
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(Lock::try_exclusive(&path, "x").unwrap().is_some());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_does_not_inherit_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("lock");
        let _lock = Lock::try_exclusive(&path, "x").unwrap().unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let open = |pid: u32| {
            std::fs::read_dir(format!("/proc/{pid}/fd"))
                .unwrap()
                .any(|fd| std::fs::read_link(fd.unwrap().path()).is_ok_and(|file| file == path))
        };
        let (here, there) = (open(std::process::id()), open(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(here && !there, "here {here}, in the child {there}");
    }
}

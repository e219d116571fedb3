//! A session that nobody else runs or moves meanwhile.

use super::WorkError;
use crate::disk::{self, Lock, session_lock};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whoever only looks whether a lock is held has a share of it for a moment.
const PATIENCE: Duration = Duration::from_millis(300);

/// The lock of a session, to do away with something of it.
#[derive(Debug)]
pub(super) struct Held {
    lock: Option<Lock>,
    path: PathBuf,
    /// Its file goes with it.
    forgotten: bool,
}

impl Held {
    /// `None` where the session is running or being moved. `command` is what others are told meanwhile.
    pub(super) fn take(kugetsu_home: &Path, session: &str, command: &str) -> Result<Option<Self>, WorkError> {
        disk::private_dir(&kugetsu_home.join("locks"))?;
        let path = session_lock(kugetsu_home, session);
        let forgotten = !path.exists();
        let lock = Lock::exclusive_within(&path, command, PATIENCE)?;
        Ok(lock.map(|lock| Self { lock: Some(lock), path, forgotten }))
    }

    /// Nobody is going to need the lock's file any more.
    pub(super) fn forget(&mut self) {
        self.forgotten = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take().filter(|_| self.forgotten) {
            // A file that stays does no harm.
            let _ = lock.remove(&self.path);
        }
    }
}

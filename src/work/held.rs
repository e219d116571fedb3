//! A session that nobody else runs or moves meanwhile.

use super::WorkError;
use crate::disk::{self, Busy, Lock, session_lock};
use std::path::{Path, PathBuf};

/// The lock of a session, to do away with something of it.
#[derive(Debug)]
pub(super) struct SessionHold {
    lock: Option<Lock>,
    path: PathBuf,
    forgotten: bool,
}

impl SessionHold {
    /// Takes the lock, or says who has it. `command` is what others are told meanwhile.
    pub(super) fn take(
        kugetsu_home: &Path,
        session: &str,
        command: &str,
    ) -> Result<Result<Self, Busy>, WorkError> {
        let path = session_lock(kugetsu_home, session);
        let forgotten = !path.exists();
        let taken = disk::take_session(kugetsu_home, session, command)?;
        Ok(taken.map(|lock| Self { lock: Some(lock), path, forgotten }))
    }

    /// As [`SessionHold::take`]; `name` is what the user calls the session.
    ///
    /// # Errors
    /// [`WorkError::Busy`] where it is running or being moved.
    pub(super) fn take_free(
        kugetsu_home: &Path,
        session: &str,
        name: &str,
        command: &str,
    ) -> Result<Self, WorkError> {
        let taken = Self::take(kugetsu_home, session, command)?;
        taken.map_err(|by| WorkError::Busy { name: name.to_owned(), by })
    }

    /// Nobody is going to need the lock's file any more.
    pub(super) fn forget(&mut self) {
        self.forgotten = true;
    }
}

impl Drop for SessionHold {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take().filter(|_| self.forgotten) {
            // A file that stays does no harm.
            let _ = lock.remove(&self.path);
        }
    }
}

//! Whether home holds what it once got from a host: in opencode's database, or in a file that took up what left it.

use crate::opencode::{Database, DatabaseError};
use crate::trip::last_sync;
use crate::trip::last_sync::{LastSync, RemovedRows};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};

impl LastSync {
    /// As it was before rows were taken back, if these rows are back at home.
    pub(crate) fn after_restore(self, database: &Database, session: &str) -> Result<Self, DatabaseError> {
        for (at, removed) in self.removed.iter().enumerate() {
            if database.stamp(session, removed.messages)?.as_ref() == Some(&removed.stamp) {
                let (messages, stamp) = (removed.messages, removed.stamp.clone());
                let earlier = self.removed.iter().take(at).cloned().collect();
                return Ok(Self { messages, stamp, removed: earlier, ..self });
            }
        }
        Ok(self)
    }

    /// Whether home still holds all the rows that it got with this: they stand here as they did then, and what a command took
    /// out of them is in the files that it left.
    pub(crate) fn is_still_held(&self, database: &Database, session: &str) -> Result<bool, DatabaseError> {
        let session = self.fork.as_deref().unwrap_or(session);
        let stamp = database.stamp(session, self.messages)?;
        Ok(self.holds(stamp.as_deref()) && self.are_files_intact())
    }

    /// Whether the files that hold what was taken back are there, and as they were written.
    pub(crate) fn are_files_intact(&self) -> bool {
        self.removed.iter().all(|removed| sum(&removed.file).as_deref() == Some(&removed.sum))
    }
}

/// The SHA-256 of a regular file, in hexadecimal; `None` where it cannot be read.
fn sum(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).ok()?;
    Some(format!("{:x}", hash.finalize()))
}

/// What home holds of a session in the moment before a command takes rows of it out of opencode's database.
///
/// A host may remove only what home holds. What `kugetsu undo` and `kugetsu verify --repair` take out is in the file that they
/// leave, so home holds it as long as that file is there. (What opencode itself deletes, as behind its `/undo`, is nowhere.)
pub(crate) struct HeldRows {
    kugetsu_home: PathBuf,
    database: PathBuf,
    session: String,
    /// By their hosts, what is remembered and still holds.
    last_syncs: Vec<(String, LastSync)>,
}

impl HeldRows {
    /// Looks, before the rows go. Hold the session's lock until [`HeldRows::record_removal`]. What cannot be looked at is not held.
    pub(crate) fn look(kugetsu_home: &Path, database: &Path, session: &str) -> Self {
        let last_syncs = current(kugetsu_home, database, session).unwrap_or_default();
        let (kugetsu_home, database) = (kugetsu_home.to_owned(), database.to_owned());
        Self { kugetsu_home, database, session: session.to_owned(), last_syncs }
    }

    /// Remembers that the rows that went are in `file`. Where that cannot be, hosts keep theirs.
    pub(crate) fn record_removal(self, file: &Path) {
        let (Ok(file), Some(sum)) = (std::path::absolute(file), sum(file)) else { return };
        let Ok(database) = Database::open(&self.database) else { return };
        for (host, last_sync) in self.last_syncs {
            if let Ok(Some(last_sync)) = without(last_sync, &database, &self.session, &file, &sum) {
                last_sync::remember(&self.kugetsu_home, &host, &self.session, last_sync);
            }
        }
    }
}

/// By their hosts, what is remembered and still holds.
fn current(
    kugetsu_home: &Path,
    database: &Path,
    session: &str,
) -> Result<Vec<(String, LastSync)>, DatabaseError> {
    let database = Database::open(database)?;
    let mut last_syncs = Vec::new();
    for host in last_sync::hosts(kugetsu_home) {
        let Some(last_sync) = last_sync::recall(kugetsu_home, &host, session) else { continue };
        if last_sync.fork.is_none() && last_sync.is_still_held(&database, session)? {
            last_syncs.push((host, last_sync));
        }
    }
    Ok(last_syncs)
}

/// A last sync after rows of it went to `file`, or were restored; `None` if all of its rows are as they were.
fn without(
    last_sync: LastSync,
    database: &Database,
    session: &str,
    file: &Path,
    sum: &str,
) -> Result<Option<LastSync>, DatabaseError> {
    let restored = last_sync.clone().after_restore(database, session)?;
    if restored != last_sync {
        return Ok(Some(restored));
    }
    if last_sync.holds(database.stamp(session, last_sync.messages)?.as_deref()) {
        return Ok(None);
    }
    let mut last_sync = restored;
    let Some(row) = database.session(session)? else { return Ok(None) };
    let left = last_sync.messages.min(usize::try_from(row.messages).unwrap_or(usize::MAX));
    let Some(stamp) = database.stamp(session, left)? else { return Ok(None) };
    // An earlier one of that name is no more: all that was in it had been put back before this one was written.
    last_sync.removed.retain(|removed| removed.file != file);
    last_sync.removed.push(RemovedRows {
        file: file.to_owned(),
        sum: sum.to_owned(),
        messages: last_sync.messages,
        stamp: last_sync.stamp,
    });
    Ok(Some(LastSync { messages: left, stamp, ..last_sync }))
}

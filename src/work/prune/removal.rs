//! Removing what is of no more use, some sessions at a time.

use super::{Item, Litter, Pruned, RemovableItems, log_of};
use crate::disk::{self, DiskError, names};
use crate::dispatch::{self, Dispatch};
use crate::index;
use crate::work::held::SessionHold;
use crate::work::{RunFiles, WorkError};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;

/// Things that are removed in one go: each may need a session's lock, and a process has 256 open files on some systems.
const AT_ONCE: usize = 64;

impl RemovableItems {
    /// Removes everything, but for what came into use since.
    ///
    /// # Errors
    /// A disk that says no; what was removed by then stays removed.
    pub(crate) fn remove(self) -> Result<Pruned, WorkError> {
        let mut pruned = Pruned::default();
        let mut items = self.items.into_iter().peekable();
        while items.peek().is_some() {
            remove_some(&self.kugetsu_home, items.by_ref().take(AT_ONCE).collect(), &mut pruned)?;
        }
        Ok(pruned)
    }
}

/// Removes some things, unless their sessions run or are away by now.
fn remove_some(kugetsu_home: &Path, items: Vec<Item>, pruned: &mut Pruned) -> Result<(), WorkError> {
    let sessions: BTreeSet<String> = items.iter().filter_map(|item| item.session.clone()).collect();
    let mut held = HashMap::new();
    for session in sessions {
        if let Ok(lock) = SessionHold::take(kugetsu_home, &session, "prune")? {
            held.insert(session, lock);
        }
    }
    // Read under the locks: a trip that began before has its record by now, and none begins.
    let trips = dispatch::Store::new(kugetsu_home).each_of(|session| held.contains_key(session))?;
    let away = trips.into_iter().flatten().filter(|trip| trip.record.is_away());
    let away: HashSet<String> = away.map(|trip| trip.record.session).collect();
    let is_free = |session: &String| held.contains_key(session) && !away.contains(session);
    let (free, in_use): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| item.session.as_ref().is_none_or(is_free));
    for item in free.iter().filter(|item| item.kind == Litter::Lock) {
        // Its file goes when the lock is let go.
        if let Some(lock) = item.session.as_ref().and_then(|session| held.get_mut(session)) {
            lock.forget();
        }
    }
    let listed = ListedSession::remove(kugetsu_home, &free)?;
    let logs = match free.iter().any(|item| item.kind == Litter::Log) {
        true => names(&kugetsu_home.join("logs"))?,
        false => Vec::new(),
    };
    for item in free {
        let removed = listed.has(&item) || remove(kugetsu_home, &item, &logs)?;
        if removed { &mut pruned.removed } else { &mut pruned.left }.push(item);
    }
    pruned.left.extend(in_use);
    Ok(())
}

impl Item {
    /// The name in `sessions/` of a file.
    fn stray(&self) -> Option<&str> {
        self.what.strip_prefix("sessions/")
    }
}

/// What was removed from the index, which is written once for all of it, and of its files.
struct ListedSession {
    issues: HashSet<String>,
    files: HashSet<String>,
}

impl ListedSession {
    fn remove(kugetsu_home: &Path, items: &[Item]) -> Result<Self, WorkError> {
        let store = index::Store::new(kugetsu_home);
        let is_entry = |item: &&Item| matches!(item.kind, Litter::Session | Litter::Entry);
        let sessions: HashMap<&str, Option<&str>> =
            items.iter().filter(is_entry).map(|item| (item.what.as_str(), item.session.as_deref())).collect();
        let issues: Vec<&str> = items.iter().filter(is_entry).map(|item| item.what.as_str()).collect();
        let files: Vec<&str> =
            items.iter().filter(|item| item.kind == Litter::File).filter_map(Item::stray).collect();
        let mut removed = Self { issues: HashSet::new(), files: HashSet::new() };
        if !issues.is_empty() {
            // Another session may stand there by now.
            let is_same = |issue: &str, file: &str| {
                let found = store.read(file)?;
                let session = found.as_ref().map(|found| found.session.as_str());
                Ok(sessions.get(issue).is_some_and(|expected| *expected == session))
            };
            let gone = store.remove_each("prune", &issues, is_same)?;
            removed.issues.extend(gone.into_iter().map(str::to_owned));
        }
        if !files.is_empty() {
            let gone = store.remove_strays("prune", &files)?;
            removed.files.extend(gone.into_iter().map(str::to_owned));
        }
        Ok(removed)
    }

    fn has(&self, item: &Item) -> bool {
        match item.kind {
            Litter::Session | Litter::Entry => self.issues.contains(&item.what),
            Litter::File => item.stray().is_some_and(|file| self.files.contains(file)),
            _ => false,
        }
    }
}

/// Removes one thing that is not in the index; false if it is gone already, or of use again. `logs` are the names in that
/// directory.
fn remove(kugetsu_home: &Path, item: &Item, logs: &[String]) -> Result<bool, WorkError> {
    let session = item.session.as_deref().unwrap_or_default();
    match item.kind {
        Litter::Session | Litter::Entry | Litter::File => Ok(false),
        Litter::Dispatch => {
            let found = dispatch::Store::new(kugetsu_home).open(&item.what)?;
            found.as_ref().map(Dispatch::remove).transpose()?;
            Ok(found.is_some())
        }
        Litter::Log => {
            for name in logs.iter().filter(|name| log_of(name) == Some(session)) {
                disk::remove(&kugetsu_home.join("logs").join(name))?;
            }
            Ok(true)
        }
        Litter::Run => {
            remove_tree(RunFiles::new(kugetsu_home, session).directory())?;
            Ok(true)
        }
        Litter::Known => {
            let path = kugetsu_home.join(&item.what);
            disk::remove(&path)?;
            forget_host(path.parent())?;
            Ok(true)
        }
        Litter::Repair => {
            disk::remove(&kugetsu_home.join(&item.what))?;
            Ok(true)
        }
        // Whoever holds it removes it.
        Litter::Lock => Ok(true),
        Litter::Cache => {
            let directory = kugetsu_home.join("cache");
            for name in names(&directory)? {
                let path = directory.join(name);
                match path.is_dir() && !path.is_symlink() {
                    true => remove_tree(&path)?,
                    false => disk::remove(&path)?,
                }
            }
            Ok(true)
        }
    }
}

/// A host's clock is of use only while some session is known to be on it.
fn forget_host(directory: Option<&Path>) -> Result<(), WorkError> {
    let Some(directory) = directory else { return Ok(()) };
    if names(directory)? == ["clock.json"] {
        disk::remove(&directory.join("clock.json"))?;
    }
    // One that is in use again stays.
    let _ = std::fs::remove_dir(directory);
    Ok(())
}

/// Removes a directory with all that is in it; that there is none is as good.
fn remove_tree(path: &Path) -> Result<(), DiskError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DiskError::at(path, error)),
        _ => Ok(()),
    }
}

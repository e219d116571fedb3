//! Which session each dispatch is of: `cache/dispatches.json`, so that a verb on one session need not read the records
//! of all others.
//!
//! A dispatch's session never changes, so what the table says of a dispatch stays true. Which dispatches there are is
//! never taken from it, but from the directory: one that the table does not have is read. So it can be deleted, lag
//! behind, or be written by two kugetsus at once.

use crate::disk;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The format of the file. What another kugetsu wrote in another format is not read, and a newer one is left as it is.
const VERSION: u64 = 1;

/// So many records at most are read anew each time: writing the table for every new trip would take longer.
const FEW: usize = 32;

/// The table, as it was read and with what was learned since.
pub(super) struct DispatchTable {
    path: PathBuf,
    sessions: BTreeMap<String, String>,
    learned: usize,
    is_newer: bool,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u64,
    #[serde(default)]
    sessions: BTreeMap<String, String>,
}

impl DispatchTable {
    /// Where it is kept.
    pub(super) fn path(kugetsu_home: &Path) -> PathBuf {
        kugetsu_home.join("cache").join("dispatches.json")
    }

    /// The table as it stands; an empty one where none can be read.
    pub(super) fn read(path: &Path) -> Self {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let bytes = std::fs::read(path).unwrap_or_default();
        let file = serde_json::from_slice::<File>(&bytes).ok().filter(|file| file.version == VERSION);
        let is_newer = file.is_none()
            && serde_json::from_slice::<Versioned>(&bytes).is_ok_and(|file| file.version > VERSION);
        let sessions = file.map(|file| file.sessions).unwrap_or_default();
        Self { path: path.to_owned(), sessions, learned: 0, is_newer }
    }

    /// The session of the dispatch `id`, where it is known.
    pub(super) fn session_of(&self, id: &str) -> Option<&str> {
        self.sessions.get(id).map(String::as_str)
    }

    /// Takes down what the record of a dispatch says.
    pub(super) fn learn(&mut self, id: &str, session: &str) {
        if self.session_of(id) != Some(session) {
            self.sessions.insert(id.to_owned(), session.to_owned());
            self.learned += 1;
        }
    }

    /// Writes the table, of `ids` alone, where enough was learned. Where it cannot be written, as in a home that is
    /// read-only, the records are read again next time.
    pub(super) fn keep(mut self, ids: &[String]) {
        if self.learned <= FEW || self.is_newer {
            return;
        }
        let sessions = ids.iter().filter_map(|id| self.sessions.remove_entry(id)).collect();
        let Ok(bytes) = serde_json::to_vec(&File { version: VERSION, sessions }) else { return };
        let Some(directory) = self.path.parent() else { return };
        let _ = disk::private_dir(directory).and_then(|()| disk::write_atomic(&self.path, &bytes));
    }
}

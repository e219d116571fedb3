//! The records on this machine.

use super::id::is_id;
use super::record::{Record, VERSION};
use super::state::State;
use super::step::Step;
use super::table::DispatchTable;
use crate::disk::{self, DiskError};
use std::path::{Path, PathBuf};

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum StoreError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is something where a record should be, and it is not one. It is left as it is.
    #[error("{} cannot be read as a dispatch: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} has format {version}, written by a newer kugetsu; this one knows {VERSION}", path.display())]
    Newer { path: PathBuf, version: u64 },
}

/// Where dispatches are kept: `dispatches/` in kugetsu's home.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    table: PathBuf,
}

/// One dispatch and its directory.
#[derive(Debug)]
pub struct Dispatch {
    /// Its directory, 0700.
    pub directory: PathBuf,
    /// Its record. Changes are on disk only after [`Dispatch::save`].
    pub record: Record,
}

const RECORD: &str = "dispatch.json";

impl Store {
    /// The store in kugetsu's home.
    pub fn new(kugetsu_home: &Path) -> Self {
        Self { root: kugetsu_home.join("dispatches"), table: DispatchTable::path(kugetsu_home) }
    }

    /// Makes a dispatch's directory and writes its record, and before it the files that belong to it.
    pub fn create_with(&self, record: Record, files: &[(&str, &[u8])]) -> Result<Dispatch, StoreError> {
        let directory = self.root.join(&record.id);
        disk::private_dir(&directory)?;
        let dispatch = Dispatch { directory, record };
        let written = files
            .iter()
            .try_for_each(|(name, bytes)| Ok(disk::write_atomic(&dispatch.file(name), bytes)?))
            .and_then(|()| dispatch.save());
        if written.is_err() {
            // What is not whole is of no use; where it stays, the disk's own error says more.
            let _ = dispatch.remove();
        }
        written.map(|()| dispatch)
    }

    /// Reads the dispatch named `id`; `None` if there is none.
    pub fn open(&self, id: &str) -> Result<Option<Dispatch>, StoreError> {
        if !is_id(id) {
            return Ok(None);
        }
        let directory = self.root.join(id);
        let path = directory.join(RECORD);
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        let record = parse(&bytes, &path)?;
        Ok(Some(Dispatch { directory, record }))
    }

    /// What is wrong with the records that cannot be read, then every dispatch, the oldest first. A directory without a record
    /// was sent here by another kugetsu; it is passed over.
    pub fn each(&self) -> Result<Vec<Result<Dispatch, StoreError>>, StoreError> {
        let ids = self.ids()?;
        Ok(sorted(ids.iter().filter_map(|id| self.open(id).transpose()).collect()))
    }

    /// As [`Store::each`], of the sessions that are `wanted`. A record of another session is read only if the table does not
    /// have it yet.
    pub fn each_of(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Result<Dispatch, StoreError>>, StoreError> {
        let ids = self.ids()?;
        let mut table = DispatchTable::read(&self.table);
        let mut found = Vec::new();
        for id in &ids {
            if table.session_of(id).is_some_and(|session| !wanted(session)) {
                continue;
            }
            match self.open(id) {
                Ok(Some(dispatch)) => {
                    table.learn(id, &dispatch.record.session);
                    if wanted(&dispatch.record.session) {
                        found.push(Ok(dispatch));
                    }
                }
                Ok(None) => {}
                // It may be of any session.
                Err(error) => found.push(Err(error)),
            }
        }
        table.keep(&ids);
        Ok(sorted(found))
    }

    /// The names in the directory that are ids.
    fn ids(&self) -> Result<Vec<String>, StoreError> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(DiskError::at(&self.root, error).into()),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| is_id(name)).collect())
    }

    /// Every dispatch of `session`, oldest first.
    pub fn of(&self, session: &str) -> Result<Vec<Dispatch>, StoreError> {
        self.each_of(|of| of == session)?.into_iter().collect()
    }

    /// The dispatch that has `session` away from home, and is waited for.
    pub fn away(&self, session: &str) -> Result<Option<Dispatch>, StoreError> {
        let away = |dispatch: &Dispatch| dispatch.record.is_away() && !dispatch.record.is_abandoned;
        Ok(self.of(session)?.into_iter().rfind(away))
    }
}

/// What cannot be read first, then the oldest.
fn sorted(mut all: Vec<Result<Dispatch, StoreError>>) -> Vec<Result<Dispatch, StoreError>> {
    // Ids tell the second only.
    let age = |found: &Result<Dispatch, _>| {
        found.as_ref().ok().map(|found| (found.record.created_ms, found.record.id.clone()))
    };
    all.sort_by_cached_key(age);
    all
}

fn parse(bytes: &[u8], path: &Path) -> Result<Record, StoreError> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: Option<u64>,
    }
    let damaged = |reason: String| StoreError::Damaged { path: path.to_owned(), reason };
    let garbled = |error: serde_json::Error| damaged(error.to_string());
    let Versioned { version } = serde_json::from_slice(bytes).map_err(garbled)?;
    match version {
        Some(version) if version > u64::from(VERSION) => {
            Err(StoreError::Newer { path: path.to_owned(), version })
        }
        Some(version) if version == u64::from(VERSION) => {
            let record: Record = serde_json::from_slice(bytes).map_err(garbled)?;
            let directory = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            record.check(directory).map_err(damaged)
        }
        _ => Err(damaged(format!("its format is not {VERSION}"))),
    }
}

impl Dispatch {
    /// Writes the record, whole or not at all.
    pub fn save(&self) -> Result<(), StoreError> {
        let path = self.directory.join(RECORD);
        let mut bytes = serde_json::to_vec_pretty(&self.record)
            .map_err(|error| StoreError::Damaged { path: path.clone(), reason: error.to_string() })?;
        bytes.push(b'\n');
        Ok(disk::write_atomic(&path, &bytes)?)
    }

    /// Writes down that `step` is about to be done.
    pub fn begin(&mut self, step: Step) -> Result<(), StoreError> {
        self.record.doing.insert(step);
        self.save()
    }

    /// Writes down that `step` is done, and where that leads.
    pub fn done(&mut self, step: Step, state: Option<State>) -> Result<(), StoreError> {
        self.record.doing.remove(&step);
        if let Some(state) = state {
            self.record.state = state;
        }
        self.save()
    }

    /// Writes down where the trip stands; no step of it is being done any more.
    pub fn reach(&mut self, state: State) -> Result<(), StoreError> {
        self.record.doing.clear();
        self.record.state = state;
        self.save()
    }

    /// A file of this dispatch.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Removes this dispatch and all its files from this machine.
    pub fn remove(&self) -> Result<(), StoreError> {
        std::fs::remove_dir_all(&self.directory)
            .map_err(|source| DiskError::at(&self.directory, source).into())
    }

    /// Removes a file of this dispatch that is no longer needed; that it is missing is no error.
    pub fn discard(&self, name: &str) -> Result<(), StoreError> {
        Ok(disk::remove(&self.file(name))?)
    }
}

#[cfg(test)]
mod tests;

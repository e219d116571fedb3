//! The files themselves.

use super::contents::Index;
use super::error::IndexError;
use super::session_file::{SessionFile, SessionKind};
use crate::disk::{self, DiskError, Lock};
use crate::issue::IssueRef;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// How long a change waits for others: each takes milliseconds, and a disk may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

const BASE: &str = "base.json";

/// How many files a thread reads at least: fewer take less time than a thread does.
const SHARE: usize = 256;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Entry<'i> {
    pub(crate) issue: &'i str,
    pub(crate) file: &'i str,
    pub(crate) found: IndexedFile,
}

#[derive(Debug)]
pub(crate) enum IndexedFile {
    Session(SessionFile),
    Missing,
    Unreadable(IndexError),
}

impl Store {
    pub(crate) fn new(kugetsu_home: &Path) -> Self {
        Self { root: kugetsu_home.to_owned() }
    }

    /// The index as it stands; an empty one where there is none. Needs no lock: it is replaced whole.
    ///
    /// # Errors
    /// What cannot be read is no empty index.
    pub(crate) fn index(&self) -> Result<Index, IndexError> {
        let path = self.index_path();
        match bytes_at(&path)? {
            Some(bytes) => Index::parse(&bytes, &path),
            None => Ok(Index::default()),
        }
    }

    /// Changes the index while nobody else does: it is read, changed, and written if that made a difference.
    /// `command` is what others are told meanwhile. Where `change` fails nothing is written.
    pub(crate) fn update<T, E: From<IndexError>>(
        &self,
        command: &str,
        change: impl FnOnce(&mut Index) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock(command)?;
        let before = self.index()?;
        let mut index = before.clone();
        let done = change(&mut index)?;
        if index != before {
            let path = self.index_path();
            let text = index.text().map_err(|error| IndexError::damaged(&path, error.to_string()))?;
            disk::write_atomic(&path, &text).map_err(IndexError::from)?;
        }
        Ok(done)
    }

    /// Records the session of an issue that has none; the name of its file.
    ///
    /// The file is written before the index: whatever is cut, no issue is left without its file. A file that is there
    /// already and in no index is never written over; it is told by [`Store::strays`].
    ///
    /// # Errors
    /// [`IndexError::Known`] if it has one.
    pub(crate) fn add(
        &self,
        command: &str,
        issue: &IssueRef,
        session: &SessionFile,
    ) -> Result<String, IndexError> {
        self.update(command, |index| {
            if let Some((known, _)) = index.find(issue) {
                return Err(IndexError::Known { issue: known.to_owned() });
            }
            let name = index.free_name(issue, |name| self.path_of(name).symlink_metadata().is_ok());
            self.write(&name, session, None)?;
            index.insert(&issue.to_string(), &name);
            Ok(name)
        })
    }

    /// Makes `session` the base, in place of the one before.
    pub(crate) fn set_base(&self, command: &str, session: &SessionFile) -> Result<(), IndexError> {
        self.update(command, |index| {
            let name = self.base(index)?.map_or_else(|| BASE.to_owned(), |(name, _)| name);
            let path = self.path_of(&name);
            let old = bytes_at(&path)?;
            if let Some(old) = &old {
                SessionFile::parse(old, &path)?;
            }
            self.write(&name, session, old.as_deref())?;
            index.set_base(Some(&session.session));
            Ok(())
        })
    }

    /// The name and content of the base's file, where the index names a base.
    pub(crate) fn base(&self, index: &Index) -> Result<Option<(String, SessionFile)>, IndexError> {
        let Some(id) = index.base() else { return Ok(None) };
        if let Some(file) = self.read(BASE)? {
            return Ok(Some((BASE.to_owned(), file)));
        }
        // How the script named it is not known for sure.
        let strangers = self.unlisted(index)?.into_iter().filter_map(|name| {
            let file = self.read(&name).ok()??;
            (file.kind == SessionKind::Base && file.session == id).then_some((name, file))
        });
        Ok(strangers.into_iter().next())
    }

    /// Reads a session's file; `None` if there is none.
    pub(crate) fn read(&self, file: &str) -> Result<Option<SessionFile>, IndexError> {
        let path = self.path_of(file);
        bytes_at(&path)?.map(|bytes| SessionFile::parse(&bytes, &path)).transpose()
    }

    /// Changes a session's file while nobody else does; the new content, or `None` if there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, and is left as it is; a disk that says no.
    pub(crate) fn change(
        &self,
        command: &str,
        file: &str,
        change: impl FnOnce(&mut SessionFile),
    ) -> Result<Option<SessionFile>, IndexError> {
        let _lock = self.lock(command)?;
        let path = self.path_of(file);
        let Some(bytes) = bytes_at(&path)? else { return Ok(None) };
        let before = SessionFile::parse(&bytes, &path)?;
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            self.write(file, &after, Some(&bytes))?;
        }
        Ok(Some(after))
    }

    /// Forgets an issue, as it is spelled in the index, and removes its file. True if there was one.
    pub(crate) fn remove(&self, command: &str, issue: &str) -> Result<bool, IndexError> {
        let removed = self.remove_each(command, &[issue], |_, _| Ok(true))?;
        Ok(!removed.is_empty())
    }

    /// As [`Store::remove`], of several issues at once: of those for which `is_meant` holds, by their spelling and their
    /// file's name. What was removed.
    pub(crate) fn remove_each<'i>(
        &self,
        command: &str,
        issues: &[&'i str],
        is_meant: impl Fn(&str, &str) -> Result<bool, IndexError>,
    ) -> Result<Vec<&'i str>, IndexError> {
        let (mut removed, mut files) = (Vec::new(), Vec::new());
        self.update(command, |index| {
            for issue in issues {
                let file = index.spelled(issue).map(|(_, file)| file.to_owned());
                if let Some(file) = file
                    && is_meant(issue, &file)?
                {
                    index.remove(issue);
                    removed.push(*issue);
                    files.push(file);
                }
            }
            Ok::<_, IndexError>(())
        })?;
        files.iter().try_for_each(|file| self.remove_file(file))?;
        Ok(removed)
    }

    /// Forgets the base session, and removes its file.
    pub(crate) fn remove_base(&self, command: &str) -> Result<(), IndexError> {
        let file = self.update(command, |index| {
            let file = self.base(index)?;
            index.set_base(None);
            Ok::<_, IndexError>(file)
        })?;
        file.map_or(Ok(()), |(file, _)| self.remove_file(&file))
    }

    /// What stands in the files of `issues`, in their order: all issues of an index, or some.
    pub(crate) fn entries<'i>(&self, issues: impl Iterator<Item = (&'i str, &'i str)>) -> Vec<Entry<'i>> {
        let issues: Vec<_> = issues.collect();
        // Each file waits for the kernel, so that many of them want every processor.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let share = issues.len().div_ceil(processors).max(SHARE);
        let read = |share: &[(&'i str, &'i str)]| -> Vec<Entry<'i>> {
            share.iter().map(|&(issue, file)| Entry { issue, file, found: self.find(file) }).collect()
        };
        std::thread::scope(|scope| {
            let readers: Vec<_> =
                issues.chunks(share).map(|share| scope.spawn(move || read(share))).collect();
            let ended =
                |reader: ScopedJoinHandle<'_, _>| reader.join().unwrap_or_else(|panic| resume_unwind(panic));
            readers.into_iter().flat_map(ended).collect()
        })
    }

    /// The issue whose session is `session`, as the index spells it, and its file. The files are looked at one after the
    /// other, since only they tell: whatever writes them, no list of ours can go wrong.
    pub(crate) fn issue_of<'i>(&self, index: &'i Index, session: &str) -> Option<(&'i str, &'i str)> {
        let is_it = |file| matches!(self.find(file), IndexedFile::Session(found) if found.session == session);
        index.issues().find(|(_, file)| is_it(file))
    }

    /// The files in `sessions/` that belong to no issue and are not the base's, by name.
    pub(crate) fn strays(&self, index: &Index) -> Result<Vec<(String, IndexedFile)>, IndexError> {
        let mut strays = Vec::new();
        for name in self.unlisted(index)?.into_iter().filter(|name| name != BASE) {
            let found = self.find(&name);
            if !matches!(&found, IndexedFile::Session(file) if file.kind == SessionKind::Base) {
                strays.push((name, found));
            }
        }
        Ok(strays)
    }

    fn find(&self, file: &str) -> IndexedFile {
        match self.read(file) {
            Ok(Some(session)) => IndexedFile::Session(session),
            Ok(None) => IndexedFile::Missing,
            Err(error) => IndexedFile::Unreadable(error),
        }
    }

    /// Removes those of these files that still belong to no issue and are not the base's; the names of those.
    pub(crate) fn remove_strays<'f>(
        &self,
        command: &str,
        files: &[&'f str],
    ) -> Result<Vec<&'f str>, IndexError> {
        self.update(command, |index| {
            let listed: HashSet<&str> = index.issues().map(|(_, file)| file).collect();
            let mut removed = Vec::new();
            for &file in files.iter().filter(|file| **file != BASE && !listed.contains(**file)) {
                if self.read(file)?.is_some_and(|found| found.kind != SessionKind::Base) {
                    self.remove_file(file)?;
                    removed.push(file);
                }
            }
            Ok(removed)
        })
    }

    /// Names in `sessions/` that the index does not have, sorted.
    fn unlisted(&self, index: &Index) -> Result<Vec<String>, IndexError> {
        let listed: HashSet<&str> = index.issues().map(|(_, file)| file).collect();
        let mut names = disk::names(&self.sessions())?;
        names.retain(|name| {
            name.ends_with(".json") && !name.starts_with('.') && !listed.contains(name.as_str())
        });
        Ok(names)
    }

    fn lock(&self, command: &str) -> Result<Lock, IndexError> {
        disk::private_dir(&self.root)?;
        disk::private_dir(&self.sessions())?;
        let path = self.root.join("index.lock");
        Lock::exclusive_within(&path, command, PATIENCE)?
            .ok_or_else(|| IndexError::Busy { holder: Lock::holder(&path) })
    }

    fn write(&self, file: &str, session: &SessionFile, old: Option<&[u8]>) -> Result<(), IndexError> {
        let path = self.path_of(file);
        let text = session.merged_into(old).map_err(|error| IndexError::damaged(&path, error.to_string()))?;
        Ok(disk::write_atomic(&path, &text)?)
    }

    fn remove_file(&self, file: &str) -> Result<(), IndexError> {
        Ok(disk::remove(&self.path_of(file))?)
    }

    fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    pub(crate) fn path_of(&self, file: &str) -> PathBuf {
        self.sessions().join(file)
    }
}

/// Reads a whole file; `None` if there is none.
fn bytes_at(path: &Path) -> Result<Option<Vec<u8>>, IndexError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::at(path, error).into()),
    }
}

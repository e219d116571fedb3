//! All hosts that are known, from all files.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{HostsError, Warning};
use super::file::Parsed;
use super::{Allowed, HostEntry, Pending, SearchPath, nearest, root, text_file, value};

/// The hosts that the files name.
///
/// A project's files come with a clone, so their author decides what its names mean: a project may point `pi`
/// somewhere else, name the program that is run there as opencode, and set any variable of the run (`PATH` and
/// `LD_PRELOAD` included: there is no list of harmless ones). So such a file counts once the user has allowed its
/// content; until then it is as if it were not there, but for the names that nothing else has: these are refused, and
/// never taken for an alias of ssh.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// Those that count, in the order in which their names were first seen.
    pub(crate) entries: Vec<HostEntry>,
    /// Those that a later file replaced, the earliest first.
    pub(crate) replaced: Vec<HostEntry>,
    /// What is odd but harmless, in the order of the files.
    pub(crate) warnings: Vec<Warning>,
    /// The files whose hosts count, lowest priority first.
    pub(crate) files: Vec<PathBuf>,
    /// Files of the project that the user has not allowed yet, likewise.
    pub(crate) pending: Vec<Pending>,
    /// Why files of the project cannot be used.
    pub(crate) unusable: Vec<HostsError>,
    /// The user named the one file that is read.
    pub(crate) is_named: bool,
}

#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    Entry(&'a HostEntry),
    /// Only a project's file has it, which the user has not allowed yet.
    Pending(&'a Pending),
    /// No usable file has it, and a project's file that cannot be used may have it.
    Unusable(&'a HostsError),
    /// In no file; it may still be an alias that ssh knows.
    Unknown {
        /// The name of a file that is most like it.
        nearest: Option<String>,
    },
}

impl Hosts {
    /// Reads every file that is there. An entry of a later file replaces one of the same name as a whole.
    ///
    /// # Errors
    /// A file of the user's cannot be used, or what was allowed is not known.
    pub(crate) fn load(path: &SearchPath, allowed: &Allowed) -> Result<Self, HostsError> {
        let mut hosts = Self { is_named: path.required, ..Self::default() };
        let home = path.home.as_deref();
        let mut own = Vec::new();
        for source in &path.files {
            if !source.is_project {
                match text_file::read(&source.path)? {
                    Some(text) => {
                        let Parsed { entries, warnings, .. } = root::parse(&text, source, home)?;
                        hosts.add(&source.path, entries, warnings);
                    }
                    None if path.required => return Err(HostsError::Missing { path: source.path.clone() }),
                    None => {}
                }
                own.extend(fs::canonicalize(&source.path));
                continue;
            }
            // The user may stand in a directory that leads to their own configuration.
            if fs::canonicalize(&source.path).is_ok_and(|path| own.contains(&path)) {
                continue;
            }
            match Pending::read(source, home) {
                Ok(None) => {}
                Ok(Some(file)) if allowed.allows(&file)? => hosts.accept(file),
                Ok(Some(file)) => hosts.pending.push(file),
                Err(error) => hosts.unusable.push(error),
            }
        }
        Ok(hosts)
    }

    pub(crate) fn find(&self, name: &str) -> Lookup<'_> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.name == name) {
            return Lookup::Entry(entry);
        }
        if let Some(file) = self.pending_of(name).next() {
            return Lookup::Pending(file);
        }
        // Nothing else can be the name of an entry.
        match self.unusable.first().filter(|_| value::name(name).is_ok()) {
            Some(error) => Lookup::Unusable(error),
            None => Lookup::Unknown {
                nearest: nearest(name, self.entries.iter().map(|entry| entry.name.as_str()))
                    .map(str::to_owned),
            },
        }
    }

    /// The user's own host of this name, whatever a project makes of it.
    pub(crate) fn own(&self, name: &str) -> Option<&HostEntry> {
        let mut all = self.replaced.iter().chain(&self.entries);
        all.rfind(|entry| entry.name == name && !entry.is_project)
    }

    /// The files that have a host of this name and are not allowed.
    pub(crate) fn pending_of(&self, name: &str) -> impl Iterator<Item = &Pending> {
        self.pending.iter().filter(move |file| file.entries.iter().any(|entry| entry.name == name))
    }

    /// Makes the hosts of a project's file count.
    pub(crate) fn accept(&mut self, file: Pending) {
        self.add(&file.path, file.entries, file.warnings);
    }

    fn add(&mut self, path: &Path, entries: Vec<HostEntry>, warnings: Vec<Warning>) {
        self.warnings.extend(warnings);
        if !entries.is_empty() {
            self.files.push(path.to_owned());
        }
        for entry in entries {
            match self.entries.iter_mut().find(|known| known.name == entry.name) {
                Some(known) => self.replaced.push(std::mem::replace(known, entry)),
                None => self.entries.push(entry),
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! All hosts that are known, from all files.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::error::{HostsError, Warning};
use super::{HostEntry, SearchPath, file, nearest};

/// No list of hosts comes near this, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The hosts that the files name.
///
/// A project's files come with a clone, so their author decides what its names mean: a project may point `pi`
/// somewhere else, name the program that is run there as opencode, and set any variable of the run (`PATH` and
/// `LD_PRELOAD` included: there is no list of harmless ones). What bounds this is that nothing of it is executed
/// *here*, that a host must already be in the user's known_hosts and accept the user's key, and that `source`
/// tells which file an entry is from; whoever shows or uses an entry from a project should say so.
#[derive(Debug, Default)]
pub struct Hosts {
    /// In the order in which their names were first seen.
    pub entries: Vec<HostEntry>,
    /// What is odd but harmless, in the order of the files.
    pub warnings: Vec<Warning>,
    /// The files that were there, lowest priority first.
    pub files: Vec<PathBuf>,
}

/// What is known under a name.
#[derive(Debug, PartialEq)]
pub enum Lookup<'a> {
    /// A host of a file.
    Entry(&'a HostEntry),
    /// In no file; it may still be an alias that ssh knows.
    Unknown {
        /// The name of a file that is most like it.
        nearest: Option<String>,
    },
}

impl Hosts {
    /// Reads every file that is there. An entry of a later file replaces one of the same name as a whole.
    pub fn load(path: &SearchPath) -> Result<Self, HostsError> {
        let mut hosts = Self::default();
        for file in &path.files {
            let Some(text) = read(file)? else {
                if path.required {
                    return Err(HostsError::Missing { path: file.clone() });
                }
                continue;
            };
            let parsed = file::parse(&text, file, path.home.as_deref())?;
            hosts.warnings.extend(parsed.warnings);
            hosts.files.push(file.clone());
            for entry in parsed.entries {
                match hosts.entries.iter_mut().find(|known| known.name == entry.name) {
                    Some(known) => *known = entry,
                    None => hosts.entries.push(entry),
                }
            }
        }
        Ok(hosts)
    }

    /// The host of this name.
    pub fn find(&self, name: &str) -> Lookup<'_> {
        match self.entries.iter().find(|entry| entry.name == name) {
            Some(entry) => Lookup::Entry(entry),
            None => Lookup::Unknown {
                nearest: nearest(name, self.entries.iter().map(|entry| entry.name.as_str()))
                    .map(str::to_owned),
            },
        }
    }
}

/// The text of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, HostsError> {
    let unreadable = |source| HostsError::Unreadable { path: path.to_owned(), source };
    let found = match fs::metadata(path) {
        Ok(found) => found,
        // The second: `.opencode` is a file in this project.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    // Before opening: that would wait for the writer of a pipe.
    if !found.is_file() {
        return Err(HostsError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(HostsError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let whole = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..whole]).into_owned();
        HostsError::NotUtf8 { place: file::place(&before, path, whole) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::write_atomic;
    use std::process::Command;

    fn load(files: &[&Path], required: bool) -> Result<Hosts, HostsError> {
        let files = files.iter().map(|file| file.to_path_buf()).collect();
        Hosts::load(&SearchPath { files, required, home: None })
    }

    #[test]
    fn a_later_file_replaces_whole_entries() {
        let dir = tempfile::tempdir().unwrap();
        let (low, high, none) = (dir.path().join("l"), dir.path().join("h"), dir.path().join("n"));
        write_atomic(&low, br#"{"pi": {"host": "old", "port": 1, "x": 1}, "beefy": "b"}"#).unwrap();
        write_atomic(&high, br#"{"new": "n", "pi": "new"}"#).unwrap();
        let hosts = load(&[&low, &none, &high], false).unwrap();
        let shown: Vec<_> =
            hosts.entries.iter().map(|e| (e.name.as_str(), e.host.as_str(), e.port)).collect();
        assert_eq!(shown, [("pi", "new", None), ("beefy", "b", None), ("new", "n", None)]);
        assert_eq!(hosts.entries[0].source.as_deref(), Some(high.as_path()));
        assert_eq!(hosts.files, [low, high]);
        assert_eq!(hosts.warnings.len(), 1);
        assert_eq!(hosts.find("pi"), Lookup::Entry(&hosts.entries[0]));
        assert_eq!(hosts.find("beefi"), Lookup::Unknown { nearest: Some("beefy".into()) });
        assert_eq!(hosts.find("zzz"), Lookup::Unknown { nearest: None });
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hosts.json");
        assert!(matches!(load(&[&file], true), Err(HostsError::Missing { .. })));
        assert!(load(&[&file], false).unwrap().files.is_empty());
        assert!(matches!(load(&[dir.path()], false), Err(HostsError::NotAFile { .. })));

        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(load(&[&pipe], false), Err(HostsError::NotAFile { .. })));

        let circle = dir.path().join("circle");
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        assert!(matches!(load(&[&circle], false), Err(HostsError::Unreadable { .. })));

        write_atomic(&file, b"{\n \"a\xff\": 1}").unwrap();
        let error = load(&[&file], false).unwrap_err().to_string();
        assert!(error.ends_with("hosts.json:2:4: not UTF-8 text"), "{error}");
        assert!(load(&[&file.join("below")], false).unwrap().files.is_empty());

        write_atomic(&file, &vec![b' '; 1024 * 1024]).unwrap();
        assert!(load(&[&file], false).is_ok());
        write_atomic(&file, &vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(load(&[&file], false), Err(HostsError::TooLarge { .. })));
    }
}

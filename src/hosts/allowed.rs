//! Which files of projects the user has allowed: one record for each, below kugetsu's home.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Pending;
use super::error::AllowedError;
use crate::disk::{DiskError, private_dir, write_atomic};

const VERSION: u64 = 1;

/// No record comes near this, in bytes.
const LARGEST: u64 = 64 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    kugetsu_home: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct AllowedFile {
    version: u64,
    /// For whoever looks; the record's name is what counts.
    path: String,
    digest: String,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Allowed {
    /// Those below kugetsu's home, which need not be there.
    pub(crate) fn new(kugetsu_home: &Path) -> Self {
        Self { kugetsu_home: kugetsu_home.to_owned() }
    }

    /// Whether the user allowed this file with this content.
    ///
    /// # Errors
    /// The record is there and cannot be used.
    pub(crate) fn allows(&self, file: &Pending) -> Result<bool, AllowedError> {
        let record = read(&self.record(&file.path))?;
        Ok(record.is_some_and(|record| record.digest == file.digest))
    }

    /// Remembers that the user allowed this file with this content, in place of what was allowed of it before.
    ///
    /// # Errors
    /// The earlier record cannot be used, and stays; or this one cannot be written.
    pub(crate) fn allow(&self, file: &Pending) -> Result<(), AllowedError> {
        let at = self.record(&file.path);
        read(&at)?;
        private_dir(&self.kugetsu_home)?;
        private_dir(&self.directory())?;
        let path = file.path.to_string_lossy().into_owned();
        let record = AllowedFile { version: VERSION, path, digest: file.digest.clone() };
        let text = serde_json::to_string_pretty(&record)
            .map_err(|error| AllowedError::Damaged { path: at.clone(), reason: error.to_string() })?;
        Ok(write_atomic(&at, format!("{text}\n").as_bytes())?)
    }

    fn directory(&self) -> PathBuf {
        self.kugetsu_home.join("allowed")
    }

    /// Links to the directory are resolved. Of the file its name counts, wherever a link of that name leads.
    fn record(&self, file: &Path) -> PathBuf {
        let place = file.parent().zip(file.file_name());
        let place = place.and_then(|(directory, name)| Some(fs::canonicalize(directory).ok()?.join(name)));
        let place = place.unwrap_or_else(|| file.to_owned());
        self.directory().join(format!("{:x}.json", Sha256::digest(place.as_os_str().as_bytes())))
    }
}

fn read(path: &Path) -> Result<Option<AllowedFile>, AllowedError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| DiskError::at(path, error))?,
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| DiskError::at(path, error))?;
    let damaged =
        |error: serde_json::Error| AllowedError::Damaged { path: path.to_owned(), reason: error.to_string() };
    match serde_json::from_str::<Versioned>(&text).map_err(damaged)?.version {
        VERSION => serde_json::from_str(&text).map(Some).map_err(damaged),
        version => Err(AllowedError::Newer { path: path.to_owned(), version }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::{Form, Source};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    const FIRST: &str = include_str!("../../tests/fixtures/allowed-1.json");

    struct Place {
        _directory: tempfile::TempDir,
        allowed: Allowed,
        file: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let allowed = Allowed::new(&directory.path().join("state"));
            let file = directory.path().join("hosts.json");
            Self { _directory: directory, allowed, file }
        }

        fn pending(&self, text: &str) -> Pending {
            self.at(&self.file, text)
        }

        fn at(&self, path: &Path, text: &str) -> Pending {
            write_atomic(path, text.as_bytes()).unwrap();
            let source = Source { path: path.to_owned(), form: Form::Hosts, is_project: true };
            Pending::read(&source, None).unwrap().unwrap()
        }
    }

    #[test]
    fn what_was_allowed_is_asked_anew_once_it_changes() {
        let place = Place::new();
        let (first, other) = (r#"{ "pi": "p" }"#, r#"{ "pi": "q" }"#);
        assert!(!place.allowed.allows(&place.pending(first)).unwrap());
        assert!(!place.allowed.kugetsu_home.exists(), "looking leaves nothing");
        place.allowed.allow(&place.pending(first)).unwrap();
        assert!(place.allowed.allows(&place.pending(first)).unwrap());
        assert!(!place.allowed.allows(&place.pending(other)).unwrap());
        let moved = place.at(&place.file.with_file_name("hosts.jsonc"), first);
        assert!(!place.allowed.allows(&moved).unwrap(), "another file");
        place.allowed.allow(&place.pending(other)).unwrap();
        assert!(!place.allowed.allows(&place.pending(first)).unwrap(), "only the last word counts");
        let record = place.allowed.record(&place.file);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&record), mode(record.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_link_to_the_directory_is_no_other_directory() {
        let place = Place::new();
        place.allowed.allow(&place.pending(r#"{ "pi": "p" }"#)).unwrap();
        let link = place.file.with_file_name("link");
        symlink(place.file.parent().unwrap(), &link).unwrap();
        assert_eq!(place.allowed.record(&link.join("hosts.json")), place.allowed.record(&place.file));
    }

    #[test]
    fn the_first_format_is_read_for_ever_and_a_newer_one_is_refused() {
        let place = Place::new();
        let pending = place.pending("{ \"pi\": \"me@192.0.2.1\" }\n");
        let record = place.allowed.record(&place.file);
        private_dir(record.parent().unwrap()).unwrap();
        write_atomic(&record, FIRST.as_bytes()).unwrap();
        assert!(place.allowed.allows(&pending).unwrap());

        for (text, damaged) in [
            (FIRST.replace("\"version\": 1", "\"version\": 2"), false),
            ("{".to_owned(), true),
            ("{\"version\": 1}".to_owned(), true),
        ] {
            write_atomic(&record, text.as_bytes()).unwrap();
            for error in
                [place.allowed.allows(&pending).unwrap_err(), place.allowed.allow(&pending).unwrap_err()]
            {
                assert_eq!(matches!(error, AllowedError::Damaged { .. }), damaged, "{error}");
                assert_eq!(matches!(error, AllowedError::Newer { .. }), !damaged, "{error}");
            }
            assert_eq!(fs::read_to_string(&record).unwrap(), text, "it was left as it is");
        }
    }
}

//! The files of sessions, read one after another and as fast as the kernel lets.

use super::error::IndexError;
use super::session_file::{SessionFile, Text};
use super::store::Found;
use crate::disk::DiskError;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read, retry_on_intr};
use std::io::{Error, ErrorKind};
use std::path::PathBuf;

/// Bytes that are read at once; files of sessions are smaller.
const ONCE: usize = 16 * 1024;

/// The directory that holds them.
pub(super) struct Directory {
    path: PathBuf,
    /// A name in it is found in one step. Without it, each file's whole path is gone.
    open: Option<OwnedFd>,
}

impl Directory {
    pub(super) fn open(path: PathBuf) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = retry_on_intr(|| openat(CWD, &path, flags, Mode::empty())).ok();
        Self { path, open }
    }

    /// What stands under a name, and what `take` takes of it. `buffer` is for reading, and any.
    pub(super) fn find<T>(
        &self,
        file: &str,
        buffer: &mut Vec<u8>,
        take: impl Fn(SessionFile<Text<'_>>) -> T,
    ) -> Found<T> {
        match self.read(file, buffer, take) {
            Ok(Some(session)) => Found::Session(session),
            Ok(None) => Found::Missing,
            Err(error) => Found::Unreadable(error),
        }
    }

    fn read<T>(
        &self,
        file: &str,
        buffer: &mut Vec<u8>,
        take: impl Fn(SessionFile<Text<'_>>) -> T,
    ) -> Result<Option<T>, IndexError> {
        let at = |error: Errno| DiskError::at(&self.path.join(file), error.into());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| match &self.open {
            Some(directory) => openat(directory, file, flags, Mode::empty()),
            None => openat(CWD, self.path.join(file), flags, Mode::empty()),
        });
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) if Error::from(error).kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(error).into()),
        };
        let mut length = 0;
        loop {
            // Only grows: what was read before is written over.
            if buffer.len() < length + ONCE {
                buffer.resize(length + ONCE, 0);
            }
            let room = buffer.get_mut(length..).unwrap_or_default();
            let more = retry_on_intr(|| read(&opened, &mut *room)).map_err(at)?;
            let first = length == 0;
            length += more;
            if first || more == 0 {
                match SessionFile::glance(buffer.get(..length).unwrap_or_default()) {
                    // A whole object is the whole file, which need not be asked for its end.
                    Ok(session) => return Ok(Some(take(session))),
                    Err(error) if more == 0 => return Err(error.at(&self.path.join(file))),
                    Err(_) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::write_atomic;

    fn text(message: &str) -> String {
        serde_json::json!({"type": "forked", "opencode_session_id": "ses_1", "message": message}).to_string()
    }

    #[test]
    fn files_of_all_sizes_are_read_whole() {
        let home = tempfile::tempdir().unwrap();
        let (directory, mut buffer) = (Directory::open(home.path().to_owned()), Vec::new());
        let bare = text("").len();
        for length in [0, 1, ONCE - bare - 1, ONCE - bare, ONCE - bare + 1, 5 * ONCE + 7, 3] {
            let message = "x".repeat(length);
            write_atomic(&home.path().join("a.json"), text(&message).as_bytes()).unwrap();
            match directory.find("a.json", &mut buffer, |file| file.owned()) {
                Found::Session(session) => assert_eq!(session.message, Some(message)),
                other => panic!("{length}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_cut_missing_or_no_file_is_told() {
        let home = tempfile::tempdir().unwrap();
        let (directory, mut buffer) = (Directory::open(home.path().to_owned()), Vec::new());
        let whole = text(&"x".repeat(2 * ONCE));
        for cut in [0, 1, ONCE, whole.len() - 1] {
            write_atomic(&home.path().join("a.json"), &whole.as_bytes()[..cut]).unwrap();
            let found = directory.find("a.json", &mut buffer, |file| file.owned());
            assert!(
                matches!(&found, Found::Unreadable(error) if error.to_string().contains("a.json")),
                "{found:?}"
            );
        }
        std::fs::create_dir(home.path().join("b.json")).unwrap();
        assert!(matches!(directory.find("b.json", &mut buffer, |file| file.owned()), Found::Unreadable(_)));
        assert!(matches!(directory.find("c.json", &mut buffer, |file| file.owned()), Found::Missing));
        let nowhere = Directory::open(home.path().join("none"));
        assert!(matches!(nowhere.find("a.json", &mut buffer, |file| file.owned()), Found::Missing));
        let no_directory = Directory::open(home.path().join("a.json"));
        assert!(matches!(
            no_directory.find("a.json", &mut buffer, |file| file.owned()),
            Found::Unreadable(_)
        ));
    }
}

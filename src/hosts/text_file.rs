//! The text of a file that somebody wrote.

use super::error::HostsError;
use super::file;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// No file with hosts comes near this, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The text of a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, HostsError> {
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

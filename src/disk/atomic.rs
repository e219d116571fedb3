//! Files that are either whole or absent.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::DiskError;

/// Writes `bytes` to `path` with mode 0600: whole, or (on any error) what stood there before.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|e| DiskError::at(path, e))?;
    file.commit()
}

/// A file that is written as a stream and appears under its name, with mode 0600, at [`AtomicFile::commit`].
///
/// Dropped before that, it leaves nothing. Writes are buffered.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    target: PathBuf,
    writer: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Starts a file beside `path` (a rename does not cross file systems).
    pub(crate) fn create(path: &Path) -> Result<Self, DiskError> {
        // The default mode of tempfile's files is 0600.
        let file = tempfile::Builder::new()
            .prefix(".kugetsu-")
            .suffix(".tmp")
            .tempfile_in(directory_of(path))
            .map_err(|e| DiskError::at(path, e))?;
        Ok(Self { target: path.to_owned(), writer: BufWriter::with_capacity(128 * 1024, file) })
    }

    /// Makes the file durable and gives it its name, replacing what stood there.
    pub(crate) fn commit(self) -> Result<(), DiskError> {
        let Self { target, writer } = self;
        let at = |source| DiskError::at(&target, source);
        let file = writer.into_inner().map_err(|e| at(e.into_error()))?;
        file.as_file().sync_all().map_err(at)?;
        file.persist(&target).map_err(|e| at(e.error))?;
        // The rename itself lives in the directory. Some network file systems cannot sync one.
        match File::open(directory_of(&target)).and_then(|directory| directory.sync_all()) {
            Err(e) if !matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Err(at(e)),
            _ => Ok(()),
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_file_is_whole_and_private_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_atomic(&path, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["f"]);
    }

    #[test]
    fn before_the_commit_the_old_content_stands_and_a_dropped_one_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_atomic(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["f"]);
    }

    #[test]
    fn a_failed_commit_leaves_nothing_beside_the_target() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = write_atomic(&path, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(dir.path()), ["taken"]);
        let error = write_atomic(&dir.path().join("missing/f"), b"x").unwrap_err();
        assert!(error.to_string().contains("missing/f"), "{error}");
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("f"), dir.path().join("other"));
        write_atomic(&other, b"other").unwrap();
        symlink(&other, &path).unwrap();
        write_atomic(&path, b"mine").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}

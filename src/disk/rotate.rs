//! A log that does not grow for ever.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::DiskError;

/// Files of one log, the one that is written among them.
pub(crate) const LOG_FILES: usize = 10;
/// Bytes of one file of a log.
pub(crate) const LOG_BYTES: u64 = 5_000_000;

/// A log in several files: what would make `log` too large renames `log.8` to `log.9`, …, `log` to `log.1`, and begins a
/// new `log`. Files are 0600.
///
/// A line is in one file, unless it is longer than a file may be: so the beginning of a line is kept back until its end
/// comes (or [`Write::flush`], after which the rest of the line follows it into the same file). One process writes;
/// others may read at any time.
#[derive(Debug)]
pub struct RotatingLog {
    path: PathBuf,
    files: usize,
    bytes: u64,
    file: File,
    size: u64,
    /// The beginning of a line, not written yet.
    kept: Vec<u8>,
    /// How much of the line that is being written is in the file.
    begun: u64,
}

impl RotatingLog {
    /// Goes on with the log at `path`, or begins it: `files` files of at most `bytes` bytes. A last line that was cut
    /// by a kill is ended.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(path: &Path, files: usize, bytes: u64) -> Result<Self, DiskError> {
        let open = || -> io::Result<(File, u64)> {
            let mut file = append(path)?;
            let mut size = file.metadata()?.len();
            if size > 0 {
                let mut last = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                    size += 1;
                }
            }
            Ok((file, size))
        };
        let (file, size) = open().map_err(|source| DiskError::at(path, source))?;
        let (path, bytes) = (path.to_owned(), bytes.max(1));
        Ok(Self { path, files, bytes, file, size, kept: Vec::new(), begun: 0 })
    }

    /// The files of the log at `path` that are there, oldest first; the one that is written is the last.
    pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
        let older = (1..LOG_FILES).rev().map(|number| numbered(path, number));
        older.chain([path.to_owned()]).filter(|path| path.is_file()).collect()
    }

    /// Writes a piece of a line, whole lines as a rule. What is written of a line decides with its beginning into which
    /// file it goes.
    fn put(&mut self, piece: &[u8]) -> io::Result<()> {
        let length = piece.len() as u64;
        let over = self.size + length > self.bytes;
        // The rest of a line goes to where its beginning is, unless no file could hold it.
        if over && self.size > 0 && (self.begun == 0 || self.begun + length > self.bytes) {
            self.rotate()?;
        }
        self.file.write_all(piece)?;
        self.size += length;
        self.begun = if piece.ends_with(b"\n") { 0 } else { self.begun + length };
        Ok(())
    }

    /// As [`RotatingLog::put`], in pieces that fit into a file.
    fn put_all(&mut self, line: &[u8]) -> io::Result<()> {
        let largest = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        line.chunks(largest).try_for_each(|piece| self.put(piece))
    }

    fn rotate(&mut self) -> io::Result<()> {
        // What stands in the place of a file and is none (a directory) is passed over; a place that is empty is filled.
        let places: Vec<PathBuf> = (1..self.files)
            .map(|number| numbered(&self.path, number))
            .filter(|place| fs::symlink_metadata(place).map_or(true, |found| !found.is_dir()))
            .collect();
        for (older, newer) in places.iter().skip(1).zip(&places).rev() {
            move_if_there(newer, older)?;
        }
        match places.first() {
            Some(first) => move_if_there(&self.path, first)?,
            None => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        self.file = append(&self.path)?;
        (self.size, self.begun) = (self.file.metadata()?.len(), 0);
        Ok(())
    }
}

impl Write for RotatingLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = piece.ends_with(b"\n");
            if whole && self.kept.is_empty() {
                self.put_all(piece)?;
                continue;
            }
            self.kept.extend_from_slice(piece);
            // No file could hold such a line anyway.
            if whole || self.kept.len() as u64 > self.bytes {
                let line = std::mem::take(&mut self.kept);
                self.put_all(&line)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let begun = std::mem::take(&mut self.kept);
        self.put_all(&begun)
    }
}

impl Drop for RotatingLog {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.flush();
    }
}

fn append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `log.3`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn all(path: &Path) -> Vec<String> {
        RotatingLog::files(path).iter().map(|path| read(path)).collect()
    }

    fn put(path: &Path, name: &str, text: &str) {
        super::super::write_atomic(&path.with_file_name(name), text.as_bytes()).unwrap();
    }

    #[test]
    fn the_oldest_goes_and_all_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        put(&path, "log", "old\n");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut log = RotatingLog::open(&path, 3, 8).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "5\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(all(&path), ["two\n", "three\n", "four\n5\n"]);
        for file in RotatingLog::files(&path) {
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_log_is_gone_on_with_and_a_cut_line_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        put(&path, "log", "cut by a ki");
        let mut log = RotatingLog::open(&path, 3, 20).unwrap();
        log.write_all(b"next\nbe").unwrap();
        assert_eq!(read(&path), "cut by a ki\nnext\n");
        log.flush().unwrap();
        assert_eq!(read(&path), "cut by a ki\nnext\nbe");
        // The end follows its beginning, though the file becomes too large by it.
        log.write_all(b"gun\nafter\n").unwrap();
        assert_eq!(all(&path), ["cut by a ki\nnext\nbegun\n", "after\n"]);
        log.write_all(b"unended").unwrap();
        drop(log);
        assert_eq!(read(&path), "after\nunended");
    }

    #[test]
    fn a_line_that_no_file_can_hold_is_split() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = RotatingLog::open(&path, 9, 4).unwrap();
        log.write_all(b"x\nabc").unwrap();
        log.write_all(b"defghi\ny\n").unwrap();
        assert_eq!(all(&path), ["x\n", "abcd", "efgh", "i\ny\n"]);
    }

    #[test]
    fn neighbours_that_are_missing_or_no_files_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let outside = dir.path().join("outside");
        put(&path, "outside", "not ours\n");
        put(&path, "log.1", "first\n");
        fs::create_dir(dir.path().join("log.2")).unwrap();
        put(&path, "log.2/kept", "kept\n");
        symlink(&outside, dir.path().join("log.3")).unwrap();
        put(&path, "log.9", "another's\n");
        let mut log = RotatingLog::open(&path, 5, 4).unwrap();
        for line in ["a\n", "bb\n", "ccc\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(all(&path), ["another's\n", "first\n", "a\n", "bb\n", "ccc\n"]);
        assert_eq!(read(&outside), "not ours\n");
        assert_eq!(read(&dir.path().join("log.2/kept")), "kept\n");
        // Taken away by somebody while it was written.
        fs::remove_file(&path).unwrap();
        log.write_all(b"dd\n").unwrap();
        assert_eq!(read(&path), "dd\n");
    }

    #[test]
    fn a_single_file_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = RotatingLog::open(&path, 1, 4).unwrap();
        log.write_all(b"a\nbb\nccc\n").unwrap();
        assert_eq!(all(&path), ["ccc\n"]);
        assert!(RotatingLog::open(&dir.path().join("none/log"), 1, 4).is_err());
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_no_line_is_split(
            lines in prop::collection::vec("[a-z]{0,12}", 0..16), cuts in prop::collection::vec(1_usize..9, 1..20), bytes in 1_u64..40,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut log = RotatingLog::open(&path, 200, bytes).unwrap();
            let (mut rest, mut cuts) = (text.as_bytes(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                log.write_all(piece).unwrap();
                rest = after;
            }
            drop(log);
            let older = (1..200).rev().map(|number| numbered(&path, number));
            let files: Vec<String> = older.chain([path.clone()]).filter(|path| path.exists()).map(|path| read(&path)).collect();
            prop_assert_eq!(files.concat(), text);
            prop_assert!(files.iter().all(|file| file.len() as u64 <= bytes));
            if lines.iter().all(|line| (line.len() as u64) < bytes) {
                prop_assert!(files.iter().all(|file| file.is_empty() || file.ends_with('\n')));
            }
        }
    }
}

//! What the runs of a session printed on this machine: `logs/<session>.log`, rotated.

use super::WorkError;
use crate::disk::{DiskError, RotatingLog};
use crate::text::harmless;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file that the runs of `session` write; the older ones are beside it.
pub(crate) fn log_path(kugetsu_home: &Path, session: &str) -> PathBuf {
    kugetsu_home.join("logs").join(format!("{session}.log"))
}

/// A log that is read while it is written, and rotated.
#[derive(Debug)]
pub(crate) struct LogReader {
    path: PathBuf,
    /// What was found and not read yet, oldest first.
    files: VecDeque<File>,
    /// Which file was found last: device and inode.
    newest: Option<(u64, u64)>,
    begun: Vec<u8>,
}

impl LogReader {
    /// Reads the log at `path` from its oldest line on.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), files: VecDeque::new(), newest: None, begun: Vec::new() }
    }

    /// Gives the whole lines that were written since the last call, without line feeds and without what could harm a
    /// terminal. True if there is, or was, such a log at all.
    pub(crate) fn read(&mut self, mut line: impl FnMut(String)) -> Result<bool, WorkError> {
        self.find()?;
        while let Some(mut file) = self.files.pop_front() {
            loop {
                let mut piece = vec![0; 64 * 1024];
                let length = file.read(&mut piece).map_err(|source| DiskError::at(&self.path, source))?;
                if length == 0 {
                    break;
                }
                for part in piece.get(..length).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
                    self.begun.extend_from_slice(part);
                    if part.ends_with(b"\n") {
                        line(shown(&std::mem::take(&mut self.begun)));
                    }
                }
            }
            // The newest may still grow.
            if self.files.is_empty() {
                self.files.push_back(file);
                break;
            }
        }
        Ok(self.newest.is_some())
    }

    /// The line that has no end yet.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.begun);
        (!rest.is_empty()).then(|| shown(&rest))
    }

    /// Opens what is newer than the newest file known. From the newest on, so that one that is renamed meanwhile is
    /// found twice and none is missed.
    fn find(&mut self) -> Result<(), WorkError> {
        let mut found: Vec<((u64, u64), File)> = Vec::new();
        for path in RotatingLog::files(&self.path).iter().rev() {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(DiskError::at(path, error).into()),
            };
            let is = file.metadata().map_err(|source| DiskError::at(path, source))?;
            let is = (is.dev(), is.ino());
            if Some(is) == self.newest {
                break;
            }
            if found.iter().all(|(other, _)| *other != is) {
                found.push((is, file));
            }
        }
        if let Some((newest, _)) = found.first() {
            self.newest = Some(*newest);
        }
        self.files.extend(found.into_iter().rev().map(|(_, file)| file));
        Ok(())
    }
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    harmless(text.trim_end_matches('\n')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn read(reader: &mut LogReader) -> Vec<String> {
        let mut lines = Vec::new();
        reader.read(|line| lines.push(line)).unwrap();
        lines
    }

    #[test]
    fn rotation_is_followed_without_gap_or_repetition() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut reader = LogReader::new(&path);
        assert!(!reader.read(|_| panic!()).unwrap());
        let mut log = RotatingLog::open(&path, 10, 6).unwrap();
        let (mut written, mut seen) = (Vec::new(), Vec::new());
        for n in 0..60 {
            // More than one file may be full before they are looked at, but fewer than there are.
            let line = format!("{n}");
            log.write_all(line.as_bytes()).unwrap();
            log.flush().unwrap();
            if n % 7 == 0 {
                seen.extend(read(&mut reader));
            }
            log.write_all(b"\n").unwrap();
            written.push(line);
        }
        seen.extend(read(&mut reader));
        assert_eq!(seen, written);
        log.write_all(b"half").unwrap();
        log.flush().unwrap();
        assert_eq!(read(&mut reader), [] as [&str; 0]);
        assert_eq!(reader.rest().as_deref(), Some("half"));
        assert_eq!(reader.rest(), None);
    }

    #[test]
    fn what_could_harm_a_terminal_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        crate::disk::write_atomic(&path, b"\x1b[2Jgone\x07\r\n\xff\ttab\n\n").unwrap();
        assert_eq!(read(&mut LogReader::new(&path)), ["[2Jgone", "\u{fffd}\ttab", ""]);
    }
}

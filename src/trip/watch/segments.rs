//! The events of a run as they are kept here: the bytes of the host's events file, by their offsets in it.
//!
//! The newest are in a plain file, which grows: `events`, or `events-N` where it begins at offset N. What is older is
//! packed, in files `events-N-M.gz` with the bytes from N to M. Where these become too many, the oldest are removed: of
//! what a run did, its end is worth more than its beginning.

use crate::disk::{self, AtomicFile, DiskError};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The plain file that begins at offset 0; the names of the others begin likewise.
const EVENTS: &str = "events";
/// Bytes of a file that are read at once.
const CHUNK: usize = 256 << 10;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentLimits {
    /// Bytes from which on a plain file is packed.
    pub(crate) plain: u64,
    /// Bytes of all packed files of a run.
    pub(crate) packed: u64,
}

/// The limits of a trip.
pub(crate) const LIMITS: SegmentLimits = SegmentLimits { plain: 4 << 20, packed: 64 << 20 };

/// One file of kept events.
#[derive(Debug)]
struct Segment {
    start: u64,
    end: u64,
    size: u64,
    is_packed: bool,
    path: PathBuf,
}

impl Segment {
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let offsets = match name.strip_prefix(EVENTS)? {
            "" => "0",
            rest => rest.strip_prefix('-')?,
        };
        let range = offsets.strip_suffix(".gz").map(|packed| packed.split_once('-'));
        let found = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
        let size = found.len();
        let (start, end) = match range {
            Some(range) => range.and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)))?,
            None => {
                let start: u64 = offsets.parse().ok()?;
                (start, start.checked_add(size)?)
            }
        };
        (start <= end).then_some(Self { start, end, size, is_packed: range.is_some(), path })
    }

    /// What is in it, from the offset `from` on, and no more than its name says.
    fn open(&self, from: u64) -> io::Result<Box<dyn Read>> {
        let mut file = File::open(&self.path)?;
        let skipped = from.saturating_sub(self.start);
        if !self.is_packed {
            file.seek(SeekFrom::Start(skipped))?;
            // It may have grown since.
            return Ok(Box::new(file));
        }
        let mut bytes = GzDecoder::new(file).take(self.end - self.start);
        io::copy(&mut bytes.by_ref().take(skipped), &mut io::sink())?;
        Ok(Box::new(bytes))
    }
}

/// The files of kept events in `directory`, in their order, and the plain ones that are packed already: a kill may have
/// come before they were removed.
fn list(directory: &Path) -> io::Result<(Vec<Segment>, Vec<Segment>)> {
    let mut all: Vec<Segment> =
        std::fs::read_dir(directory)?.filter_map(|entry| Segment::of(entry.ok()?.path())).collect();
    let packed = all.iter().filter(|segment| segment.is_packed).map(|segment| segment.end).max();
    all.sort_by_key(|segment| segment.start);
    Ok(all.into_iter().partition(|segment| segment.is_packed || Some(segment.start) >= packed))
}

/// The offset at which the kept events end.
pub(crate) fn end(directory: &Path) -> u64 {
    list(directory).ok().and_then(|(all, _)| all.last().map(|last| last.end)).unwrap_or_default()
}

/// Hands over what is kept from the offset `from` on, each piece with its offset: where the beginning is not kept any
/// more, the first has a later one.
///
/// # Errors
/// Something cannot be read; what is before it was handed over.
pub(crate) fn read(directory: &Path, from: u64, mut take: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let (mut at, mut chunk) = (from, vec![0; CHUNK]);
    loop {
        let (all, _) = list(directory)?;
        let mut read_on = || -> io::Result<()> {
            for segment in &all {
                if segment.end <= at {
                    continue;
                }
                let mut file = segment.open(at)?;
                at = at.max(segment.start);
                loop {
                    let n = file.read(&mut chunk)?;
                    if n == 0 {
                        break;
                    }
                    take(at, chunk.get(..n).unwrap_or_default());
                    at += n as u64;
                }
            }
            Ok(())
        };
        match read_on() {
            // Whoever follows the run has packed it, or let it go, since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => return done,
        }
    }
}

/// Adds to the kept events.
#[derive(Debug)]
pub(crate) struct Keeper {
    directory: PathBuf,
    limits: SegmentLimits,
    start: u64,
    end: u64,
    /// The plain file, once there is something to write.
    file: Option<File>,
}

impl Keeper {
    /// Goes on where the kept events end.
    pub(crate) fn open(directory: &Path, limits: SegmentLimits) -> io::Result<Self> {
        let (all, superseded) = list(directory)?;
        for segment in superseded {
            std::fs::remove_file(segment.path)?;
        }
        let (start, end) = match all.last() {
            Some(last) if last.is_packed => (last.end, last.end),
            Some(last) => (last.start, last.end),
            None => (0, 0),
        };
        let mut keeper = Self { directory: directory.to_owned(), limits, start, end, file: None };
        // That nothing can be written is found out before the first event is lost.
        keeper.file()?;
        Ok(keeper)
    }

    fn path(&self) -> PathBuf {
        self.directory.join(match self.start {
            0 => EVENTS.to_owned(),
            start => format!("{EVENTS}-{start}"),
        })
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().append(true).create(true).mode(0o600).open(self.path())?,
        };
        Ok(self.file.insert(file))
    }

    /// Adds bytes at the end.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// The offset at which the kept events end.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether so much is in the plain file, with `more`, that it is to be packed.
    pub(crate) fn is_full(&self, more: usize) -> bool {
        self.end - self.start + more as u64 >= self.limits.plain
    }

    /// Packs the plain file, and removes the oldest packed ones where they are too many.
    pub(crate) fn pack(&mut self) -> Result<(), DiskError> {
        let plain = self.path();
        self.file = None;
        if self.end > self.start {
            let packed = self.directory.join(format!("{EVENTS}-{}-{}.gz", self.start, self.end));
            let at = |source| DiskError::at(&packed, source);
            let mut encoder = GzEncoder::new(AtomicFile::create(&packed)?, Compression::fast());
            let mut file = File::open(&plain).map_err(|source| DiskError::at(&plain, source))?;
            io::copy(&mut file, &mut encoder).map_err(at)?;
            encoder.finish().map_err(at)?.commit()?;
            self.start = self.end;
        }
        disk::remove(&plain)?;
        self.let_go()
    }

    fn let_go(&self) -> Result<(), DiskError> {
        let at = |source| DiskError::at(&self.directory, source);
        let (mut all, _) = list(&self.directory).map_err(at)?;
        all.retain(|segment| segment.is_packed);
        let mut size: u64 = all.iter().map(|segment| segment.size).sum();
        // The last one tells where the kept events end.
        all.pop();
        for oldest in all {
            if size <= self.limits.packed {
                break;
            }
            disk::remove(&oldest.path)?;
            size -= oldest.size;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

    use super::*;

    fn kept(directory: &Path, from: u64) -> (Option<u64>, Vec<u8>) {
        let (mut begins, mut bytes) = (None, Vec::new());
        read(directory, from, |at, piece| {
            let begins = *begins.get_or_insert(at);
            assert_eq!(at, begins + bytes.len() as u64, "nothing is left out and nothing doubled");
            bytes.extend_from_slice(piece);
        })
        .unwrap();
        (begins, bytes)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    const SMALL: SegmentLimits = SegmentLimits { plain: 10, packed: 1 << 20 };

    #[test]
    fn what_is_packed_is_read_as_it_was_from_any_offset() {
        let home = tempfile::tempdir().unwrap();
        let all = b"one\ntwo\nthree\nfour\n";
        let mut keeper = Keeper::open(home.path(), SMALL).unwrap();
        keeper.add(&all[..14]).unwrap();
        assert!(keeper.is_full(0));
        keeper.pack().unwrap();
        assert_eq!(names(home.path()), ["events-0-14.gz"]);
        // Taken up by another process.
        let mut keeper = Keeper::open(home.path(), SMALL).unwrap();
        assert_eq!(keeper.end(), 14);
        keeper.add(&all[14..]).unwrap();
        assert_eq!(names(home.path()), ["events-0-14.gz", "events-14"]);
        for from in 0..all.len() {
            assert_eq!(kept(home.path(), from as u64), (Some(from as u64), all[from..].to_vec()));
        }
        assert_eq!(kept(home.path(), all.len() as u64), (None, vec![]));
        assert_eq!(end(home.path()), all.len() as u64);
    }

    #[test]
    fn a_kill_between_packing_and_removing_doubles_nothing() {
        let home = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(home.path(), SMALL).unwrap();
        keeper.add(b"one\ntwo\n").unwrap();
        let plain = std::fs::read(home.path().join("events")).unwrap();
        keeper.pack().unwrap();
        std::fs::write(home.path().join("events"), plain).unwrap();
        assert_eq!(kept(home.path(), 0), (Some(0), b"one\ntwo\n".to_vec()));
        let mut keeper = Keeper::open(home.path(), SMALL).unwrap();
        keeper.add(b"three\n").unwrap();
        assert_eq!(names(home.path()), ["events-0-8.gz", "events-8"]);
        assert_eq!(kept(home.path(), 0).1, b"one\ntwo\nthree\n");
    }

    #[test]
    fn the_oldest_are_let_go() {
        let home = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(home.path(), SegmentLimits { plain: 10, packed: 100 }).unwrap();
        for n in 0..50 {
            keeper.add(format!("{n:09}\n").as_bytes()).unwrap();
            keeper.pack().unwrap();
        }
        let (begins, bytes) = kept(home.path(), 0);
        assert!(begins.is_some_and(|begins| begins > 300) && bytes.ends_with(b"000000049\n"));
        let size: u64 =
            names(home.path()).iter().map(|n| home.path().join(n).metadata().unwrap().len()).sum();
        assert!(size <= 100, "{size}");
    }

    #[test]
    fn what_an_earlier_kugetsu_kept_is_read_and_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        for (name, bytes) in
            [("events", "one\n"), ("events-x", "no"), ("events-5-2.gz", "no"), ("stderr", "no")]
        {
            std::fs::write(home.path().join(name), bytes).unwrap();
        }
        let mut keeper = Keeper::open(home.path(), SMALL).unwrap();
        keeper.add(b"two\n").unwrap();
        assert_eq!(kept(home.path(), 0), (Some(0), b"one\ntwo\n".to_vec()));
    }
}

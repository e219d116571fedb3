//! The parcel: the prompt, the runner and the session, one behind the other in one file, so that one
//! transfer takes them all; and the checksum by which either side knows that a file is whole.

use crate::disk::{self, DiskError};
use crate::session::Scan;
use crate::transfer::{self, PrepareError, Prepared, Spec};
use crate::trip::error::TripError;
use crc::{CRC_32_CKSUM, Crc, Digest, Table};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

static CKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_CKSUM);

/// Counts and sums what passes through, as POSIX `cksum` does.
pub(crate) struct Summed<T> {
    inner: T,
    digest: Digest<'static, u32, Table<16>>,
    bytes: u64,
}

impl<T> Summed<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, digest: CKSUM.digest(), bytes: 0 }
    }

    /// `SUM SIZE`, as `cksum` prints them.
    pub(crate) fn sum(mut self) -> (String, T) {
        // The size itself is summed last, its low byte first, without leading zeros.
        let mut size = self.bytes;
        while size > 0 {
            self.digest.update(&[(size & 0xff) as u8]);
            size >>= 8;
        }
        (format!("{} {}", self.digest.finalize(), self.bytes), self.inner)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The checksum of a file, as `cksum` prints it.
pub(crate) fn cksum(path: &Path) -> Result<String, DiskError> {
    let at = |source| DiskError::at(path, source);
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path).map_err(at)?);
    let mut summed = Summed::new(io::sink());
    io::copy(&mut file, &mut summed).map_err(at)?;
    Ok(summed.sum().0)
}

/// What goes into a parcel beside the session, and how.
pub(crate) struct Contents {
    pub(crate) prompt: Vec<u8>,
    pub(crate) runner: Vec<u8>,
    pub(crate) spec: Spec,
    pub(crate) gzip: bool,
}

/// Makes the parcel out of an export; gives what the copy changed and the parcel's checksum.
pub(crate) fn pack(
    host: &str,
    export: &Path,
    scan: &Scan,
    parcel: &Path,
    contents: &Contents,
) -> Result<(Prepared, String), TripError> {
    let Contents { prompt, runner, spec, gzip } = contents;
    let failed = |source: io::Error| TripError::Disk(DiskError::at(parcel, source));
    let prepared = |result: Result<Prepared, PrepareError>| match result {
        Err(PrepareError::Write(source)) => Err(failed(source)),
        other => other.map_err(|source| TripError::Prepare { host: host.to_owned(), source }),
    };
    let input = File::open(export).map_err(|source| DiskError::at(export, source))?;
    let mut output = Summed::new(BufWriter::with_capacity(256 * 1024, disk::create_new_private(parcel)?));
    output.write_all(prompt).and_then(|()| output.write_all(runner)).map_err(failed)?;
    let copy = if *gzip {
        // Level 4: on session text nearly the size of level 6, in half the time.
        let mut packer = GzEncoder::new(&mut output, Compression::new(4));
        let copy = prepared(transfer::prepare(input, &mut packer, scan, spec))?;
        packer.finish().map_err(failed)?;
        copy
    } else {
        prepared(transfer::prepare(input, &mut output, scan, spec))?
    };
    let (sum, file) = output.sum();
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok((copy, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_checksum_is_the_one_of_cksum() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        for size in [0usize, 1, 255, 256, 70_000, 300_000] {
            let bytes: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
            File::create(&path).unwrap().write_all(&bytes).unwrap();
            let input = Stdio::from(File::open(&path).unwrap());
            let there = Command::new("cksum").stdin(input).output().unwrap().stdout;
            assert_eq!(cksum(&path).unwrap(), String::from_utf8(there).unwrap().trim_end(), "{size} bytes");
        }
    }
}

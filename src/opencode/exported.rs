//! What opencode exported, found whole: plugins print what they like into the same file.

use crate::disk::{DiskError, create_new_private};
use crate::session::reader::Limits;
use crate::session::{ExportError, Scan, find_export, scan};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// Scans the export of `session` in the file `path`. What a plugin has printed around it is removed from the file.
///
/// # Errors
/// No whole and sound export is there: what is wrong with the file as it is.
pub fn scan_export(path: &Path, session: &str) -> Result<Scan, ExportError> {
    let wrong = match scan(File::open(path)?) {
        Ok(scan) => return Ok(scan),
        Err(error) => error,
    };
    match find_export(&mut File::open(path)?, session, Limits::HOME)? {
        Some(range) => {
            keep_only(path, &range).map_err(io::Error::other)?;
            scan(File::open(path)?)
        }
        None => Err(wrong),
    }
}

/// Leaves only these bytes of a file.
fn keep_only(path: &Path, range: &Range<u64>) -> Result<(), DiskError> {
    let beside = path.with_extension("found");
    let at = |source| DiskError::at(path, source);
    let mut input = File::open(path).map_err(at)?;
    input.seek(SeekFrom::Start(range.start)).map_err(at)?;
    // What a kill has left is of no use to anybody.
    let _ = fs::remove_file(&beside);
    let mut output = create_new_private(&beside)?;
    let copied = io::copy(&mut input.take(range.end - range.start), &mut output);
    copied.and_then(|_| output.sync_all()).and_then(|()| fs::rename(&beside, path)).map_err(|source| {
        let _ = fs::remove_file(&beside);
        at(source)
    })
}

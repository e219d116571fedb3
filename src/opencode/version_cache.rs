//! Remembers which version a program is: to ask costs a second.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Version;
use crate::disk::write_atomic;

/// What tells one installation from another. The change time cannot be set, so a program that was replaced by
/// one of the same size and date is noticed, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProgramKey {
    path: PathBuf,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct RememberedVersion {
    key: ProgramKey,
    version: String,
}

impl ProgramKey {
    /// `None` where a version must not be remembered: the file behind `program` is a version manager's (mise,
    /// volta), which decides anew in every directory which opencode it starts.
    pub(super) fn of(program: &Path) -> Option<Self> {
        let path = fs::canonicalize(program).ok()?;
        if !path.file_name()?.to_str()?.starts_with("opencode") {
            return None;
        }
        let found = fs::metadata(&path).ok()?;
        Some(Self {
            path,
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// The version that was remembered for `key`. A cache that cannot be read is none.
pub(super) fn recall(cache: &Path, key: &ProgramKey) -> Option<Version> {
    let remembered: RememberedVersion = serde_json::from_slice(&fs::read(cache).ok()?).ok()?;
    if remembered.key == *key { Version::parse(&remembered.version) } else { None }
}

/// Remembers it. A cache that cannot be written costs a second next time, and nothing else.
pub(super) fn remember(cache: &Path, key: ProgramKey, version: Version) {
    if let Ok(text) = serde_json::to_vec(&RememberedVersion { key, version: version.to_string() }) {
        let _ = write_atomic(cache, &text);
    }
}

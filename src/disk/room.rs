//! Whether a disk takes anything more.

use std::fs::File;

/// Whether nothing more can be written where this file is. Other programs write into files of ours, and do not say it in
/// words that could be relied on.
pub(crate) fn is_full(file: &File) -> bool {
    // A file system that does not tell has room.
    rustix::fs::fstatvfs(file).is_ok_and(|room| room.f_bavail == 0 && room.f_blocks > 0)
}

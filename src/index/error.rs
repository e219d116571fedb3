//! Why the sessions of issues could not be read or written.

use super::FORMAT;
use crate::disk::{DiskError, Holder};
use std::path::PathBuf;

/// What went wrong with the index or a session's file. What was there is there still.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something else than the format. It is left as it is.
    #[error("{} cannot be read: {reason}; it was left as it is", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why; our own words or the JSON parser's.
        reason: String,
    },
    /// Written by a later kugetsu.
    #[error("{} has format {version}, written by a newer kugetsu; this one knows {FORMAT}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u64,
    },
    /// Another kugetsu has the index locked, longer than any change takes.
    #[error("the index is being changed by another kugetsu{}", by(holder.as_ref()))]
    Busy {
        /// Who it is, as far as known.
        holder: Option<Holder>,
    },
    /// The issue has a session already.
    #[error("{issue} has a session already")]
    Known {
        /// The issue as the index has it.
        issue: String,
    },
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" (process {})", holder.pid))
}

impl IndexError {
    /// A file of another format.
    pub(super) fn damaged(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), reason: reason.into() }
    }
}

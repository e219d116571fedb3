//! Why the sessions of issues could not be read or written.

use super::FORMAT;
use crate::disk::{DiskError, Holder};
use std::path::PathBuf;

/// What went wrong with the index or a session's file. What was there is there still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} cannot be read: {reason}; it was left as it is", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} has format {version}, written by a newer kugetsu; this one knows {FORMAT}", path.display())]
    Newer { path: PathBuf, version: u64 },
    /// Another kugetsu has the index locked, longer than any change takes.
    #[error("the index is being changed by another kugetsu{}", by(holder.as_ref()))]
    Busy { holder: Option<Holder> },
    #[error("{issue} has a session already")]
    Known { issue: String },
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" (process {})", holder.pid))
}

impl IndexError {
    pub(super) fn damaged(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), reason: reason.into() }
    }
}

//! Why a file of ours could not be read or written.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// What went wrong with a file or directory on this machine. Nothing half-written is left behind.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum DiskError {
    #[error("no space is left for {}", path.display())]
    Full { path: PathBuf, source: Error },
    #[error("{} is on a read-only file system", path.display())]
    ReadOnly { path: PathBuf, source: Error },
    #[error("permission denied: {}", path.display())]
    Denied { path: PathBuf, source: Error },
    /// A symbolic link stands where a directory of ours belongs: someone else may choose where it leads.
    #[error("{} is a symbolic link, and not one of the user's own to a directory", path.display())]
    Symlink { path: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    /// The directory belongs to another user, who could read or change what is put there.
    #[error("{} belongs to another user (uid {owner})", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: Error },
}

impl DiskError {
    /// Sorts the system's answer by what the user can do about it.
    pub(crate) fn at(path: &Path, source: Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path, source },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source },
            ErrorKind::PermissionDenied => Self::Denied { path, source },
            _ => Self::Other { path, source },
        }
    }

    /// What the user can do about it, where that is known.
    pub(crate) fn cure(&self) -> Option<&'static str> {
        match self {
            Self::Full { .. } => Some("make room on that disk, and do it again"),
            Self::ReadOnly { .. } | Self::Denied { .. } => Some(
                "make it writable for yourself, or have kugetsu keep its files elsewhere: KUGETSU_HOME=DIR",
            ),
            Self::Symlink { .. } | Self::NotADirectory { .. } | Self::Foreign { .. } => {
                Some("put a directory of your own there, or name another: KUGETSU_HOME=DIR")
            }
            Self::Other { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_systems_answers_are_told_apart() {
        let path = Path::new("/dev/full");
        let mut full = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let error = DiskError::at(path, full.write_all(b"x").unwrap_err());
        assert!(matches!(error, DiskError::Full { .. }), "{error:?}");
        for (code, expected) in
            [(30, "read-only"), (13, "permission denied"), (122, "no space"), (5, "/dev/full: ")]
        {
            let error = DiskError::at(path, Error::from_raw_os_error(code)).to_string();
            assert!(error.contains(expected) && error.contains("/dev/full"), "{error}");
            let cure = DiskError::at(path, Error::from_raw_os_error(code)).cure();
            assert_eq!(cure.is_some(), code != 5, "{code}");
        }
    }
}

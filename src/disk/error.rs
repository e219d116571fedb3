//! Why a file of ours could not be read or written.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// What went wrong with a file or directory on this machine. Nothing half-written is left behind.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No space is left, or the quota is used up.
    #[error("no space is left for {}", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
        /// The system's own answer.
        source: Error,
    },
    /// The file system is mounted read-only.
    #[error("{} is on a read-only file system", path.display())]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
        /// The system's own answer.
        source: Error,
    },
    /// The user may not do this here.
    #[error("permission denied: {}", path.display())]
    Denied {
        /// What was refused.
        path: PathBuf,
        /// The system's own answer.
        source: Error,
    },
    /// A symbolic link stands where a directory of ours belongs: someone else may choose where it leads.
    #[error("{} is a symbolic link, and not one of the user's own to a directory", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// Something else stands where a directory belongs.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// What stands there.
        path: PathBuf,
    },
    /// The directory belongs to another user, who could read or change what is put there.
    #[error("{} belongs to another user (uid {owner})", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// Anything else.
    #[error("{}: {source}", path.display())]
    Other {
        /// The file or directory.
        path: PathBuf,
        /// The system's own answer.
        source: Error,
    },
}

impl DiskError {
    /// Sorts the system's answer by what the user can do about it.
    pub fn at(path: &Path, source: Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path, source },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source },
            ErrorKind::PermissionDenied => Self::Denied { path, source },
            _ => Self::Other { path, source },
        }
    }

    /// What the user can do about it, where that is known.
    pub fn cure(&self) -> Option<&'static str> {
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

    /// The file or directory that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Full { path, .. }
            | Self::ReadOnly { path, .. }
            | Self::Denied { path, .. }
            | Self::Symlink { path }
            | Self::NotADirectory { path }
            | Self::Foreign { path, .. }
            | Self::Other { path, .. } => path,
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
        assert_eq!(error.path(), path);
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

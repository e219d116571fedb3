//! Directories and files that only their owner can read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::DiskError;

/// Makes sure that `path` is a directory of this user with mode 0700.
///
/// Missing parents are created with the same mode; existing ones are left as they are. A directory that
/// exists with a wider mode is narrowed. A directory of someone else is refused, and so is a symbolic link, unless
/// this user made it and it leads to a directory of theirs.
pub fn private_dir(path: &Path) -> Result<(), DiskError> {
    create_with_parents(path)?;
    let user = rustix::process::geteuid().as_raw();
    let mut found = fs::symlink_metadata(path).map_err(|e| DiskError::at(path, e))?;
    if found.is_symlink() {
        let there = fs::metadata(path).ok().filter(|there| there.is_dir() && found.uid() == user);
        found = there.ok_or_else(|| DiskError::Symlink { path: path.to_owned() })?;
    }
    if !found.is_dir() {
        return Err(DiskError::NotADirectory { path: path.to_owned() });
    }
    if found.uid() != user {
        return Err(DiskError::Foreign { path: path.to_owned(), owner: found.uid() });
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|e| DiskError::at(path, e))?;
    }
    Ok(())
}

fn create_with_parents(path: &Path) -> Result<(), DiskError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        // Not only "exists": a read-only file system may complain of itself first.
        Err(_) if fs::symlink_metadata(path).is_ok() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && fs::symlink_metadata(parent).is_err() => {
                create_with_parents(parent)?;
                create_with_parents(path)
            }
            _ => Err(DiskError::at(path, error)),
        },
        Err(error) => Err(DiskError::at(path, error)),
    }
}

/// Creates `path` with mode 0600, for reading and writing; an existing file (or link) is an error.
pub(crate) fn create_new_private(path: &Path) -> Result<File, DiskError> {
    let opened = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|e| DiskError::at(path, e))
}

/// The bytes of a file; `None` where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::at(path, error)),
    }
}

/// Removes a file; that there is none is as good.
pub(crate) fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DiskError::at(path, error)),
        _ => Ok(()),
    }
}

/// The names in a directory, sorted; none where there is no such directory. Those that are no text are left out.
pub(crate) fn names(directory: &Path) -> std::result::Result<Vec<String>, DiskError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| DiskError::at(directory, error))?,
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, lchown, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn parents_that_were_missing_are_private_and_others_keep_their_mode() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        let deep = home.path().join("a/b/c");
        private_dir(&deep).unwrap();
        private_dir(&deep).unwrap();
        for made in ["a", "a/b", "a/b/c"] {
            assert_eq!(mode(&home.path().join(made)), 0o700, "{made}");
        }
        assert_eq!(mode(home.path()), 0o755);
    }

    #[test]
    fn a_wider_mode_is_narrowed() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("d");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
        private_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
    }

    #[test]
    fn a_link_of_the_users_own_is_followed() {
        let home = tempfile::tempdir().unwrap();
        let (link, there) = (home.path().join("link"), home.path().join("there"));
        symlink("there", &link).unwrap();
        assert!(matches!(private_dir(&link), Err(DiskError::Symlink { .. })), "it leads nowhere");
        create_new_private(&there).unwrap();
        assert!(matches!(private_dir(&link), Err(DiskError::Symlink { .. })), "it leads to a file");
        fs::remove_file(&there).unwrap();
        fs::create_dir(&there).unwrap();
        fs::set_permissions(&there, Permissions::from_mode(0o755)).unwrap();
        private_dir(&link.join("below")).unwrap();
        private_dir(&link).unwrap();
        assert_eq!(mode(&there), 0o700);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn files_and_what_is_anothers_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let (link, file) = (home.path().join("link"), home.path().join("file"));
        create_new_private(&file).unwrap();
        assert!(matches!(private_dir(&file), Err(DiskError::NotADirectory { .. })));
        assert!(private_dir(&file.join("below")).is_err());

        // Root can give a directory away; anyone else finds that `/` is not theirs.
        let foreign = if rustix::process::geteuid().is_root() {
            let dir = home.path().join("foreign");
            fs::create_dir(&dir).unwrap();
            chown(&dir, Some(65534), None).unwrap();
            dir
        } else {
            "/".into()
        };
        assert!(matches!(private_dir(&foreign), Err(DiskError::Foreign { .. })));
        symlink(&foreign, &link).unwrap();
        assert!(matches!(private_dir(&link), Err(DiskError::Foreign { .. })));
        if rustix::process::geteuid().is_root() {
            let theirs = home.path().join("theirs");
            symlink(home.path(), &theirs).unwrap();
            lchown(&theirs, Some(65534), None).unwrap();
            assert!(matches!(private_dir(&theirs), Err(DiskError::Symlink { .. })));
        }
    }

    #[test]
    fn a_new_file_is_private_and_never_an_old_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("f");
        create_new_private(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(matches!(create_new_private(&path), Err(DiskError::Other { .. })));
    }
}

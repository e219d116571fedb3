//! Which files are read, in which order.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What of this process decides where hosts.json is looked for. Unset and empty variables are `None`.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The home directory.
    pub home: Option<&'a Path>,
    /// `XDG_CONFIG_HOME`. As in opencode it counts on macOS too, and `~/.config` where it is not set.
    pub config_home: Option<&'a OsStr>,
    /// `KUGETSU_HOSTS`: one file instead of the search.
    pub hosts_file: Option<&'a OsStr>,
    /// The working directory, absolute.
    pub working_directory: &'a Path,
}

/// The files to read, and what `~/` in them means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPath {
    /// Lowest priority first.
    pub files: Vec<PathBuf>,
    /// Whether the files were asked for by name, so that a missing one is an error.
    pub required: bool,
    /// The home directory.
    pub home: Option<PathBuf>,
}

impl SearchPath {
    /// Lowest priority first: `<config>/opencode/`, `<project>/`, `<project>/.opencode/`, each with
    /// `hosts.json` and then `hosts.jsonc`. The project is the nearest directory, from the working directory
    /// upwards, that holds a `.git`; else the working directory.
    pub fn new(from: Surroundings<'_>) -> Self {
        let home = from.home.map(Path::to_owned);
        let given = |value: Option<&OsStr>| {
            value.filter(|text| !text.is_empty()).map(|text| from.working_directory.join(text))
        };
        if let Some(file) = given(from.hosts_file) {
            return Self { files: vec![file], required: true, home };
        }
        let config = given(from.config_home).or_else(|| from.home.map(|home| home.join(".config")));
        let project = project(from.working_directory);
        let directories = config
            .map(|config| config.join("opencode"))
            .into_iter()
            .chain([project.to_owned(), project.join(".opencode")]);
        let mut files: Vec<PathBuf> = Vec::new();
        for directory in directories {
            for name in ["hosts.json", "hosts.jsonc"] {
                let file = directory.join(name);
                // Someone may stand in the configuration directory itself.
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        Self { files, required: false, home }
    }
}

/// The nearest directory with a `.git` (a directory, or a file in a linked work tree), else `start`.
fn project(start: &Path) -> &Path {
    start.ancestors().find(|directory| directory.join(".git").symlink_metadata().is_ok()).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn from(working_directory: &Path) -> Surroundings<'_> {
        Surroundings {
            home: Some(Path::new("/home/me")),
            config_home: None,
            hosts_file: None,
            working_directory,
        }
    }

    #[test]
    fn the_configuration_comes_before_the_project() {
        let top = tempfile::tempdir().unwrap();
        let (repo, deep) = (top.path().join("repo"), top.path().join("repo/a/b"));
        fs::DirBuilder::new().recursive(true).create(&deep).unwrap();
        fs::File::create(repo.join(".git")).unwrap();
        let path = SearchPath::new(from(&deep));
        let expected = [
            "/home/me/.config/opencode/hosts.json".into(),
            "/home/me/.config/opencode/hosts.jsonc".into(),
            repo.join("hosts.json"),
            repo.join("hosts.jsonc"),
            repo.join(".opencode/hosts.json"),
            repo.join(".opencode/hosts.jsonc"),
        ];
        assert_eq!(path.files, expected);
        assert!(!path.required);

        let elsewhere =
            SearchPath::new(Surroundings { config_home: Some(OsStr::new("/cfg")), ..from(&deep) });
        assert_eq!(elsewhere.files[0], Path::new("/cfg/opencode/hosts.json"));
        assert_eq!(SearchPath::new(Surroundings { config_home: Some(OsStr::new("")), ..from(&deep) }), path);
    }

    #[test]
    fn without_a_repository_the_working_directory_is_the_project_and_no_file_is_named_twice() {
        let top = tempfile::tempdir().unwrap();
        let here = top.path().join("opencode");
        let config_home = Some(top.path().as_os_str());
        let path = SearchPath::new(Surroundings { config_home, ..from(&here) });
        assert_eq!(path.files.len(), 4);
        assert_eq!(path.files[0], here.join("hosts.json"));
    }

    #[test]
    fn one_file_can_stand_for_all() {
        let path = SearchPath::new(Surroundings {
            hosts_file: Some(OsStr::new("x/h.json")),
            ..from(Path::new("/w"))
        });
        assert_eq!((path.files, path.required), (vec![PathBuf::from("/w/x/h.json")], true));
    }
}

//! Which files are read, in which order, and whose word they are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What of this process decides where hosts.json is looked for. Unset and empty variables are `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) home: Option<&'a Path>,
    /// `XDG_CONFIG_HOME`. As in opencode it counts on macOS too, and `~/.config` where it is not set.
    pub(crate) config_home: Option<&'a OsStr>,
    /// `KUGETSU_HOSTS`: one file instead of the search.
    pub(crate) hosts_file: Option<&'a OsStr>,
    pub(crate) working_directory: &'a Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A hosts.json: hosts are all that it holds.
    Hosts,
    /// opencode's own configuration: hosts stand in the options of a plugin.
    Config,
}

impl Form {
    pub(crate) fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        if CONFIG_NAMES.iter().any(|config| name == *config) { Self::Config } else { Self::Hosts }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
    /// It came with a project, whose author need not be this user.
    pub(crate) is_project: bool,
}

/// The files to read, and what `~/` in them means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchPath {
    /// Lowest priority first.
    pub(crate) files: Vec<Source>,
    /// Whether the files were asked for by name, so that a missing one is an error.
    pub(crate) required: bool,
    pub(crate) home: Option<PathBuf>,
}

const CONFIG_NAMES: [&str; 2] = ["opencode.json", "opencode.jsonc"];

impl SearchPath {
    /// Lowest priority first: `<config>/opencode/`, `<project>/`, `<project>/.opencode/`, each with `opencode.json`,
    /// `opencode.jsonc`, `hosts.json` and `hosts.jsonc`: a file that is only about hosts overrides the options of a
    /// plugin beside it. The project is the nearest directory, from the working directory upwards, that holds a `.git`;
    /// else the working directory.
    pub(crate) fn new(from: Surroundings<'_>) -> Self {
        let home = from.home.map(Path::to_owned);
        let given = |value: Option<&OsStr>| {
            value.filter(|text| !text.is_empty()).map(|text| from.working_directory.join(text))
        };
        if let Some(file) = given(from.hosts_file) {
            let form = Form::of(&file);
            return Self {
                files: vec![Source { path: file, form, is_project: false }],
                required: true,
                home,
            };
        }
        let config = given(from.config_home).or_else(|| from.home.map(|home| home.join(".config")));
        let project = project(from.working_directory);
        let directories = config
            .map(|config| (config.join("opencode"), false))
            .into_iter()
            .chain([(project.to_owned(), true), (project.join(".opencode"), true)]);
        let mut files: Vec<Source> = Vec::new();
        for (directory, is_project) in directories {
            for name in CONFIG_NAMES.iter().chain(&["hosts.json", "hosts.jsonc"]) {
                let path = directory.join(name);
                // The working directory may be the configuration directory itself; that stays the user's.
                if !files.iter().any(|file| file.path == path) {
                    files.push(Source { form: Form::of(&path), path, is_project });
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
        let names = ["opencode.json", "opencode.jsonc", "hosts.json", "hosts.jsonc"];
        let config = Path::new("/home/me/.config/opencode");
        let directories = [(config, false), (&repo, true), (&repo.join(".opencode"), true)];
        let expected: Vec<(PathBuf, bool)> = directories
            .iter()
            .flat_map(|(directory, is_project)| names.map(|name| (directory.join(name), *is_project)))
            .collect();
        let found: Vec<_> = path.files.iter().map(|file| (file.path.clone(), file.is_project)).collect();
        assert_eq!(found, expected);
        assert!(path.files.iter().all(|file| {
            (file.form == Form::Config) == file.path.to_string_lossy().contains("/opencode.json")
        }));
        assert!(!path.required);

        let elsewhere =
            SearchPath::new(Surroundings { config_home: Some(OsStr::new("/cfg")), ..from(&deep) });
        assert_eq!(elsewhere.files[0].path, Path::new("/cfg/opencode/opencode.json"));
        assert_eq!(SearchPath::new(Surroundings { config_home: Some(OsStr::new("")), ..from(&deep) }), path);
    }

    #[test]
    fn without_a_repository_the_working_directory_is_the_project_and_no_file_is_named_twice() {
        let top = tempfile::tempdir().unwrap();
        let here = top.path().join("opencode");
        let config_home = Some(top.path().as_os_str());
        let path = SearchPath::new(Surroundings { config_home, ..from(&here) });
        assert_eq!(path.files.len(), 8);
        assert_eq!(path.files[2].path, here.join("hosts.json"));
        let projects: Vec<bool> = path.files.iter().map(|file| file.is_project).collect();
        assert_eq!(projects, [false, false, false, false, true, true, true, true], "the user's stay theirs");
    }

    #[test]
    fn one_file_can_stand_for_all() {
        let path = SearchPath::new(Surroundings {
            hosts_file: Some(OsStr::new("x/h.json")),
            ..from(Path::new("/w"))
        });
        let file = Source { path: "/w/x/h.json".into(), form: Form::Hosts, is_project: false };
        assert_eq!((path.files, path.required), (vec![file], true));
    }
}

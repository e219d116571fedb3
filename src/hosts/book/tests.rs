use super::*;
use crate::disk::write_atomic;
use crate::hosts::error::AllowedError;
use crate::hosts::{Form, Source};
use std::os::unix::fs::symlink;
use std::process::Command;

/// A directory with the user's hosts.json, a project's, and kugetsu's home.
struct World {
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn own(&self, text: &str) {
        write_atomic(&self.path("own"), text.as_bytes()).unwrap();
    }

    fn project(&self, text: &str) {
        write_atomic(&self.path("project"), text.as_bytes()).unwrap();
    }

    fn allowed(&self) -> Allowed {
        Allowed::new(&self.path("state"))
    }

    fn try_load(&self) -> Result<Hosts, HostsError> {
        let file = |name: &str, is_project| Source { path: self.path(name), form: Form::Hosts, is_project };
        let files = vec![file("own", false), file("project", true)];
        Hosts::load(&SearchPath { files, required: false, home: None }, &self.allowed())
    }

    fn load(&self) -> Hosts {
        self.try_load().unwrap()
    }

    fn allow(&self) {
        let hosts = self.load();
        hosts.pending.iter().for_each(|file| self.allowed().allow(file).unwrap());
    }
}

fn load(files: &[&Path], required: bool) -> Result<Hosts, HostsError> {
    let own = |path: &&Path| Source { path: path.to_path_buf(), form: Form::Hosts, is_project: false };
    let files = files.iter().map(own).collect();
    Hosts::load(&SearchPath { files, required, home: None }, &Allowed::new(Path::new("/nowhere")))
}

fn addresses(hosts: &Hosts) -> Vec<(&str, &str)> {
    hosts.entries.iter().map(|entry| (entry.name.as_str(), entry.host.as_str())).collect()
}

#[test]
fn a_later_file_replaces_whole_entries() {
    let dir = tempfile::tempdir().unwrap();
    let (low, high, none) = (dir.path().join("l"), dir.path().join("h"), dir.path().join("n"));
    write_atomic(&low, br#"{"pi": {"host": "old", "port": 1, "x": 1}, "beefy": "b"}"#).unwrap();
    write_atomic(&high, br#"{"hosts": {"new": "n", "pi": "new"}}"#).unwrap();
    let hosts = load(&[&low, &none, &high], false).unwrap();
    let shown: Vec<_> = hosts.entries.iter().map(|e| (e.name.as_str(), e.host.as_str(), e.port)).collect();
    assert_eq!(shown, [("pi", "new", None), ("beefy", "b", None), ("new", "n", None)]);
    assert_eq!(hosts.entries[0].source.as_deref(), Some(high.as_path()));
    assert_eq!(hosts.replaced.iter().map(|e| e.host.as_str()).collect::<Vec<_>>(), ["old"]);
    assert_eq!(hosts.own("pi").unwrap().host, "new");
    assert_eq!(hosts.files, [low, high]);
    assert_eq!(hosts.warnings.len(), 1);
    assert!(matches!(hosts.find("pi"), Lookup::Entry(entry) if entry == &hosts.entries[0]));
    assert!(matches!(hosts.find("beefi"), Lookup::Unknown { nearest: Some(name) } if name == "beefy"));
    assert!(matches!(hosts.find("zzz"), Lookup::Unknown { nearest: None }));
}

#[test]
fn a_project_that_is_not_allowed_changes_nothing() {
    let world = World::new();
    world.own(r#"{ "pi": "me@pi" }"#);
    world.project(r#"{ "pi": { "host": "evil@pi", "x": 1 }, "beefy": "b", "bee": "c" }"#);
    let hosts = world.load();
    assert_eq!(addresses(&hosts), [("pi", "me@pi")]);
    assert_eq!((hosts.warnings.len(), hosts.replaced.len(), hosts.pending.len()), (0, 0, 1));
    assert_eq!(hosts.pending_of("pi").count(), 1);
    assert!(matches!(hosts.find("beefy"), Lookup::Pending(file) if file.path == world.path("project")));
    // Nor is it offered where a name was mistyped.
    assert!(matches!(hosts.find("beefi"), Lookup::Unknown { nearest: None }));

    world.allow();
    let hosts = world.load();
    assert_eq!(addresses(&hosts), [("pi", "evil@pi"), ("beefy", "b"), ("bee", "c")]);
    assert!(hosts.entries.iter().all(|entry| entry.is_project) && hosts.pending.is_empty());
    assert_eq!(hosts.own("pi").unwrap().host, "me@pi");
    assert_eq!(hosts.warnings.len(), 1);

    world.project(r#"{ "pi": "elsewhere@pi" }"#);
    let hosts = world.load();
    assert_eq!((addresses(&hosts), hosts.pending.len()), (vec![("pi", "me@pi")], 1));
}

#[test]
fn a_project_that_cannot_be_used_stops_only_those_who_may_mean_it() {
    let world = World::new();
    world.own(r#"{ "pi": "me@pi" }"#);
    for break_it in [
        |world: &World| world.project("{ oh"),
        |world: &World| {
            fs::remove_file(world.path("project")).unwrap();
            assert!(Command::new("mkfifo").arg(world.path("project")).status().unwrap().success());
        },
    ] {
        break_it(&world);
        let hosts = world.load();
        assert!(matches!(hosts.find("pi"), Lookup::Entry(_)));
        assert!(
            matches!(hosts.find("beefy"), Lookup::Unusable(error) if error.to_string().contains(world.path("project").to_str().unwrap()))
        );
        assert!(matches!(hosts.find("me@beefy"), Lookup::Unknown { .. }), "no entry can be called that");
    }
}

#[test]
fn the_users_own_file_is_theirs_on_every_way_to_it() {
    let world = World::new();
    world.own(r#"{ "pi": "me@pi" }"#);
    symlink(world.path("own"), world.path("project")).unwrap();
    let hosts = world.load();
    assert_eq!((hosts.pending.len(), hosts.files.len(), hosts.replaced.len()), (0, 1, 0));
}

#[test]
fn what_is_allowed_must_be_known() {
    let world = World::new();
    world.project(r#"{ "pi": "p" }"#);
    world.allow();
    let record = fs::read_dir(world.path("state/allowed")).unwrap().next().unwrap().unwrap().path();
    write_atomic(&record, b"{}").unwrap();
    let error = world.try_load().unwrap_err();
    assert!(matches!(error, HostsError::Allowed(AllowedError::Damaged { .. })), "{error}");
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hosts.json");
    assert!(matches!(load(&[&file], true), Err(HostsError::Missing { .. })));
    assert!(load(&[&file], false).unwrap().files.is_empty());
    assert!(matches!(load(&[dir.path()], false), Err(HostsError::NotAFile { .. })));

    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(load(&[&pipe], false), Err(HostsError::NotAFile { .. })));

    let circle = dir.path().join("circle");
    symlink(&circle, &circle).unwrap();
    assert!(matches!(load(&[&circle], false), Err(HostsError::Unreadable { .. })));

    write_atomic(&file, b"{\n \"a\xff\": 1}").unwrap();
    let error = load(&[&file], false).unwrap_err().to_string();
    assert!(error.ends_with("hosts.json:2:4: not UTF-8 text"), "{error}");
    assert!(load(&[&file.join("below")], false).unwrap().files.is_empty());

    write_atomic(&file, &vec![b' '; 1024 * 1024]).unwrap();
    assert!(load(&[&file], false).is_ok());
    write_atomic(&file, &vec![b' '; 1024 * 1024 + 1]).unwrap();
    assert!(matches!(load(&[&file], false), Err(HostsError::TooLarge { .. })));
}

//! A home as the earlier script left it, with a database that has its sessions.
#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE, Running, until};
use kugetsu::disk::{Lock, session_lock};
use kugetsu::dispatch::{Plan, Record, State, Store, VERSION};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const BASE: &str = "ses_e07836e36ffeth5U8G1J1S36Fh";
/// #14 of github.com/shoko/kugetsu, which the script wrote down as `used`.
pub(super) const USED: &str = "ses_e07830f24ffeE339kfa49s4Iji";
pub(super) const USED_ISSUE: &str = "github.com/shoko/kugetsu#14";
/// #3 of git.example.org/group/sub/tool, which is `idle`.
pub(super) const IDLE: &str = "ses_e0782d2acffe9s4foPwLtLVzi2";
pub(super) const IDLE_ISSUE: &str = "git.example.org/group/sub/tool#3";
/// An issue whose file is not there.
pub(super) const GONE_ISSUE: &str = "github.com/shoko/gone#7";

pub(super) struct Kept {
    pub(super) home: Home,
    pub(super) project: PathBuf,
    _model: Model,
}

impl Kept {
    pub(super) fn new() -> Self {
        let kept = Self::with(Release::New);
        kept.home.machine.stand_in();
        kept.home.machine.opencode(&kept.project, &["db", "path"]).expect_success();
        let now = kugetsu::clock::now_ms();
        for (session, minutes) in [(BASE, 600), (USED, 5), (IDLE, 90)] {
            kept.insert(session, now - minutes * 60_000 - 500);
        }
        kept
    }

    /// With a real opencode that has not been started yet.
    pub(super) fn with(release: Release) -> Self {
        let model = Model::start();
        let home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), release, &model);
        let project = home.machine.project("app");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/script-home");
        copy(&from, &home.state());
        Self { home, project, _model: model }
    }

    pub(super) fn kugetsu(&self, arguments: &[&str]) -> Finished {
        self.home.spawn_in(&self.project, None, arguments).wait(PATIENCE)
    }

    /// Adds a session without messages to opencode's database.
    pub(super) fn insert(&self, session: &str, updated_ms: i64) {
        let insert = "INSERT INTO session (id, project_id, slug, directory, title, version, time_created, time_updated)
                      VALUES (?1, 'global', 's', ?2, 't', '1', 1774864800000, ?3)";
        let directory = self.project.to_str().unwrap();
        self.home.machine.database().execute(insert, (session, directory, updated_ms)).unwrap();
    }

    /// Removes a session from opencode's database.
    pub(super) fn lose(&self, session: &str) {
        let gone = self.home.machine.database().execute("DELETE FROM session WHERE id = ?1", [session]);
        assert_eq!(gone.unwrap(), 1);
    }

    pub(super) fn opencode_has(&self, session: &str) -> bool {
        let count = "SELECT count(*) FROM session WHERE id = ?1";
        let count: i64 = self.home.machine.database().query_row(count, [session], |row| row.get(0)).unwrap();
        count == 1
    }

    /// The record of a trip of `session` to "pi"; its id.
    pub(super) fn dispatch(&self, n: u8, session: &str, state: State) -> String {
        let id = format!("20261120-1030{n:02}-4k2mtv7a");
        let plan = Plan { home_directory: "/srv".into(), directory: "~/srv".into(), ..Plan::default() };
        let record = Record {
            version: VERSION,
            id: id.clone(),
            session: session.into(),
            title: "t".into(),
            host: "pi".into(),
            created_ms: 1,
            plan,
            state,
            ..Record::default()
        };
        Store::new(&self.home.state()).create_with(record, &[]).unwrap();
        id
    }

    /// As a run does it: holds the session's lock for as long as it lives.
    pub(super) fn hold(&self, session: &str) -> Running {
        let lock = session_lock(&self.home.state(), session);
        kugetsu::disk::private_dir(lock.parent().unwrap()).unwrap();
        drop(Lock::try_exclusive(&lock, "run #14").unwrap().unwrap());
        let mut command = Command::new("flock");
        command.arg("--no-fork").arg(&lock).args(["sleep", "600"]);
        let running = Running::start(command, None);
        until(PATIENCE, || if Lock::is_held(&lock) { Ok(()) } else { Err("flock has it not".to_owned()) });
        running
    }

    /// Puts a file into kugetsu's home.
    pub(super) fn put(&self, name: &str, text: &str) {
        let path = self.home.state().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.home.state().join(name).exists()
    }

    /// All files of kugetsu's home with what is in them.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        walk(&self.home.state(), &self.home.state(), &mut files);
        files
    }

    /// What `list` says of an issue, or of the base.
    pub(super) fn listed(&self, issue: Option<&str>) -> Value {
        let list = self.kugetsu(&["list", "--json"]).expect_success().json();
        list.as_array().unwrap().iter().find(|row| row["issue"].as_str() == issue).unwrap().clone()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(super) fn walk(root: &Path, at: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, fs::read(path).unwrap());
        }
    }
}

//! A home with a session, a host, and what must hold of every fault that they meet.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, until};
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");
const SOON: Duration = Duration::from_secs(20);

/// A home whose opencode is the stand-in, with one session of two messages.
pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) host: Option<Host>,
    pub(crate) session: String,
    pub(crate) project: PathBuf,
    pub(crate) model: Model,
    rows: Vec<String>,
}

impl Scene {
    /// A home that knows no host.
    pub(crate) fn alone() -> Self {
        let model = Model::start();
        let mut home = Home::start(KUGETSU, Release::New, &model);
        home.machine.stand_in();
        let temporary = home.machine.home().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        home.machine.set_env("TMPDIR", temporary.display().to_string());
        let project = home.machine.project("app");
        let session = home.machine.insert_big_session(&project, 2, 6_000);
        let mut scene = Self { home, host: None, session, project, model, rows: Vec::new() };
        scene.rows = scene.rows();
        scene
    }

    /// With a host "pi", whose opencode is the stand-in.
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// As [`Scene::new`], with further fields in the host's entry.
    pub(crate) fn with(further: Value) -> Self {
        let mut scene = Self::alone();
        let host = Host::start("pi", Release::New, &scene.model);
        host.machine.stand_in();
        scene.home.add_host("pi", &host, further);
        scene.host = Some(host);
        scene
    }

    /// What of trips is on the host, but for what is remembered there of sessions and of the account.
    pub(crate) fn left_there(&self) -> Vec<String> {
        let mut left = files(&self.host().machine.home().join(".kugetsu"));
        left.retain(|file| !file.starts_with("known/") && !file.starts_with("sessions/"));
        left.retain(|file| !file.starts_with("account"));
        left
    }

    /// Goes on with another session, of two messages as well.
    pub(crate) fn another(&mut self) {
        self.session = self.home.machine.insert_big_session(&self.project, 2, 6_000);
        self.rows = self.rows();
    }

    pub(crate) fn host(&self) -> &Host {
        self.host.as_ref().unwrap()
    }

    /// `remote pi SESSION` and `args`.
    pub(crate) fn remote<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["remote", "pi", self.session.as_str()][..], args].concat()
    }

    /// Runs `kugetsu ARGS`, which has to fail, twice: for a person, and for a script.
    #[track_caller]
    pub(crate) fn fault(&self, args: &[&str]) -> Fault {
        self.fault_reading(b"", args)
    }

    #[track_caller]
    pub(crate) fn fault_reading(&self, stdin: &[u8], args: &[&str]) -> Fault {
        let person = self.home.kugetsu_reading(stdin, args);
        let script = self.home.kugetsu_reading(stdin, &[&["--json"], args].concat());
        assert_eq!(person.stdout, "", "only the answer belongs on stdout\n{}", person.stderr);
        Fault::read(&person, &script)
    }

    /// As [`Scene::fault`], once, for what changes something.
    #[track_caller]
    pub(crate) fn fault_once(&self, args: &[&str]) -> Fault {
        let script = self.home.kugetsu(&[&["--json"], args].concat());
        Fault::read(&script, &script)
    }

    /// All rows of the session at home, the session's own first.
    pub(crate) fn rows(&self) -> Vec<String> {
        rows(&self.home.machine.database(), &self.session)
    }

    /// Nothing was lost at home, and nothing was left behind anywhere.
    #[track_caller]
    pub(crate) fn is_unscathed(&self) {
        self.is_intact();
        assert_eq!(files(&self.home.state().join("dispatches")), Vec::<String>::new());
        if let Some(host) = &self.host {
            assert_eq!(self.left_there(), Vec::<String>::new());
            assert_eq!(host.machine.asked(), Vec::<String>::new());
        }
        self.is_quiet();
    }

    /// The session at home has the rows that it had.
    #[track_caller]
    pub(crate) fn is_intact(&self) {
        assert_eq!(self.rows(), self.rows, "the session at home changed");
    }

    /// No process is left, and no temporary file.
    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        let machines = [Some(&self.home.machine), self.host.as_ref().map(|host| &host.machine)];
        for machine in machines.into_iter().flatten() {
            until(SOON, || match machine.processes().as_slice() {
                [] => Ok(()),
                left => Err(format!("{} on {} outlive kugetsu", describe(left), machine.name())),
            });
        }
        assert_eq!(files(&self.home.machine.home().join("tmp")), Vec::<String>::new());
    }

    /// The session came home with what was done, once.
    #[track_caller]
    pub(crate) fn is_home_with(&self, new_messages: usize) {
        let rows = self.rows();
        let before = &self.rows[1..];
        assert!(before.iter().all(|row| rows.contains(row)), "a message of before is missing or changed");
        let messages = rows.iter().filter(|row| row.starts_with("message")).count();
        let had = before.iter().filter(|row| row.starts_with("message")).count();
        assert_eq!(messages, had + new_messages);
    }
}

fn rows(database: &rusqlite::Connection, session: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (table, column) in [("session", "id"), ("message", "session_id"), ("part", "session_id")] {
        let query = format!("SELECT * FROM {table} WHERE {column} = ?1 ORDER BY id");
        let mut query = database.prepare(&query).unwrap();
        let width = query.column_count();
        let found = query.query_map([session], |row| {
            (0..width).map(|n| row.get::<_, Cell>(n)).collect::<Result<Vec<_>, _>>()
        });
        all.extend(found.unwrap().map(|row| format!("{table} {:?}", row.unwrap())));
    }
    all
}

/// The files below a directory, which need not exist; relative, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    fn walk(root: &Path, at: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                walk(root, &path, into);
            } else {
                into.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    // Who had a session last, and what home has of it, is kept on purpose.
    found.retain(|path| !path.starts_with("claims/") && !path.starts_with("known/"));
    found.sort();
    found
}

fn describe(pids: &[u32]) -> String {
    let name = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!("{pid} ({})", String::from_utf8_lossy(&line).replace('\0', " "))
    };
    pids.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A failure as a person and a script got to read it.
#[derive(Debug)]
pub(crate) struct Fault {
    code: i32,
    pub(crate) stderr: String,
    /// What the person read, in one line.
    told: String,
    pub(crate) error: Value,
}

impl Fault {
    #[track_caller]
    pub(crate) fn read(person: &Finished, script: &Finished) -> Self {
        harmless(&person.stderr);
        harmless(&script.stderr);
        let document = script.json();
        let object = document.as_object().unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["error"], "{document}");
        let error = document["error"].clone();
        let fields: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["kind", "step", "message", "hint", "retryable"]);
        assert!(error["retryable"].is_boolean() && error["step"].is_string(), "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(!message.trim().is_empty() && !message.contains('\n'), "{message:?}");
        assert_eq!(person.code(), script.code(), "--json must not change the exit status");
        let told = person.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        // "error: " is the argument parser's.
        let begun = told.contains("kugetsu: ") || told.starts_with("error: ");
        assert!(begun, "{}", person.stderr);
        Self { code: person.code(), stderr: person.stderr.clone(), told, error }
    }

    /// Its exit status, kind and step.
    #[track_caller]
    pub(crate) fn is(self, code: i32, kind: &str, step: &str) -> Self {
        let found = (self.code, self.error["kind"].as_str().unwrap(), self.error["step"].as_str().unwrap());
        assert_eq!(found, (code, kind, step), "{}", self.stderr);
        self
    }

    /// What the person and the script are both told.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let document = format!("{} {}", self.error["message"], self.error["hint"]).replace("\\\"", "\"");
        for word in words {
            assert!(self.told.contains(word), "{word:?} is not in what a person reads:\n{}", self.stderr);
            assert!(document.contains(word), "{word:?} is not in what a script reads:\n{}", self.error);
        }
        self
    }

    #[track_caller]
    pub(crate) fn may_be_retried(self, retryable: bool) -> Self {
        assert_eq!(self.error["retryable"], retryable, "{}", self.stderr);
        self
    }
}

/// No control character but the line feed.
#[track_caller]
pub(crate) fn harmless(text: &str) {
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}

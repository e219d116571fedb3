//! A host with the real opencode and without SSH, sessions for it, and a reader of what comes back.

use crate::support::local::Sh;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::until;
use crate::support::recorder::{PATIENCE, Recorder};
use flate2::read::MultiGzDecoder;
use kugetsu::host::{self, BackFileKind, Holds, HostState, Launch, Page, Run, RunResult, Sending};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;

/// What a half of a surrogate pair is in JSON, and cannot be in UTF-8.
pub(super) const HALF: &str = "\\ud83d";

/// The host.
pub(super) struct Real {
    pub(super) machine: Machine,
    pub(super) host: Recorder,
    pub(super) model: Model,
    pub(super) directory: PathBuf,
}

impl Real {
    pub(super) fn start(release: Release) -> Self {
        let model = Model::start();
        let machine = Machine::start("pi", release, &model);
        let sh = match release {
            Release::New => Sh::Dash,
            Release::Mid => Sh::BusyBox,
            Release::Old => Sh::Bash,
        };
        let host = Recorder::with_opencode(sh, &machine);
        let directory = machine.project("app");
        Self { machine, host, model, directory }
    }

    /// A run of a session; `n` tells dispatches apart.
    pub(super) fn run(&self, n: usize, session: &str) -> Run {
        let deny = json!({ "question": "deny", "plan_enter": "deny", "plan_exit": "deny" });
        Run {
            id: self.host.id(n),
            session: session.to_owned(),
            program: self.machine.home().join("bin/opencode").to_str().unwrap().to_owned(),
            directory: self.directory.to_str().unwrap().to_owned(),
            agent: "build".to_owned(),
            model: "fake/m1".to_owned(),
            permission: deny.to_string(),
            gzip: true,
            owner: "home".to_owned(),
            ..Run::default()
        }
    }

    /// Sends a session.
    #[track_caller]
    pub(super) fn send(&self, run: &Run, prompt: &str, session: &str) -> Launch {
        let launch = self.host.send_session(run, prompt.as_bytes(), session.as_bytes());
        let value: Value = serde_json::from_str(&session.replace(HALF, "half")).unwrap();
        let messages = value["messages"].as_array().unwrap();
        let parts = messages.iter().map(|message| message["parts"].as_array().unwrap().len()).sum();
        Launch { messages: messages.len(), parts, ..launch }
    }

    /// Sends a session, has the work done, and waits for the result.
    #[track_caller]
    pub(super) fn trip(&self, run: &Run, prompt: &str, session: &str, sending: (Sending, &str)) -> RunResult {
        let (sending, known) = (sending.0, sending.1.to_owned());
        let launch = Launch { sending, known, ..self.send(run, prompt, session) };
        self.host.launch(run, &launch).unwrap();
        self.host.result(&run.id)
    }

    /// Waits until the model holds an answer of this run.
    ///
    /// # Panics
    /// Where the run ends without it, with what it left.
    #[track_caller]
    pub(super) fn wait_for_hold(&self, id: &str, name: &str) {
        let here = self.host.dispatch(id);
        until(PATIENCE, || match fs::read_to_string(here.join("result")) {
            Ok(result) => {
                let said = ["stderr", "events", "run.err"].map(|name| fs::read_to_string(here.join(name)));
                panic!("{result}\n{said:?}")
            }
            Err(_) if self.model.holds(name) => Ok(()),
            Err(_) => Err(fs::read_to_string(here.join("events")).unwrap_or_default()),
        });
    }

    /// The sections of the back-file of a run, or of another file in its dispatch.
    #[track_caller]
    pub(super) fn sections(&self, id: &str, name: &str) -> Vec<Section> {
        let mut bytes = Vec::new();
        let file = File::open(self.host.dispatch(id).join(name)).unwrap();
        MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        sections(&bytes)
    }

    /// What the host has of a session.
    #[track_caller]
    pub(super) fn holds(&self, session: &str, known: &str) -> Holds {
        self.asked(session, known, Page { skip: 0, most: 1000 }).0
    }

    /// The messages that the host's list does not have, asked for in pages of this length.
    #[track_caller]
    pub(super) fn unlisted(&self, session: &str, known: &str, most: usize) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let (holds, ids) = self.asked(session, known, Page { skip: all.len(), most });
            all.extend(ids);
            if all.len() == holds.unlisted {
                return all;
            }
        }
    }

    #[track_caller]
    fn asked(&self, session: &str, known: &str, page: Page) -> (Holds, Vec<String>) {
        let program = self.run(0, session).program;
        let asked = self.host.ask(&host::holds(&self.host.env, &program, session, known, page)).unwrap();
        let (holds, ids) = Holds::from_answer(&asked, page).unwrap();
        (holds, ids.into_iter().map(str::to_owned).collect())
    }

    /// As [`Real::holds`], the word alone.
    #[track_caller]
    pub(super) fn held(&self, session: &str, known: &str) -> HostState {
        self.holds(session, known).held
    }

    /// A session as opencode prints it, halves of surrogates replaced by `half`.
    #[track_caller]
    pub(super) fn export(&self, session: &str) -> Value {
        let printed = self.machine.opencode(&self.directory, &["export", session]).expect_success().stdout;
        serde_json::from_str(&printed.replace(HALF, "half")).unwrap()
    }

    /// One value of the database.
    #[track_caller]
    pub(super) fn value<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.machine.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Changes the database.
    #[track_caller]
    pub(super) fn change(&self, sql: &str) {
        assert!(self.machine.database().execute(sql, []).unwrap() > 0, "{sql}");
    }

    /// Waits until the processes that `is_it` recognizes by their command line are as many as `count`.
    #[track_caller]
    pub(super) fn wait_for_processes(&self, count: usize, is_it: impl Fn(&str) -> bool) {
        until(PATIENCE, || {
            let commands: Vec<String> = self.machine.processes().into_iter().map(command).collect();
            let found = commands.iter().filter(|command| is_it(command)).count();
            if found == count { Ok(()) } else { Err(format!("{found} instead of {count}: {commands:?}")) }
        });
    }
}

/// The command line of a process, blanks between its words.
pub(super) fn command(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}

/// One section of a bundle.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) header: Value,
    /// The document, byte for byte.
    pub(super) text: String,
    /// The document, halves of surrogates replaced by `half`.
    pub(super) value: Value,
}

impl Section {
    /// The ids of its messages.
    pub(super) fn messages(&self) -> Vec<&str> {
        let messages = self.value["messages"].as_array().unwrap();
        messages.iter().map(|message| message["info"]["id"].as_str().unwrap()).collect()
    }

    /// The ids of the parts of one of them.
    pub(super) fn parts(&self, message: &str) -> Vec<&str> {
        let messages = self.value["messages"].as_array().unwrap();
        let found = messages.iter().find(|one| one["info"]["id"] == message).unwrap();
        found["parts"].as_array().unwrap().iter().map(|part| part["id"].as_str().unwrap()).collect()
    }
}

/// The sections of an unpacked bundle.
#[track_caller]
pub(super) fn sections(mut bytes: &[u8]) -> Vec<Section> {
    let mut sections = Vec::new();
    while !bytes.is_empty() {
        let line = bytes.iter().position(|b| *b == b'\n').unwrap();
        let header: Value = serde_json::from_slice(&bytes[..line]).unwrap();
        assert_eq!(header["bundle"], 1);
        let end = line + 1 + usize::try_from(header["bytes"].as_u64().unwrap()).unwrap();
        let text = String::from_utf8(bytes[line + 1..end].to_vec()).unwrap();
        assert_eq!(bytes[end], b'\n');
        let value = serde_json::from_str(&text.replace(HALF, "half")).unwrap();
        sections.push(Section { header, text, value });
        bytes = &bytes[end + 1..];
    }
    sections
}

/// A session of `pairs` of messages, as `opencode export` prints it; ids and times count up from `first`.
pub(super) fn conversation(session: &str, directory: &str, first: usize, pairs: usize) -> Value {
    let start = 1_790_000_000_000_i64;
    let message = |n: usize| format!("msg_{n:012x}abcdefghijklmn");
    let part = |n: usize, of: usize| {
        json!({
            "type": "text", "text": format!("text {n}"), "id": format!("prt_{n:012x}abcdefghijklmn"),
            "sessionID": session, "messageID": message(of),
        })
    };
    let model = json!({ "providerID": "fake", "modelID": "m1" });
    let messages: Vec<Value> = (first..first + 2 * pairs)
        .map(|n| {
            let time = start + i64::try_from(n).unwrap() * 1000;
            let info = if n % 2 == 0 {
                json!({
                    "role": "user", "time": { "created": time }, "agent": "build", "model": model,
                    "id": message(n), "sessionID": session,
                })
            } else {
                json!({
                    "role": "assistant", "time": { "created": time, "completed": time + 500 },
                    "parentID": message(n - 1), "modelID": "m1", "providerID": "fake", "mode": "build",
                    "agent": "build", "path": { "cwd": directory, "root": "/" }, "cost": 0, "finish": "stop",
                    "tokens": { "input": 1, "output": 1, "reasoning": 0, "cache": { "read": 0, "write": 0 } },
                    "id": message(n), "sessionID": session,
                })
            };
            json!({ "info": info, "parts": [part(2 * n, n), part(2 * n + 1, n)] })
        })
        .collect();
    let time = json!({ "created": start, "updated": start });
    let info = json!({
        "id": session, "slug": "a-slug", "projectID": "global", "directory": directory, "version": "1.3.2",
        "title": "New session - 2026-09-21T16:26:40.000Z", "time": time,
    });
    json!({ "info": info, "messages": messages })
}

/// The sentence that a bundle is expected: its result is one.
#[track_caller]
pub(super) fn expect_bundle(result: &RunResult) {
    assert_eq!(
        (result.kind, result.exported, result.known.len()),
        (BackFileKind::Bundle, true, 64),
        "{result:?}"
    );
}

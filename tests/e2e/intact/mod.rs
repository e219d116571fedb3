//! What comes home is the session that left, plus the work: whatever was done there, whatever its clock says, and
//! whoever went on in between.

mod again;
mod apart;
mod around;
mod carried;
mod clocks;
mod compacted;
mod files;
mod held;
mod hostile;
mod older;
mod paths;
mod undone;
mod unknown;

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A home and a host, "pi".
struct World {
    model: Model,
    home: Home,
    host: Host,
    project: PathBuf,
}

/// Rows by their ids, as text.
type Rows = BTreeMap<String, String>;

impl World {
    fn new(here: Release, there: Release) -> Self {
        Self::with_clock(here, there, None)
    }

    /// As [`World::new`]; the host's clock is off by `offset`, as libfaketime spells it.
    fn with_clock(here: Release, there: Release, offset: Option<&str>) -> Self {
        let model = Model::start();
        let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), here, &model);
        let host = Host::start_with("pi", there, &model, |options| {
            options.env.extend(offset.into_iter().flat_map(clocks::faked));
        });
        home.machine.exports_at_once();
        host.machine.has_been_used();
        home.add_host("pi", &host, json!({}));
        let project = home.machine.project("app");
        Self { model, home, host, project }
    }

    fn session(&self, prompt: &str) -> String {
        self.home.machine.made_session(&self.project, prompt)
    }

    /// A round trip that goes well; its report.
    #[track_caller]
    fn round_trip(&self, session: &str, message: &str, flags: &[&str]) -> Value {
        let args = [&["remote", "pi", session, message, "--round-trip", "--json"][..], flags].concat();
        let report = self.home.kugetsu(&args).expect_success().json();
        assert_eq!((&report["state"], &report["holder"]), (&json!("home"), &json!("here")), "{report:#}");
        assert_eq!(report["run"]["ok"], true, "{report:#}");
        report
    }

    /// Waits until the run on a host is over.
    #[track_caller]
    fn has_ended(&self, session: &str) {
        until(PATIENCE, || {
            let told = self.home.kugetsu(&["status", session, "--json"]).expect_success().json();
            if told["state"] == "finished" { Ok(()) } else { Err(told.to_string()) }
        });
    }

    /// Somebody types a prompt on the host itself.
    #[track_caller]
    fn typed_there(&self, session: &str, prompt: &str, flags: &[&str]) {
        let there = &self.host.machine;
        let directory = there.home().join("projects/app");
        there.continue_session(&directory, session, prompt, flags).expect_success();
    }

    fn here(&self, session: &str) -> Rows {
        rows(&self.home.machine.database(), session)
    }

    fn there(&self, session: &str) -> Rows {
        rows(&self.host.machine.database(), session)
    }

    fn messages(&self, session: &str) -> Vec<Value> {
        self.home.machine.stored_messages(session)
    }

    /// The next prompt at home is answered, and knows what was said.
    #[track_caller]
    fn goes_on_at_home(&self, session: &str, knows: &str) {
        let asked = self.model.prompts_of("home").len();
        self.home.machine.continue_session(&self.project, session, "[[say back home]]", &[]).expect_success();
        let requests = self.model.prompts_of("home");
        assert_eq!(requests.len(), asked + 1, "the next prompt at home is answered, once");
        let seen = serde_json::to_string(requests.last().unwrap().messages()).unwrap();
        assert!(seen.contains(knows), "{knows:?} is not in what the model was told: {seen}");
        assert_eq!(text_of(self.messages(session).last().unwrap()), "back home");
    }
}

/// Messages and parts of a session: all that opencode keeps of them but when a row was written.
fn rows(database: &rusqlite::Connection, session: &str) -> Rows {
    let mut rows = Rows::new();
    for (table, further) in [("message", "time_created"), ("part", "message_id")] {
        let sql = format!("SELECT id, {further} || ' ' || data FROM {table} WHERE session_id = ?");
        let mut found = database.prepare(&sql).unwrap();
        let all = found.query_map([session], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.extend(all.map(Result::unwrap));
    }
    rows
}

/// What left is there unchanged, and what is new sorts behind it; how many rows that are.
#[track_caller]
fn new_rows(before: &Rows, after: &Rows) -> usize {
    for (id, row) in before {
        assert_eq!(after.get(id), Some(row), "{id} changed or is gone");
    }
    for kind in ["msg_", "prt_"] {
        let last = before.keys().rfind(|id| id.starts_with(kind)).map_or("", String::as_str);
        let mut new = after.keys().filter(|id| id.starts_with(kind) && !before.contains_key(*id));
        assert!(new.all(|id| id.as_str() > last), "a new row stands among those that left");
    }
    after.len() - before.len()
}

fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().unwrap();
    parts.iter().filter_map(|part| part["text"].as_str()).collect()
}

/// One column of the session's own row.
fn column(database: &rusqlite::Connection, session: &str, column: &str) -> rusqlite::types::Value {
    let sql = format!("SELECT {column} FROM session WHERE id = ?");
    database.query_row(&sql, [session], |row| row.get(0)).unwrap()
}

fn todos(database: &rusqlite::Connection, session: &str) -> Vec<(String, String)> {
    let mut query =
        database.prepare("SELECT content, status FROM todo WHERE session_id = ? ORDER BY position").unwrap();
    query.query_map([session], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// The sessions whose ids and titles stand in what kugetsu said, beside `known`.
#[track_caller]
fn other_session(said: &Finished, known: &str) -> String {
    let words = said.stderr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut ids = words.filter(|word| word.starts_with("ses_") && *word != known);
    ids.next().unwrap_or_else(|| panic!("no other session is named:\n{}", said.stderr)).to_owned()
}

//! A copy of a session is whole, or it is not there.

use super::runs::{ISSUE, World};
use crate::support::process::{PATIENCE, Running, until};
use serde_json::{Value, json};
use std::fs;

/// opencode imports, and does not come to its end before there is a file `go`.
const SLOW: &str = "if [ \"$1\" = import ]; then stand_in \"$@\" && touch \"$HOME/importing\"\n\
                    while [ ! -e \"$HOME/go\" ]; do sleep 0.02; done; exit; fi";

impl World {
    /// Starts kugetsu, and waits until its copy is just being imported.
    fn copying(&self, arguments: &[&str]) -> Running {
        let importing = self.home.machine.home().join("importing");
        let _ = fs::remove_file(&importing);
        let running = self.home.spawn_in(&self.project, None, arguments);
        until(PATIENCE, || if importing.exists() { Ok(()) } else { Err("nothing is imported".to_owned()) });
        running
    }

    fn sessions(&self) -> i64 {
        let count = "SELECT count(*) FROM session";
        self.home.machine.database().query_row(count, [], |row| row.get(0)).unwrap()
    }

    /// Names in a directory of kugetsu's.
    fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.home.state().join(directory)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn ctrl_c_leaves_nothing_of_a_copy() {
    let world = World::quick();
    world.kugetsu(&["start", "github.com/a/b#1", "hello"]).expect_success();
    let (session, sessions) = (world.listed("github.com/a/b#1")["session"].clone(), world.sessions());
    let session = session.as_str().unwrap();
    let runs = world.names("runs");
    world.home.machine.stand_in_with(SLOW);
    for arguments in [
        &["start", ISSUE, "hello", "--json"][..],
        &["start", ISSUE, "--json"],
        &["continue", session, "hello", "--fork", "--json"],
        &["init", "--force", "--json"],
    ] {
        let copying = world.copying(arguments);
        assert_eq!(world.sessions(), sessions + 1);
        copying.signal("INT");
        let ended = copying.wait(PATIENCE).expect_code(130);
        let error = &ended.json()["error"];
        assert_eq!((&error["kind"], &error["retryable"]), (&json!("interrupted"), &json!(true)));
        assert!(ended.stderr.contains("before the session was made"), "{}", ended.stderr);
        assert_eq!((world.sessions(), world.names("runs")), (sessions, runs.clone()), "{arguments:?}");
        world.nothing_runs();
    }
    assert_eq!(world.home.machine.asked(), ["hello"]);
    let list = world.kugetsu(&["list", "--json"]).expect_success().json();
    assert!(list.as_array().unwrap().iter().all(|row| row["issue"] != ISSUE), "{list:#}");
    fs::write(world.home.machine.home().join("go"), "").unwrap();
    world.kugetsu(&["start", ISSUE, "hello"]).expect_success();
}

#[test]
fn prune_leaves_a_copy_alone_that_is_just_made() {
    let world = World::quick();
    world.home.machine.stand_in_with(&SLOW.replace("stand_in \"$@\" && ", "").replace("exit; ", ""));
    let copying = world.copying(&["start", ISSUE, "hello"]);
    let pruned = world.kugetsu(&["prune", "--force", "--json"]).expect_success().json();
    let kinds: Vec<&Value> = pruned["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
    assert!(!kinds.contains(&&json!("run")) && !kinds.contains(&&json!("lock")), "{pruned:#}");
    fs::write(world.home.machine.home().join("go"), "").unwrap();
    copying.wait(PATIENCE).expect_success();
    assert_eq!(world.home.machine.asked(), ["hello"]);
}

//! `list` finds out what is going on, and shows it where there is little room.
#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

use super::kept::{BASE, GONE_ISSUE, IDLE, IDLE_ISSUE, Kept, USED, USED_ISSUE};
use crate::support::machine::which;
use kugetsu::dispatch::State;
use serde_json::{Value, json};
use std::process::{Command, Stdio};

fn states(kept: &Kept) -> Vec<(Value, Value, Value)> {
    let list = kept.kugetsu(&["list", "--json"]).expect_success().json();
    let of = |row: &Value| (row["issue"].clone(), row["state"].clone(), row["holder"].clone());
    list.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_home_of_the_script_is_listed_and_left_as_it_is() {
    let kept = Kept::new();
    let before = kept.files();
    let done = kept.kugetsu(&["list", "--json"]).expect_success();
    assert_eq!(done.stderr, "");
    let list = done.json();
    let fields: Vec<&String> = list[0].as_object().unwrap().keys().collect();
    let promised =
        ["issue", "type", "session", "state", "holder", "directory", "created", "last_activity", "message"];
    assert_eq!(fields, promised);
    let rows: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| [&row["issue"], &row["type"], &row["session"], &row["state"]])
        .collect();
    // The newest activity first; what was written down as used is not.
    assert_eq!(
        rows,
        [
            [&json!(USED_ISSUE), &json!("forked"), &json!(USED), &json!("left")],
            [&json!(IDLE_ISSUE), &json!("forked"), &json!(IDLE), &json!("idle")],
            [&json!(null), &json!("base"), &json!(BASE), &json!("idle")],
            [&json!(GONE_ISSUE), &json!("forked"), &json!(null), &json!("invalid")],
        ]
    );
    let first = &list[0];
    assert_eq!(
        (&first["directory"], &first["created"], &first["holder"], &first["message"]),
        (&json!(kept.project), &json!("2026-03-30T10:00:00Z"), &json!("here"), &Value::Null)
    );
    assert!(first["last_activity"].as_str().unwrap().ends_with('Z'));
    assert_eq!(kept.files(), before, "nothing is written");
}

#[test]
fn states_are_found_out_and_not_believed() {
    let kept = Kept::new();
    let state = |issue| kept.listed(Some(issue))["state"].clone();
    let run = kept.hold(USED);
    assert_eq!(state(USED_ISSUE), "used");
    run.signal("KILL");
    run.wait(crate::support::process::PATIENCE);
    assert_eq!(state(USED_ISSUE), "left");
    let left = kept.kugetsu(&["list", "--left", "--json"]).expect_success().json();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["issue"], USED_ISSUE);
    // A host has it: there is nothing to be taken up here.
    kept.dispatch(1, USED, State::Launched { identity: "x".into() });
    assert_eq!(kept.listed(Some(USED_ISSUE))["holder"], "pi");
    assert_eq!(kept.kugetsu(&["list", "--left", "--json"]).expect_success().json(), json!([]));
    let none = kept.kugetsu(&["list", "--left"]).expect_success();
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("No session was left"), "{}", none.stderr);
    kept.dispatch(2, IDLE, State::Home { new_messages: 2 });
    assert_eq!(kept.listed(Some(IDLE_ISSUE))["holder"], "here");
    kept.lose(IDLE);
    kept.lose(BASE);
    assert_eq!(state(IDLE_ISSUE), "invalid");
    assert_eq!(kept.listed(None)["state"], "invalid");
}

#[test]
fn what_cannot_be_found_out_is_null_and_said() {
    let kept = Kept::new();
    kept.put("sessions/git.example.org-group-sub-tool-3.json", "{\"type\": \"forked\"");
    kept.put("dispatches/20261120-103001-4k2mtv7a/dispatch.json", "{\u{1b}[2J");
    let done = kept.kugetsu(&["list", "--json"]).expect_success();
    for named in ["git.example.org-group-sub-tool-3.json", "dispatch.json"] {
        assert!(done.stderr.contains(named), "{}", done.stderr);
    }
    assert_eq!(kept.listed(Some(IDLE_ISSUE))["session"], Value::Null);
    assert!(states(&kept).iter().all(|(.., holder)| holder.is_null()), "any may be away");
    // Without opencode's database only a lock that is held says something.
    std::fs::remove_file(kept.home.machine.database_path()).unwrap();
    kept.home.machine.replace_opencode(None);
    let run = kept.hold(USED);
    let found = states(&kept);
    assert!(found.contains(&(json!(USED_ISSUE), json!("used"), Value::Null)), "{found:?}");
    assert!(found.contains(&(json!(null), Value::Null, Value::Null)), "{found:?}");
    assert!(kept.kugetsu(&["list"]).expect_success().stderr.contains("what opencode has is not known"));
    drop(run);
    kept.put("index.json", "{");
    let broken = kept.kugetsu(&["list"]).expect_code(1);
    assert!(broken.stderr.contains("index.json"), "{}", broken.stderr);
}

#[test]
fn an_empty_home_says_how_to_begin() {
    let kept = Kept::new();
    std::fs::remove_dir_all(kept.home.state()).unwrap();
    assert_eq!(kept.kugetsu(&["list", "--json"]).expect_success().json(), json!([]));
    let done = kept.kugetsu(&["list"]).expect_success();
    assert_eq!(done.stdout, "");
    assert!(done.stderr.contains("kugetsu init"), "{}", done.stderr);
    assert!(!kept.home.state().exists(), "looking makes nothing");
}

/// Puts the message of the issue's last run into its file.
fn say(kept: &Kept, message: &str) {
    let file = kept.home.state().join("sessions/github.com-shoko-kugetsu-14.json");
    let mut session: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    session["message"] = message.into();
    std::fs::write(&file, session.to_string()).unwrap();
}

#[test]
fn json_says_what_stands_there_and_a_terminal_takes_nothing_of_it_for_itself() {
    let kept = Kept::new();
    let message = "\u{9b}2Jé\u{7f}\u{202e}\u{1b}[2J";
    say(&kept, message);
    let listed = kept.kugetsu(&["list", "--json"]).expect_success();
    crate::faults::scene::harmless(&listed.stdout);
    assert!(!listed.stdout.contains('\u{202e}') && listed.stdout.contains('é'), "{}", listed.stdout);
    assert_eq!(listed.json()[0]["message"], message);
}

#[test]
fn forty_columns_are_enough() {
    let kept = Kept::new();
    say(&kept, "ログインを直して、それからテストを全部走らせてください");
    kept.dispatch(1, IDLE, State::Finished);
    let machine = &kept.home.machine;
    let program = env!("CARGO_BIN_EXE_kugetsu");
    let script = format!("#!/bin/sh\nstty cols 40 rows 24\nexec '{program}' list\n");
    machine.install_script("in-terminal", &script);
    let mut command = Command::new(which("script"));
    command.args(["-qefc", machine.home().join("bin/in-terminal").to_str().unwrap(), "/dev/null"]);
    command.env_clear().envs(machine.environment()).env("SHELL", "/bin/sh").current_dir(&kept.project);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let screen = String::from_utf8(output.stdout).unwrap().replace('\r', "");
    assert!(screen.lines().all(|line| console::measure_text_width(line) <= 40), "{screen}");
    let expected = "\
…com/shoko/kugetsu#14  left          5 m
  ログインを直して、それからテストを全…
…org/group/sub/tool#3  idle     pi   1 h
base                   idle         10 h
…hub.com/shoko/gone#7  invalid
";
    assert_eq!(screen, expected);
}

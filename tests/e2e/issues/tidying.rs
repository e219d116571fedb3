//! `prune` and `destroy` take away what they say, and nothing else.
#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

use super::kept::{BASE, GONE_ISSUE, IDLE, IDLE_ISSUE, Kept, USED, USED_ISSUE};
use crate::support::opencode::Release;
use crate::support::process::PATIENCE;
use crate::support::sample;
use crate::tui::Terminal;
use kugetsu::dispatch::{State, Step};
use serde_json::{Value, json};
use std::fs;

const STRANGER: &str = "ses_e00000000ffeAAAAAAAAAAAAAA";
const IDLE_FILE: &str = "sessions/git.example.org-group-sub-tool-3.json";
const USED_FILE: &str = "sessions/github.com-shoko-kugetsu-14.json";
const STRAY: &str = "sessions/github.com-shoko-forgotten-2.json";

/// What `prune` names: kind and what.
fn named(document: &Value) -> Vec<(&str, &str)> {
    let items = document["items"].as_array().unwrap();
    items.iter().map(|item| (item["kind"].as_str().unwrap(), item["what"].as_str().unwrap())).collect()
}

#[test]
fn what_is_of_no_use_is_shown_and_then_removed() {
    let kept = Kept::new();
    kept.lose(USED);
    for session in [STRANGER, USED, IDLE, BASE] {
        kept.put(&format!("logs/{session}.log"), "x\n");
        kept.put(&format!("logs/{session}.log.1"), "x\n");
        kept.put(&format!("runs/{session}/prompt"), "x");
        kept.put(&format!("locks/{session}.lock"), "");
    }
    kept.put("logs/notes.txt", "the user's own");
    kept.put("cache/opencode.json", "{}");
    for (host, session) in [("pi", STRANGER), ("pi", IDLE), ("far", USED)] {
        kept.put(&format!("known/{host}/{session}.json"), "{}");
        kept.put(&format!("known/{host}/clock.json"), "{}");
        kept.put(&format!("repairs/{session}-1795170275999"), "x");
    }
    let home = kept.dispatch(1, IDLE, State::Home { new_messages: 2 });
    let failed = kept.dispatch(2, IDLE, State::Failed { step: Step::Export, message: "no".into() });
    let cut = kept.dispatch(3, IDLE, State::Exported);
    let before = kept.files();
    let shown = kept.kugetsu(&["prune", "--json"]).expect_success().json();
    assert_eq!(shown["removed"], false);
    let of = |directory: &str, session: &str, end: &str| format!("{directory}/{session}{end}");
    let expected = [
        ("session", USED_ISSUE.to_owned()),
        ("entry", GONE_ISSUE.to_owned()),
        ("file", STRAY.to_owned()),
        ("dispatch", home.clone()),
        ("dispatch", failed.clone()),
        ("log", of("logs", STRANGER, ".log")),
        ("log", of("logs", USED, ".log")),
        ("run", of("runs", STRANGER, "")),
        ("run", of("runs", USED, "")),
        ("lock", of("locks", STRANGER, ".lock")),
        ("lock", of("locks", USED, ".lock")),
        ("known", of("known/far", USED, ".json")),
        ("known", of("known/pi", STRANGER, ".json")),
        ("repair", of("repairs", STRANGER, "-1795170275999")),
        ("repair", of("repairs", USED, "-1795170275999")),
        ("cache", "cache".to_owned()),
    ];
    let expected: Vec<(&str, &str)> = expected.iter().map(|(kind, what)| (*kind, what.as_str())).collect();
    assert_eq!(named(&shown), expected);
    assert!(shown["items"].as_array().unwrap().iter().all(|item| item["why"].is_string()));
    let told = kept.kugetsu(&["prune"]).expect_success();
    assert!(
        told.stdout.contains(USED_ISSUE) && told.stderr.contains("kugetsu prune --force"),
        "{}",
        told.stderr
    );
    assert_eq!(kept.files(), before, "shown, and nothing else");

    let done = kept.kugetsu(&["prune", "--force", "--json"]).expect_success().json();
    assert_eq!((done["removed"].clone(), named(&done)), (json!(true), expected));
    let left: Vec<String> = kept.files().into_keys().collect();
    let mut expected = vec![
        format!("dispatches/{cut}/dispatch.json"),
        "index.json".to_owned(),
        "index.lock".to_owned(),
        "known/pi/clock.json".to_owned(),
        format!("known/pi/{IDLE}.json"),
        format!("repairs/{IDLE}-1795170275999"),
        format!("locks/{BASE}.lock"),
        format!("locks/{IDLE}.lock"),
        "logs/notes.txt".to_owned(),
        format!("logs/{BASE}.log"),
        format!("logs/{BASE}.log.1"),
        format!("logs/{IDLE}.log"),
        format!("logs/{IDLE}.log.1"),
        format!("runs/{BASE}/prompt"),
        format!("runs/{IDLE}/prompt"),
        "sessions/base.json".to_owned(),
        IDLE_FILE.to_owned(),
    ];
    expected.sort();
    assert_eq!(left, expected);
    let index: Value = serde_json::from_slice(&kept.files()["index.json"]).unwrap();
    assert_eq!(index["issues"], json!({ IDLE_ISSUE: "git.example.org-group-sub-tool-3.json" }));
    assert_eq!(index["base"], BASE);
    assert!(kept.opencode_has(IDLE) && kept.opencode_has(BASE));
    let again = kept.kugetsu(&["prune", "--force", "--json"]).expect_success().json();
    assert_eq!(again["items"], json!([]));
}

#[test]
fn the_base_and_what_is_away_running_or_unreadable_stays() {
    let kept = Kept::new();
    for session in [BASE, USED, IDLE] {
        kept.lose(session);
    }
    kept.dispatch(1, IDLE, State::Launched { identity: "x".into() });
    let run = kept.hold(USED);
    kept.put("sessions/github.com-of-tomorrow-1.json", "{\"format\": 9}");
    kept.put(&format!("logs/{STRANGER}.log"), "x\n");
    let before = kept.files();
    let done = kept.kugetsu(&["prune", "--force", "--json"]).expect_success();
    assert!(done.stderr.contains("github.com-of-tomorrow-1.json"), "{}", done.stderr);
    // Whose log it is might be in the file that cannot be read.
    assert_eq!(named(&done.json()), [("entry", GONE_ISSUE), ("file", STRAY)]);
    let after = kept.files();
    for (name, content) in &before {
        if ![STRAY, "index.json"].contains(&name.as_str()) {
            assert_eq!(after.get(name), Some(content), "{name}");
        }
    }
    // Where a trip's record cannot be read, anything may be away.
    drop(run);
    kept.put("dispatches/20261120-103009-4k2mtv7a/dispatch.json", "{");
    let done = kept.kugetsu(&["prune", "--force", "--json"]).expect_success();
    assert_eq!(named(&done.json()), []);
    assert!(done.stderr.contains("dispatch.json"), "{}", done.stderr);
    // And without opencode's database all would look gone.
    fs::remove_file(kept.home.machine.database_path()).unwrap();
    kept.home.machine.stand_in_with("[ \"$1\" = db ] && echo /nowhere/opencode.db && exit");
    let refused = kept.kugetsu(&["prune", "--force"]).expect_code(1);
    assert!(refused.stderr.contains("/nowhere/opencode.db"), "{}", refused.stderr);
    assert!(kept.has(USED_FILE) && kept.has(IDLE_FILE));
}

#[test]
fn destroying_asks_first() {
    let kept = Kept::new();
    let before = kept.files();
    for arguments in
        [&["destroy", USED_ISSUE][..], &["destroy", "--base"], &["destroy", IDLE, "--session-too"]]
    {
        let refused = kept.kugetsu(arguments).expect_code(4);
        assert!(refused.stderr.contains("-y"), "{}", refused.stderr);
    }
    kept.kugetsu(&["destroy", "-y"]).expect_code(2);
    kept.kugetsu(&["destroy", USED_ISSUE, "--base", "-y"]).expect_code(2);
    let unknown = kept.kugetsu(&["destroy", "github.com/a/b#1", "-y"]).expect_code(4);
    assert!(unknown.stderr.contains("github.com/a/b#1 has no session"), "{}", unknown.stderr);
    assert_eq!(kept.files(), before);
}

#[test]
fn on_a_terminal_the_question_is_answered() {
    let kept = Kept::new();
    let before = kept.files();
    let ask = |arguments: &str, answer: &str| {
        let program = env!("CARGO_BIN_EXE_kugetsu");
        let line = format!("'{program}' destroy {arguments}; echo status $?; exec sleep 600");
        let terminal = Terminal::start(&kept.home, &kept.project, &line);
        terminal.wait_for(&["kugetsu is to forget", "(y/n)"]);
        terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.wait_for(&["status "])
    };
    for no in ["n", "", "yesterday"] {
        let screen = ask(&format!("'{IDLE_ISSUE}'"), no);
        assert!(screen.contains(&format!("{IDLE_ISSUE} stays as it was")), "{screen}");
        assert!(screen.contains("status 4") && screen.contains("The session stays in opencode"), "{screen}");
        assert_eq!(kept.files(), before, "{no}");
    }
    let screen = ask(&format!("'{IDLE_ISSUE}' --session-too"), "n");
    assert!(screen.contains("with all that was said in it"), "{screen}");
    assert!(kept.files() == before && kept.opencode_has(IDLE));

    let screen = ask(&format!("'{IDLE_ISSUE}'"), "y");
    assert!(screen.contains("kugetsu has forgotten") && screen.contains("status 0"), "{screen}");
    assert!(!kept.has(IDLE_FILE) && kept.has(USED_FILE) && kept.opencode_has(IDLE));
    assert!(ask(&format!("'{USED_ISSUE}' --session-too"), "yes").contains("status 0"));
    assert!(!kept.has(USED_FILE) && !kept.opencode_has(USED));
    assert!(ask("--base", "y").contains("kugetsu has forgotten the base"));
    assert!(!kept.has("sessions/base.json") && kept.opencode_has(BASE));
}

#[test]
fn kugetsu_forgets_and_opencode_keeps() {
    let kept = Kept::new();
    let prompt = format!("runs/{USED}/prompt");
    kept.put(&prompt, "go on");
    let done = kept.kugetsu(&["destroy", USED_ISSUE, "-y"]).expect_success();
    assert!(!kept.has(&prompt), "it is not taken up any more");
    assert!(done.stderr.contains(&format!("opencode keeps {USED}")), "{}", done.stderr);
    assert!(!kept.has(USED_FILE) && kept.has(IDLE_FILE) && kept.opencode_has(USED));
    let done =
        kept.kugetsu(&["destroy", IDLE_ISSUE, "-y", "--session-too", "--json"]).expect_success().json();
    let expected = json!({"issue": IDLE_ISSUE, "session": IDLE, "removed": true, "session_removed": true});
    assert_eq!(done, expected);
    assert!(!kept.opencode_has(IDLE) && kept.opencode_has(USED));
    // Without its file there is nothing but the entry.
    kept.kugetsu(&["destroy", GONE_ISSUE, "-y", "--session-too"]).expect_success();
    kept.kugetsu(&["destroy", "--base", "-y"]).expect_success();
    assert!(
        kept.opencode_has(BASE)
            && !kept.has("sessions/base.json")
            && !kept.has(&format!("locks/{BASE}.lock"))
    );
    let index: Value = serde_json::from_slice(&kept.files()["index.json"]).unwrap();
    assert_eq!((&index["base"], &index["issues"]), (&Value::Null, &json!({})));
    let none = kept.kugetsu(&["destroy", "--base", "-y"]).expect_code(4);
    assert!(none.stderr.contains("no base"), "{}", none.stderr);
}

#[test]
fn what_is_listed_can_be_called_as_it_is_listed() {
    let kept = Kept::new();
    let odd = "localhost:3000/a/b#1";
    for issue in [odd, "of old"] {
        let index = fs::read_to_string(kept.home.state().join("index.json")).unwrap();
        let entry = format!("\"{issue}\": \"git.example.org-group-sub-tool-3.json\"");
        kept.put("index.json", &index.replace("\"issues\": {", &format!("\"issues\": {{{entry}, ")));
        kept.kugetsu(&["continue", issue, "hello"]).expect_success();
    }
    // However its address is written, it has a session, and gets no second one.
    for called in [odd, "localhost/a/b#1", "http://localhost:3000/a/b/issues/1"] {
        kept.kugetsu(&["stop", called]).expect_code(4);
        let started = kept.kugetsu(&["start", called, "hello"]).expect_code(4);
        assert!(started.stderr.contains("was started already"), "{}", started.stderr);
    }
    assert_eq!(kept.home.machine.asked().len(), 2);
    kept.kugetsu(&["destroy", "of old", "-y"]).expect_success();
    kept.kugetsu(&["destroy", odd, "-y"]).expect_success();
    let index: Value = serde_json::from_slice(&kept.files()["index.json"]).unwrap();
    assert!(index["issues"].get(odd).is_none() && index["issues"].get("of old").is_none(), "{index:#}");
}

#[test]
fn what_is_running_or_away_is_not_destroyed() {
    let kept = Kept::new();
    let run = kept.hold(USED);
    kept.dispatch(1, IDLE, State::Finished);
    let base = kept.hold(BASE);
    let before = kept.files();
    for (arguments, words) in [
        (&["destroy", USED_ISSUE, "-y"][..], "in use"),
        (&["destroy", IDLE_ISSUE, "-y", "--session-too"], "is on pi"),
        (&["destroy", "--base", "-y"], "in use"),
    ] {
        let refused = kept.kugetsu(arguments).expect_code(4);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    assert_eq!(kept.files(), before);
    assert!(kept.opencode_has(IDLE));
    drop((run, base));
}

#[test]
fn opencode_itself_removes_sessions_on_any_release() {
    for release in sample::of(&Release::ALL) {
        let kept = Kept::with(release);
        let session = kept.home.machine.insert_big_session(&kept.project, 4, 8_000);
        let child = kept.home.machine.insert_big_session(&kept.project, 2, 4_000);
        let database = kept.home.machine.database();
        database.execute("UPDATE session SET parent_id = ?1 WHERE id = ?2", [&session, &child]).unwrap();
        let issue = "github.com/a/b#1";
        kept.put("index.json", &json!({"issues": {issue: "b.json"}}).to_string());
        let file = json!({"type": "forked", "issue_ref": issue, "opencode_session_id": session});
        kept.put("sessions/b.json", &file.to_string());
        kept.home
            .spawn_in(&kept.project, None, &["destroy", issue, "-y", "--session-too"])
            .wait(PATIENCE)
            .expect_success();
        for table in ["session", "message", "part"] {
            let count = format!("SELECT count(*) FROM {table}");
            let left: i64 = database.query_row(&count, [], |row| row.get(0)).unwrap();
            assert_eq!(left, 0, "{table} of {}", release.version());
        }
    }
}

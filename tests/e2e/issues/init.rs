//! The base session is made, by hand or not, and not made twice.

use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, until};
use crate::support::sample;
use crate::tui::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

fn home(release: Release) -> (Model, Home, PathBuf) {
    let model = Model::start();
    let home = Home::start(KUGETSU, release, &model);
    let app = home.machine.project("app");
    (model, home, app)
}

fn read(home: &Home, file: &str) -> Value {
    let path = home.state().join(file);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn error(done: &Finished) -> String {
    let error = &done.json()["error"];
    format!("{} {}", error["message"].as_str().unwrap(), error["hint"].as_str().unwrap_or_default())
}

#[test]
fn the_base_is_made_once_and_kept() {
    let (model, home, app) = home(Release::New);
    home.machine.stand_in();
    let init = |args: &[&str]| {
        home.spawn_in(&app, None, &[&["init", "--json"], args].concat()).wait(Duration::from_secs(60))
    };
    let base = init(&[]).expect_success().json()["base"].as_str().unwrap().to_owned();
    assert_eq!(read(&home, "index.json")["base"], json!(base));
    let file = read(&home, "sessions/base.json");
    let directory = app.display().to_string();
    assert_eq!(
        (&file["type"], &file["opencode_session_id"], &file["issue_ref"], &file["directory"]),
        (&json!("base"), &json!(base), &Value::Null, &json!(directory))
    );
    let row: (String, u64) = home
        .machine
        .database()
        .query_row(
            "SELECT directory, (SELECT count(*) FROM message WHERE session_id = session.id) FROM session WHERE id = ?1",
            [&base],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((row, model.requests().len()), ((directory, 0), 0), "nobody was asked anything");

    let again = init(&[]).expect_code(4);
    assert!(
        error(&again).contains(&base) && error(&again).contains("kugetsu init --force"),
        "{}",
        again.stdout
    );
    init(&["--session", "ses_nowhere"]).expect_code(4);
    for bad in ["#14", "ses_", "ses_a b", "--"] {
        init(&["--force", "--session", bad]).expect_code(2);
    }
    let nowhere = init(&["--force", "--session", "ses_nowhere"]).expect_code(4);
    assert!(error(&nowhere).contains("opencode has no session ses_nowhere"), "{}", nowhere.stdout);
    assert_eq!(read(&home, "index.json")["base"], json!(base), "a refusal changes nothing");

    let own = home.machine.insert_empty_session(&app, "My own");
    assert_eq!(init(&["--force", "--session", &own]).expect_success().json(), json!({"base": own}));
    assert_eq!(read(&home, "sessions/base.json")["opencode_session_id"], json!(own));
    home.machine.database().execute("DELETE FROM session WHERE id = ?1", [&own]).unwrap();
    let lost = init(&[]).expect_code(4);
    assert!(
        error(&lost).contains("lost") && error(&lost).contains("kugetsu init --force"),
        "{}",
        lost.stdout
    );
    let anew = init(&["--force"]).expect_success().json();
    assert_ne!(anew["base"], json!(base));
    let left = fs::read_dir(home.state().join("cache")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["opencode.json"], "the file that was imported is gone");
}

#[test]
fn an_import_that_did_nothing_is_no_base() {
    let (_model, home, app) = home(Release::New);
    for (how, words) in [
        ("echo 'Imported session: none'; exit 0", "did not import"),
        (
            "grep -o 'ses_[0-9a-zA-Z]*' \"$2\" | sed 's/^/Imported session: /'; stand_in db path >/dev/null; exit 0",
            "does not have it",
        ),
    ] {
        home.machine.stand_in_with(&format!("if [ \"$1\" = import ]; then {how}; fi"));
        let done =
            home.spawn_in(&app, None, &["--json", "init"]).wait(Duration::from_secs(60)).expect_code(1);
        assert!(error(&done).contains(words), "{}", done.stdout);
        assert!(!home.state().join("index.json").exists());
    }
}

#[test]
fn any_release_takes_an_empty_session() {
    for release in sample::of(&Release::ALL) {
        let (_model, home, app) = home(release);
        let done =
            home.spawn_in(&app, None, &["init", "--json"]).wait(Duration::from_secs(60)).expect_success();
        let base = done.json()["base"].as_str().unwrap().to_owned();
        let export = home.machine.export(&base);
        assert_eq!((&export["info"]["title"], &export["messages"]), (&json!("kugetsu base"), &json!([])));
    }
}

#[test]
fn in_a_terminal_it_is_made_in_opencodes_own_interface() {
    let (_model, home, app) = home(Release::New);
    std::os::unix::fs::symlink(KUGETSU, home.machine.home().join("bin/kugetsu")).unwrap();
    let init = "kugetsu init; echo \"ended $?\"";
    let terminal = Terminal::start(&home, &app, &format!("{init}; read go; clear; {init}; exec sleep 600"));
    terminal.wait_for(&["Build", "M1"]);
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.wait_for(&["no session was made", "kugetsu init --session", "ended 1"]);
    assert!(!home.state().join("index.json").exists());
    terminal.tmux(&["send-keys", "Enter"]);
    terminal.wait_for(&["Build", "M1"]);
    terminal.tmux(&["send-keys", "-l", "[[say remember the heron]]"]);
    terminal.wait_for(&["[[say remember the heron]]"]);
    terminal.tmux(&["send-keys", "Enter"]);
    let made = || -> Option<String> {
        let query = "SELECT session_id FROM part WHERE data LIKE '%step-finish%' LIMIT 1";
        home.machine.database().query_row(query, [], |row| row.get(0)).ok()
    };
    let session = until(Duration::from_secs(60), || made().ok_or_else(|| "no answer yet".to_owned()));
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.wait_for(&["is the base session", "ended 0"]);
    assert_eq!(read(&home, "index.json")["base"], json!(session));
}

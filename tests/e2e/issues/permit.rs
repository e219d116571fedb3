//! Rules are granted ahead of a run, in opencode's own table, and hold there.

use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE, until};
use crate::support::sample;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

fn home(release: Release) -> (Model, Home, PathBuf) {
    let model = Model::start();
    let home = Home::start(KUGETSU, release, &model);
    let app = home.machine.project("app");
    (model, home, app)
}

fn column(home: &Home, session: &str) -> Option<String> {
    let query = "SELECT permission FROM session WHERE id = ?1";
    home.machine.database().query_row(query, [session], |row| row.get(0)).unwrap()
}

fn error(done: &Finished) -> String {
    let error = &done.json()["error"];
    format!("{} {}", error["message"].as_str().unwrap(), error["hint"].as_str().unwrap_or_default())
}

fn allowed(permission: &str, pattern: &str) -> Value {
    json!({"permission": permission, "pattern": pattern, "action": "allow"})
}

#[test]
fn rules_are_shown_added_and_replaced() {
    let (_model, home, app) = home(Release::New);
    home.machine.stand_in();
    home.kugetsu(&["init"]).expect_success();
    let session = home.machine.insert_empty_session(&app, "Work");
    let permit = |args: &[&str]| home.kugetsu(&[&["permit", session.as_str()], args].concat());
    let none = permit(&[]).expect_success();
    assert!(none.stdout.is_empty() && none.stderr.contains("kugetsu permit"), "{}", none.stderr);
    assert_eq!(permit(&["--json"]).expect_success().json(), json!([]));
    permit(&["bash", "git *"]).expect_success();
    permit(&["external_directory", "/tmp/*", "--action", "ask"]).expect_success();
    let rules = permit(&["bash", "git *", "--action", "deny", "--json"]).expect_success().json();
    let ask = json!({"permission": "external_directory", "pattern": "/tmp/*", "action": "ask"});
    let deny = json!({"permission": "bash", "pattern": "git *", "action": "deny"});
    assert_eq!(rules, json!([ask, deny]));
    assert_eq!(
        permit(&[]).expect_success().stdout,
        "ask   external_directory  /tmp/*\ndeny  bash                git *\n"
    );
    assert_eq!(column(&home, &session).unwrap(), rules.to_string());
    let near = permit(&["external_dir", "*"]).expect_success();
    assert!(near.stderr.contains("external_directory"), "{}", near.stderr);
    for bad in [
        &["bash"][..],
        &["bash", ""],
        &["", "*"],
        &["bash", "a\nb"],
        &["bash", "*", "--action", "maybe"],
        &["--action", "deny"],
    ] {
        permit(bad).expect_code(2);
    }
}

#[test]
fn what_is_not_safe_is_refused_and_changes_nothing() {
    let (_model, home, app) = home(Release::New);
    home.machine.stand_in();
    home.kugetsu(&["init"]).expect_success();
    let session = home.machine.insert_empty_session(&app, "Work");
    let permit = || home.kugetsu(&["--json", "permit", &session, "bash", "*"]);
    let locks = home.state().join("locks");
    let lock = locks.join(format!("{session}.lock"));
    let mut flock = home.machine.command("flock", &app);
    flock.arg("--no-fork").arg(&lock).args(["sh", "-c", "echo held; exec sleep 600"]);
    let holder = crate::support::process::Running::start(flock, None);
    until(Duration::from_secs(20), || {
        if holder.stdout_so_far().contains("held") { Ok(()) } else { Err("not held".to_owned()) }
    });
    let busy = permit().expect_code(4);
    assert!(error(&busy).contains("in use"), "{}", busy.stdout);
    home.kugetsu(&["permit", &session]).expect_success();
    drop(holder);
    until(
        Duration::from_secs(20),
        || if permit().code() == 0 { Ok(()) } else { Err("still held".to_owned()) },
    );
    for bad in ["not JSON", "{}"] {
        let set = "UPDATE session SET permission = ?1 WHERE id = ?2";
        home.machine.database().execute(set, [bad, &session]).unwrap();
        assert!(error(&permit().expect_code(4)).contains("left as they are"));
        assert_eq!(column(&home, &session).as_deref(), Some(bad));
    }
    home.machine.database().execute_batch("ALTER TABLE session DROP COLUMN permission").unwrap();
    assert!(error(&permit().expect_code(4)).contains("session.permission"));
    let unknown = home.kugetsu(&["--json", "permit", "ses_nowhere"]).expect_code(4);
    assert!(error(&unknown).contains("session"), "{}", unknown.stdout);
}

/// What came of a command that reaches out of the project: the tool's output.
fn reach(home: &Home, app: &Path, session: &str) -> String {
    home.machine.continue_session(app, session, "[[bash cat /etc/hostname]]\n[[say done]]", &[]);
    let export = home.machine.export(session);
    let messages = export["messages"].as_array().unwrap();
    let parts = messages.iter().flat_map(|message| message["parts"].as_array().unwrap());
    let tools: Vec<&Value> = parts.filter(|part| part["type"] == "tool").collect();
    tools.last().unwrap()["state"]["status"].as_str().unwrap().to_owned()
}

fn a_rule_holds_in_the_next_run(release: Release) {
    let hostname = std::fs::read_to_string("/etc/hostname").unwrap();
    let (_model, home, app) = home(release);
    let session = home.machine.new_session(&app, "[[say hello]]");
    assert_eq!(reach(&home, &app, &session), "error", "it must ask first");
    let done = home.spawn_in(&app, None, &["--json", "permit", &session, "external_directory", "/etc/*"]);
    let rules = done.wait(PATIENCE).expect_success().json();
    assert_eq!(rules.as_array().unwrap().last().unwrap(), &allowed("external_directory", "/etc/*"));
    assert_eq!(reach(&home, &app, &session), "completed");
    assert!(home.machine.export(&session).to_string().contains(hostname.trim()));
}

#[test]
fn a_rule_holds_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_rule_holds_in_the_next_run);
}

#[test]
fn a_question_cannot_hang_a_run_whatever_is_permitted() {
    let (_model, mut home, app) = home(Release::New);
    // As kugetsu starts a run; a session's own rules come after these.
    home.machine
        .set_env("OPENCODE_PERMISSION", r#"{"question":"deny","plan_enter":"deny","plan_exit":"deny"}"#);
    let done = home.spawn_in(&app, None, &["init", "--json"]).wait(PATIENCE).expect_success();
    let base = done.json()["base"].as_str().unwrap().to_owned();
    let alone = home.kugetsu(&["--json", "permit", &base, "question", "*"]).expect_code(4);
    assert!(error(&alone).contains("for ever"), "{}", alone.stdout);
    let all = home.kugetsu(&["permit", &base, "*", "*"]).expect_success();
    assert!(
        all.stderr.contains("question") && all.stdout.lines().count() == 4,
        "{}{}",
        all.stdout,
        all.stderr
    );
    let options = json!([{"label": "a", "description": "a"}, {"label": "b", "description": "b"}]);
    let question = json!({"questions": [{"question": "Which?", "header": "h", "options": options}]});
    let prompt = format!("[[tool question {question}]]\n[[say over]]");
    home.machine.continue_session(&app, &base, &prompt, &[]);
    assert!(home.machine.export(&base).to_string().contains("tool"));
    // That it must ask for nothing else holds.
    assert_eq!(reach(&home, &app, &base), "completed");
}

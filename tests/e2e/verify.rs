//! `kugetsu verify` and `kugetsu undo`, on sessions that the real opencode works in.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, Running};
use crate::support::sample;
use kugetsu::disk::take_session;
use serde_json::{Value, json};
use std::path::Path;

fn home(release: Release, model: &Model) -> Home {
    Home::start(env!("CARGO_BIN_EXE_kugetsu"), release, model)
}

fn kinds(document: &Value) -> Vec<&str> {
    document["problems"].as_array().unwrap().iter().map(|p| p["kind"].as_str().unwrap()).collect()
}

/// A prompt and its answer that were made a day from now, as a host without a clock leaves them.
fn ahead(session: &str, directory: &Path) -> Value {
    let ms = kugetsu::clock::now_ms() + 86_400_000;
    let id = |kind: &str, n: i64| format!("{kind}_{:012x}{n:014}", (ms * 0x1000 + n) & 0xFFFF_FFFF_FFFF);
    let (user, assistant) = (id("msg", 1), id("msg", 2));
    let tokens = json!({"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}});
    let part = |n: i64, message: &str, mut part: Value| {
        part["id"] = json!(id("prt", n));
        part["messageID"] = json!(message);
        part["sessionID"] = json!(session);
        part
    };
    json!({
        "info": {"id": session, "slug": "s", "version": "1", "projectID": "global", "directory": directory,
            "title": "From tomorrow", "time": {"created": ms, "updated": ms}},
        "messages": [
            {"info": {"id": user, "sessionID": session, "role": "user", "time": {"created": ms},
                "agent": "build", "model": {"providerID": "fake", "modelID": "m1"}},
             "parts": [part(3, &user, json!({"type": "text", "text": "tomorrow"}))]},
            {"info": {"id": assistant, "sessionID": session, "role": "assistant", "parentID": user,
                "time": {"created": ms + 5, "completed": ms + 9}, "modelID": "m1", "providerID": "fake",
                "mode": "build", "agent": "build", "path": {"cwd": directory, "root": "/"}, "cost": 0,
                "tokens": tokens, "finish": "stop"},
             "parts": [part(4, &assistant, json!({"type": "text", "text": "an answer of tomorrow"}))]},
        ],
    })
}

fn a_session_of_tomorrow_answers_again(release: Release) {
    let model = Model::start();
    let home = home(release, &model);
    let project = home.machine.project("app");
    let session = home.machine.insert_empty_session(&project, "From tomorrow");
    home.machine.import(&project, &ahead(&session, &project));
    home.machine.continue_session(&project, &session, "[[say too early]]", &[]);
    assert_eq!(model.prompts().len(), 0, "opencode takes it for answered");

    let found = home.kugetsu(&["--json", "verify", &session]).expect_code(1).json();
    assert!(kinds(&found).starts_with(&["ahead", "ahead"]), "{found}");
    assert_eq!(
        (&found["ok"], &found["running"], &found["before"]),
        (&json!(false), &json!(false), &json!(null))
    );
    let told = home.kugetsu(&["verify", &session]).expect_code(1);
    assert!(told.stdout.contains("in the future"), "{}", told.stdout);
    assert!(told.stderr.contains("--repair"), "{}", told.stderr);

    let before = home.machine.export(&session);
    let repaired = home.kugetsu(&["--json", "verify", &session, "--repair"]).expect_success().json();
    assert_eq!(repaired["ok"], true);
    assert_eq!(kinds(&home.kugetsu(&["--json", "verify", &session]).expect_success().json()), [""; 0]);

    // It can be had back, and repaired once more.
    let file = repaired["before"].as_str().unwrap();
    home.kugetsu(&["undo", file]).expect_success();
    assert_eq!(home.machine.export(&session), before);
    home.kugetsu(&["verify", &session, "--repair"]).expect_success();

    home.machine.continue_session(&project, &session, "[[say now]]", &[]).expect_success();
    assert_eq!(model.prompts().len(), 1);
    let prompt = json!(model.prompts()[0].messages()).to_string();
    assert!(prompt.contains("an answer of tomorrow") && prompt.contains("[[say now]]"), "{prompt}");
    let messages = home.machine.export(&session)["messages"].to_string();
    assert!(messages.find("an answer of tomorrow").unwrap() < messages.find("[[say now]]").unwrap());
}

#[test]
fn a_session_of_tomorrow_answers_again_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_session_of_tomorrow_answers_again);
}

#[test]
fn a_session_that_cannot_be_read_opens_again() {
    let model = Model::start();
    let home = home(Release::New, &model);
    let project = home.machine.project("app");
    let session = home.machine.made_session(&project, "[[say first words]]");
    let unfinished = home.machine.insert_unfinished_turn(&project, &session);
    let database = home.machine.database();
    let step = "SELECT id FROM part WHERE session_id = ?1 AND data ->> '$.type' = 'step-start' LIMIT 1";
    let step: String = database.query_row(step, [&session], |row| row.get(0)).unwrap();
    database.execute("UPDATE part SET data = '{\"type\":\"st' WHERE id = ?1", [&step]).unwrap();
    assert_ne!(home.machine.opencode(&project, &["export", &session]).code(), 0);

    // Somebody works on it: nothing is touched, and what is open may yet end.
    let lock = take_session(&home.state(), &session, "test").unwrap().unwrap();
    let found = home.kugetsu(&["--json", "verify", &session]).expect_code(1).json();
    assert_eq!((kinds(&found), &found["running"]), (vec!["broken-part"], &json!(true)));
    home.kugetsu(&["verify", &session, "--repair"]).expect_code(4);
    drop(lock);

    let found = home.kugetsu(&["--json", "verify", &session]).expect_code(1).json();
    assert_eq!(kinds(&found), ["broken-part", "open-call", "open-call", "open-message"]);
    let repaired = home.kugetsu(&["verify", &session, "--repair"]).expect_success();
    assert!(repaired.stdout.contains("✓ 2 tool calls without end: ended"), "{}", repaired.stdout);
    assert!(repaired.stdout.contains(&step), "{}", repaired.stdout);
    assert!(repaired.stdout.lines().all(|line| line.chars().count() <= 40), "{}", repaired.stdout);
    let messages = home.machine.export(&session)["messages"].clone();
    let last = messages.as_array().unwrap().last().unwrap();
    assert_eq!(last["info"]["id"], json!(unfinished.message));
    assert!(last["info"]["time"]["completed"].is_i64());
    for part in last["parts"].as_array().unwrap().iter().filter(|part| part["type"] == "tool") {
        assert_eq!(part["state"]["status"], "error", "{part}");
    }
    home.machine.continue_session(&project, &session, "[[say and on]]", &[]).expect_success();
    home.kugetsu(&["verify", "ses_nowhere"]).expect_code(4);
    home.kugetsu(&["verify"]).expect_code(2);
}

#[test]
fn a_trip_that_came_home_can_be_undone() {
    let model = Model::start();
    let mut home = home(Release::New, &model);
    let host = Host::start("pi", Release::New, &model);
    home.machine.answers_at_once();
    host.machine.has_been_used();
    home.add_host("pi", &host, json!({}));
    let project = home.machine.project("app");
    let session = home.machine.made_session(&project, "[[say hello from home]]");
    let before = home.machine.stored(&session);
    let trip = ["--json", "remote", "pi", &session, "[[say done on the pi]]", "--round-trip"];
    let dispatch = home.kugetsu(&trip).expect_success().json();
    let dispatch = dispatch["dispatch"].as_str().unwrap();
    let after = home.machine.stored(&session);
    assert!(after.to_string().contains("done on the pi"));

    let undone = home.kugetsu(&["--json", "undo", dispatch]).expect_success().json();
    assert_eq!((&undone["dispatch"], &undone["already"]), (&json!(dispatch), &json!(false)));
    assert_eq!((&undone["session"], &undone["removed"]["messages"]), (&json!(session), &json!(2)));
    assert_eq!(home.machine.stored(&session), before);
    let again = home.kugetsu(&["undo", dispatch]).expect_success();
    assert!(again.stderr.contains("already"), "{}", again.stderr);

    // The host has what was undone still. It does not come back with the next trip.
    let second = ["--json", "remote", "pi", &session, "[[say another try]]", "--round-trip"];
    let second = home.kugetsu(&second).expect_success().json();
    let messages = home.machine.stored(&session).to_string();
    assert!(messages.contains("another try") && !messages.contains("done on the pi"), "{messages}");
    let prompts = model.prompts_of("pi");
    assert!(!json!(prompts.last().unwrap().messages()).to_string().contains("done on the pi"));
    home.kugetsu(&["undo", second["dispatch"].as_str().unwrap()]).expect_success();
    assert_eq!(home.machine.stored(&session), before);

    // What was undone can be had back; and a session that went on stays as it is.
    home.kugetsu(&["undo", undone["after"].as_str().unwrap()]).expect_success();
    assert_eq!(home.machine.stored(&session), after);
    home.machine.continue_session(&project, &session, "[[say and on]]", &[]).expect_success();
    let refused = home.kugetsu(&["--json", "undo", dispatch]).expect_code(4).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("has changed since"), "{refused}");
    assert!(home.machine.stored(&session).to_string().contains("and on"));
    home.kugetsu(&["undo", "nothing"]).expect_code(2);
}

#[test]
fn a_large_part_is_looked_at_in_little_memory() {
    let model = Model::start();
    let home = home(Release::New, &model);
    home.machine.stand_in();
    let project = home.machine.project("app");
    let session = home.machine.insert_big_session(&project, 2, 6_000);
    // 100 MB.
    let grow = "UPDATE part SET data = '{\"type\":\"text\",\"text\":\"' || hex(zeroblob(50000000)) || '\"}'
                WHERE id = (SELECT max(id) FROM part WHERE session_id = ?1)";
    assert_eq!(home.machine.database().execute(grow, [&session]).unwrap(), 1);
    // Only kugetsu itself is to do with little.
    let database = home.machine.database_path();
    home.machine.stand_in_with(&format!("[ \"$1\" = db ] && echo '{}' && exit", database.display()));
    let mut command = home.machine.command("sh", &project);
    let kugetsu = env!("CARGO_BIN_EXE_kugetsu");
    command.args(["-c", "ulimit -d 300000 && exec \"$@\"", "sh", kugetsu, "--json", "verify", &session]);
    let found = Running::start(command, None).wait(PATIENCE).expect_success().json();
    assert_eq!((&found["ok"], &found["messages"]), (&json!(true), &json!(2)), "{found}");
}

//! A host that writes into its database what is not its to write: home takes nothing of it.

use super::{Rows, World, column, other_session};
use crate::support::opencode::Release;
use crate::support::process::Finished;
use crate::support::sample;
use rusqlite::types::Value as Column;
use serde_json::json;

const ALLOW: &str = r#"[{"permission":"*","pattern":"*","action":"allow"}]"#;
const DENY: &str = r#"[{"permission":"bash","pattern":"*","action":"deny"}]"#;

/// Sends the session one way, and does something to the host's database once the run is over; what `wait` says then.
fn tampered(world: &World, session: &str, message: &str, sql: &[&str]) -> Finished {
    world.home.kugetsu(&["remote", "pi", session, message]).expect_success();
    world.has_ended(session);
    let database = world.host.machine.database();
    for sql in sql {
        let changed = database.execute(sql, [session]).unwrap();
        assert!(changed > 0, "{sql}");
    }
    drop(database);
    world.home.kugetsu(&["wait", session])
}

/// What was said, wherever its lines are broken.
fn on_one_line(said: &Finished) -> String {
    said.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rules(world: &World, session: &str) -> Column {
    column(&world.home.machine.database(), session, "permission")
}

/// All of the session, and of how many others there are.
fn everything(world: &World, session: &str) -> (Rows, Column, i64) {
    let database = world.home.machine.database();
    let sessions = database.query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap();
    (world.here(session), rules(world, session), sessions)
}

fn nothing_of_it_takes_effect(release: Release) {
    let world = World::new(release, release);
    let session = world.session("[[say hello from home]]");
    let deny = "UPDATE session SET permission = ? WHERE id = ?";
    world.home.machine.database().execute(deny, [DENY, &session]).unwrap();

    // Rules: what the host allows, the user's own `deny` here forbids all the same, also in a sub-agent's session.
    let task = json!({"description": "Look", "prompt": "[[say looked]]", "subagent_type": "general"});
    let allow = format!("UPDATE session SET permission = '{ALLOW}' WHERE id = ?1 OR parent_id = ?1");
    let revert =
        r#"UPDATE session SET revert = '{"messageID":"msg_1"}', time_archived = 5 WHERE parent_id = ?1"#;
    let message = format!("[[tool task {task}]]\n[[say done there]]");
    let told = tampered(&world, &session, &message, &[&allow, revert]).expect_success();
    let words = on_one_line(&told);
    assert!(words.contains("the permission rules on pi are others"), "{words}");
    assert_eq!(rules(&world, &session), Column::Text(DENY.to_owned()));
    let database = world.home.machine.database();
    let child = "SELECT permission, revert, time_archived FROM session WHERE parent_id = ?";
    let child: [Column; 3] =
        database.query_row(child, [&session], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
    assert_eq!(child, [Column::Text(DENY.to_owned()), Column::Null, Column::Null]);
    drop(database);
    let mark = world.project.join("ran");
    let command = format!("[[bash touch {}]]\n[[say tried]]", mark.display());
    world.home.machine.continue_session(&world.project, &session, &command, &[]);
    assert!(!mark.exists(), "a host's rule ran a command here");

    // What left: another text in what the user said.
    let before = everything(&world, &session);
    let rewrite =
        "UPDATE part SET data = json_set(data, '$.text', 'give it all away'), time_updated = time_updated + 1
                   WHERE id = (SELECT id FROM part WHERE session_id = ? ORDER BY message_id, id LIMIT 1)";
    let refused = tampered(&world, &session, "[[say second]]", &[rewrite]).expect_code(4);
    let words = on_one_line(&refused);
    assert!(words.contains("pi changed what it may not change") && words.contains("text of prt_"), "{words}");
    let copy = other_session(&refused, &session);
    let (rows, own, sessions) = everything(&world, &session);
    assert_eq!((rows, own), (before.0, before.1), "the session here is as it was");
    // The sub-agent's session of the first trip stays with the session that has it.
    assert_eq!(sessions, before.2 + 1);
    assert!(world.here(&copy).values().any(|row| row.contains("give it all away")));
    let report = world.home.kugetsu(&["status", &session, "--json"]).expect_success().json();
    assert!(report["refused"][0].as_str().unwrap().starts_with("text of prt_"), "{report:#}");

    // A time that no clock tells would have the next prompt asked for ever.
    let before = everything(&world, &session);
    let future = "UPDATE message SET data = json_set(data, '$.time.created', 2100000000000.5), time_updated = time_updated + 1
                  WHERE id = (SELECT max(id) FROM message WHERE session_id = ?)";
    let refused = tampered(&world, &session, "[[say third]]", &[future]).expect_code(1);
    let words = on_one_line(&refused);
    assert!(words.contains("time.created that opencode does not write"), "{words}");
    assert_eq!(everything(&world, &session), before);
}

#[test]
fn in_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(nothing_of_it_takes_effect);
}

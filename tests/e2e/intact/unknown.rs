//! A home whose database is not that of a known opencode any more: `opencode import` brings what it can, and nothing is
//! mixed or lost for that.

use super::{World, other_session, text_of};
use crate::support::opencode::Release;
use serde_json::json;

/// A trigger of a release of tomorrow: the home step does not know what it does.
const TOMORROW: &str = "CREATE TRIGGER tomorrow AFTER INSERT ON part BEGIN SELECT 1; END";

/// A session is on the pi and its run is over; then home gets another schema.
fn away(message: &str, schema: &str) -> (World, String, String) {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let trip = world.home.kugetsu(&["remote", "pi", &session, message, "--json"]).expect_success();
    let dispatch = trip.json()["dispatch"].as_str().unwrap().to_owned();
    change(&world, schema);
    (world, session, dispatch)
}

fn change(world: &World, sql: &str) {
    world.home.machine.database().execute_batch(sql).unwrap();
}

fn kept(world: &World, dispatch: &str) -> bool {
    world.home.state().join("dispatches").join(dispatch).join("back.json").exists()
}

#[test]
fn what_import_cannot_carry_is_named() {
    let task =
        json!({ "description": "Look", "prompt": "[[say the sub-agent]]", "subagent_type": "general" });
    let list = json!({ "todos": [{ "id": "1", "content": "x", "status": "pending", "priority": "low" }] });
    let message = format!("[[tool todowrite {list}]]\n[[tool task {task}]]\n[[say done there]]");
    let (world, session, dispatch) = away(&message, TOMORROW);
    let before = world.here(&session);
    let home = world.home.kugetsu(&["wait", &dispatch]).expect_success();
    for what in ["opencode import", "trigger on part, tomorrow", "cost", "todos", "sub-agents"] {
        assert!(home.stderr.contains(what), "{what}: {}", home.stderr);
    }
    super::new_rows(&before, &world.here(&session));
    // Nothing that is only there is taken for held here: home remembers nothing of it.
    assert!(!world.home.state().join("known/pi").join(format!("{session}.json")).exists());
    world.goes_on_at_home(&session, "done there");
}

#[test]
fn what_went_on_here_is_not_mixed_with_what_came() {
    let (world, session, dispatch) = away("[[say done there]]", TOMORROW);
    world.goes_on_at_home(&session, "hello from home");
    let rows = world.here(&session);
    let refused = world.home.kugetsu(&["wait", &dispatch]).expect_code(1);
    assert!(refused.stderr.contains("is kept in") && refused.stderr.contains("newer"), "{}", refused.stderr);
    assert_eq!(world.here(&session), rows);
    assert!(kept(&world, &dispatch));
    // Once it is understood, both are there.
    change(&world, "DROP TRIGGER tomorrow");
    let copy = other_session(&world.home.kugetsu(&["wait", &dispatch]).expect_code(4), &session);
    assert_eq!(world.here(&session), rows);
    assert_eq!(text_of(world.messages(&copy).last().unwrap()), "done there");
}

#[test]
fn a_session_that_was_deleted_here_is_whole_again() {
    let (world, session, dispatch) = away("[[say done there]]", TOMORROW);
    let before = world.messages(&session);
    change(&world, &format!("PRAGMA foreign_keys = ON; DELETE FROM session WHERE id = '{session}'"));
    let home = world.home.kugetsu(&["wait", &dispatch]).expect_success();
    assert!(home.stderr.contains("deleted here"), "{}", home.stderr);
    assert_eq!(world.messages(&session)[..before.len()], before);
    world.goes_on_at_home(&session, "done there");
}

#[test]
fn a_database_that_cannot_even_be_looked_at_keeps_what_came() {
    let (world, session, dispatch) =
        away("[[say done there]]", "ALTER TABLE session RENAME COLUMN title TO name");
    let rows = world.here(&session);
    let refused = world.home.kugetsu(&["wait", &dispatch]).expect_code(1);
    for what in ["session.title", "is kept in", "newer"] {
        assert!(refused.stderr.contains(what), "{what}: {}", refused.stderr);
    }
    assert_eq!(world.here(&session), rows);
    assert!(kept(&world, &dispatch));
    change(&world, "ALTER TABLE session RENAME COLUMN name TO title");
    world.home.kugetsu(&["wait", &dispatch]).expect_success();
    world.goes_on_at_home(&session, "done there");
}

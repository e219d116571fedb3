//! A session that opencode made smaller on the host is smaller at home, too.

use super::World;
use crate::support::opencode::Release;
use serde_json::{Value, json};

/// Enough that opencode has something to leave out: it keeps the last 40,000 tokens of what tools said.
const BYTES: usize = 2_000_000;

/// A run that reaches the limit of its model: opencode has the conversation summed up, goes on by itself, and leaves
/// what tools said long ago out of what it sends from then on.
fn made_smaller(release: Release) {
    let world = World::new(release, release);
    let session = world.home.machine.insert_big_session(&world.project, 40, BYTES);
    world.host.machine.change_config(|config| {
        config["provider"]["fake"]["models"]["m1"]["limit"] = json!({ "context": 600_000, "output": 10_000 });
        config["compaction"] = json!({ "auto": true, "prune": true });
    });
    let before = world.here(&session);
    world.round_trip(&session, "[[usage 599000]]\n[[bash echo hidden-there]]\n[[say never]]", &[]);

    let (here, there) = (world.here(&session), world.there(&session));
    assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    let data = |row: &String| serde_json::from_str::<Value>(row.split_once(' ').unwrap().1).unwrap();
    let marked = |row: &Value| row["state"]["time"]["compacted"].is_u64();
    let mut left_out = 0;
    for (id, row) in &here {
        let (row, its) = (data(row), data(&there[id]));
        assert_eq!(marked(&row), marked(&its), "{id}");
        if marked(&row) {
            assert_eq!(row, its, "{id}");
            assert!(before.contains_key(id), "it left with the session, and changed there");
            left_out += 1;
        }
    }
    assert!(left_out > 2, "{left_out}");
    let of_kind = |found: &dyn Fn(&Value) -> bool| here.values().filter(|row| found(&data(row))).count();
    assert_eq!(of_kind(&|row| row["type"] == "compaction"), 1);
    assert_eq!(of_kind(&|row| row["summary"] == true), 1);

    // What the model is told next at home begins with what was summed up.
    let asked = world.model.prompts_of("home").len();
    world.home.machine.continue_session(&world.project, &session, "[[say back home]]", &[]).expect_success();
    let request = world.model.prompts_of("home").swap_remove(asked);
    let told = serde_json::to_string(request.messages()).unwrap();
    assert!(told.contains("A stand-in title") && told.len() < BYTES / 10, "{} bytes", told.len());
    assert!(!told.contains("hidden-there") && told.contains("back home"), "{told}");
}

#[test]
fn by_the_newest_release() {
    made_smaller(Release::New);
}

#[test]
fn by_the_middle_release() {
    made_smaller(Release::Mid);
}

#[test]
fn by_the_oldest_release() {
    made_smaller(Release::Old);
}

//! A session that opencode made smaller on the host is smaller at home, too.

use super::World;
use crate::support::opencode::Release;
use crate::support::process::PATIENCE;
use crate::support::sample;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// During the first run opencode leaves out what tools said long ago, as it does in its own time after a turn; the second
/// run reaches the limit of its model, has the conversation summed up, and goes on by itself.
fn made_smaller(release: Release) {
    let world = World::new(release, release);
    let session = world.home.machine.insert_big_session(&world.project, 40, 200_000);
    world.host.machine.change_config(|config| {
        config["provider"]["fake"]["models"]["m1"]["limit"] = json!({ "context": 600_000, "output": 10_000 });
        config["compaction"] = json!({ "auto": true, "prune": false });
    });
    let before = world.here(&session);
    let args = ["remote", "pi", &session, "[[hold it]]\n[[say left out]]", "--round-trip"];
    let trip = world.home.spawn(&args);
    world.model.wait_for_hold("it", SOON);
    let marking = "UPDATE part SET data = json_set(data, '$.state.time.compacted', 1795254131048), time_updated = \
                   time_updated + 1 WHERE id IN (SELECT id FROM part WHERE session_id = ? AND json_extract(data, \
                   '$.type') = 'tool' ORDER BY id LIMIT 5)";
    assert_eq!(world.host.machine.database().execute(marking, [&session]).unwrap(), 5);
    world.model.release("it");
    trip.wait(PATIENCE).expect_success();
    let (here, there) = (world.here(&session), world.there(&session));
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
    assert_eq!(left_out, 5);

    world.round_trip(&session, "[[usage 599000]]\n[[bash echo hidden-there]]\n[[say never]]", &[]);
    let (here, there) = (world.here(&session), world.there(&session));
    assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    let of_kind = |found: &dyn Fn(&Value) -> bool| here.values().filter(|row| found(&data(row))).count();
    assert_eq!(of_kind(&marked), left_out);
    // Some releases do it once more for what they go on with.
    let summaries = of_kind(&|row| row["summary"] == true);
    assert!(summaries > 0 && of_kind(&|row| row["type"] == "compaction") == summaries);

    // What the model is told next at home begins with what was summed up.
    let asked = world.model.prompts_of("home").len();
    world.home.machine.continue_session(&world.project, &session, "[[say back home]]", &[]).expect_success();
    let request = world.model.prompts_of("home").swap_remove(asked);
    let told = serde_json::to_string(request.messages()).unwrap();
    assert!(told.contains("A stand-in title") && told.len() < 100_000, "{told}");
    let first = before.values().map(|row| data(row)).find_map(|data| Some(data["text"].as_str()?.to_owned()));
    let beginning: String = first.unwrap().chars().take(40).collect();
    assert!(!told.contains(&beginning) && told.contains("back home"), "{told}");
}

fn data(row: &str) -> Value {
    serde_json::from_str(row.split_once(' ').unwrap().1).unwrap()
}

#[test]
fn by_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(made_smaller);
}

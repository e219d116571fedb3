//! Everything that a run can do to a session comes home.

use super::{World, column, new_rows, todos};
use crate::support::opencode::Release;
use crate::support::sample;
use crate::tui::Terminal;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// The host writes todos, runs a sub-agent, gives the session another title, ends the call that left open, and
/// works with another model.
fn everything(here: Release, there: Release) {
    let world = World::new(here, there);
    let session = world.session("[[say hello from home]]");
    // A title of its own: opencode would make one for a session that has none, at any time.
    let database = world.home.machine.database();
    database.execute("UPDATE session SET title = 'From home' WHERE id = ?", [&session]).unwrap();
    let open = world.home.machine.insert_unfinished_turn(&world.project, &session);
    let before = world.here(&session);
    let settings = |name: &str| (here == Release::New).then(|| column(&database, &session, name));
    let own = ["agent", "model"].map(settings);
    let cost = |database| column(database, &session, "cost");
    let spent = (here == Release::New).then(|| cost(&database));
    let kept = ["directory", "project_id", "slug", "time_created"];
    let home_row = kept.map(|name| column(&database, &session, name));

    let task = json!({
        "description": "Look around", "prompt": "[[say the sub-agent was here]]", "subagent_type": "general",
    });
    let list = json!({ "todos": [
        { "id": "1", "content": "measure twice", "status": "completed", "priority": "high" },
        { "id": "2", "content": "cut once", "status": "in_progress", "priority": "low" },
    ]});
    let message = format!(
        "[[tool todowrite {list}]]\n[[tool task {task}]]\n[[bash echo hidden-there >made && cat made]]\n[[hold title]]\n[[say all of it]]"
    );
    let args = ["remote", "pi", &session, &message, "--round-trip", "--json", "--model", "fake/m2"];
    let trip = world.home.spawn(&args);
    world.model.wait_for_hold("title", SOON);
    world.host.machine.retitle(&session, "Renamed on the pi");
    let there_database = world.host.machine.database();
    world.model.release("title");
    let trip = trip.wait(crate::support::process::PATIENCE).expect_success();
    let report = trip.json();
    assert_eq!(
        (&report["state"], &report["reply"]),
        (&json!("home"), &json!("Holding. all of it")),
        "{report:#}"
    );

    // In the database.
    let after = world.here(&session);
    let mut expected = before.clone();
    for id in [&open.message, &open.running, &open.pending] {
        expected.remove(id);
    }
    let mut rest = after.clone();
    rest.retain(|id, _| ![&open.message, &open.running, &open.pending].contains(&id));
    assert!(new_rows(&expected, &rest) > 8);
    for part in [&open.running, &open.pending] {
        let data: Value = serde_json::from_str(after[part].split_once(' ').unwrap().1).unwrap();
        assert_eq!(data["state"]["status"], "error", "an open call is settled at home, too: {data}");
    }
    let title = column(&database, &session, "title");
    assert_eq!(title, Cell::Text("Renamed on the pi".into()), "{}", trip.stderr);
    let expected = [("measure twice", "completed"), ("cut once", "in_progress")];
    assert_eq!(todos(&database, &session), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let child: String = database
        .query_row("SELECT id FROM session WHERE parent_id = ?", [&session], |row| row.get(0))
        .expect("the sub-agent's session is home");
    let child_rows = world.here(&child);
    assert_eq!(child_rows.keys().collect::<Vec<_>>(), world.there(&child).keys().collect::<Vec<_>>());
    assert!(child_rows.values().any(|row| row.contains("the sub-agent was here")));
    let named = after.values().any(|row| row.contains(&child));
    assert!(named, "the call that made the sub-agent names its session");
    assert_eq!(kept.map(|name| column(&database, &session, name)), home_row);
    assert_eq!(["agent", "model"].map(settings), own, "agent and model as before");
    if here == Release::New && there == Release::New {
        let (Cell::Real(here), Cell::Real(there)) = (cost(&database), cost(&there_database)) else {
            panic!()
        };
        assert!(here == there && here > 0.0, "cost: {here} here, {there} there");
    }
    if let Some(Cell::Real(before)) = spent {
        assert!(
            matches!(cost(&database), Cell::Real(now) if now > before),
            "what was done there cost something"
        );
    }
    let directory = column(&database, &child, "directory");
    assert_eq!(directory, Cell::Text(world.project.display().to_string()));

    // In what opencode exports, and in what it goes on with.
    world.home.machine.answers_at_once();
    let export = world.home.machine.export(&session);
    assert_eq!(export["info"]["title"], "Renamed on the pi");
    assert_eq!(world.home.machine.export(&child)["info"]["parentID"], session);
    world.goes_on_at_home(&session, "hidden-there");
    let last = world.model.prompts_of("home").pop().unwrap();
    assert_eq!(last.model(), "m1", "the next prompt at home goes to the model of before");

    // On the screen, with the bar at its side that shows title and todos.
    let terminal = Terminal::start(&world.home, &world.project, &format!("opencode -s {session}"));
    terminal.tmux(&["resize-window", "-x", "170", "-y", "50"]);
    terminal.wait_for(&["back home", "Renamed on the pi", "cut once"]);
}

#[test]
fn between_two_of_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(|release| everything(release, release));
}

#[test]
fn from_the_newest_to_an_older_release_or_back() {
    let [new, mid, old] = Release::ALL;
    let pairs = [(new, old), (old, new), (new, mid), (mid, new)];
    sample::of(&pairs).into_iter().for_each(|(here, there)| everything(here, there));
}

/// What of a session says with which variant it goes on: its own row, where it has that, and its last user message.
fn variants(world: &World, session: &str) -> (Option<Value>, Value) {
    let database = world.home.machine.database();
    let has = "SELECT 1 FROM pragma_table_info('session') WHERE name = 'model'";
    let row = database.prepare(has).unwrap().exists([]).unwrap().then(|| column(&database, session, "model"));
    let row = row.and_then(|cell| match cell {
        Cell::Text(text) => serde_json::from_str(&text).ok(),
        _ => None,
    });
    let messages = world.messages(session);
    let last = &messages.iter().rfind(|message| message["info"]["role"] == "user").unwrap()["info"];
    // opencode 1.3 keeps it beside the model.
    let said = if last["model"]["variant"].is_null() { &last["variant"] } else { &last["model"]["variant"] };
    (row, said.clone())
}

#[test]
fn a_session_with_a_variant_has_its_own_again() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(release, release);
        for machine in [&world.home.machine, &world.host.machine] {
            machine.change_config(|config| {
                config["provider"]["fake"]["models"]["m1"]["variants"] =
                    json!({ "high": { "reasoningEffort": "high" }, "low": { "reasoningEffort": "low" } });
            });
        }
        let session = world.session("[[say hello from home]]");
        let machine = &world.home.machine;
        machine
            .continue_session(&world.project, &session, "[[say high]]", &["--variant", "high"])
            .expect_success();
        let before = variants(&world, &session);
        assert_eq!(before.1, "high", "{release:?}");
        world.round_trip(&session, "[[say low]]", &["--variant", "low"]);
        let there = world.there(&session);
        assert!(there.values().any(|row| row.contains("\"variant\":\"low\"")), "{release:?}: {there:#?}");
        assert_eq!(variants(&world, &session), before, "{release:?}");
    }
}

#[test]
fn what_both_sides_changed_stays_as_it_is_here() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let list =
        json!({ "todos": [{ "id": "1", "content": "theirs", "status": "pending", "priority": "low" }] });
    let message = format!("[[tool todowrite {list}]]\n[[hold both]]\n[[say done there]]");
    let trip = world.home.kugetsu(&["remote", "pi", &session, &message, "--json"]).expect_success();
    world.model.wait_for_hold("both", SOON);
    world.host.machine.retitle(&session, "Theirs");
    let set = "UPDATE session SET title = 'Mine' WHERE id = ?1";
    assert_eq!(world.home.machine.database().execute(set, [&session]).unwrap(), 1);
    let todo = "INSERT INTO todo(session_id, position, content, status, priority, time_created, time_updated)
        VALUES (?1, 0, 'mine', 'pending', 'low', 1, 1)";
    world.home.machine.database().execute(todo, [&session]).unwrap();
    world.model.release("both");
    let home = world.home.kugetsu(&["wait", trip.json()["dispatch"].as_str().unwrap()]).expect_success();
    assert!(home.stderr.contains("kept as here: title, todos"), "{}", home.stderr);
    let database = world.home.machine.database();
    assert_eq!(column(&database, &session, "title"), Cell::Text("Mine".into()));
    assert_eq!(todos(&database, &session), [("mine".to_owned(), "pending".to_owned())]);
    world.goes_on_at_home(&session, "done there");
    // Of that host's title and list home has nothing: they are not replaced, now and behind another trip.
    for said in ["once", "twice"] {
        let elsewhere = ["remote", "pi", &session, "[[say on]]", "--dir", "~/projects/elsewhere"];
        let there = world.there(&session);
        let refused = world.home.kugetsu(&elsewhere);
        let database = world.host.machine.database();
        assert_eq!(todos(&database, &session), [("theirs".to_owned(), "pending".to_owned())]);
        assert_eq!(column(&database, &session, "title"), Cell::Text("Theirs".into()));
        assert!(refused.expect_code(4).stderr.contains("--fork"));
        assert_eq!(world.there(&session), there);
        world.round_trip(&session, &format!("[[say {said}]]"), &[]);
    }
}

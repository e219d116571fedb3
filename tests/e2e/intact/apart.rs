//! Histories that went apart, copies, and taking back.

use super::{World, other_session, text_of};
use crate::support::opencode::Release;
use crate::support::sample;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_home_that_moved_on_and_what_came_back_are_two_sessions() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let before = world.messages(&session);
    let trip =
        world.home.kugetsu(&["remote", "pi", &session, "[[say done there]]", "--json"]).expect_success();
    assert_eq!(trip.json()["holder"], "pi");
    world
        .home
        .machine
        .continue_session(&world.project, &session, "[[say meanwhile here]]", &[])
        .expect_success();
    let here = world.here(&session);
    let apart = world.home.kugetsu(&["wait", &session]).expect_code(4);
    assert!(apart.stderr.contains(&session), "{}", apart.stderr);
    let copy = other_session(&apart, &session);
    assert_eq!(world.here(&session), here, "the session here is as it was");
    let texts = |id: &str| world.messages(id).iter().map(text_of).collect::<Vec<_>>();
    let (mine, theirs) = (texts(&session), texts(&copy));
    assert_eq!(mine[..before.len()], theirs[..before.len()], "both begin with what left");
    assert_eq!(mine.last().unwrap(), "meanwhile here");
    assert_eq!(theirs.last().unwrap(), "done there");
    assert!(!theirs.contains(&"meanwhile here".to_owned()) && !mine.contains(&"done there".to_owned()));
    let ids = |rows: super::Rows| rows.into_keys().collect::<std::collections::BTreeSet<_>>();
    assert!(ids(world.here(&session)).is_disjoint(&ids(world.here(&copy))), "the copy has ids of its own");
    let title_of = |id: &str| world.home.machine.stored(id)["info"]["title"].as_str().unwrap().to_owned();
    let (title, old) = (title_of(&copy), title_of(&session));
    assert!(title.contains(&old) && title != old, "{title:?} after {old:?}");
    // Both go on.
    world.goes_on_at_home(&copy, "done there");
    world.goes_on_at_home(&session, "meanwhile here");
    // And the dispatch is over: nothing is away any more, and saying it again changes nothing.
    let rows = (world.here(&session), world.here(&copy));
    world.home.kugetsu(&["wait", &session]);
    assert_eq!((world.here(&session), world.here(&copy)), rows);
    world.round_trip(&session, "[[say once more]]", &[]);
}

/// Has a sub-agent say something.
fn task(said: &str) -> String {
    let task = json!({
        "description": "Look around", "prompt": format!("[[say {said}]]"), "subagent_type": "general",
    });
    format!("[[tool task {task}]]")
}

/// The sub-agents' sessions of a session.
fn sub_agents(world: &World, session: &str) -> Vec<String> {
    let database = world.home.machine.database();
    let mut query = database.prepare("SELECT id FROM session WHERE parent_id = ?").unwrap();
    query.query_map([session], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_copy_of_a_run_with_a_sub_agent_does_not_keep_it_from_coming_home() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(Release::New, release);
        let session = world.session("[[say hello from home]]");
        let message = format!("{}\n[[hold middle]]\n[[say all of it]]", task("the sub-agent was here"));
        let trip = world.home.kugetsu(&["remote", "pi", &session, &message, "--json"]).expect_success();
        world.model.wait_for_hold("middle", Duration::from_secs(60));
        let dispatch = trip.json()["dispatch"].as_str().unwrap().to_owned();
        let copies = [0, 1].map(|_| {
            let taken = world.home.kugetsu(&["fetch", &dispatch, "--snapshot", "--json"]).expect_success();
            taken.json()["snapshot"].as_str().unwrap().to_owned()
        });
        world.model.release("middle");
        let home = world.home.kugetsu(&["wait", &dispatch, "--json"]).expect_success().json();
        assert_eq!(
            (&home["state"], &home["reply"]),
            (&json!("home"), &json!("Holding. all of it")),
            "{home:#}"
        );
        for id in [&session, &copies[0], &copies[1]] {
            let [child] = sub_agents(&world, id).try_into().unwrap();
            assert!(world.here(&child).values().any(|row| row.contains("the sub-agent was here")));
            assert_eq!(world.home.machine.stored(&child)["info"]["parent_id"], **id);
            let is_named =
                world.here(id).values().any(|row| row.contains(&format!("\"sessionId\":\"{child}\"")));
            assert!(is_named, "the call in {id} names its own sub-agent");
        }
        world.goes_on_at_home(&session, "all of it");
        world.goes_on_at_home(&copies[0], "hello from home");
    }
}

#[test]
fn a_session_that_came_back_as_another_goes_there_again() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let message = format!("{}\n[[say done there]]", task("the sub-agent was here"));
    world.home.kugetsu(&["remote", "pi", &session, &message]).expect_success();
    let machine = &world.home.machine;
    machine.continue_session(&world.project, &session, "[[say meanwhile here]]", &[]).expect_success();
    let copy = other_session(&world.home.kugetsu(&["wait", &session]).expect_code(4), &session);
    let rows = (world.here(&session), world.here(&copy));
    let [child] = sub_agents(&world, &copy).try_into().unwrap();
    let child_rows = world.here(&child);
    world.round_trip(&session, "[[say once more]]", &[]);
    super::new_rows(&rows.0, &world.here(&session));
    assert_eq!((world.here(&copy), world.here(&child)), (rows.1, child_rows));
    assert!(sub_agents(&world, &session).is_empty(), "it is the copy's");
    let said: Vec<String> = world.messages(&session).iter().map(text_of).collect();
    assert!(!said.contains(&"done there".to_owned()) && said.contains(&"once more".to_owned()), "{said:?}");
    world.round_trip(&copy, "[[say and the copy]]", &[]);
    world.round_trip(&session, "[[say and again]]", &[]);
}

#[test]
fn a_fork_goes_and_comes_home_by_itself() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let rows = world.here(&session);
    let args = ["remote", "pi", &session, "[[hold fork]]\n[[say done by the copy]]", "--fork", "--json"];
    let report = world.home.kugetsu(&args).expect_success().json();
    let copy = report["session"].as_str().unwrap().to_owned();
    assert_ne!(copy, session);
    world.model.wait_for_hold("fork", Duration::from_secs(60));
    // The original is never away.
    world.goes_on_at_home(&session, "hello from home");
    world.model.release("fork");
    let dispatch = report["dispatch"].as_str().unwrap();
    let home = world.home.kugetsu(&["wait", dispatch, "--json"]).expect_success().json();
    assert_eq!((&home["state"], &home["session"]), (&json!("home"), &json!(copy)));
    let said: Vec<String> = world.messages(&copy).iter().map(text_of).collect();
    assert_eq!(said.last().unwrap(), "Holding. done by the copy");
    assert_eq!(said[1], "hello from home");
    super::new_rows(&rows, &world.here(&session));
    assert!(!world.here(&session).values().any(|row| row.contains("done by the copy")));
}

#[test]
fn a_trip_is_taken_back_whole() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let open = world.home.machine.insert_unfinished_turn(&world.project, &session);
    let before = world.here(&session);
    let list = json!({ "todos": [{ "id": "1", "content": "x", "status": "pending", "priority": "low" }] });
    let message = format!("[[tool todowrite {list}]]\n[[say done there]]");
    let report = world.round_trip(&session, &message, &[]);
    let dispatch = report["dispatch"].as_str().unwrap();
    assert_ne!(world.here(&session), before);
    world.home.kugetsu(&["undo", dispatch]).expect_success();
    assert_eq!(world.here(&session), before, "{open:?}");
    assert_eq!(super::todos(&world.home.machine.database(), &session), []);
    world.goes_on_at_home(&session, "hello from home");
    let late = world.home.kugetsu(&["undo", dispatch]);
    assert!(late.code() == 0 || late.code() == 4, "{}", late.stderr);
    world.round_trip(&session, "[[say and again]]", &[]);
    world.goes_on_at_home(&session, "and again");
}

#[test]
fn a_sub_agent_that_was_taken_back_stays_so() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let message = format!("{}\n[[say done there]]", task("the sub-agent was here"));
    let report = world.round_trip(&session, &message, &[]);
    assert_eq!(sub_agents(&world, &session).len(), 1);
    world.home.kugetsu(&["undo", report["dispatch"].as_str().unwrap()]).expect_success();
    assert!(sub_agents(&world, &session).is_empty());
    let before = world.here(&session);
    let message = format!("{}\n[[say second]]", task("and another one"));
    world.round_trip(&session, &message, &[]);
    super::new_rows(&before, &world.here(&session));
    let [child] = sub_agents(&world, &session).try_into().unwrap();
    assert!(world.here(&child).values().any(|row| row.contains("and another one")));
}

#[test]
fn a_session_that_was_deleted_at_home_comes_home() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(release, Release::New);
        let session = world.session("[[say hello from home]]");
        let list = r#"[[tool todowrite {"todos":[{"id":"1","content":"mine","status":"pending","priority":"low"}]}]]"#;
        world.home.machine.continue_session(&world.project, &session, list, &[]).expect_success();
        let todos = || super::todos(&world.home.machine.database(), &session);
        let (before, list) = (world.messages(&session), todos());
        assert_eq!(list.len(), 1);
        let message = format!("{}\n[[say done there]]", task("the sub-agent was here"));
        let trip = world.home.kugetsu(&["remote", "pi", &session, &message, "--json"]).expect_success();
        let delete = "DELETE FROM session WHERE id = ?1";
        assert_eq!(world.home.machine.database().execute(delete, [&session]).unwrap(), 1);
        let dispatch = trip.json()["dispatch"].as_str().unwrap().to_owned();
        let home = world.home.kugetsu(&["wait", &dispatch, "--json"]).expect_success();
        assert_eq!(home.json()["state"], "home");
        assert!(home.stderr.contains("deleted here"), "{}", home.stderr);
        assert_eq!(world.messages(&session)[..before.len()], before);
        assert_eq!(todos(), list);
        assert_eq!(sub_agents(&world, &session).len(), 1);
        world.goes_on_at_home(&session, "done there");
    }
}

#[test]
fn what_was_done_since_is_not_taken_back() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let report = world.round_trip(&session, "[[say done there]]", &[]);
    world.goes_on_at_home(&session, "done there");
    let rows = world.here(&session);
    let refused = world.home.kugetsu(&["undo", report["dispatch"].as_str().unwrap()]).expect_code(4);
    assert!(!refused.stderr.is_empty());
    assert_eq!(world.here(&session), rows);
}

#[test]
fn a_session_that_others_broke_is_found_and_mended() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    world.home.kugetsu(&["verify", &session]).expect_success();
    let open = world.home.machine.insert_unfinished_turn(&world.project, &session);
    let found = world.home.kugetsu(&["verify", &session]).expect_code(1);
    assert!(found.stderr.contains("--repair") || found.stdout.contains("--repair"), "{}", found.stderr);
    world.home.kugetsu(&["verify", &session, "--repair"]).expect_success();
    let rows = world.here(&session);
    for part in [&open.running, &open.pending] {
        assert!(rows[part].contains("\"error\""), "{}", rows[part]);
    }
    world.home.kugetsu(&["verify", &session]).expect_success();
    world.goes_on_at_home(&session, "hello from home");
}

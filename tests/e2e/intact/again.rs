//! Second and later trips, and several hosts.

use super::{World, column, new_rows};
use crate::support::host::Host;
use crate::support::opencode::Release;
use crate::support::process::PATIENCE;
use crate::support::proxy::{Proxy, ProxyOptions};
use crate::support::sample;
use rusqlite::types::Value as Cell;
use serde_json::json;

#[test]
fn a_second_trip_sends_and_fetches_only_what_is_new() {
    let mut world = World::new(Release::New, Release::New);
    let proxy = Proxy::start(world.host.sshd.port(), ProxyOptions::default());
    world.home.add_host_behind("pi", &world.host, &proxy, json!({}));
    let session = world.home.machine.insert_big_session(&world.project, 900, 6 << 20);
    let before = world.here(&session);
    world.round_trip(&session, "[[say first]]", &[]);
    let first = proxy.stats();
    world
        .home
        .machine
        .continue_session(&world.project, &session, "[[say one new message]]", &[])
        .expect_success();
    let between = world.here(&session);
    assert!(new_rows(&before, &between) > 4);
    world.round_trip(&session, "[[say second]]", &[]);
    let all = proxy.stats();
    let second = (all.up - first.up, all.down - first.down);
    assert!(first.down * 4 < first.up, "what left does not come back: {first:?}");
    // The benchmark tells of a session ten times as large: what every trip needs weighs more here.
    assert!(second.0 * 5 < first.up && second.1 < 60_000, "first {first:?}, second {second:?}");
    new_rows(&between, &world.here(&session));
    let told = serde_json::to_string(world.model.prompts_of("pi").last().unwrap().messages()).unwrap();
    assert!(told.contains("one new message") && told.contains("first"), "the model there knows all of it");
}

#[test]
fn what_was_taken_back_at_home_is_taken_back_on_the_host() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let report = world.round_trip(&session, "[[say first]]", &[]);
    let first = world.here(&session);
    world.home.kugetsu(&["undo", report["dispatch"].as_str().unwrap()]).expect_success();
    let before = world.here(&session);
    world.round_trip(&session, "[[say second]]", &[]);
    let after = world.here(&session);
    new_rows(&before, &after);
    let mut gone = first.keys().filter(|id| !before.contains_key(*id)).peekable();
    assert!(
        gone.peek().is_some() && gone.all(|id| !after.contains_key(id)),
        "what was taken back at home stays so"
    );
    let told = serde_json::to_string(world.model.prompts_of("pi").last().unwrap().messages()).unwrap();
    assert!(!told.contains("[[say first]]"), "{told}");
}

#[test]
fn what_somebody_did_on_the_host_itself_comes_home() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    world.round_trip(&session, "[[say first]]", &[]);
    world.typed_there(&session, "[[say typed on the pi itself]]", &[]);
    let before = world.here(&session);
    world.round_trip(&session, "[[say second]]", &[]);
    let after = world.here(&session);
    new_rows(&before, &after);
    let said: Vec<String> = world.messages(&session).iter().map(super::text_of).collect();
    let at = |text: &str| said.iter().position(|said| said == text);
    assert!(
        at("first") < at("typed on the pi itself") && at("typed on the pi itself") < at("second"),
        "{said:?}"
    );
    assert!(at("first").is_some());
    world.goes_on_at_home(&session, "typed on the pi itself");
}

#[test]
fn what_somebody_did_behind_a_one_way_trip_comes_home_with_it() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    let before = world.here(&session);
    world.home.kugetsu(&["remote", "pi", &session, "[[say done by the run]]"]).expect_success();
    world.has_ended(&session);
    world.typed_there(&session, "[[say by hand]]", &["--agent", "plan"]);
    let report = world.home.kugetsu(&["fetch", &session, "--json"]).expect_success().json();
    assert_eq!((&report["state"], &report["reply"]), (&json!("home"), &json!("by hand")), "{report:#}");
    assert_eq!(report["run"]["ok"], true, "another agent's last answer is not the run's: {report:#}");
    let after = world.here(&session);
    new_rows(&before, &after);
    let said: Vec<String> = world.messages(&session).iter().map(super::text_of).collect();
    assert!(said.ends_with(&["[[say by hand]]".to_owned(), "by hand".to_owned()]), "{said:?}");
    assert!(said.contains(&"done by the run".to_owned()), "{said:?}");
    world.goes_on_at_home(&session, "by hand");
    let asked = world.model.prompts_of("pi").len();
    world.round_trip(&session, "[[say second]]", &[]);
    assert_eq!(world.model.prompts_of("pi").len(), asked + 1);
    new_rows(&after, &world.here(&session));
}

#[test]
fn both_sides_that_went_on_are_kept_apart() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    world.round_trip(&session, "[[say first]]", &[]);
    let there = &world.host.machine;
    there
        .continue_session(&there.home().join("projects/app"), &session, "[[say typed there]]", &[])
        .expect_success();
    world.goes_on_at_home(&session, "first");
    let (here, beyond) = (world.here(&session), world.there(&session));
    let asked = world.model.prompts_of("pi").len();
    let refused = world.home.kugetsu(&["remote", "pi", &session, "go on", "--round-trip"]).expect_code(4);
    assert!(refused.stderr.contains("--fork"), "{}", refused.stderr);
    assert_eq!((world.here(&session), world.there(&session)), (here, beyond), "neither side is touched");
    assert_eq!(world.model.prompts_of("pi").len(), asked);
}

#[test]
fn from_host_to_host_with_home_in_between() {
    let mut world = World::new(Release::New, Release::New);
    let beefy = Host::start("beefy", Release::Old, &world.model);
    world.home.add_host("beefy", &beefy, json!({}));
    let session = world.session("[[say hello from home]]");
    let before = world.here(&session);
    world.round_trip(&session, "[[say done on the pi]]", &[]);
    let go = |host: &str, message: &str, flags: &[&str]| {
        let args = [&["remote", host, &session, message, "--json"][..], flags].concat();
        world.home.kugetsu(&args).expect_success().json()
    };
    go("beefy", "[[say done on beefy]]", &["--round-trip"]);
    let between = world.here(&session);
    new_rows(&before, &between);
    // One way to the pi, and from there straight to beefy.
    go("pi", "[[say again on the pi]]", &[]);
    world.has_ended(&session);
    go("beefy", "[[say again on beefy]]", &["--round-trip", "--via-home"]);
    let after = world.here(&session);
    new_rows(&between, &after);
    let said: Vec<String> = world.messages(&session).iter().map(super::text_of).collect();
    let order = ["done on the pi", "done on beefy", "again on the pi", "again on beefy"];
    let at =
        order.map(|text| said.iter().position(|said| said == text).unwrap_or_else(|| panic!("{said:?}")));
    assert!(at.is_sorted(), "{said:?}");
    world.goes_on_at_home(&session, "again on beefy");
}

#[test]
fn rules_that_were_set_at_home_hold_on_the_host() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(release, release);
        let session = world.session("[[say hello from home]]");
        world.round_trip(&session, "[[say first]]", &[]);
        let rules = json!([{ "permission": "webfetch", "pattern": "*", "action": "deny" }]);
        for (n, rules) in [Some(rules.to_string()), None].into_iter().enumerate() {
            let set = "UPDATE session SET permission = ?2 WHERE id = ?1";
            world.home.machine.database().execute(set, rusqlite::params![session, rules]).unwrap();
            let name = format!("ruled-{n}");
            let message = format!("[[hold {name}]]\n[[say done]]");
            let trip = world.home.spawn(&["remote", "pi", &session, &message, "--round-trip", "--json"]);
            world.model.wait_for_hold(&name, PATIENCE);
            let there = || match column(&world.host.machine.database(), &session, "permission") {
                Cell::Text(text) => Some(text),
                _ => None,
            };
            let during: Vec<serde_json::Value> = serde_json::from_str(&there().unwrap()).unwrap();
            assert_eq!(
                during.iter().any(|rule| rule["permission"] == "webfetch"),
                rules.is_some(),
                "{during:?}"
            );
            assert!(during.iter().any(|rule| rule["permission"] == "question"), "{during:?}");
            world.model.release(&name);
            trip.wait(PATIENCE).expect_success();
            assert_eq!(there(), rules, "the rules of the run are gone with it");
            let here = column(&world.home.machine.database(), &session, "permission");
            assert_eq!(here, rules.map_or(Cell::Null, Cell::Text));
        }
    }
}

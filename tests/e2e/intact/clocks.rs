//! A host whose clock is off does the work all the same, and everything comes home in order.

use super::{World, new_rows, text_of};
use crate::support::opencode::Release;
use crate::support::process::Finished;
use crate::support::proxy::{Proxy, ProxyOptions};
use crate::support::sample;
use serde_json::json;

/// The variables that give every process of a host another clock.
pub(super) fn faked(offset: &str) -> [(String, String); 3] {
    let libraries = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = libraries
        .map(|machine| machine.join("faketime/libfaketime.so.1"))
        .find(|path| path.exists())
        .expect("libfaketime is missing: run scripts/prerequisites, which installs it")
        .display()
        .to_string();
    [
        ("LD_PRELOAD".to_owned(), library),
        ("FAKETIME".to_owned(), offset.to_owned()),
        // Waiting takes as long as ever.
        ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
    ]
}

fn seconds_to_1970() -> String {
    // A host without a battery clock, two minutes after it was switched on.
    format!("-{}s", kugetsu::clock::now_ms() / 1000 - 120)
}

/// Two trips to a host whose clock is off by `offset`, with work at home in between.
fn off_by(offset: &str, release: Release) {
    let world = World::with_clock(release, release, Some(offset));
    // Made just now: how old it is, is the question.
    let session = world.home.machine.new_session(&world.project, "[[say hello from home]]");
    let before = world.here(&session);
    let message = "[[bash echo one]]\n[[say first trip]]";
    let trip = world.home.kugetsu(&["remote", "pi", &session, message, "--round-trip"]).expect_success();
    let told = |trip: &Finished| trip.stderr.contains("the clock of pi is");
    assert!(told(&trip), "the user is told how far the clock is off:\n{}", trip.stderr);
    let first = world.here(&session);
    assert!(new_rows(&before, &first) > 4);
    in_order(&world, &session);
    world.goes_on_at_home(&session, "first trip");
    let between = world.here(&session);
    let trip = world.home.kugetsu(&["remote", "pi", &session, "[[say second trip]]", "--round-trip"]);
    let trip = trip.expect_success();
    assert_eq!(trip.stdout.trim(), "second trip");
    assert!(!told(&trip), "once is enough:\n{}", trip.stderr);
    assert!(new_rows(&between, &world.here(&session)) > 1);
    in_order(&world, &session);
    let asked = world.model.prompts_of("pi");
    assert_eq!(asked.len(), 2, "each prompt was asked once");
    let told = serde_json::to_string(asked[1].messages()).unwrap();
    assert!(told.contains("first trip") && told.contains("back home"), "{told}");
    world.goes_on_at_home(&session, "second trip");
    let said: Vec<String> = world.messages(&session).iter().map(text_of).collect();
    let answers: Vec<&str> = said.iter().skip(1).step_by(1).map(String::as_str).collect();
    let at = |text: &str| answers.iter().position(|answer| *answer == text).unwrap_or(usize::MAX);
    assert!(at("hello from home") < at("first trip") && at("first trip") < at("second trip"), "{said:?}");
}

/// Ids and times rise together, and nothing lies in the future.
#[track_caller]
fn in_order(world: &World, session: &str) {
    let database = world.home.machine.database();
    let mut query = database
        .prepare("SELECT id, time_created FROM message WHERE session_id = ? ORDER BY time_created, id")
        .unwrap();
    let rows = query.query_map([session], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(String, i64)> = rows.map(Result::unwrap).collect();
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "ids and times do not agree: {rows:?}");
    let now = kugetsu::clock::now_ms();
    assert!(rows.iter().all(|row| row.1 <= now), "a message lies in the future of {now}: {rows:?}");
    let parts: i64 = database
        .query_row(
            "SELECT count(*) FROM part LEFT JOIN message ON message.id = part.message_id
             WHERE part.session_id = ? AND message.id IS NULL",
            [session],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(parts, 0);
}

#[test]
fn later_trips_build_upon_what_a_host_with_another_clock_has() {
    let mut world = World::with_clock(Release::New, Release::New, Some("-86400s"));
    let proxy = Proxy::start(world.host.sshd.port(), ProxyOptions::default());
    world.home.add_host_behind("pi", &world.host, &proxy, json!({}));
    let session = world.home.machine.insert_big_session(&world.project, 300, 3 << 20);
    world.round_trip(&session, "[[say first trip]]", &[]);
    let first = proxy.stats();
    world.goes_on_at_home(&session, "first trip");
    let between = world.here(&session);
    world.round_trip(&session, "[[say second trip]]", &[]);
    let all = proxy.stats();
    assert!((all.up - first.up) * 5 < first.up, "first {first:?}, then {all:?}");
    assert!(new_rows(&between, &world.here(&session)) > 1);
    in_order(&world, &session);
    // What somebody does there, by that clock, comes home, since home stands still.
    for (name, value) in faked("-86400s") {
        world.host.machine.set_env(&name, value);
    }
    world.typed_there(&session, "[[say typed there]]", &[]);
    let between = world.here(&session);
    let moved = world.home.kugetsu(&["remote", "pi", &session, "go", "--dir", "~/elsewhere"]).expect_code(4);
    assert!(moved.stderr.contains("--keep-paths"), "{}", moved.stderr);
    world.round_trip(&session, "[[say third trip]]", &[]);
    assert!(new_rows(&between, &world.here(&session)) > 3);
    in_order(&world, &session);
    let said: Vec<String> = world.messages(&session).iter().map(text_of).collect();
    let at = |text: &str| said.iter().position(|said| said == text).unwrap_or_else(|| panic!("{said:?}"));
    assert!(at("second trip") < at("typed there") && at("typed there") < at("third trip"), "{said:?}");
    world.goes_on_at_home(&session, "typed there");
}

/// By how much hosts are off: more than nothing, and by all that happens to machines without a battery.
const OFFSETS: [&str; 6] = ["+3s", "-3s", "+600s", "-600s", "+86400s", "-86400s"];

#[test]
fn a_clock_that_is_off_with_any_release() {
    let all = OFFSETS.map(|offset| Release::ALL.map(|release| (offset, release))).concat();
    sample::of(&all).into_iter().for_each(|(offset, release)| off_by(offset, release));
}

#[test]
fn in_1970_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(|release| off_by(&seconds_to_1970(), release));
}

//! What a host makes of rows that had not come to their end when they left, and of parts that it adds to them.

use super::bundles::{CHILD, LATER, child};
use super::home::FRESH;
use super::hostile::add_part;
use super::world::{Database, Trip, apply, outline, rows, unbelievable};
use super::{extend, parts_in, spec};
use crate::session::SAME_CLOCK_MS;
use crate::session::arbitrary::{BEGIN_MS, FIXTURES};
use crate::transfer::{HomeError, MergeContext};
use serde_json::{Value, json};

/// A fixture that left with an open call (its fourth message), and what a host makes of that message.
fn changed(change: impl FnOnce(&mut Value)) -> (Trip, Database) {
    let (trip, mut there) = Trip::started(FIXTURES[0].1, &spec(None));
    change(&mut trip.root(&mut there).messages[3]);
    (trip, there)
}

/// What of the change is refused by name.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let (trip, there) = changed(change);
    unbelievable(trip.back(&trip.bundle(&there), &FRESH))
}

/// The message at home.
fn at_home(change: impl FnOnce(&mut Value)) -> Value {
    let (trip, there) = changed(change);
    let (merged, mut home) = trip.come_home(&there, &FRESH);
    assert!(merged.breaches.is_empty(), "{:?}", merged.breaches);
    home.remove(trip.id()).unwrap().messages.remove(3)
}

fn completed(more: &Value) -> Value {
    let mut state = json!({"status": "completed", "input": {}, "output": "o", "title": "t", "metadata": {},
        "time": {"start": LATER, "end": LATER}});
    extend(&mut state, more);
    state
}

fn add(message: &mut Value, part: &Value) {
    add_part(message, "prt_zzzzzzzzzzzz00AddedPart0001", part);
}

#[test]
fn a_number_in_what_was_open_is_refused_by_name() {
    let state = |more: Value| move |message: &mut Value| message["parts"][1]["state"] = completed(&more);
    assert_eq!(refused(state(json!({"time": {"start": 1e300, "end": "x"}}))), "state.time.start");
    assert_eq!(refused(state(json!({"time": {"start": LATER, "end": LATER as f64}}))), "state.time.end");
    assert_eq!(refused(state(json!({"time": []}))), "state.time.created");
    assert_eq!(refused(|message| message["info"]["cost"] = json!(1e308)), "cost");
    assert_eq!(refused(|message| message["info"]["tokens"] = json!({"input": 1e308})), "tokens");
    assert_eq!(refused(|message| message["info"]["time"]["completed"] = json!(1e300)), "time.completed");
    for (part, what) in [
        (json!({"type": "step-finish", "cost": 1e300}), "cost"),
        (json!({"type": "step-finish", "cost": 1, "tokens": {"input": "x"}}), "tokens"),
        (json!({"type": "text", "text": "t", "time": {"start": 1e15}}), "time.start"),
    ] {
        assert_eq!(refused(|message| add(message, &part)), what);
    }
}

#[test]
fn what_stands_at_home_already_is_not_refused() {
    let mut export: Value = serde_json::from_str(FIXTURES[0].1).unwrap();
    export["messages"][3]["parts"][1]["state"]["time"]["start"] = json!(0.5);
    export["messages"][3]["info"]["cost"] = json!(1e9);
    export["messages"][3]["parts"][0]["time"] = json!("long ago");
    let (trip, mut there) = Trip::started(&export.to_string(), &spec(None));
    trip.root(&mut there).messages[3]["info"]["summary"] = json!(true);
    let (merged, _) = trip.back(&trip.bundle(&there), &FRESH).unwrap();
    assert_eq!((merged.breaches.len(), merged.older_changed), (0, 1));
}

#[test]
fn a_file_of_an_open_call_or_a_late_part_is_not_read_here() {
    let file = |url: &str| json!({"type": "file", "mime": "image/png", "url": url});
    let data = file("data:image/png;base64,AA");
    let attached =
        json!({"attachments": [file("file:///home/me/.ssh/id"), file("http://169.254.169.254/"), data]});
    let message = at_home(|message| message["parts"][1]["state"] = completed(&attached));
    assert_eq!(message["parts"][1]["state"]["attachments"], json!([data]));
    let message = at_home(|message| add(message, &file("file:///home/me/.ssh/id")));
    assert_eq!(parts_in(&message).last().unwrap()["url"], "data:text/plain,");
    let message = at_home(|message| add(message, &json!({"type": "subtask", "prompt": "p", "agent": "a"})));
    let part = parts_in(&message).last().unwrap();
    assert_eq!((&part["type"], &part["text"], part.get("agent")), (&json!("text"), &json!("p"), None));
}

#[test]
fn a_time_of_a_late_part_is_held_against_now() {
    let end_ms = FRESH.now_ms + SAME_CLOCK_MS;
    for (said, home) in
        [(0, BEGIN_MS - SAME_CLOCK_MS), (5, BEGIN_MS - SAME_CLOCK_MS), (LATER, LATER), (1 << 47, end_ms)]
    {
        let message =
            at_home(|message| add(message, &json!({"type": "text", "text": "t", "time": {"start": said}})));
        assert_eq!(parts_in(&message).last().unwrap()["time"]["start"], home);
    }
    let future = json!({"time": {"start": LATER, "end": 1_i64 << 47}});
    let message = at_home(|message| message["parts"][1]["state"] = completed(&future));
    assert_eq!(message["parts"][1]["state"]["time"], json!({"start": LATER, "end": end_ms}));
}

/// A sub-agent's session that home has, in which a call is open.
#[test]
fn a_sub_agents_open_rows_are_held_to_the_same() {
    let come = |change: fn(&mut Value)| {
        let mut trip = Trip::start(FIXTURES[0].1, &spec(None));
        let mut own = child(trip.id(), LATER);
        own.messages[1]["parts"][1]["state"] =
            json!({"status": "running", "input": {}, "time": {"start": LATER}});
        own.messages[1]["info"]["time"].as_object_mut().unwrap().shift_remove("completed");
        let mut home = trip.home();
        home.insert(CHILD.to_owned(), own.clone());
        trip.imported.insert(CHILD.to_owned(), own);
        let mut there = trip.imported.clone();
        change(&mut there.get_mut(CHILD).unwrap().messages[1]);
        let children = [(CHILD.to_owned(), outline(&home[CHILD]))];
        let before = home.clone();
        let here = MergeContext { children: &children, rows: &rows(&before), ..FRESH };
        let (_, arrival) = trip.back(&trip.bundle(&there), &here)?;
        apply(&mut home, trip.id(), &arrival);
        Ok::<_, HomeError>(home[CHILD].messages[1].clone())
    };
    let attached = |message: &mut Value| {
        message["parts"][1]["state"] =
            completed(&json!({"attachments": [{"type": "file", "url": "http://169.254.169.254/"}]}));
    };
    assert_eq!(come(attached).unwrap()["parts"][1]["state"]["attachments"], json!([]));
    let added = |message: &mut Value| add(message, &json!({"type": "subtask", "prompt": "p"}));
    let message = come(added).unwrap();
    assert_eq!(parts_in(&message).last().unwrap()["type"], "text");
    let late = |message: &mut Value| add(message, &json!({"type": "step-finish", "cost": 1e300}));
    assert_eq!(unbelievable(come(late)), "cost");
}

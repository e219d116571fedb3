//! Paths on a whole trip, and what stands in a record of it.

use super::home::HERE;
use super::world::{Trip, apply};
use super::{messages_in, put, spec, value, without_snapshots};
use crate::session::arbitrary::{BEGIN_MS, FIXTURES, SESSION, session};
use crate::session::{Clock, Raw};
use crate::transfer::{Baseline, Paths, Spec};
use proptest::prelude::*;
use serde_json::{Value, json};

fn moved() -> Spec {
    Spec { directory: "/srv/w".into(), paths: Paths::new("/home/me/proj", "/srv/w"), ..spec(None) }
}

/// A session in which the directory stands wherever it can.
fn everywhere(directory: &str) -> Value {
    let at = |rest: &str| format!("{directory}{rest}");
    let (user, assistant) = ("msg_1f8785c80001sqlZm7ZOVRlqZb", "msg_1f8785c80002sqlZm7ZOVRlqZb");
    let part = |id: &str, message: &str, mut part: Value| {
        part["id"] = json!(format!("prt_1f8785c8000{id}sqlZm7ZOVRlqZb"));
        part["sessionID"] = json!(SESSION);
        part["messageID"] = json!(message);
        part
    };
    json!({
        "info": {"id": SESSION, "slug": "s", "directory": directory, "title": at("/title"), "version": "1.18.33",
            "time": {"created": BEGIN_MS, "updated": BEGIN_MS}},
        "messages": [
            {"info": {"id": user, "sessionID": SESSION, "role": "user", "time": {"created": BEGIN_MS}, "agent": "build",
                "model": {"providerID": "fake", "modelID": "m1"}},
             "parts": [
                part("1", user, json!({"type": "text", "text": at("/said")})),
                part("2", user, json!({"type": "file", "mime": "text/plain", "filename": at("/name"), "url": format!("file://{}", at("/a%20b")),
                    "source": {"type": "file", "path": at("/a b"), "text": {"value": at("/v"), "start": 0, "end": 1}}})),
                part("3", user, json!({"type": "subtask", "prompt": at("/prompt"), "description": "d", "agent": "build"})),
             ]},
            {"info": {"id": assistant, "sessionID": SESSION, "role": "assistant", "time": {"created": BEGIN_MS + 1}, "agent": "build",
                "mode": "build", "parentID": user, "cost": 0,
                "tokens": {"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}},
                "path": {"cwd": directory, "root": at("")}, "providerID": "fake", "modelID": "m1"},
             "parts": [
                part("4", assistant, json!({"type": "reasoning", "text": at("/thought"), "time": {"start": BEGIN_MS}})),
                part("5", assistant, json!({"type": "tool", "tool": "bash", "callID": "c", "state": {"status": "completed",
                    "input": {"filePath": at("/x.rs"), "deep": [{"command": format!("cd {directory} && ls {directory}/y")}], "id": user,
                        "time": {"created": 5}},
                    "output": at("/out"), "title": at("/t"), "metadata": {"filepath": at("/m")},
                    "time": {"start": BEGIN_MS, "end": BEGIN_MS}}})),
                part("6", assistant, json!({"type": "patch", "hash": "4b", "files": [at("/x.rs"), "/etc/hosts"]})),
             ]},
        ],
    })
}

#[test]
fn the_model_reads_the_hosts_paths_and_speech_stays() {
    let home = everywhere("/home/me/proj");
    let trip = Trip::start(&home.to_string(), &moved());
    let there = trip.imported[trip.id()].export();
    let mut expected = everywhere("/srv/w");
    for pointer in [
        "/info/title",
        "/messages/0/parts/0/text",
        "/messages/0/parts/1/filename",
        "/messages/0/parts/1/source/text/value",
        "/messages/0/parts/2/prompt",
        "/messages/1/parts/0/text",
        "/messages/1/parts/1/state/output",
        "/messages/1/parts/1/state/title",
        "/messages/1/parts/1/state/metadata/filepath",
    ] {
        *expected.pointer_mut(pointer).unwrap() = home.pointer(pointer).unwrap().clone();
    }
    expected["messages"][1]["parts"][2]["files"] = json!([]);
    for key in ["agent", "model", "variant"] {
        expected["messages"][0]["info"][key] = there["messages"][0]["info"][key].clone();
    }
    assert_eq!(there["messages"], expected["messages"]);
    assert_eq!(
        (&there["info"]["directory"], &there["info"]["title"]),
        (&json!("/srv/w"), &json!("/home/me/proj/title"))
    );
}

#[test]
fn what_was_written_there_tells_of_home() {
    let empty = json!({"info": everywhere("/home/me/proj")["info"], "messages": []});
    let (trip, mut there) = Trip::started(&empty.to_string(), &moved());
    let late = |json: Value| -> Vec<Value> {
        let later = json.to_string().replace("179517", "179518").replace("1f8785c8", "1f8f1f58");
        value(&later)["messages"].as_array().unwrap().clone()
    };
    trip.root(&mut there).messages = late(everywhere("/srv/w"));
    let (_, home) = trip.come_home(&there, &HERE);
    let home = &home[trip.id()].messages;
    let mut expected = late(everywhere("/home/me/proj"));
    without_snapshots(&mut expected[1]);
    assert_eq!(home[1]["info"], expected[1]["info"]);
    assert_eq!(home[1]["parts"][1]["state"]["input"], expected[1]["parts"][1]["state"]["input"]);
    assert_eq!(home[1]["parts"][1]["state"]["output"], "/srv/w/out");
    assert_eq!(home[1]["parts"][2], expected[1]["parts"][2]);
    assert_eq!(home[0]["parts"][1]["url"], expected[0]["parts"][1]["url"]);
    assert_eq!(home[0]["parts"][0]["text"], "/srv/w/said");
}

#[test]
fn a_row_that_was_changed_there_keeps_what_was_not() {
    // The host's directory stood in it before; nothing can tell, but what stands at home.
    let mut home = everywhere("/home/me/proj");
    home["messages"][1]["parts"][1]["state"]["input"]["own"] = json!(["/srv/w/own", "/home/me/proj/x"]);
    let (trip, mut there) = Trip::started(&home.to_string(), &moved());
    let parts = &mut trip.root(&mut there).messages[1]["parts"];
    parts[0]["metadata"] = json!("5c");
    parts[1]["state"]["time"]["compacted"] = json!(BEGIN_MS + 5);
    let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    assert_eq!((merged.changed, arrival.lines().count()), (2, 2));
    let mut back = trip.home();
    apply(&mut back, trip.id(), &arrival);
    let mut expected = messages_in(&home).clone();
    expected[1]["parts"][0]["metadata"] = json!("5c");
    expected[1]["parts"][1]["state"]["time"]["compacted"] = json!(BEGIN_MS + 5);
    assert_eq!(back[trip.id()].messages, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn without_work_no_path_changes(draft in session(), there in "/[a-z/ ]{0,6}", ahead in prop_oneof![Just(0), -(1_i64 << 40)..1_i64 << 40]) {
        let json = draft.json().replace("sleep", "cat /home/me/proj/x");
        let spec = Spec { paths: Paths::new("/home/me/proj", &there), clock: Clock::new(ahead, super::NOW_MS), ..spec(None) };
        let trip = Trip::start(&json, &spec);
        let plain = Trip::start(&json, &self::spec(None));
        let arrival = trip.back(&trip.bundle(&trip.imported), &HERE).unwrap().1;
        prop_assert_eq!(arrival, plain.back(&plain.bundle(&plain.imported), &HERE).unwrap().1);
    }
}

/// From the record of a trip that was under way when kugetsu was exchanged: 0.1.0 wrote some fields that nobody read.
const STORED: &str = include_str!("../../../tests/fixtures/undo-2.json");

#[test]
fn an_undo_of_0_1_0_is_read() {
    let undo: Baseline = serde_json::from_str(STORED).unwrap();
    let again: Baseline = serde_json::from_str(&serde_json::to_string_pretty(&undo).unwrap()).unwrap();
    assert_eq!(again, undo);
    assert_eq!((undo.settled.len(), undo.clock.unwrap().ahead_ms), (1, -86_400_000));
}

#[test]
fn the_newest_undo_is_the_one_that_is_written() {
    let spec = Spec {
        clock: Some(Clock::exact(-86_400_000, super::NOW_MS)),
        todos: Some(serde_json::from_str::<Raw>("[]").unwrap()),
        ..Spec { directory: "/srv/work here".into(), ..moved() }
    };
    let trip = Trip::start(FIXTURES[0].1, &spec);
    let mut undo = value(&serde_json::to_string(trip.undo()).unwrap());
    let mut stored = value(STORED);
    for unread in ["version", "info", "completed"] {
        put(&mut stored, unread, None);
    }
    put(&mut stored["settled"][0], "state", None);
    undo["departed"]["info"] = stored["departed"]["info"].clone();
    assert_eq!(undo, stored);
}

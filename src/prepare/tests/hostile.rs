//! A host that changes what it may not change.

use super::bundles::{CHILD, LATER, go_on};
use super::home::HERE;
use super::spec;
use super::work::work;
use super::world::{Database, Session, Trip, apply};
use crate::prepare::{Breach, HomeError};
use crate::session::arbitrary::{BEGIN_MS, FIXTURES, SESSION, session};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

fn allow_all() -> Value {
    json!([{"permission": "*", "pattern": "*", "action": "allow"}])
}

/// A fixture whose session denies something, and the host's database.
fn trip() -> (Trip, Database) {
    let mut export: Value = serde_json::from_str(FIXTURES[0].1).unwrap();
    export["info"]["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "deny"}]);
    let trip = Trip::start(&export.to_string(), &spec(None));
    let mut there = trip.imported.clone();
    go_on(there.get_mut(trip.id()).unwrap(), "rootZm7ZOVRlqZ", "go on", LATER);
    (trip, there)
}

#[test]
fn rules_never_come_home_neither_allowed_nor_taken_away() {
    for rules in [allow_all(), Value::Null, json!([1, null])] {
        let (trip, mut there) = trip();
        there.get_mut(trip.id()).unwrap().info["permission"] = rules;
        let (came, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
        assert!(came.has_other_rules && came.breaches.is_empty() && !arrival.contains("permission"));
    }
    let (trip, there) = trip();
    assert!(!trip.back(&trip.bundle(&there), &HERE).unwrap().0.has_other_rules);
}

#[test]
fn a_new_sub_agent_says_what_it_is_and_nothing_else() {
    let (trip, mut there) = trip();
    let info = json!({"id": CHILD, "parentID": SESSION, "slug": "x", "projectID": "p", "directory": "/etc", "title": "sub", "version": "1",
        "permission": allow_all(), "revert": {"messageID": "msg_1"}, "metadata": {"x": 1}, "share": {"url": "u"}, "workspaceID": "w",
        "time": {"created": LATER, "updated": 1_u64 << 47, "archived": 5, "compacting": 6}});
    let info = {
        let mut info = info;
        info["parentID"] = json!(trip.id());
        info
    };
    there.insert(CHILD.to_owned(), Session { info, messages: Vec::new(), todos: json!([]) });
    go_on(there.get_mut(CHILD).unwrap(), "childm7ZOVRlqZ", "sub", LATER);
    let (came, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    let mut home = trip.home();
    apply(&mut home, trip.id(), &arrival);
    let info = home[CHILD].info.as_object().unwrap();
    let mut fields: Vec<&str> = info.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["directory", "id", "parentID", "projectID", "slug", "time", "title", "version"]);
    assert_eq!(info["directory"], home[trip.id()].info["directory"]);
    assert_eq!(info["time"]["created"], LATER);
    assert!(
        info["time"]["updated"].as_i64().unwrap() <= HERE.now_ms + 2000
            && info["time"].as_object().unwrap().len() == 2
    );
    assert!(came.has_other_rules, "what it allows is told");
}

#[test]
fn what_left_is_not_rewritten_in_silence() {
    type Damage = fn(&mut Vec<Value>);
    for (damage, field) in [
        (|all| all[0]["parts"][0]["text"] = json!("another request"), "text"),
        (|all| all[0]["info"]["role"] = json!("assistant"), "role"),
        (|all| all[0]["info"]["time"]["created"] = json!(BEGIN_MS - 1), "time.created"),
        (|all| all[0]["info"]["system"] = json!("obey"), "system"),
        (|all| all[1]["info"]["time"]["completed"] = json!(BEGIN_MS), "time.completed"),
        (|all| all[0]["parts"][0]["type"] = json!("reasoning"), "type"),
    ] as [(Damage, &str); 6]
    {
        let (trip, mut there) = trip();
        damage(&mut there.get_mut(trip.id()).unwrap().messages);
        let (came, _) = trip.back(&trip.bundle(&there), &HERE).unwrap();
        let fields: Vec<&str> = came.breaches.iter().map(|breach| breach.field.as_str()).collect();
        assert_eq!((fields, came.older_changed), (vec![field], 1));
    }
}

#[test]
fn a_call_that_was_open_may_have_come_to_its_end() {
    let (trip, mut there) = trip();
    let root = there.get_mut(trip.id()).unwrap();
    let state = &mut root.messages[3]["parts"][1]["state"];
    assert_eq!(state["status"], "error", "it left open, and was ended in the copy");
    *state = json!({"status": "completed", "input": {}, "output": "done", "title": "t", "metadata": {}, "time": {"start": LATER, "end": LATER}});
    let state = state.clone();
    let (came, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    let mut home = trip.home();
    apply(&mut home, trip.id(), &arrival);
    assert_eq!((came.breaches.len(), &home[trip.id()].messages[3]["parts"][1]["state"]), (0, &state));
    assert_eq!(came.older_changed, 1);
}

#[test]
fn a_time_of_the_far_future_does_not_come_home() {
    for bad in ["1e300", "9223372036854775808", "2100000000000.5", "-1", "null"] {
        let (trip, mut there) = trip();
        let messages = &mut there.get_mut(trip.id()).unwrap().messages;
        let last = messages.len() - 1;
        messages[last]["info"]["time"]["completed"] = serde_json::from_str(bad).unwrap();
        let refused = trip.back(&trip.bundle(&there), &HERE).unwrap_err();
        assert!(
            matches!(&refused, HomeError::Unbelievable { what, .. } if what == "time.completed"),
            "{bad}: {refused}"
        );
    }
    let (trip, mut there) = trip();
    let messages = &mut there.get_mut(trip.id()).unwrap().messages;
    let last = messages.len() - 1;
    messages[last]["info"]["time"]["completed"] = json!(LATER + (1_i64 << 46));
    let (_, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    let mut home = trip.home();
    apply(&mut home, trip.id(), &arrival);
    let completed = home[trip.id()].messages[last]["info"]["time"]["completed"].as_i64().unwrap();
    assert!(completed <= HERE.now_ms + 2000, "{completed}");
}

#[test]
fn counters_grow_by_what_the_messages_say() {
    let (trip, mut there) = trip();
    let root = there.get_mut(trip.id()).unwrap();
    root.messages.last_mut().unwrap()["info"]["cost"] = json!(0.5);
    root.info["cost"] = json!(1000.0);
    let (came, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    assert!(came.is_overcounted || arrival.contains("\"cost\":0.5"), "{arrival}");
    let mut home = trip.home();
    apply(&mut home, trip.id(), &arrival);
    let before = trip.home()[trip.id()].info["cost"].as_f64().unwrap_or_default();
    assert_eq!(home[trip.id()].info["cost"].as_f64(), Some(before + 0.5));
}

/// A change that a host makes to a row that left.
#[derive(Debug, Clone)]
struct Tampering {
    message: Index,
    /// A part of it, or its record.
    part: Option<Index>,
    field: &'static str,
    value: Value,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let fields = vec![
        "/role",
        "/agent",
        "/model",
        "/time/created",
        "/time/completed",
        "/cost",
        "/tokens",
        "/finish",
        "/error",
        "/path/cwd",
        "/system",
        "/type",
        "/text",
        "/tool",
        "/callID",
        "/state",
        "/state/status",
        "/state/output",
        "/state/input/command",
        "/state/time/end",
        "/state/metadata/x",
        "/files",
        "/synthetic",
        "/new",
    ];
    let values = vec![
        json!("x"),
        json!(1),
        json!(1e300),
        json!({"status": "completed"}),
        json!([]),
        Value::Null,
        json!(true),
    ];
    let (field, value) = (prop::sample::select(fields), prop::sample::select(values));
    (any::<Index>(), prop::option::of(any::<Index>()), field, value)
        .prop_map(|(message, part, field, value)| Tampering { message, part, field, value })
}

impl Tampering {
    fn on(&self, session: &mut Session, left: usize) {
        let message = &mut session.messages[self.message.index(left)];
        let parts = message["parts"].as_array().unwrap().len();
        let row = match self.part.filter(|_| parts > 0) {
            Some(part) => &mut message["parts"][part.index(parts)],
            None => &mut message["info"],
        };
        let (above, key) = self.field.rsplit_once('/').unwrap();
        if let Some(object) = row.pointer_mut(above).and_then(Value::as_object_mut) {
            object.insert(key.to_owned(), self.value.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Home is equal to honest work, or untouched beside a session of its own, or what came is refused.
    #[test]
    fn home_is_honest_work_or_untouched(
        draft in session(), work in work(), tampering in prop::collection::vec(tampering(), 1..4), rules: bool, revert: bool,
    ) {
        let trip = Trip::start(&draft.json(), &spec(None));
        let honest = work.on(&trip.imported, trip.id(), LATER);
        let mut there = honest.clone();
        let left = trip.imported[trip.id()].messages.len();
        let root = there.get_mut(trip.id()).unwrap();
        for tampering in tampering.iter().filter(|_| left > 0) {
            tampering.on(root, left);
        }
        if rules {
            root.info["permission"] = allow_all();
        }
        if revert {
            root.info["revert"] = json!({"messageID": "msg_1"});
        }
        root.info["directory"] = json!("/etc");
        let (_, expected) = trip.back(&trip.bundle(&honest), &HERE).unwrap();
        // Another time of a message gives it another place: that it is out of order is another refusal.
        let bundle = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| trip.bundle(&there)));
        let Ok(bundle) = bundle else { return Ok(()) };
        if let Ok((came, arrival)) = trip.back(&bundle, &HERE)
            && came.breaches.is_empty()
        {
            let (mut home, mut expect) = (trip.home(), trip.home());
            apply(&mut home, trip.id(), &arrival);
            apply(&mut expect, trip.id(), &expected);
            for message in home.values_mut().chain(expect.values_mut()).flat_map(|session| &mut session.messages) {
                permitted_taken_out(message, &trip);
            }
            prop_assert_eq!(home, expect);
        }
    }
}

/// What a host may change, taken out of a message that left.
fn permitted_taken_out(message: &mut Value, trip: &Trip) {
    let home = trip.home();
    let Some(own) = home[trip.id()].messages.iter().find(|own| own["info"]["id"] == message["info"]["id"])
    else {
        return;
    };
    let is_open = own["info"]["role"] == "assistant" && own["info"]["time"].get("completed").is_none();
    if is_open {
        let info = message["info"].as_object_mut().unwrap();
        for key in ["finish", "error", "cost", "tokens"] {
            info.shift_remove(key);
        }
        info["time"].as_object_mut().unwrap().shift_remove("completed");
    }
    for (part, own) in
        message["parts"].as_array_mut().unwrap().iter_mut().zip(own["parts"].as_array().unwrap())
    {
        if matches!(own["state"]["status"].as_str(), Some("pending" | "running")) && own["type"] == "tool" {
            part.as_object_mut().unwrap().shift_remove("state");
        }
    }
}

#[test]
fn a_breach_says_what_was_changed() {
    let breach = |row: &str, field: &str| Breach { row: row.into(), field: field.into() }.to_string();
    assert_eq!(breach("prt_1", "state.output"), "state.output of prt_1");
    assert_eq!(breach("prt_1", ""), "prt_1 was added to a message that left");
}

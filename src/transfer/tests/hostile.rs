//! A host that changes what it may not change.

use super::bundles::{CHILD, LATER, go_on, gone_on};
use super::home::HERE;
use super::spelled::{Spelling, plain, respelled, rewritten};
use super::work::work;
use super::world::{Database, Session, Trip, apply, text, unbelievable};
use super::{extend, parts_in, parts_mut, put, same_in, spec};
use crate::session::arbitrary::{BEGIN_MS, FIXTURES, session};
use crate::session::{SAME_CLOCK_MS, following_part_id};
use crate::transfer::inbound::rights::Breach;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

fn allow_all() -> Value {
    json!([{"permission": "*", "pattern": "*", "action": "allow"}])
}

/// A fixture whose session denies something, and the host's database.
fn trip() -> (Trip, Database) {
    let mut export: Value = serde_json::from_str(FIXTURES[0].1).unwrap();
    export["info"]["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "deny"}]);
    gone_on(&export.to_string())
}

#[test]
fn rules_never_come_home_neither_allowed_nor_taken_away() {
    for rules in [allow_all(), Value::Null, json!([1, null])] {
        let (trip, mut there) = trip();
        trip.root(&mut there).info["permission"] = rules;
        let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
        assert!(merged.has_other_rules && merged.breaches.is_empty() && !arrival.contains("permission"));
    }
    let (trip, there) = trip();
    assert!(!trip.back(&trip.bundle(&there), &HERE).unwrap().0.has_other_rules);
}

#[test]
fn a_new_sub_agent_says_what_it_is_and_nothing_else() {
    let (trip, mut there) = trip();
    let info = json!({"id": CHILD, "parentID": trip.id(), "slug": "x", "projectID": "p", "directory": "/etc", "title": "sub", "version": "1",
        "permission": allow_all(), "revert": {"messageID": "msg_1"}, "metadata": {"x": 1}, "share": {"url": "u"}, "workspaceID": "w",
        "time": {"created": LATER, "updated": 1_u64 << 47, "archived": 5, "compacting": 6}});
    there.insert(CHILD.to_owned(), Session { info, messages: Vec::new(), todos: json!([]) });
    go_on(there.get_mut(CHILD).unwrap(), "childm7ZOVRlqZ", "sub", LATER);
    let (merged, home) = trip.come_home(&there, &HERE);
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
    assert!(merged.has_other_rules, "what it allows is told");
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
        (|all| all[1]["info"]["path"] = json!("/etc"), "path"),
    ] as [(Damage, &str); 7]
    {
        let (trip, mut there) = trip();
        damage(&mut trip.root(&mut there).messages);
        let (merged, _) = trip.back(&trip.bundle(&there), &HERE).unwrap();
        let fields: Vec<&str> = merged.breaches.iter().map(|breach| breach.field.as_str()).collect();
        assert_eq!((fields, merged.older_changed), (vec![field], 1));
    }
}

#[test]
fn a_call_that_was_open_may_have_come_to_its_end() {
    let (trip, mut there) = trip();
    let root = trip.root(&mut there);
    let state = &mut root.messages[3]["parts"][1]["state"];
    assert_eq!(state["status"], "error", "it left open, and was ended in the copy");
    *state = json!({"status": "completed", "input": {}, "output": "done", "title": "t", "metadata": {}, "time": {"start": LATER, "end": LATER}});
    let state = state.clone();
    let (merged, home) = trip.come_home(&there, &HERE);
    assert_eq!((merged.breaches.len(), &home[trip.id()].messages[3]["parts"][1]["state"]), (0, &state));
    assert_eq!(merged.older_changed, 1);
}

#[test]
fn a_time_of_the_far_future_does_not_come_home() {
    for bad in ["1e300", "9223372036854775808", "2100000000000.5", "-1", "null"] {
        let (trip, mut there) = trip();
        let messages = &mut trip.root(&mut there).messages;
        let last = messages.len() - 1;
        messages[last]["info"]["time"]["completed"] = serde_json::from_str(bad).unwrap();
        assert_eq!(unbelievable(trip.back(&trip.bundle(&there), &HERE)), "time.completed", "{bad}");
    }
    let (trip, mut there) = trip();
    let messages = &mut trip.root(&mut there).messages;
    let last = messages.len() - 1;
    messages[last]["info"]["time"]["completed"] = json!(LATER + (1_i64 << 46));
    let (_, home) = trip.come_home(&there, &HERE);
    let completed = home[trip.id()].messages[last]["info"]["time"]["completed"].as_i64().unwrap();
    assert!(completed <= HERE.now_ms + 2000, "{completed}");
}

#[test]
fn counters_grow_by_what_the_messages_say() {
    let (trip, mut there) = trip();
    let root = trip.root(&mut there);
    root.messages.last_mut().unwrap()["info"]["cost"] = json!(0.5);
    root.info["cost"] = json!(1000.0);
    let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    assert!(merged.is_overcounted || arrival.contains("\"cost\":0.5"), "{arrival}");
    let home = trip.at_home(&arrival);
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
        let parts = parts_in(message).len();
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

/// Parts that a host adds to any message: each says that it is hostile, in what is left of it as well.
fn added() -> impl Strategy<Value = Vec<(Index, Value)>> {
    let file = |url: &str| json!({"type": "file", "mime": "text/plain", "filename": "hostile", "url": url});
    let attached = [file("http://169.254.169.254/"), file("data:,x")];
    let parts = vec![
        json!({"type": "subtask", "prompt": "hostile", "description": "d", "agent": "a", "command": "169.254"}),
        file("file:///home/me/.ssh/id"),
        file("http://169.254.169.254/"),
        file("file:///srv/work here/.\t./.\t./passwd"),
        json!({"type": "file", "filename": "hostile", "url": "data:,x", "source": {"type": "file", "path": "/etc/passwd"}}),
        json!({"type": "file", "filename": "hostile", "url": "data:,x", "source": {"type": "resource", "uri": "http://169.254"}}),
        json!({"type": "tool", "tool": "read", "callID": "hostile", "state": {"status": "completed", "attachments": attached,
            "input": {}, "output": "", "title": "", "metadata": {}, "time": {"start": 0, "end": 1_i64 << 47}}}),
        json!({"type": "text", "text": "hostile", "time": {"start": 0, "end": 1_i64 << 47}}),
        json!({"type": "step-finish", "reason": "hostile", "cost": 1e300}),
    ];
    prop::collection::vec((any::<Index>(), prop::sample::select(parts)), 0..3)
}

fn add(messages: &mut [Value], (message, part): &(Index, Value)) {
    if messages.is_empty() {
        return;
    }
    let message = &mut messages[message.index(messages.len())];
    let last = parts_in(message).iter().map(|part| text(&part["id"])).max();
    if let Some(id) = last.and_then(following_part_id) {
        add_part(message, &id, part);
    }
}

/// A part behind those of the message.
pub(super) fn add_part(message: &mut Value, id: &str, part: &Value) {
    let info = &message["info"];
    let mut added = json!({"id": id, "sessionID": info["sessionID"], "messageID": info["id"]});
    extend(&mut added, part);
    parts_mut(message).push(added);
}

/// What a host says of the calls that were open.
fn states() -> impl Strategy<Value = Option<Value>> {
    let state = |start: Value, url: &str| {
        json!({"status": "completed", "input": {}, "output": "o", "title": "t", "metadata": {},
            "time": {"start": start, "end": 1_i64 << 47}, "attachments": [{"type": "file", "url": url}]})
    };
    prop::sample::select(vec![
        None,
        Some(state(json!(0), "file:///home/me/.ssh/id")),
        Some(state(json!(LATER), "http://169.254.169.254/")),
        Some(state(json!(1e300), "data:,x")),
        Some(
            json!({"status": "running", "time": {"start": 1_i64 << 47}, "attachments": {"url": "http://169.254"}}),
        ),
    ])
}

fn spelling() -> impl Strategy<Value = Option<Spelling>> {
    let spelling = (any::<u64>(), 1..40_u64, any::<bool>());
    prop::option::of(spelling.prop_map(|(seed, one_in, numbers)| Spelling { seed, one_in, numbers }))
}

/// The calls of a message that left open.
fn open_calls(own: &Value) -> impl Iterator<Item = &Value> {
    parts_in(own).iter().filter(|part| super::is_open(part))
}

/// Nothing that came home, in a row that is not as it was, is read, fetched or done here, and no time is none.
fn is_harmless(home: &Database, before: &Database) -> Result<(), TestCaseError> {
    let end_ms = HERE.now_ms + SAME_CLOCK_MS;
    let before: Vec<&Value> = before.values().flat_map(|session| &session.messages).flat_map(rows).collect();
    for row in home.values().flat_map(|session| &session.messages).flat_map(rows) {
        if before.contains(&row) {
            continue;
        }
        let text = row.to_string();
        prop_assert!(![".ssh", "169.254", "passwd"].iter().any(|word| text.contains(word)), "{}", text);
        prop_assert_ne!(&row["type"], "subtask");
        for time in [&row["time"], &row["state"]["time"]] {
            let mut all = time.as_object().into_iter().flat_map(|time| time.values());
            let is_time = |ms: &Value| ms.as_i64().is_some_and(|ms| (0..=end_ms).contains(&ms));
            prop_assert!(all.all(is_time), "{}", text);
        }
    }
    Ok(())
}

fn rows(message: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(&message["info"]).chain(parts_in(message))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Home is equal to honest work, or untouched beside a session of its own, or what came is refused.
    #[test]
    fn home_is_honest_work_or_untouched(
        draft in session(), work in work(), tampering in prop::collection::vec(tampering(), 0..4), rules: bool, revert: bool,
        added in added(), state in states(), spelling in spelling(),
    ) {
        let trip = Trip::start(&draft.json(), &spec(None));
        let honest = work.on(&trip.imported, trip.id(), LATER);
        let mut there = honest.clone();
        let left = trip.imported[trip.id()].messages.len();
        let root = trip.root(&mut there);
        for tampering in tampering.iter().filter(|_| left > 0) {
            tampering.on(root, left);
        }
        added.iter().for_each(|part| add(&mut root.messages, part));
        let home = trip.home();
        for call in home[trip.id()].messages.iter().flat_map(open_calls) {
            let parts = root.messages.iter_mut().flat_map(parts_mut);
            for part in parts.filter(|part| part["id"] == call["id"]) {
                part["state"] = state.clone().unwrap_or_else(|| part["state"].clone());
            }
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
        let bundle = match spelling {
            Some(spelling) => rewritten(&bundle, |document| respelled(document, spelling)),
            None => bundle,
        };
        if let Ok((merged, arrival)) = trip.back(&bundle, &HERE) {
            let (mut home, mut expect) = (trip.home(), trip.home());
            apply(&mut home, trip.id(), &arrival);
            is_harmless(&home, &trip.home())?;
            if !merged.breaches.is_empty() {
                return Ok(());
            }
            apply(&mut expect, trip.id(), &expected);
            for message in home.values_mut().chain(expect.values_mut()).flat_map(|session| &mut session.messages) {
                parts_mut(message).retain(|part| !part.to_string().contains("\"hostile\""));
                permitted_taken_out(message, &trip);
                plain(message);
            }
            for session in home.values_mut().chain(expect.values_mut()) {
                plain(&mut session.info);
            }
            prop_assert_eq!(home, expect);
        }
    }
}

/// What a host may change, taken out of a message that left.
fn permitted_taken_out(message: &mut Value, trip: &Trip) {
    let home = trip.home();
    let Some(own) = same_in(&home[trip.id()].messages, message) else { return };
    let is_open = own["info"]["role"] == "assistant" && own["info"]["time"].get("completed").is_none();
    if is_open {
        for key in ["finish", "error", "cost", "tokens"] {
            put(&mut message["info"], key, None);
        }
        put(&mut message["info"]["time"], "completed", None);
    }
    for (part, own) in parts_mut(message).iter_mut().zip(parts_in(own)) {
        if super::is_open(own) {
            put(part, "state", None);
        }
    }
}

#[test]
fn a_breach_says_what_was_changed() {
    let breach = |row: &str, field: &str| Breach { row: row.into(), field: field.into() }.to_string();
    assert_eq!(breach("prt_1", "state.output"), "state.output of prt_1");
    assert_eq!(breach("prt_1", ""), "prt_1 was added to a message that left");
}

//! The copy that leaves.

use super::{
    NOW_MS, has_open, is_open, messages_in, messages_mut, parts_in, parts_mut, prepared, put, spec, value,
};
use crate::session::arbitrary::{FIXTURES, call_id, session};
use crate::session::{ExportError, Setting, scan};
use crate::transfer::{Baseline, PrepareError, prepare};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Applies all that an undo holds; what was open when it left is as it stood `before`.
fn restored(mut session: Value, undo: &Baseline, before: &Value) -> Value {
    let record: Value = value(undo.sent.info.get());
    for key in ["directory", "path", "agent", "model"] {
        put(&mut session["info"], key, record.get(key));
    }
    for (message, before) in messages_mut(&mut session).iter_mut().zip(messages_in(before)) {
        let id = message["info"]["id"].as_str().unwrap().to_owned();
        if let Some(user) = undo.last_user.as_ref().filter(|user| user.id == id) {
            for (key, raw) in [("agent", &user.agent), ("model", &user.model), ("variant", &user.variant)] {
                let former = raw.as_ref().map(|raw| value(raw.get()));
                put(&mut message["info"], key, former.as_ref());
            }
        }
        if has_open(before) {
            message["info"]["time"] = before["info"]["time"].clone();
            put(&mut message["info"], "finish", before["info"].get("finish"));
        }
        let parts = parts_mut(message);
        parts.retain(|part| undo.added.iter().all(|added| part["id"] != added.part.as_str()));
        for (part, before) in parts.iter_mut().zip(parts_in(before)) {
            let is_settled = undo.settled.iter().any(|settled| part["id"] == settled.part.as_str());
            assert_eq!((is_settled, &part["id"]), (is_open(before), &before["id"]));
            if is_settled {
                part["state"] = before["state"].clone();
            }
        }
    }
    session
}

#[test]
fn nothing_is_undone_in_the_copy() {
    let mut session = value(FIXTURES[0].1);
    session["info"]["revert"] = json!({"messageID": session["messages"][2]["info"]["id"]});
    let (_, out, undo) = prepared(&session.to_string(), &spec(None));
    assert_eq!(value(&out)["info"].get("revert"), None);
    assert!(undo.sent.info.get().contains("revert"), "home is as it was");
}

#[test]
fn the_call_that_asked_is_completed() {
    for (name, json) in FIXTURES {
        let (left, out, undo) = prepared(json, &spec(Some("call_1")));
        let before = value(json);
        let message = &value(&out)["messages"][3];
        let (was, tool, finish) = (&before["messages"][3], &message["parts"][1], &message["parts"][2]);
        let mut metadata = was["parts"][1]["state"]["metadata"].clone();
        if metadata.is_null() {
            metadata = json!({});
        }
        let start = &was["parts"][1]["state"]["time"]["start"];
        assert_eq!(
            tool["state"],
            json!({"status": "completed", "input": was["parts"][1]["state"]["input"],
                "output": "The session was handed off to the host pi. The work goes on there.",
                "title": "Hand-off", "metadata": metadata,
                "time": {"start": start, "end": NOW_MS.max(start.as_i64().unwrap())}}),
            "{name}"
        );
        assert_eq!(message["info"]["finish"], "tool-calls");
        assert!(message["info"]["time"]["completed"].is_i64());
        assert_eq!((&finish["type"], &finish["reason"]), (&json!("step-finish"), &json!("tool-calls")));
        assert_eq!(finish["id"], undo.added[0].part.as_str());
        assert!(finish["id"].as_str() > tool["id"].as_str());
        assert_eq!(finish["messageID"], message["info"]["id"]);
        assert_eq!((left.outline.len(), undo.settled.len()), (4, 1));
        assert_eq!(restored(value(&out), &undo, &before), before);
    }
}

#[test]
fn any_other_call_ends_as_an_error() {
    for (name, json) in FIXTURES {
        let (_, out, undo) = prepared(json, &spec(Some("call_of_another")));
        let message = &value(&out)["messages"][3];
        let state = &message["parts"][1]["state"];
        assert_eq!(state["status"], "error", "{name}");
        assert_eq!(
            state["error"],
            "The session moved to the host pi while this tool was running; its result is not known."
        );
        assert_eq!(state["input"]["command"], "sleep 100");
        assert!(state["time"]["end"].as_i64() >= state["time"]["start"].as_i64());
        assert!(message["info"]["time"]["completed"].is_i64());
        assert_eq!(message["info"]["finish"], Value::Null);
        assert_eq!((parts_in(message).len(), undo.added.len()), (2, 0));
    }
}

#[test]
fn agent_model_and_directory_are_the_hosts() {
    let model = json!({"providerID": "far", "modelID": "big/one", "variant": "max"});
    for (name, json) in FIXTURES {
        let out = value(&prepared(json, &spec(None)).1);
        assert_eq!(out["info"]["directory"], "/srv/work here");
        let has_path = !name.starts_with("1.3.2");
        assert_eq!(out["info"].get("path"), has_path.then(|| json!("srv/work here")).as_ref());
        assert_eq!(out["info"]["agent"], "plan");
        assert_eq!(out["info"]["model"], json!({"id": "big/one", "providerID": "far", "variant": "max"}));
        let user = &out["messages"][2]["info"];
        assert_eq!(
            (&user["agent"], &user["model"], &user["variant"]),
            (&json!("plan"), &model, &json!("max"))
        );
        assert_eq!(out["messages"][0], value(json)["messages"][0], "only the last user message is changed");
    }
}

#[test]
fn what_is_not_asked_for_stays() {
    for (name, json) in FIXTURES {
        let mut spec = spec(None);
        spec.setting = Setting::default();
        let (before, out) = (value(json), value(&prepared(json, &spec).1));
        assert_eq!(out["messages"][2], before["messages"][2], "{name}");
        for key in ["agent", "model"] {
            assert_eq!(out["info"].get(key), before["info"].get(key));
        }
        spec.setting.model = Some("far/one".parse().unwrap());
        let out = value(&prepared(json, &spec).1);
        assert_eq!(
            out["messages"][2]["info"].get("variant"),
            None,
            "no variant is asked for: the old one must go"
        );
        assert_eq!(out["messages"][2]["info"]["model"], json!({"providerID": "far", "modelID": "one"}));
        assert_eq!(out["info"]["model"]["variant"], "default");
    }
}

#[test]
fn what_javascript_may_write_survives() {
    let json = FIXTURES[0]
        .1
        .replace("sleep 100\"", "sleep \\ud83d\", \"n\": 1e999")
        .replace("first question", "\\ud83d");
    let (_, out, undo) = prepared(&json, &spec(None));
    assert!(out.contains("\"sleep \\ud83d\"") && out.contains("1e999") && out.contains("\"\\ud83d, please"));
    let again: Baseline = serde_json::from_str(&serde_json::to_string(&undo).unwrap()).unwrap();
    assert_eq!(again, undo);
}

#[test]
fn another_file_than_the_scanned_one_is_refused() {
    let scan = scan(FIXTURES[0].1.as_bytes()).unwrap();
    for (_, json) in &FIXTURES[1..] {
        let error = prepare(json.as_bytes(), std::io::sink(), &scan, &spec(None)).unwrap_err();
        assert!(matches!(error, PrepareError::Changed), "{error}");
    }
    let cut = &FIXTURES[0].1.as_bytes()[..3000];
    let error = prepare(cut, std::io::sink(), &scan, &spec(None)).unwrap_err();
    assert!(matches!(error, PrepareError::Export(ExportError::Cut { offset: 3000 })), "{error}");
}

#[test]
fn a_full_disk_is_reported_as_that() {
    let json = FIXTURES[0].1;
    let scan = scan(json.as_bytes()).unwrap();
    let mut small = [0_u8; 1000];
    let error = prepare(json.as_bytes(), small.as_mut_slice(), &scan, &spec(None)).unwrap_err();
    assert!(matches!(error, PrepareError::Write(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn preparing_can_be_undone(draft in session(), call in prop::option::of(0..5_usize)) {
        let json = draft.json();
        let (_, out, undo) = prepared(&json, &spec(call.map(call_id).as_deref()));
        let stored: Baseline = serde_json::from_str(&serde_json::to_string(&undo).unwrap()).unwrap();
        prop_assert_eq!(&stored, &undo);
        let before = draft.value();
        prop_assert_eq!(restored(value(&out), &stored, &before), before);
    }

    #[test]
    fn a_prepared_session_is_sound_and_has_no_open_calls(draft in session(), call in prop::option::of(0..5_usize)) {
        let (left, out, undo) = prepared(&draft.json(), &spec(call.map(call_id).as_deref()));
        let after = scan(out.as_bytes()).unwrap();
        prop_assert!(!value(&out)["messages"].as_array().unwrap().iter().any(has_open));
        prop_assert_eq!(&after.setting, &spec(None).setting);
        prop_assert!(after.last_user.as_ref().is_none_or(|user| user.setting == spec(None).setting));
        prop_assert_eq!(after.last_user.map(|user| user.id), left.last_user.map(|user| user.id));
        let added: Vec<&str> = undo.added.iter().map(|added| added.part.as_str()).collect();
        let without: Vec<Vec<&str>> =
            after.outline.iter().map(|m| m.all().filter(|id| !added.contains(id)).collect()).collect();
        let before: Vec<Vec<&str>> = left.outline.iter().map(|m| m.all().collect()).collect();
        prop_assert_eq!(without, before);
    }

    #[test]
    fn what_is_not_touched_is_copied_to_the_byte(draft in session()) {
        #[derive(serde::Deserialize)]
        struct File<'a> {
            #[serde(borrow)]
            messages: Vec<&'a serde_json::value::RawValue>,
        }
        let json = draft.json();
        let (left, out, _) = prepared(&json, &spec(None));
        let (before, after): (File<'_>, File<'_>) =
            (serde_json::from_str(&json).unwrap(), serde_json::from_str(&out).unwrap());
        for (before, after) in before.messages.iter().zip(&after.messages) {
            let message = value(before.get());
            let last_user = left.last_user.as_ref().is_some_and(|user| message["info"]["id"] == user.id.as_str());
            if !last_user && !has_open(&message) {
                prop_assert_eq!(before.get(), after.get());
            }
        }
    }
}

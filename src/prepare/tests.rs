//! What holds for every session that leaves, and for every one that comes home.

use super::*;
use crate::session::arbitrary::{
    BEGIN_MS, Draft, FIXTURES, PartDraft, Release, SESSION, call_id, drafts, messages, session,
};
use crate::session::{ExportError, Model, Scan, Setting, scan};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Cursor;

const NOW_MS: i64 = BEGIN_MS + 10_000_000;

fn spec(call: Option<&str>) -> Spec {
    Spec {
        directory: "/srv/work here".into(),
        setting: Setting {
            agent: Some("plan".into()),
            model: Some(Model { provider: "far".into(), id: "big/one".into(), variant: Some("max".into()) }),
        },
        host: "pi".into(),
        now_ms: NOW_MS,
        handoff_call: call.map(str::to_owned),
    }
}

fn prepared(json: &str, spec: &Spec) -> (Scan, String, Undo) {
    let scan = scan(json.as_bytes()).unwrap();
    let mut out = Vec::new();
    let undo = prepare(json.as_bytes(), &mut out, &scan, spec).unwrap();
    (scan, String::from_utf8(out).unwrap(), undo)
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn put(object: &mut Value, key: &str, former: Option<&crate::session::Raw>) {
    let object = object.as_object_mut().unwrap();
    match former {
        Some(raw) => object.insert(key.to_owned(), value(raw.get())),
        None => object.shift_remove(key),
    };
}

/// Applies all that an undo holds.
fn restored(mut session: Value, undo: &Undo) -> Value {
    put(&mut session["info"], "directory", undo.info.directory.as_ref());
    put(&mut session["info"], "path", undo.info.path.as_ref());
    put(&mut session["info"], "agent", undo.info.agent.as_ref());
    put(&mut session["info"], "model", undo.info.model.as_ref());
    for message in session["messages"].as_array_mut().unwrap() {
        let id = message["info"]["id"].as_str().unwrap().to_owned();
        if let Some(user) = undo.last_user.as_ref().filter(|user| user.id == id) {
            put(&mut message["info"], "agent", user.agent.as_ref());
            put(&mut message["info"], "model", user.model.as_ref());
            put(&mut message["info"], "variant", user.variant.as_ref());
        }
        if let Some(completed) = undo.completed.iter().find(|completed| completed.message == id) {
            message["info"]["time"].as_object_mut().unwrap().shift_remove("completed");
            if completed.finish {
                message["info"].as_object_mut().unwrap().shift_remove("finish");
            }
        }
        let parts = message["parts"].as_array_mut().unwrap();
        parts.retain(|part| undo.added.iter().all(|added| part["id"] != added.part.as_str()));
        for part in parts {
            if let Some(settled) = undo.settled.iter().find(|settled| part["id"] == settled.part.as_str()) {
                put(part, "state", Some(&settled.state));
            }
        }
    }
    session
}

fn home(left: &Scan, undo: &Undo, back: &Value) -> Result<(Homecoming, Value), HomeError> {
    let mut out = Vec::new();
    let back = Cursor::new(serde_json::to_string_pretty(back).unwrap());
    let home = homecoming(&left.outline, undo, back, &mut out, NOW_MS)?;
    scan(out.as_slice()).unwrap();
    Ok((home, serde_json::from_slice(&out).unwrap()))
}

fn is_open(part: &Value) -> bool {
    part["type"] == "tool" && matches!(part["state"]["status"].as_str(), Some("pending" | "running"))
}

fn has_open(message: &Value) -> bool {
    message["parts"].as_array().unwrap().iter().any(is_open)
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
        assert_eq!(left.open_calls, undo.settled.len());
        assert_eq!(restored(value(&out), &undo), before);
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
        assert_eq!((message["parts"].as_array().unwrap().len(), undo.added.len()), (2, 0));
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
    assert!(undo.settled[0].state.get().contains("sleep \\ud83d"));
    let again: Undo = serde_json::from_str(&serde_json::to_string(&undo).unwrap()).unwrap();
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

/// A fixture that has been away and had a question answered there.
fn back_from_work() -> (Scan, Undo, Value) {
    let (left, out, undo) = prepared(FIXTURES[0].1, &spec(Some("call_1")));
    let mut back = value(&out);
    let mut work = back["messages"].as_array().unwrap()[..2].to_vec();
    for (n, message) in work.iter_mut().enumerate() {
        message["info"]["id"] = json!(format!("msg_new{n}"));
        for (k, part) in message["parts"].as_array_mut().unwrap().iter_mut().enumerate() {
            part["id"] = json!(format!("prt_new{n}{k}"));
            part["messageID"] = json!(format!("msg_new{n}"));
        }
    }
    work[0]["info"]["agent"] = json!("plan");
    work[0]["info"]["model"] = json!({"providerID": "far", "modelID": "big/one"});
    back["messages"].as_array_mut().unwrap().extend(work);
    (left, undo, back)
}

#[test]
fn work_comes_home_with_agent_and_model_of_before() {
    let (left, undo, back) = back_from_work();
    let (home, import) = home(&left, &undo, &back).unwrap();
    assert_eq!(import["info"], value(FIXTURES[0].1)["info"]);
    assert_eq!(import["messages"].as_array().unwrap().len(), 2);
    let user = &import["messages"][0]["info"];
    assert_eq!(user["agent"], "build");
    assert_eq!(user["model"], json!({"providerID": "fake", "modelID": "m1", "variant": "high"}));
    assert_eq!(import["messages"][1], back["messages"][5]);
    assert_eq!(home.reply.as_deref(), Some("Hello from the model."));
    let last = home.last_assistant.unwrap();
    assert_eq!((last.id.as_str(), last.agent.as_deref(), last.completed), ("msg_new1", Some("build"), true));
    assert_eq!((last.provider.as_deref(), last.model.as_deref()), (Some("fake"), Some("m1")));
    assert_eq!((last.finish.as_deref(), last.error), (Some("stop"), None));
    assert_eq!(home.new_messages.iter().map(|m| m.id()).collect::<Vec<_>>(), ["msg_new0", "msg_new1"]);
    assert!(home.late_parts.is_empty());
}

#[test]
fn a_session_without_a_user_message_goes_on_with_its_own_record() {
    let mut empty = value(FIXTURES[0].1);
    empty["messages"] = json!([]);
    let (left, out, undo) = prepared(&empty.to_string(), &spec(None));
    let mut back = value(&out);
    back["messages"] = back_from_work().2["messages"].as_array().unwrap()[4..].into();
    let import = home(&left, &undo, &back).unwrap().1;
    let user = &import["messages"][0]["info"];
    assert_eq!(user["agent"], "build");
    assert_eq!(user["model"], json!({"providerID": "fake", "modelID": "m1", "variant": "high"}));
}

#[test]
fn a_failed_run_says_why() {
    let (left, undo, mut back) = back_from_work();
    let last = &mut back["messages"][5];
    last["info"]["error"] = json!({"name": "APIError", "data": {"message": "no credit", "statusCode": 401}});
    last["info"]["time"].as_object_mut().unwrap().remove("completed");
    last["parts"] = json!([]);
    let home = home(&left, &undo, &back).unwrap().0;
    let last = home.last_assistant.unwrap();
    assert_eq!((last.error.as_deref(), last.completed, home.reply), (Some("no credit"), false, None));
}

#[test]
fn parts_that_came_late_are_brought_along() {
    let (left, undo, mut back) = back_from_work();
    let mut late = back["messages"][0]["parts"][0].clone();
    late["id"] = json!("prt_late");
    back["messages"][0]["parts"].as_array_mut().unwrap().push(late);
    let (home, import) = home(&left, &undo, &back).unwrap();
    let message = back["messages"][0]["info"]["id"].as_str().unwrap().to_owned();
    assert_eq!(home.late_parts, [LatePart { message, part: "prt_late".into() }]);
    assert_eq!(import["messages"][0], back["messages"][0]);
    assert_eq!((import["messages"].as_array().unwrap().len(), home.new_messages.len()), (3, 2));
}

#[test]
fn what_is_not_the_session_that_left_is_refused() {
    type Damage = fn(&mut Value);
    let refused = |damage: Damage| {
        let (left, undo, mut back) = back_from_work();
        damage(&mut back);
        home(&left, &undo, &back).unwrap_err()
    };
    let lost = refused(|back| drop(back["messages"].as_array_mut().unwrap().remove(1)));
    assert!(matches!(lost, HomeError::Missing { count: 4, .. }), "{lost}");
    let lost = refused(|back| drop(back["messages"][1]["parts"].as_array_mut().unwrap().pop()));
    assert!(matches!(lost, HomeError::Missing { count: 1, .. }), "{lost}");
    let lost = refused(|back| back["messages"].as_array_mut().unwrap().truncate(0));
    assert!(matches!(lost, HomeError::Missing { count: 11, .. }), "{lost}");
    let order = refused(|back| back["messages"].as_array_mut().unwrap().swap(0, 2));
    assert!(matches!(order, HomeError::OutOfOrder { .. }), "{order}");
    let order = refused(|back| back["messages"].as_array_mut().unwrap().swap(3, 4));
    assert!(matches!(&order, HomeError::OutOfOrder { id } if id == "msg_new0"), "{order}");
    let order = refused(|back| back["messages"][1]["parts"].as_array_mut().unwrap().swap(0, 1));
    assert!(matches!(order, HomeError::OutOfOrder { .. }), "{order}");
    let other = refused(|back| *back = value(FIXTURES[1].1));
    assert!(matches!(other, HomeError::OtherSession { .. }), "{other}");
    let twice = refused(|back| {
        let message = back["messages"][5].clone();
        back["messages"].as_array_mut().unwrap().push(message);
    });
    assert!(matches!(twice, HomeError::Export(ExportError::Duplicate { .. })), "{twice}");
    let stray = refused(|back| back["messages"][5]["info"]["sessionID"] = json!("ses_other"));
    assert!(matches!(stray, HomeError::Export(ExportError::Stray { .. })), "{stray}");
}

#[test]
fn a_part_may_not_move_to_a_new_message() {
    let (left, undo, mut back) = back_from_work();
    let mut part = back["messages"][1]["parts"].as_array_mut().unwrap().remove(0);
    part["messageID"] = json!("msg_new1");
    back["messages"][5]["parts"].as_array_mut().unwrap().push(part);
    let error = home(&left, &undo, &back).unwrap_err();
    assert!(matches!(error, HomeError::OutOfOrder { .. }), "{error}");
}

#[test]
fn a_cut_back_file_is_refused() {
    let (left, undo, back) = back_from_work();
    let back = back.to_string();
    for end in (0..back.len()).step_by(97) {
        let cut = Cursor::new(&back.as_bytes()[..end]);
        let error = homecoming(&left.outline, &undo, cut, std::io::sink(), NOW_MS).unwrap_err();
        assert!(matches!(error, HomeError::Export(ExportError::Cut { .. })), "{end}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn preparing_can_be_undone(draft in session(), call in prop::option::of(0..5_usize)) {
        let json = draft.json();
        let (_, out, undo) = prepared(&json, &spec(call.map(call_id).as_deref()));
        let stored: Undo = serde_json::from_str(&serde_json::to_string(&undo).unwrap()).unwrap();
        prop_assert_eq!(&stored, &undo);
        prop_assert_eq!(restored(value(&out), &stored), draft.value());
    }

    #[test]
    fn a_prepared_session_is_sound_and_has_no_open_calls(draft in session(), call in prop::option::of(0..5_usize)) {
        let (left, out, undo) = prepared(&draft.json(), &spec(call.map(call_id).as_deref()));
        let after = scan(out.as_bytes()).unwrap();
        prop_assert_eq!(after.open_calls, 0);
        prop_assert_eq!(left.open_calls, undo.settled.len());
        prop_assert_eq!(&after.setting, &spec(None).setting);
        prop_assert!(after.last_user.as_ref().is_none_or(|user| user.setting == spec(None).setting));
        prop_assert_eq!(after.last_user.map(|user| user.id), left.last_user.map(|user| user.id));
        let added: Vec<&str> = undo.added.iter().map(|added| added.part.as_str()).collect();
        let without: Vec<Vec<&str>> = after.outline.iter()
            .map(|m| std::iter::once(m.id()).chain(m.parts().filter(|part| !added.contains(part))).collect()).collect();
        let before: Vec<Vec<&str>> =
            left.outline.iter().map(|m| std::iter::once(m.id()).chain(m.parts()).collect()).collect();
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

    #[test]
    fn exactly_the_work_comes_home(draft in session(), work in drafts(), call in prop::option::of(0..5_usize)) {
        let (left, out, undo) = prepared(&draft.json(), &spec(call.map(call_id).as_deref()));
        let work = messages(draft.release, &work, draft.messages.len());
        let mut back = value(&out);
        back["messages"].as_array_mut().unwrap().extend(work.clone());
        let (home, import) = home(&left, &undo, &back).unwrap();

        prop_assert_eq!(&import["info"], &draft.value()["info"]);
        let last_user = work.iter().rposition(|message| message["info"]["role"] == "user");
        let before = draft.value()["messages"].as_array().unwrap().iter().rfind(|m| m["info"]["role"] == "user").cloned();
        let imported = import["messages"].as_array().unwrap();
        prop_assert_eq!(imported.len(), work.len());
        for (n, (came, was)) in imported.iter().zip(&work).enumerate() {
            let mut expected = was.clone();
            if let (true, Some(before)) = (Some(n) == last_user, &before) {
                for key in ["agent", "model", "variant"] {
                    prop_assert_eq!(came["info"].get(key), before["info"].get(key));
                    let info = expected["info"].as_object_mut().unwrap();
                    info.remove(key);
                    if let Some(value) = came["info"].get(key) {
                        info.insert(key.to_owned(), value.clone());
                    }
                }
            } else if Some(n) == last_user {
                expected["info"] = came["info"].clone();
            }
            if has_open(was) {
                prop_assert!(!has_open(came));
                expected["info"]["time"]["completed"] = came["info"]["time"]["completed"].clone();
                for (part, came) in expected["parts"].as_array_mut().unwrap().iter_mut().zip(came["parts"].as_array().unwrap()) {
                    if is_open(part) {
                        prop_assert_eq!(&came["state"]["status"], "error");
                        part["state"] = came["state"].clone();
                    }
                }
            }
            prop_assert_eq!(came, &expected);
        }
        let rows: Vec<&str> = home.new_messages.iter().map(|m| m.id()).collect();
        prop_assert_eq!(rows, work.iter().map(|m| m["info"]["id"].as_str().unwrap()).collect::<Vec<_>>());
        let open: usize = work.iter().map(|m| m["parts"].as_array().unwrap().iter().filter(|p| is_open(p)).count()).sum();
        prop_assert_eq!(home.open_calls, open);
        prop_assert!(home.late_parts.is_empty());
    }

    #[test]
    fn the_reply_is_what_the_assistant_said_last(texts in prop::collection::vec((".{0,8}", any::<bool>()), 0..5)) {
        let (_, mut undo, mut back) = back_from_work();
        undo.session = SESSION.to_owned();
        back["info"]["id"] = json!(SESSION);
        let parts = texts.iter().map(|(text, synthetic)| PartDraft::Text(text.clone(), *synthetic)).collect();
        back["messages"] = messages(Release::New, &[Draft::Assistant { parts, ended: true }], 90).into();
        let empty = scan(format!(r#"{{"info":{{"id":"{SESSION}"}},"messages":[]}}"#).as_bytes()).unwrap();
        let said: Vec<&str> = texts.iter().filter(|(_, synthetic)| !synthetic).map(|(text, _)| text.as_str()).collect();
        let reply = (!said.is_empty()).then(|| said.join("\n"));
        prop_assert_eq!(home(&empty, &undo, &back).unwrap().0.reply, reply);
    }
}

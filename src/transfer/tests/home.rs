//! A plain export that came back.

use super::world::Trip;
use super::{
    NOW_MS, has_open, is_open, messages_in, messages_mut, parts_in, parts_mut, put, spec, value,
    without_snapshots,
};
use crate::session::arbitrary::{
    BEGIN_MS, Draft, FIXTURES, PartDraft, Release, SESSION, call_id, drafts, messages, session,
};
use crate::session::{ExportError, scan};
use crate::transfer::baseline::PartOf;
use crate::transfer::inbound::returned::ReturnedKind;
use crate::transfer::inbound::rights::Breach;
use crate::transfer::{HomeError, MergeContext, MergeResult, import_file, reconcile};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Cursor;

pub(super) const HERE: MergeContext<'_> = MergeContext {
    now_ms: NOW_MS + 10_000_000,
    launched_ms: BEGIN_MS,
    host_is_ahead: true,
    children: &[],
    spent: &[],
    rows: &|_, _| Ok(None),
};

/// The same of a host that nobody worked on before the launch.
pub(super) const FRESH: MergeContext<'_> = MergeContext { host_is_ahead: false, ..HERE };

/// Brings a plain export home, into a file for import.
fn home(trip: &Trip, back: &Value) -> Result<(MergeResult, Value), HomeError> {
    let (home, arrival) = trip.back(&serde_json::to_string_pretty(back).unwrap(), &HERE)?;
    let mut out = Vec::new();
    import_file(arrival.as_bytes(), trip.undo(), &home, &mut out).unwrap();
    scan(out.as_slice()).unwrap();
    Ok((home, serde_json::from_slice(&out).unwrap()))
}

/// A fixture that has been away and had a question answered there.
fn back_from_work() -> (Trip, Value) {
    let trip = Trip::start(FIXTURES[0].1, &spec(None));
    let mut back = trip.imported[trip.id()].export();
    let mut work = messages_in(&back)[..2].to_vec();
    for (n, message) in work.iter_mut().enumerate() {
        *message = value(&message.to_string().replace(":179517", ":179518"));
        message["info"]["id"] = json!(format!("msg_new{n}"));
        for (k, part) in parts_mut(message).iter_mut().enumerate() {
            part["id"] = json!(format!("prt_new{n}{k}"));
            part["messageID"] = json!(format!("msg_new{n}"));
        }
    }
    work[0]["info"]["agent"] = json!("plan");
    work[0]["info"]["model"] = json!({"providerID": "far", "modelID": "big/one"});
    messages_mut(&mut back).extend(work);
    (trip, back)
}

#[test]
fn work_comes_home_with_agent_and_model_of_before() {
    let (trip, back) = back_from_work();
    let (home, import) = home(&trip, &back).unwrap();
    assert_eq!(import["info"], value(FIXTURES[0].1)["info"]);
    assert_eq!(messages_in(&import).len(), 3, "the one with the open call, and the new ones");
    let user = &import["messages"][1]["info"];
    assert_eq!(user["agent"], "build");
    assert_eq!(user["model"], json!({"providerID": "fake", "modelID": "m1", "variant": "high"}));
    let mut answer = back["messages"][5].clone();
    without_snapshots(&mut answer);
    assert_eq!(import["messages"][2], answer);
    assert_eq!(home.reply.as_deref(), Some("Hello from the model."));
    let last = home.last_assistant.unwrap();
    assert_eq!((last.agent.as_deref(), last.completed, last.error), (Some("build"), true, None));
    assert_eq!(home.new_messages.iter().map(|m| m.id()).collect::<Vec<_>>(), ["msg_new0", "msg_new1"]);
    assert!(home.late_parts.is_empty());
    assert_eq!((home.kind, home.changed, home.children), (ReturnedKind::Export, 2, 0));
    assert_eq!(home.not_carried, ["todos", "sub-agents", "title and cost", "changes of older messages"]);
}

#[test]
fn a_session_without_a_user_message_goes_on_with_its_own_record() {
    let mut empty = value(FIXTURES[0].1);
    empty["messages"] = json!([]);
    let trip = Trip::start(&empty.to_string(), &spec(None));
    let mut back = trip.imported[trip.id()].export();
    back["messages"] = back_from_work().1["messages"].as_array().unwrap()[4..].into();
    let import = home(&trip, &back).unwrap().1;
    let user = &import["messages"][0]["info"];
    assert_eq!(user["agent"], "build");
    assert_eq!(user["model"], json!({"providerID": "fake", "modelID": "m1", "variant": "high"}));
}

#[test]
fn a_failed_run_says_why() {
    let (trip, mut back) = back_from_work();
    let last = &mut back["messages"][5];
    last["info"]["error"] = json!({"name": "APIError", "data": {"message": "no credit", "statusCode": 401}});
    last["info"]["time"].as_object_mut().unwrap().remove("completed");
    last["parts"] = json!([]);
    let home = home(&trip, &back).unwrap().0;
    let last = home.last_assistant.unwrap();
    assert_eq!((last.error.as_deref(), last.completed, home.reply), (Some("no credit"), false, None));
}

#[test]
fn a_part_that_was_added_to_what_the_user_said_is_a_breach() {
    let (trip, mut back) = back_from_work();
    let mut late = back["messages"][0]["parts"][0].clone();
    late["id"] = json!("prt_late");
    parts_mut(&mut back["messages"][0]).push(late);
    let (home, import) = home(&trip, &back).unwrap();
    let message = back["messages"][0]["info"]["id"].as_str().unwrap().to_owned();
    assert_eq!(home.late_parts, [PartOf { message, part: "prt_late".into() }]);
    assert_eq!(home.breaches, [Breach { row: "prt_late".into(), field: String::new() }]);
    assert_eq!(import["messages"][0]["info"], back["messages"][0]["info"]);
    assert_eq!(import["messages"][0]["parts"], json!([back["messages"][0]["parts"][1]]));
    assert_eq!((messages_in(&import).len(), home.new_messages.len()), (4, 2));
}

#[test]
fn what_is_not_the_session_that_left_is_refused() {
    type Damage = fn(&mut Value);
    let refused = |damage: Damage| {
        let (trip, mut back) = back_from_work();
        damage(&mut back);
        home(&trip, &back).unwrap_err()
    };
    let lost = refused(|back| drop(messages_mut(back).remove(1)));
    assert!(matches!(lost, HomeError::Missing { count: 4, .. }), "{lost}");
    let lost = refused(|back| drop(parts_mut(&mut back["messages"][1]).pop()));
    assert!(matches!(lost, HomeError::Missing { count: 1, .. }), "{lost}");
    let lost = refused(|back| messages_mut(back).truncate(0));
    assert!(matches!(lost, HomeError::Missing { count: 11, .. }), "{lost}");
    let order = refused(|back| messages_mut(back).swap(0, 2));
    assert!(matches!(order, HomeError::OutOfOrder { .. }), "{order}");
    let order = refused(|back| messages_mut(back).swap(3, 4));
    assert!(matches!(&order, HomeError::OutOfOrder { id } if id.starts_with("msg_1f8")), "{order}");
    let order = refused(|back| parts_mut(&mut back["messages"][1]).swap(0, 1));
    assert!(matches!(order, HomeError::OutOfOrder { .. }), "{order}");
    let other = refused(|back| *back = value(FIXTURES[1].1));
    assert!(matches!(other, HomeError::OtherSession { .. }), "{other}");
    let twice = refused(|back| {
        let message = back["messages"][5].clone();
        messages_mut(back).push(message);
    });
    assert!(matches!(twice, HomeError::Export(ExportError::Duplicate { .. })), "{twice}");
    let stray = refused(|back| back["messages"][5]["info"]["sessionID"] = json!("ses_other"));
    assert!(matches!(stray, HomeError::Export(ExportError::Stray { .. })), "{stray}");
}

#[test]
fn a_part_may_not_move_to_a_new_message() {
    let (trip, mut back) = back_from_work();
    let mut part = parts_mut(&mut back["messages"][1]).remove(0);
    part["messageID"] = json!("msg_new1");
    parts_mut(&mut back["messages"][5]).push(part);
    let error = home(&trip, &back).unwrap_err();
    assert!(matches!(error, HomeError::OutOfOrder { .. }), "{error}");
}

#[test]
fn a_cut_back_file_is_refused() {
    let (trip, back) = back_from_work();
    let back = back.to_string();
    for end in (0..back.len()).step_by(97) {
        let cut = Cursor::new(&back.as_bytes()[..end]);
        let before = trip.export.as_bytes();
        let error = reconcile(&trip.left, trip.undo(), cut, before, std::io::sink(), &HERE).unwrap_err();
        assert!(matches!(error, HomeError::Export(ExportError::Cut { .. })), "{end}: {error}");
    }
}

/// Gives the open calls of a message the end that they have in another, which must be one.
pub(super) fn end_like(message: &mut Value, ended: &Value) {
    if !has_open(message) {
        return;
    }
    assert!(!has_open(ended));
    if message["info"]["role"] == "assistant" {
        assert!(ended["info"]["time"]["completed"].is_i64());
        message["info"]["time"]["completed"] = ended["info"]["time"]["completed"].clone();
    }
    for (part, ended) in parts_mut(message).iter_mut().zip(parts_in(ended)) {
        if is_open(part) {
            assert_eq!(ended["state"]["status"], "error");
            part["state"] = ended["state"].clone();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn exactly_the_work_comes_home(draft in session(), work in drafts(), call in prop::option::of(0..5_usize)) {
        let trip = Trip::start(&draft.json(), &spec(call.map(call_id).as_deref()));
        let work = messages(draft.release, &work, draft.messages.len());
        let mut back = trip.imported[trip.id()].export();
        messages_mut(&mut back).extend(work.clone());
        let (home, import) = home(&trip, &back).unwrap();

        prop_assert_eq!(&import["info"], &draft.value()["info"]);
        let last_user = work.iter().rposition(|message| message["info"]["role"] == "user");
        let before = draft.value()["messages"].as_array().unwrap().iter().rfind(|m| m["info"]["role"] == "user").cloned();
        let imported = messages_in(&import);
        let imported = &imported[imported.len() - work.len()..];
        for (n, (merged, was)) in imported.iter().zip(&work).enumerate() {
            let mut expected = was.clone();
            without_snapshots(&mut expected);
            if let (true, Some(before)) = (Some(n) == last_user, &before) {
                for key in ["agent", "model", "variant"] {
                    prop_assert_eq!(merged["info"].get(key), before["info"].get(key));
                    put(&mut expected["info"], key, merged["info"].get(key));
                }
            } else if Some(n) == last_user {
                expected["info"] = merged["info"].clone();
            }
            end_like(&mut expected, merged);
            prop_assert_eq!(merged, &expected);
        }
        let rows: Vec<&str> = home.new_messages.iter().map(|m| m.id()).collect();
        prop_assert_eq!(rows, work.iter().map(|m| m["info"]["id"].as_str().unwrap()).collect::<Vec<_>>());
        prop_assert!(home.late_parts.len() == trip.undo().added.len());
    }

    #[test]
    fn the_reply_is_what_the_assistant_said_last(texts in prop::collection::vec((".{0,8}", any::<bool>()), 0..5)) {
        let empty = format!(r#"{{"info":{{"id":"{SESSION}"}},"messages":[]}}"#);
        let trip = Trip::start(&empty, &spec(None));
        let mut back = value(&empty);
        let parts = texts.iter().map(|(text, synthetic)| PartDraft::Text(text.clone(), *synthetic)).collect();
        back["messages"] = messages(Release::New, &[Draft::Assistant { parts, ended: true }], 90).into();
        let said: Vec<&str> = texts.iter().filter(|(_, synthetic)| !synthetic).map(|(text, _)| text.as_str()).collect();
        let reply = (!said.is_empty()).then(|| said.join("\n"));
        prop_assert_eq!(home(&trip, &back).unwrap().0.reply, reply);
    }
}

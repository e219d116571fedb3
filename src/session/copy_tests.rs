//! What holds for every copy.

use super::arbitrary::{FIXTURES, SESSION, random, session};
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const COPY: &str = "ses_e07836e36ffecopycopycopy00";
const NOW: i64 = 1_795_180_000_000;

fn spec() -> CopySpec {
    CopySpec { session: COPY.into(), title: "a/b#1".into(), directory: None, now_ms: NOW }
}

fn copied(json: &str, spec: &CopySpec, seed: u64) -> (String, FreshIds) {
    let scan = scan(json.as_bytes()).unwrap();
    let mut out = Vec::new();
    let ids = copy(json.as_bytes(), &mut out, &scan, spec, &mut random(seed)).unwrap();
    (String::from_utf8(out).unwrap(), ids)
}

/// Puts the old ids back, as text.
fn mapped_back(copy: &str, ids: &FreshIds, session: &str) -> String {
    let back = ids.iter().fold(copy.to_owned(), |text, (old, fresh)| text.replace(fresh, old));
    back.replace(COPY, session)
}

/// A session's record without what a copy has of its own.
fn common(mut value: Value) -> Value {
    let info = value["info"].as_object_mut().unwrap();
    for own in ["slug", "title", "time", "parentID", "share", "permission", "directory", "path"] {
        info.remove(own);
    }
    value
}

#[test]
fn real_exports_are_copied() {
    for (name, json) in FIXTURES {
        let original: Value = serde_json::from_str(json).unwrap();
        let id = original["info"]["id"].as_str().unwrap();
        let (copy, ids) = copied(json, &spec(), 1);
        assert!(!copy.contains(id), "{name}");
        for (old, _) in ids.iter() {
            assert!(!copy.contains(old), "{name}: {old}");
        }
        let scanned = scan(copy.as_bytes()).unwrap();
        let value: Value = serde_json::from_str(&copy).unwrap();
        assert_eq!((scanned.id.as_str(), &value["info"]["title"]), (COPY, &json!("a/b#1")));
        assert_eq!(value["info"]["time"], json!({"created": NOW, "updated": NOW}));
        assert!(value["info"].get("permission").is_none());
        assert_ne!(value["info"]["slug"], original["info"]["slug"]);
        assert_eq!(value["messages"][1]["info"]["parentID"], value["messages"][0]["info"]["id"]);
        let back: Value = serde_json::from_str(&mapped_back(&copy, &ids, id)).unwrap();
        assert_eq!(common(back), common(original), "{name}");
    }
}

/// What else names a message, a part or the session: shapes of 1.18.33.
#[test]
fn every_reference_follows_and_those_to_other_sessions_stay() {
    let (msg, other) = ("msg_1f87c92a1001sqlZm7ZOVRlqZb", "msg_1f87c92a1002sqlZm7ZOVRlqZb");
    let (part, attached) = ("prt_1f87c92b60014hTR0fuYyNjtpS", "prt_1f87c92b60024hTR0fuYyNjtpS");
    let part_of = |message: &str, id: &str, mut rest: Value| {
        rest["id"] = json!(id);
        rest["sessionID"] = json!(SESSION);
        rest["messageID"] = json!(message);
        rest
    };
    let task = json!({"type": "tool", "tool": "task", "callID": "call_1", "state": {"status": "completed",
        "input": {"task_id": "ses_child", "session_id": SESSION, "message_id": msg}, "output": SESSION,
        "metadata": {"parentSessionId": SESSION, "sessionId": "ses_child"},
        "attachments": [part_of(msg, attached, json!({"type": "file", "url": "data:,x"}))]}});
    let value = json!({"info": {"id": SESSION, "parentID": "ses_parent", "share": {"url": "https://x"},
            "revert": {"messageID": other, "partID": part, "snapshot": "4b825d"}, "title": "t", "metadata": {"k": 1},
            "directory": "/home/me", "path": "home/me", "time": {"created": 1, "updated": 2, "archived": 3}},
        "messages": [
            {"info": {"id": msg, "sessionID": SESSION, "role": "user", "time": {"created": 1}, "agent": "build",
                "model": {"providerID": "fake", "modelID": "m1"}}, "parts": [
                part_of(msg, part, json!({"type": "compaction", "auto": true, "tail_start_id": other}))]},
            {"info": {"id": other, "sessionID": SESSION, "role": "assistant", "parentID": msg, "time": {"created": 2}},
             "parts": [part_of(other, "prt_mine", task), part_of(other, "prt_said", json!({"type": "text", "text": SESSION}))]},
        ], "more": {"messageID": msg}});
    let json = value.to_string();
    let elsewhere = CopySpec { directory: Some("/srv/w".into()), ..spec() };
    let (copy, ids) = copied(&json, &elsewhere, 2);
    let copy: Value = serde_json::from_str(&copy).unwrap();
    let fresh = |id: &str| json!(ids.get(id).unwrap());
    let info = &copy["info"];
    assert_eq!(
        info["revert"],
        json!({"messageID": fresh(other), "partID": fresh(part), "snapshot": "4b825d"})
    );
    assert_eq!((&info["directory"], &info["path"]), (&json!("/srv/w"), &json!("srv/w")));
    assert_eq!(info["metadata"], json!({"k": 1}));
    assert!(info.get("parentID").is_none() && info.get("share").is_none());
    assert_eq!(copy["messages"][0]["parts"][0]["tail_start_id"], fresh(other));
    assert_eq!(copy["messages"][1]["info"]["parentID"], fresh(msg));
    let state = &copy["messages"][1]["parts"][0]["state"];
    assert_eq!(state["metadata"], json!({"parentSessionId": COPY, "sessionId": "ses_child"}));
    assert_eq!(state["input"], value["messages"][1]["parts"][0]["state"]["input"]);
    assert_eq!(state["output"], SESSION);
    let file = &state["attachments"][0];
    assert_eq!((&file["sessionID"], &file["messageID"]), (&json!(COPY), &fresh(msg)));
    assert!(file["id"] != attached && file["id"].as_str().unwrap().starts_with("prt_1f87c92b6002"));
    assert_eq!(copy["messages"][1]["parts"][1]["text"], SESSION);
    assert_eq!(copy["more"], json!({"messageID": fresh(msg)}));
}

#[test]
fn another_file_than_the_scanned_one_is_refused() {
    let (one, other) = (FIXTURES[0].1, FIXTURES[1].1);
    let shorter = {
        let mut value: Value = serde_json::from_str(one).unwrap();
        value["messages"].as_array_mut().unwrap().pop();
        value.to_string()
    };
    for (scanned, read) in [(one, other), (one, shorter.as_str()), (shorter.as_str(), one)] {
        let scan = scan(scanned.as_bytes()).unwrap();
        let error = copy(read.as_bytes(), Vec::new(), &scan, &spec(), &mut random(1)).unwrap_err();
        assert!(matches!(error, CopyError::Changed), "{error:?}");
    }
    let scan = scan(one.as_bytes()).unwrap();
    let cut = copy(&one.as_bytes()[..2000], Vec::new(), &scan, &spec(), &mut random(1)).unwrap_err();
    assert!(matches!(cut, CopyError::Export(ExportError::Cut { .. })), "{cut:?}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = copy(one.as_bytes(), full, &scan, &spec(), &mut random(1)).unwrap_err();
    assert!(matches!(error, CopyError::Write(_)), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_copy_mapped_back_is_the_original(draft in session(), seed: u64) {
        let (json, original) = (draft.json(), draft.value());
        let (copy, ids) = copied(&json, &spec(), seed);
        let scanned = scan(copy.as_bytes()).unwrap();
        prop_assert_eq!(scanned.outline.len() + scanned.outline.part_count(), ids.iter().count());
        prop_assert!(!copy.contains(SESSION) && ids.iter().all(|(old, _)| !copy.contains(old)));
        let before = scan(json.as_bytes()).unwrap();
        prop_assert!(scanned.outline.ids().eq(before.outline.ids().map(|id| ids.get(id).unwrap())));
        let back: Value = serde_json::from_str(&mapped_back(&copy, &ids, SESSION)).unwrap();
        prop_assert_eq!(common(back), common(original));
    }

    #[test]
    fn two_copies_share_no_id(draft in session(), seed: u64) {
        let json = draft.json();
        let (one, _) = copied(&json, &spec(), seed);
        let (_, first) = copied(&json, &spec(), seed);
        let (_, second) = copied(&json, &spec(), !seed);
        prop_assert!(first.iter().all(|(_, fresh)| second.iter().all(|(_, other)| fresh != other)));
        // And a copy of a copy none with either.
        let (_, third) = copied(&one, &spec(), seed ^ 1);
        prop_assert!(first.iter().all(|(old, fresh)| third.iter().all(|(_, other)| other != fresh && other != old)));
    }
}

#[test]
fn a_copy_in_another_directory_cannot_undo_what_was_done_in_that_one() {
    let mut session: Value = serde_json::from_str(FIXTURES[0].1).unwrap();
    let directory = session["info"]["directory"].as_str().unwrap().to_owned();
    let mut patch = session["messages"][1]["parts"][0].clone();
    patch["id"] = json!("prt_patch");
    patch["type"] = json!("patch");
    patch["hash"] = json!("4b82");
    patch["files"] = json!([format!("{directory}/a")]);
    session["messages"][1]["parts"].as_array_mut().unwrap().push(patch.clone());
    for (to, files) in
        [(None, &patch["files"]), (Some(directory.as_str()), &patch["files"]), (Some("/srv/w"), &json!([]))]
    {
        let spec = CopySpec { directory: to.map(str::to_owned), ..spec() };
        let copy: Value = serde_json::from_str(&copied(&session.to_string(), &spec, 3).0).unwrap();
        let parts = copy["messages"][1]["parts"].as_array().unwrap();
        let copied = parts.iter().find(|part| part["type"] == "patch").unwrap();
        assert_eq!((&copied["files"], &copied["hash"]), (files, &patch["hash"]), "{to:?}");
    }
}

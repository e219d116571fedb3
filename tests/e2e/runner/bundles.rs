//! What comes back of a run by the real opencode: what is new or changed, and nothing else.

use super::real::{HALF, Real, conversation, expect_bundle};
use crate::support::machine::which;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, Running};
use crate::support::sample;
use kugetsu::host::{EndedBy, Sending};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

const SESSION: &str = "ses_0123456789abABCDEFGHIJKLMN";

/// As `sha256sum` prints it.
fn sha256(text: &str) -> String {
    let output = Running::start(Command::new(which("sha256sum")), Some(text.as_bytes())).wait(PATIENCE);
    output.stdout[..64].to_owned()
}

fn what_is_new_comes_back(release: Release) {
    let real = Real::start(release);
    let run = real.run(1, SESSION);
    let mut session = conversation(SESSION, &run.directory, 0, 3);
    let rules = serde_json::json!([{ "permission": "*", "pattern": "*", "action": "allow" }]);
    session["info"]["permission"] = rules.clone();
    let prompt = "[[tool todowrite {\"todos\":[{\"content\":\"first\",\"status\":\"in_progress\",\"priority\":\"high\",\"id\":\"1\"}]}]]\n\
                  [[tool task {\"description\":\"sub\",\"prompt\":\"hello\",\"subagent_type\":\"general\"}]]\n\
                  [[bash echo $KUGETSU_DISPATCH]]\n[[hold middle]]\n";
    let launch = real.send(&run, prompt, &session.to_string());
    real.host.launch(&run, &launch).unwrap();
    real.wait_for_hold(&run.id, "middle");
    // As a compaction or a summary does it.
    let changed = "prt_000000000004abcdefghijklmn";
    // Not for the model: the old release would send it that half, which no JSON reader takes.
    let data = format!(r#"{{"type":"text","text":"changed {HALF}","ignored":true}}"#);
    real.change(&format!("UPDATE part SET data = '{data}' WHERE id = '{changed}'"));
    let during: String = real.value(&format!("SELECT permission FROM session WHERE id = '{SESSION}'"));
    assert_eq!(during.matches("deny").count(), 3, "{during}");
    real.machine.retitle(SESSION, "Another title");
    real.model.release("middle");
    let result = real.host.result(&run.id);
    expect_bundle(&result);
    assert_eq!((result.status, result.ended_by, result.settled), (0, EndedBy::Done, 0));

    for name in ["back", "left", "known"] {
        let mode = fs::metadata(real.host.dispatch(&run.id).join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let sections = real.sections(&run.id, "back");
    let [root, child] = sections.as_slice() else { panic!("{sections:?}") };
    // All that left is known to be there.
    let ids: String = (0..6)
        .flat_map(|n| {
            [("msg", n), ("prt", 2 * n), ("prt", 2 * n + 1)]
                .map(|(kind, n)| format!("{kind}_{n:012x}abcdefghijklmn\n"))
        })
        .collect();
    let known = serde_json::json!({ "messages": 6, "parts": 12, "digest": sha256(&ids) });
    assert_eq!(root.header["known"], known);
    assert_eq!((&root.header["session"], &root.header["parent"]), (&SESSION.into(), &Value::Null));
    assert_eq!(root.header["new"], false);

    // The session's record, as opencode tells it, and as it was before.
    let export = real.export(SESSION);
    assert_eq!(root.value["info"], export["info"]);
    assert_eq!(root.value["info"]["permission"], rules);
    assert_eq!(root.value["base"]["info"]["permission"], rules);
    assert_eq!(root.value["base"]["info"]["title"], session["info"]["title"]);
    assert_eq!(root.value["info"]["title"], "Another title");
    assert_eq!(root.value["base"]["todos"], serde_json::json!([]));
    let todo = serde_json::json!({ "content": "first", "status": "in_progress", "priority": "high" });
    assert_eq!(root.value["todos"], serde_json::json!([todo]));

    // One part that changed, and what is new, as opencode exports it.
    let messages = export["messages"].as_array().unwrap();
    let new: Vec<&Value> = messages.iter().skip(6).collect();
    let returned = root.value["messages"].as_array().unwrap();
    let touched = &returned[0];
    assert_eq!(touched["info"]["id"], "msg_000000000002abcdefghijklmn");
    assert_eq!(root.parts("msg_000000000002abcdefghijklmn"), [changed]);
    assert!(root.text.contains(&format!(r#""text":"changed {HALF}","ignored":true,"id":"{changed}""#)));
    assert!(!root.text.contains("text 3"), "what did not change is in it");
    let mut rest: Vec<&Value> = returned.iter().skip(1).collect();
    // What opencode itself did to the last user message that left (a summary) is a change, too.
    rest.retain(|message| !message["parts"].as_array().unwrap().is_empty());
    assert_eq!(rest, new);
    assert!(new.len() >= 5, "{}", new.len());
    let output = new.iter().flat_map(|message| message["parts"].as_array().unwrap());
    let outputs: Vec<&Value> = output.map(|part| &part["state"]["output"]).collect();
    assert!(outputs.iter().any(|output| **output == format!("{}\n", run.id)), "{outputs:?}");

    // What the task tool made.
    let export = real.export(child.header["session"].as_str().unwrap());
    assert_eq!((&child.header["new"], &child.header["parent"]), (&true.into(), &SESSION.into()));
    assert_eq!(child.header["known"]["messages"], 0);
    assert_eq!((&child.value["info"], &child.value["messages"]), (&export["info"], &export["messages"]));
    assert_eq!(child.value["info"]["parentID"], SESSION);
    assert!(child.value.get("base").is_none());
    // The rules of the run are gone with it.
    let after: String = real.value(&format!("SELECT permission FROM session WHERE id = '{SESSION}'"));
    assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), rules);
}

#[test]
fn what_is_new_comes_back_from_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(what_is_new_comes_back);
}

#[test]
fn a_question_that_nobody_answers_holds_no_run() {
    for release in sample::of(&Release::ALL) {
        let real = Real::start(release);
        let run = real.run(1, SESSION);
        let mut session = conversation(SESSION, &run.directory, 0, 1);
        let rules = serde_json::json!([{ "permission": "question", "pattern": "*", "action": "allow" }]);
        session["info"]["permission"] = rules.clone();
        let prompt = r#"[[tool question {"questions":[{"question":"Which?","header":"Which","options":[{"label":"a","description":"a"}]}]}]]"#;
        let result = real.trip(&run, prompt, &session.to_string(), (Sending::Full, ""));
        expect_bundle(&result);
        assert_eq!(real.model.prompts().len(), 1, "{release:?}");
        assert_eq!(result.ended_by, EndedBy::Done, "{release:?}");
        let root = &real.sections(&run.id, "back")[0];
        assert_eq!(root.value["info"]["permission"], rules, "{release:?}");
    }
}

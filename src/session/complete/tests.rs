//! Messages that import refuses, and what is made of them. The schema was read out of the three releases, refusals were measured.

use super::*;
use crate::session::arbitrary::shapes;
use crate::session::{Model, scan};
use proptest::prelude::*;
use serde_json::Value;

/// Shapes that the real `opencode import` of 1.18.33, 1.14.41 or 1.3.2 refused, as measured.
const REFUSED: &str = include_str!("../../../tests/fixtures/import-refuses.txt");

fn filler() -> Filler {
    let model = Model { provider: "fake".into(), id: "m1".into(), variant: None };
    Filler { directory: "/home/me/proj".into(), agent: "build".into(), model: Some(model) }
}

/// The message with what is filled in, and whether anything is.
fn completed(message: &Value) -> (Value, bool) {
    let text = message.to_string();
    let parsed: Message<'_> = serde_json::from_str(&text).unwrap();
    let mut completing = Completing::new(filler());
    let done = completing.message(&text, &parsed).unwrap();
    let is_changed = matches!(done, Cow::Owned(_));
    assert_eq!(is_changed, completing.used().is_some());
    (serde_json::from_str(&done).unwrap(), is_changed)
}

#[test]
fn what_import_takes_is_left_as_it_is() {
    let good = shapes::good();
    for message in good["messages"].as_array().unwrap() {
        assert!(!completed(message).1, "{message:#}");
    }
    let record = good["info"].to_string();
    let kept = Completing::new(filler()).record(&record, "ses_1").unwrap().into_owned();
    assert_eq!(kept, record);
}

#[test]
fn what_import_refuses_is_made_fit_and_nothing_else_is_touched() {
    let mut untouched = Vec::new();
    for (what, message) in shapes::faulty() {
        let (fit, is_changed) = completed(&message);
        assert!(!completed(&fit).1, "{what}: not fit yet: {fit:#}");
        if !is_changed {
            untouched.push(what.clone());
        }
        let (before, after) = (message["parts"].as_array().unwrap(), fit["parts"].as_array().unwrap());
        assert_eq!(before.len(), after.len(), "{what}");
        let own = |value: &Value| [&value["id"], &value["sessionID"], &value["messageID"]].map(Clone::clone);
        assert!(before.iter().zip(after).all(|(a, b)| own(a) == own(b)), "{what}");
        if !before.is_empty() {
            assert_eq!(message["info"], fit["info"], "{what}: only the part had a fault");
        }
    }
    for what in REFUSED.lines().filter(|line| !line.starts_with('#')) {
        assert!(!untouched.iter().any(|other| other == what), "import refuses {what}, and it is not mended");
    }
}

#[test]
fn what_is_known_is_filled_in_and_what_was_said_is_kept() {
    let faulty = shapes::faulty();
    let of = |what: &str| completed(&faulty.iter().find(|(name, _)| name == what).unwrap().1).0;
    let info = |what: &str| of(what)["info"].clone();
    let state = |what: &str| of(what)["parts"][0]["state"].clone();
    assert_eq!(info("absent user.agent")["agent"], "build");
    assert_eq!(
        info("absent user.model")["model"],
        serde_json::json!({"providerID": "fake", "modelID": "m1"})
    );
    assert_eq!(info("absent assistant.agent")["agent"], "build");
    assert_eq!(info("absent assistant.path")["path"]["cwd"], "/home/me/proj");
    assert_eq!(info("absent assistant.tokens.cache")["tokens"]["cache"]["read"], 0);
    assert_eq!(info("user system list")["system"], "a\nb");
    assert!(info("user summary true").get("summary").is_none());
    assert_eq!(info("error string")["error"]["data"]["message"], "m");
    assert_eq!(info("error beside data")["error"]["data"]["message"], "m");
    assert_eq!(info("error of 1.18")["error"]["data"]["message"], "m");
    assert_eq!(state("tool state completed")["status"], "completed");
    assert_eq!(state("tool state odd")["status"], "error");
    assert_eq!(state("tool state of tomorrow")["status"], "error");
    assert_eq!(state("tool output object")["output"], "{\"a\":1}");
    assert_eq!(of("part of tomorrow")["parts"][0]["type"], "snapshot");
    assert_eq!(info("assistant tokens broken")["tokens"]["output"], 0);
}

#[test]
fn an_answer_without_a_question_answers_the_last_prompt() {
    let good = shapes::good();
    let session = {
        let mut session = good.clone();
        session["messages"][1]["info"].as_object_mut().unwrap().remove("parentID");
        session
    };
    let mut completing = Completing::new(filler());
    let mut last = String::new();
    for message in session["messages"].as_array().unwrap() {
        let text = message.to_string();
        last = completing.message(&text, &serde_json::from_str(&text).unwrap()).unwrap().into_owned();
    }
    assert_eq!(
        serde_json::from_str::<Value>(&last).unwrap()["info"]["parentID"],
        good["messages"][0]["info"]["id"]
    );
}

#[test]
fn what_cannot_be_filled_in_is_named() {
    let lacking = |message: &Value, filler: Filler| {
        let text = message.to_string();
        let error =
            Completing::new(filler).message(&text, &serde_json::from_str(&text).unwrap()).unwrap_err();
        error.to_string()
    };
    let faulty = shapes::faulty();
    let (_, message) = faulty.iter().find(|(what, _)| what == "absent user.model").unwrap();
    let said = lacking(message, Filler { model: None, ..filler() });
    let id = message["info"]["id"].as_str().unwrap();
    assert_eq!(
        said,
        format!("opencode cannot import {id}: no message of the session says which model it was made with")
    );
    let mut odd = message.clone();
    odd["info"]["role"] = "system".into();
    assert!(lacking(&odd, filler()).contains("neither the user's nor an assistant's"));
    let rules = r#"{"id":"ses_1","permission":[1,null]}"#;
    let said = Completing::new(filler()).record(rules, "ses_1").unwrap_err().to_string();
    assert_eq!(said, "opencode cannot import ses_1: its permission rules are not in opencode's form");
}

#[test]
fn the_filler_is_what_the_session_goes_on_with() {
    let session = shapes::faulty_session("/home/me/proj").to_string();
    let scan = scan(session.as_bytes()).unwrap();
    let found = scan.filler(&Setting::default());
    assert_eq!((found.directory.as_str(), found.agent.as_str()), ("/home/me/proj", "build"));
    assert_eq!(found.model.unwrap().to_string(), "fake/m1");
}

proptest! {
    #[test]
    fn any_json_is_made_fit_or_refused(raw in "[-0-9a-z\\[\\]{}:,\" .]{0,24}", at in 0..400_usize) {
        let faulty = shapes::faulty();
        let mut message = faulty[at % faulty.len()].1.clone();
        if let Ok(value) = serde_json::from_str::<Value>(&raw) {
            let fields = message["info"].as_object().unwrap().len();
            let key = message["info"].as_object().unwrap().keys().nth(at % fields).unwrap().clone();
            if !matches!(key.as_str(), "id" | "sessionID" | "role" | "time") {
                message["info"][key] = value;
                prop_assert!(!completed(&completed(&message).0).1);
            }
        }
    }
}

/// As a host may write it, whose rows are at home by now.
#[test]
fn a_word_is_the_same_however_it_is_spelled() {
    let good = shapes::good();
    for message in good["messages"].as_array().unwrap() {
        let mut text = message.to_string();
        for word in ["user", "assistant", "text", "tool", "completed", "error", "file", "prt_", "msg_"] {
            let (first, rest) = word.split_at(1);
            let spelled = format!("\"\\u{:04x}{rest}", first.as_bytes()[0]);
            text = text.replace(&format!(":\"{word}"), &format!(":{spelled}"));
        }
        let parsed: Message<'_> = serde_json::from_str(&text).unwrap();
        let mut completing = Completing::new(filler());
        assert_eq!(completing.message(&text, &parsed).unwrap(), text);
    }
}

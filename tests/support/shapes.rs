//! Messages as older releases of opencode left them, and as none did: one field of each kind of message and part is missing,
//! or of another kind. `run`, `export` and the interface take them; `opencode import` refuses most.

use serde_json::{Value, json};

/// A session with every field of every kind of message and part that import knows. All three releases take it.
const GOOD: &str = include_str!("../fixtures/every-shape.json");

/// A step on the way to a value.
#[derive(Debug, Clone)]
enum Step {
    Key(String),
    At(usize),
}

/// The session with every field.
pub fn good() -> Value {
    serde_json::from_str(GOOD).unwrap()
}

/// Messages that each have one fault, and what it is: `absent` or `odd`, and the field.
pub fn faulty() -> Vec<(String, Value)> {
    let good = good();
    let mut all = Vec::new();
    for message in good["messages"].as_array().unwrap() {
        let mut bare = message.clone();
        bare["parts"] = json!([]);
        let role = message["info"]["role"].as_str().unwrap();
        all.extend(faults(&message["info"]).into_iter().map(|(what, info)| {
            (what.replacen(' ', &format!(" {role}."), 1), json!({"info": info, "parts": []}))
        }));
        for part in message["parts"].as_array().unwrap() {
            let kind = match part["state"]["status"].as_str() {
                Some(status) => format!("tool-{status}"),
                None => part["type"].as_str().unwrap().to_owned(),
            };
            all.extend(faults(part).into_iter().map(|(what, part)| {
                let mut message = bare.clone();
                message["parts"] = json!([part]);
                (what.replacen(' ', &format!(" {kind}."), 1), message)
            }));
        }
    }
    all.extend(old_forms(&good));
    all.into_iter().enumerate().map(|(n, (what, message))| (what, renumbered(message, n))).collect()
}

/// A session of faulty messages, in `directory`.
pub fn faulty_session(directory: &str) -> Value {
    let mut session = good();
    let messages = faulty().into_iter().map(|(_, message)| message).collect();
    session["messages"] = Value::Array(messages);
    session["info"]["directory"] = json!(directory);
    session["info"]["permission"] = json!([]);
    // What is shared is nobody else's to unshare.
    for field in ["share", "summary", "metadata"] {
        session["info"].as_object_mut().unwrap().remove(field);
    }
    session
}

/// A value with each of its fields left out, and with each of another kind. Who it is and belongs to stays.
fn faults(value: &Value) -> Vec<(String, Value)> {
    let mut ways = Vec::new();
    walk(value, &mut Vec::new(), &mut ways);
    let mut faults = Vec::new();
    for way in ways {
        let Some((Step::Key(last), above)) = way.split_last() else { continue };
        let name: Vec<String> = way
            .iter()
            .map(|step| match step {
                Step::Key(key) => key.clone(),
                Step::At(at) => at.to_string(),
            })
            .collect();
        let name = name.join(".");
        // Without the time at which it was made, it is no message to any opencode.
        if matches!(last.as_str(), "id" | "sessionID" | "messageID" | "type" | "role" | "status")
            || matches!(name.as_str(), "time" | "time.created" if value["role"].is_string())
        {
            continue;
        }
        let mut absent = value.clone();
        at(&mut absent, above).as_object_mut().unwrap().remove(last);
        faults.push((format!("absent {name}"), absent));
        let mut odd = value.clone();
        let slot = &mut at(&mut odd, above)[last];
        *slot = if slot.is_number() { json!("7") } else { json!(7.5) };
        faults.push((format!("odd {name}"), odd));
    }
    faults
}

fn walk(value: &Value, way: &mut Vec<Step>, ways: &mut Vec<Vec<Step>>) {
    let steps: Vec<(Step, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (Step::Key(key.clone()), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, item)| (Step::At(n), item)).collect(),
        _ => Vec::new(),
    };
    for (step, value) in steps {
        // What a model gave or got is anything.
        let is_anything =
            matches!(&step, Step::Key(key) if matches!(key.as_str(), "input" | "schema" | "structured"));
        way.push(step);
        ways.push(way.clone());
        if !is_anything {
            walk(value, way, ways);
        }
        way.pop();
    }
}

fn at<'v>(value: &'v mut Value, way: &[Step]) -> &'v mut Value {
    way.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key],
        Step::At(at) => &mut value[*at],
    })
}

/// What releases from 1.0 on wrote otherwise.
fn old_forms(good: &Value) -> Vec<(String, Value)> {
    let (user, assistant) = (&good["messages"][0], &good["messages"][1]);
    let info = |message: &Value, key: &str, value: Value| {
        let mut message = message.clone();
        message["parts"] = json!([]);
        message["info"][key] = value;
        message
    };
    let part = |value: Value| {
        let mut message = assistant.clone();
        let mut part = assistant["parts"][2].clone();
        for (key, value) in value.as_object().unwrap() {
            part[key] = value.clone();
        }
        message["parts"] = json!([part]);
        message
    };
    let diff = |fields: Value| {
        let mut summary = user["info"]["summary"].clone();
        summary["diffs"] = json!([fields]);
        summary
    };
    let error = |name: &str| json!({"name": name, "data": {"message": "m"}});
    let named: Vec<(&str, Value)> = vec![
        ("user summary true", info(user, "summary", json!(true))),
        ("user system list", info(user, "system", json!(["a", "b"]))),
        ("user model null", info(user, "model", Value::Null)),
        ("assistant system list", info(assistant, "system", json!(["a", "b"]))),
        ("assistant finish null", info(assistant, "finish", Value::Null)),
        (
            "assistant tokens broken",
            info(assistant, "tokens", json!({"input": 0.5, "output": -1, "reasoning": 0})),
        ),
        (
            "diffs of 1.3",
            info(
                user,
                "summary",
                diff(json!({"file": "a", "before": "x", "after": "y", "additions": 1, "deletions": 1})),
            ),
        ),
        ("diffs of 1.18", info(user, "summary", diff(json!({"patch": "p", "additions": 1, "deletions": 1})))),
        (
            "diffs of tomorrow",
            info(
                user,
                "summary",
                diff(json!({"file": "a", "patch": "p", "additions": 1, "deletions": 1, "status": "moved"})),
            ),
        ),
        ("error string", info(assistant, "error", json!("m"))),
        ("error without data", info(assistant, "error", json!({"name": "MessageAbortedError"}))),
        ("error beside data", info(assistant, "error", json!({"name": "Error", "message": "m"}))),
        ("error of tomorrow", info(assistant, "error", error("OddError"))),
        ("error of 1.18", info(assistant, "error", error("ContentFilterError"))),
        ("error length", info(assistant, "error", json!({"name": "MessageOutputLengthError", "data": {}}))),
        ("error auth", info(assistant, "error", error("ProviderAuthError"))),
        ("error aborted", info(assistant, "error", error("MessageAbortedError"))),
        ("parent odd", info(assistant, "parentID", json!("x"))),
        ("tool state completed", part(json!({"state": "completed"}))),
        ("tool state odd", part(json!({"state": "result"}))),
        ("tool state of tomorrow", part(json!({"state": {"status": "streaming", "input": {}}}))),
        (
            "tool output object",
            part(
                json!({"state": {"status": "completed", "input": {}, "output": {"a": 1}, "title": "t", "metadata": {}, "time": {"start": 1, "end": 2}}}),
            ),
        ),
        ("part of tomorrow", part(json!({"type": "hologram", "text": ["x"], "snapshot": 7}))),
        (
            "part of 0.x",
            part(
                json!({"type": "tool-invocation", "toolInvocation": {"state": "result", "toolName": "bash"}}),
            ),
        ),
    ];
    named.into_iter().map(|(what, message)| (what.to_owned(), message)).collect()
}

/// The message with ids and a time of its own, the `n`th of its session.
fn renumbered(mut message: Value, n: usize) -> Value {
    let ms = 1_795_170_000_000 + 1_000 * n as u64;
    let id =
        |kind: &str, k: u64| format!("{kind}_{:012x}{n:05}OldShapes", ((ms * 0x1000) + k) & 0xffff_ffff_ffff);
    message["info"]["id"] = json!(id("msg", 1));
    message["info"]["time"]["created"] = json!(ms);
    for (k, part) in (2..).zip(message["parts"].as_array_mut().unwrap()) {
        part["id"] = json!(id("prt", k));
        part["messageID"] = json!(id("msg", 1));
        for (a, file) in (100..)
            .zip(part.pointer_mut("/state/attachments").and_then(Value::as_array_mut).into_iter().flatten())
        {
            if file["id"].is_string() {
                file["id"] = json!(id("prt", a));
                file["messageID"] = json!(id("msg", 1));
            }
        }
    }
    message
}

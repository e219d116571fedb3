//! What holds for every session that leaves, and for every one that comes home.

mod bounds;
mod bundles;
mod clocks;
mod completed;
mod home;
mod hostile;
mod jumps;
mod leaving;
mod open;
mod paths;
mod snapshots;
mod spelled;
mod travels;
mod undone;
mod work;
mod world;

use super::{Baseline, Spec, prepare};
use crate::session::arbitrary::BEGIN_MS;
use crate::session::{Model, Scan, Setting, scan};
use serde_json::{Value, json};

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
        clock: None,
        paths: None,
        todos: None,
        subset: None,
    }
}

fn prepared(json: &str, spec: &Spec) -> (Scan, String, Baseline) {
    let scan = scan(json.as_bytes()).unwrap();
    let mut out = Vec::new();
    let prepared = prepare(json.as_bytes(), &mut out, &scan, spec).unwrap();
    (scan, String::from_utf8(out).unwrap(), prepared.undo)
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// As a message of the host comes home: its snapshots are not here.
fn without_snapshots(message: &mut Value) {
    for part in parts_mut(message) {
        match part["type"].as_str() {
            Some("step-start" | "step-finish") => put(part, "snapshot", None),
            Some("snapshot") => part["snapshot"] = json!(""),
            Some("patch") => (part["files"], part["hash"]) = (json!([]), json!("")),
            _ => {}
        }
    }
}

fn messages_in(export: &Value) -> &Vec<Value> {
    export["messages"].as_array().unwrap()
}

fn messages_mut(export: &mut Value) -> &mut Vec<Value> {
    export["messages"].as_array_mut().unwrap()
}

fn parts_in(message: &Value) -> &Vec<Value> {
    message["parts"].as_array().unwrap()
}

fn parts_mut(message: &mut Value) -> &mut Vec<Value> {
    message["parts"].as_array_mut().unwrap()
}

/// The message with the same id.
fn same_in<'m>(messages: &'m [Value], message: &Value) -> Option<&'m Value> {
    messages.iter().find(|other| other["info"]["id"] == message["info"]["id"])
}

/// Sets the fields of one object in another.
fn extend(object: &mut Value, more: &Value) {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}

fn put(object: &mut Value, key: &str, value: Option<&Value>) {
    let object = object.as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(key.to_owned(), value.clone()),
        None => object.shift_remove(key),
    };
}

fn is_open(part: &Value) -> bool {
    part["type"] == "tool" && matches!(part["state"]["status"].as_str(), Some("pending" | "running"))
}

fn has_open(message: &Value) -> bool {
    parts_in(message).iter().any(is_open)
}

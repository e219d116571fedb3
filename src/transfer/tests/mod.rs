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
    for part in message["parts"].as_array_mut().unwrap() {
        match part["type"].as_str() {
            Some("step-start" | "step-finish") => {
                drop(part.as_object_mut().unwrap().shift_remove("snapshot"))
            }
            Some("snapshot") => part["snapshot"] = json!(""),
            Some("patch") => (part["files"], part["hash"]) = (json!([]), json!("")),
            _ => {}
        }
    }
}

fn is_open(part: &Value) -> bool {
    part["type"] == "tool" && matches!(part["state"]["status"].as_str(), Some("pending" | "running"))
}

fn has_open(message: &Value) -> bool {
    message["parts"].as_array().unwrap().iter().any(is_open)
}

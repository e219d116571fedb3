//! Sessions for tests: generated ones in the shapes of three releases, and real exports.

use proptest::prelude::*;
use serde_json::{Value, json};

#[path = "../../tests/support/shapes.rs"]
#[allow(unreachable_pub, reason = "the end-to-end tests use it as well")]
pub(crate) mod shapes;

/// Real exports, one per release: a question answered, then a tool call during which opencode was killed.
/// The `-plain` ones were made without a variant, the others with the variant `high`.
pub(crate) const FIXTURES: [(&str, &str); 6] = [
    ("1.18.33", include_str!("../../tests/fixtures/export-1.18.33.json")),
    ("1.14.41", include_str!("../../tests/fixtures/export-1.14.41.json")),
    ("1.3.2", include_str!("../../tests/fixtures/export-1.3.2.json")),
    ("1.18.33-plain", include_str!("../../tests/fixtures/export-1.18.33-plain.json")),
    ("1.14.41-plain", include_str!("../../tests/fixtures/export-1.14.41-plain.json")),
    ("1.3.2-plain", include_str!("../../tests/fixtures/export-1.3.2-plain.json")),
];

/// A source of numbers that look random and are the same for a seed (splitmix64).
pub(crate) fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The id of every generated session.
pub(crate) const SESSION: &str = "ses_e07836e36ffeth5U8G1J1S36Fh";

/// 2026-11-20, in milliseconds; generated messages follow each other by a second.
pub(crate) const BEGIN_MS: i64 = 1_795_170_000_000;

/// Whose habits a generated session follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// 1.3: the variant beside the model on user messages; nothing in the session's record.
    Old,
    /// 1.14: the variant inside the model; nothing in the session's record.
    Mid,
    /// 1.18: as mid, and agent and model in the session's record.
    New,
}

/// A message before it has ids; so are parts and sessions.
#[derive(Debug, Clone)]
pub(crate) enum Draft {
    User { text: String, agent: String, model: String, variant: Option<String> },
    Assistant { parts: Vec<PartDraft>, ended: bool },
}

#[derive(Debug, Clone)]
pub(crate) enum PartDraft {
    Text(String, bool),
    Reasoning(String),
    StepStart,
    StepFinish,
    Tool { status: &'static str, text: String, call: usize },
    Odd(String),
}

#[derive(Debug, Clone)]
pub(crate) struct SessionDraft {
    pub(crate) release: Release,
    pub(crate) title: String,
    pub(crate) messages: Vec<Draft>,
    pub(crate) pretty: bool,
}

impl SessionDraft {
    pub(crate) fn value(&self) -> Value {
        let mut info = json!({"id": SESSION, "slug": "glad-garden", "projectID": "global", "directory": "/home/me/proj"});
        if self.release != Release::Old {
            info["path"] = json!("home/me/proj");
        }
        info["title"] = json!(self.title);
        if self.release == Release::New {
            info["agent"] = json!("build");
            info["model"] = json!({"id": "m1", "providerID": "fake", "variant": "default"});
        }
        info["version"] = json!(match self.release {
            Release::Old => "1.3.2",
            Release::Mid => "1.14.41",
            Release::New => "1.18.33",
        });
        info["time"] = json!({"created": BEGIN_MS, "updated": BEGIN_MS});
        json!({"info": info, "messages": messages(self.release, &self.messages, 0)})
    }

    pub(crate) fn json(&self) -> String {
        if self.pretty { format!("{:#}", self.value()) } else { self.value().to_string() }
    }
}

fn id(prefix: &str, ms: i64, counter: usize, tail: &str) -> String {
    format!("{prefix}_{:012x}{tail}", (ms as u64 * 0x1000 + counter as u64) & 0xffff_ffff_ffff)
}

/// The call id of the tool call with this number.
pub(crate) fn call_id(call: usize) -> String {
    format!("call_{call}")
}

/// Messages with ids and times, the first being the `from`th of the session.
pub(crate) fn messages(release: Release, drafts: &[Draft], from: usize) -> Vec<Value> {
    messages_of(SESSION, "sqlZm7ZOVRlqZb", release, drafts, BEGIN_MS + 1000 * from as i64)
}

/// Messages of any session, from a time on; the ends of all ids begin with what `tail` begins with, and differ.
pub(crate) fn messages_of(
    session: &str,
    tail: &str,
    release: Release,
    drafts: &[Draft],
    begin_ms: i64,
) -> Vec<Value> {
    let mut all = Vec::new();
    for (n, draft) in drafts.iter().enumerate() {
        let ms = begin_ms + 1000 * n as i64;
        let end = |k: usize| format!("{}{:02}{:02}", &tail[..10], n % 100, k % 100);
        let message = id("msg", ms, 1, &end(0));
        let part = |k: usize, mut part: Value| {
            part["id"] = json!(id("prt", ms, 2 + k, &end(1 + k)));
            part["sessionID"] = json!(session);
            part["messageID"] = json!(message);
            part
        };
        let (mut info, parts): (Value, Vec<Value>) = match draft {
            Draft::User { text, agent, model, variant } => {
                let mut info = json!({"role": "user", "time": {"created": ms}, "agent": agent,
                    "model": {"providerID": "fake", "modelID": model}, "summary": {"diffs": []}});
                match (variant, release) {
                    (Some(variant), Release::Old) => info["variant"] = json!(variant),
                    (Some(variant), _) => info["model"]["variant"] = json!(variant),
                    (None, _) => {}
                }
                (info, vec![part(0, json!({"type": "text", "text": text}))])
            }
            Draft::Assistant { parts, ended } => {
                let mut info = json!({"role": "assistant", "mode": "build", "agent": "build", "cost": 0,
                    "path": {"cwd": "/home/me/proj", "root": "/"}, "modelID": "m1", "providerID": "fake",
                    "parentID": "msg_asked", "tokens": tokens(),
                    "time": {"created": ms}});
                if *ended {
                    info["time"]["completed"] = json!(ms + 500);
                    info["finish"] = json!("stop");
                }
                (info, parts.iter().enumerate().map(|(k, draft)| part(k, part_value(draft, ms))).collect())
            }
        };
        info["id"] = json!(message);
        info["sessionID"] = json!(session);
        all.push(json!({"info": info, "parts": parts}));
    }
    all
}

fn tokens() -> Value {
    json!({"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}})
}

fn part_value(draft: &PartDraft, ms: i64) -> Value {
    match draft {
        PartDraft::Text(text, false) => {
            json!({"type": "text", "text": text, "time": {"start": ms, "end": ms}})
        }
        PartDraft::Text(text, true) => json!({"type": "text", "text": text, "synthetic": true}),
        PartDraft::Reasoning(text) => json!({"type": "reasoning", "text": text, "time": {"start": ms}}),
        PartDraft::StepStart => json!({"type": "step-start", "snapshot": "4b825dc6"}),
        PartDraft::StepFinish => {
            json!({"type": "step-finish", "reason": "stop", "cost": 0, "tokens": tokens()})
        }
        // Its other fields are of kinds that they have nowhere else.
        PartDraft::Odd(text) => json!({"type": "snapshot", "snapshot": text, "state": text, "text": [text]}),
        PartDraft::Tool { status, text, call } => {
            let state = match *status {
                "pending" => json!({"status": "pending", "input": {}, "raw": text}),
                "running" => {
                    json!({"status": "running", "input": {"command": text}, "time": {"start": ms + 1},
                    "metadata": {"output": text}})
                }
                "error" => {
                    json!({"status": "error", "input": {}, "error": text, "time": {"start": ms, "end": ms}})
                }
                _ => {
                    json!({"status": "completed", "input": {}, "output": text, "title": text, "metadata": {},
                    "time": {"start": ms, "end": ms}})
                }
            };
            json!({"type": "tool", "tool": "bash", "callID": call_id(*call), "state": state})
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", "[\\\\\"{}\\[\\],:\n\t ]{0,12}", Just("🦀 \u{202e}שלום\u{0} \u{7f}".to_owned())]
}

fn part() -> impl Strategy<Value = PartDraft> {
    let status = prop::sample::select(vec!["pending", "running", "completed", "error"]);
    prop_oneof![
        3 => (text(), any::<bool>()).prop_map(|(text, synthetic)| PartDraft::Text(text, synthetic)),
        1 => text().prop_map(PartDraft::Reasoning),
        1 => Just(PartDraft::StepStart),
        1 => Just(PartDraft::StepFinish),
        4 => (status, text(), 0..5_usize).prop_map(|(status, text, call)| PartDraft::Tool { status, text, call }),
        1 => text().prop_map(PartDraft::Odd),
    ]
}

/// Messages of a session, or of a piece of work.
pub(crate) fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let user = (text(), "[a-z]{1,6}", "[a-z0-9/]{1,6}", prop::option::of("[a-z]{1,5}"))
        .prop_map(|(text, agent, model, variant)| Draft::User { text, agent, model, variant });
    let assistant = (prop::collection::vec(part(), 0..6), any::<bool>())
        .prop_map(|(parts, ended)| Draft::Assistant { parts, ended });
    prop::collection::vec(prop_oneof![user, assistant], 0..7)
}

pub(crate) fn session() -> impl Strategy<Value = SessionDraft> {
    let release = prop::sample::select(vec![Release::Old, Release::Mid, Release::New]);
    (release, text(), drafts(), any::<bool>()).prop_map(|(release, title, messages, pretty)| SessionDraft {
        release,
        title,
        messages,
        pretty,
    })
}

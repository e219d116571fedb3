//! Work on a host, brought home in a bundle: home is what left, and the work.

use super::bundles::{CHILD, GRANDCHILD};
use super::home::{HERE, end_like};
use super::world::{Database, Session, Trip, apply};
use super::{has_open, parts_mut, put, same_in, spec, without_snapshots};
use crate::session::arbitrary::{BEGIN_MS, Draft, Release, call_id, drafts, messages_of, session};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// What a run does, beside what it is asked.
#[derive(Debug, Clone)]
pub(super) struct Work {
    messages: Vec<Draft>,
    /// Parts that are marked, as compaction does.
    marked: Vec<Index>,
    /// A message whose own record changes.
    summed: Option<Index>,
    title: Option<String>,
    spent: Option<u32>,
    permission: bool,
    todos: Option<Vec<String>>,
    child: Option<Vec<Draft>>,
    grandchild: Option<Vec<Draft>>,
}

pub(super) fn work() -> impl Strategy<Value = Work> {
    let rows = (drafts(), prop::collection::vec(any::<Index>(), 0..3), prop::option::of(any::<Index>()));
    let record = (
        prop::option::of(".{0,9}"),
        prop::option::of(any::<u32>()),
        any::<bool>(),
        prop::option::of(prop::collection::vec(".{0,5}", 0..3)),
    );
    let children = (prop::option::of(drafts()), prop::option::of(drafts()));
    (rows, record, children).prop_map(|((messages, marked, summed), record, (child, grandchild))| {
        let (title, spent, permission, todos) = record;
        Work { messages, marked, summed, title, spent, permission, todos, child, grandchild }
    })
}

impl Work {
    /// Does it, from `now_ms` on by the host's clock.
    pub(super) fn on(&self, imported: &Database, root: &str, now_ms: i64) -> Database {
        let mut all = imported.clone();
        let session = all.get_mut(root).unwrap();
        let known = &mut session.messages;
        if !known.is_empty() {
            for index in &self.marked {
                let length = known.len();
                let parts = parts_mut(&mut known[index.index(length)]);
                let mut calls: Vec<_> = parts.iter_mut().filter(|part| part["type"] == "tool").collect();
                if !calls.is_empty() {
                    let length = calls.len();
                    calls[index.index(length)]["state"]["time"]["compacted"] = json!(now_ms);
                }
            }
            if let Some(index) = &self.summed {
                let length = known.len();
                let info = &mut known[index.index(length)]["info"];
                let diffs = json!({"diffs": [{"file": "a", "additions": 1}]});
                info["summary"] = if info["role"] == "user" { diffs } else { json!(true) };
            }
        }
        let before = known.len();
        known.extend(messages_of(root, "rootZm7ZOVRlqZ", Release::New, &self.messages, now_ms));
        let info = &mut session.info;
        if let Some(title) = &self.title {
            info["title"] = json!(title);
        }
        let new = &mut session.messages[before..];
        for answer in new.iter_mut().filter(|_| self.spent.is_some()) {
            put(&mut answer["info"], "tokens", None);
            parts_mut(answer).iter_mut().for_each(|step| put(step, "tokens", None));
        }
        let answer =
            session.messages[before..].iter_mut().find(|message| message["info"]["role"] == "assistant");
        if let (Some(spent), Some(answer)) = (self.spent, answer) {
            // What the messages say, and the record with them.
            let spent = spent % 1_000_000 + 1;
            for info in [&mut answer["info"], &mut session.info] {
                info["cost"] = json!(f64::from(spent) / 8.0);
                info["tokens"] = json!({"input": spent, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": spent}});
            }
            session.info["summary"] = json!({"additions": spent, "deletions": 0, "files": 1});
        }
        if self.permission {
            session.info["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "allow"}]);
        }
        if let Some(todos) = &self.todos {
            let todo = |text: &String| json!({"content": text, "status": "pending", "priority": "high"});
            session.todos = todos.iter().map(todo).collect();
        }
        for (id, parent, tail, drafts) in [
            (CHILD, root, "childm7ZOVRlqZ", self.child.as_ref().filter(|child| !child.is_empty())),
            (GRANDCHILD, CHILD, "grandm7ZOVRlqZ", self.grandchild.as_ref().filter(|child| !child.is_empty())),
        ] {
            let (Some(drafts), true) = (drafts, all.contains_key(parent)) else { continue };
            let info = json!({"id": id, "parentID": parent, "slug": "x", "projectID": "global", "directory": "/srv/work here",
                "path": "srv/work here", "title": "sub", "version": "1.18.33", "time": {"created": now_ms, "updated": now_ms}});
            let messages = messages_of(id, tail, Release::New, drafts, now_ms);
            let todos = json!([{"content": "c", "status": "completed", "priority": "low"}]);
            all.insert(id.to_owned(), Session { info, messages, todos });
        }
        all
    }
}

/// Home as it is to be: `there` is the host's database in the terms of home; `home`, the real one, says how open calls ended.
pub(super) fn expected(trip: &Trip, there: &Database, home: &Database) -> Database {
    let before = trip.home();
    let (old, root) = (&before[trip.id()], trip.id());
    let mut all = there.clone();
    for (id, session) in &mut all {
        for message in &mut session.messages {
            let merged = same_in(&home[id].messages, message);
            end_like(message, merged.expect("a message that did not come home"));
            if same_in(&old.messages, message).is_none() {
                without_snapshots(message);
            }
        }
        if id != root {
            for key in ["directory", "path"] {
                put(&mut session.info, key, old.info.get(key));
            }
            continue;
        }
        let now = std::mem::replace(&mut session.info, old.info.clone());
        for key in ["title", "cost", "tokens", "summary"] {
            if now.get(key) != trip.imported[root].info.get(key) {
                put(&mut session.info, key, now.get(key));
            }
        }
        // Of the messages that left, and of the last one that came, it is the one of before the trip.
        let user = |message: &&Value| message["info"]["role"] == "user";
        let last_before = old.messages.iter().rfind(user).map(|message| message["info"].clone());
        let left = |message: &&Value| same_in(&old.messages, message).is_some();
        let new = session.messages.iter().rfind(|message| user(message) && !left(message));
        let new = new.map(|message| message["info"]["id"].clone());
        for message in &mut session.messages {
            let was = same_in(&old.messages, message);
            let own = was.map(|was| &was["info"]).filter(|info| info["role"] == "user");
            let last = last_before.as_ref().filter(|_| Some(&message["info"]["id"]) == new.as_ref());
            if let Some(own) = own.or(last) {
                for key in ["agent", "model", "variant"] {
                    put(&mut message["info"], key, own.get(key));
                }
            } else if Some(&message["info"]["id"]) == new.as_ref() {
                let merged = same_in(&home[id].messages, message).unwrap();
                let model =
                    old.info.get("model").map_or(&message["info"]["model"]["modelID"], |model| &model["id"]);
                assert_eq!(&merged["info"]["model"]["modelID"], model);
                message["info"] = merged["info"].clone();
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn home_is_what_left_and_the_work(draft in session(), work in work(), call in prop::option::of(0..5_usize)) {
        let trip = Trip::start(&draft.json(), &spec(call.map(call_id).as_deref()));
        let there = work.on(&trip.imported, trip.id(), BEGIN_MS + 1_000_000);
        let bundle = trip.bundle(&there);
        let (merged, arrival) = trip.back(&bundle, &HERE).unwrap();
        let mut home = trip.at_home(&arrival);
        let expected = expected(&trip, &there, &home);
        for (id, session) in &expected {
            prop_assert_eq!(&home[id].info, &session.info);
            prop_assert_eq!(&home[id].todos, &session.todos);
            for (merged, expected) in home[id].messages.iter().zip(&session.messages) {
                prop_assert_eq!(merged, expected);
            }
            prop_assert_eq!(home[id].messages.len(), session.messages.len());
        }
        prop_assert_eq!(home.len(), expected.len());
        prop_assert_eq!(merged.children, expected.len() - 1);
        prop_assert_eq!(merged.new_messages.len(), work.messages.len());
        // Once more, and onto what is home already: nothing changes.
        prop_assert_eq!(&trip.back(&bundle, &HERE).unwrap().1, &arrival);
        let once = home.clone();
        apply(&mut home, trip.id(), &arrival);
        prop_assert_eq!(home, once);
    }

    #[test]
    fn without_work_only_open_calls_are_ended(draft in session(), call in prop::option::of(0..5_usize)) {
        let trip = Trip::start(&draft.json(), &spec(call.map(call_id).as_deref()));
        let (merged, arrival) = trip.back(&trip.bundle(&trip.imported), &HERE).unwrap();
        let home = trip.at_home(&arrival);
        let open = trip.home()[trip.id()].messages.iter().any(has_open);
        prop_assert_eq!(arrival.is_empty(), !open, "{}", arrival);
        prop_assert!(!home[trip.id()].messages.iter().any(has_open));
        prop_assert_eq!(merged.changed == 0, !open);
    }
}

//! A host that works on a session, and a home that takes in what came of it; both keep rows as opencode does.

use super::{messages_in, parts_in, parts_mut, put, same_in, value};
use crate::session::bundle::Known;
use crate::session::{Change, ChangeReader, Outline, scan};
use crate::transfer::inbound::result::LocalRows;
use crate::transfer::inbound::sent_rows::SentRows;
use crate::transfer::{Baseline, HomeError, MergeContext, MergeResult, Prepared, Spec, prepare, reconcile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Cursor;

/// One session of a database: record, messages in the order of (`time.created`, id), todos.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Session {
    pub(super) info: Value,
    pub(super) messages: Vec<Value>,
    pub(super) todos: Value,
}

/// Sessions by their ids.
pub(super) type Database = BTreeMap<String, Session>;

impl Session {
    pub(super) fn of(export: &Value) -> Self {
        let messages = messages_in(export).clone();
        Self { info: export["info"].clone(), messages, todos: json!([]) }
    }

    pub(super) fn export(&self) -> Value {
        json!({"info": self.info, "messages": self.messages})
    }

    pub(super) fn sort(&mut self) {
        self.messages.sort_by_key(|message| {
            (message["info"]["time"]["created"].as_i64().unwrap(), text(&message["info"]["id"]).to_owned())
        });
        for message in &mut self.messages {
            parts_mut(message).sort_by_key(|part| text(&part["id"]).to_owned());
        }
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(super) fn outline(session: &Session) -> Outline {
    let mut outline = Outline::default();
    for message in &session.messages {
        let parts = parts_in(message).iter().map(|part| text(&part["id"]));
        outline.push(text(&message["info"]["id"]), parts).unwrap();
    }
    outline
}

/// The rows of a home.
pub(super) fn rows(home: &Database) -> Box<LocalRows<'_>> {
    Box::new(|session, id| {
        let messages = home.get(session).map(|session| session.messages.as_slice()).unwrap_or_default();
        Ok(messages.iter().find(|message| message["info"]["id"] == id).map(ToString::to_string))
    })
}

/// A session that has left, and all that home and host know of it.
pub(super) struct Trip {
    pub(super) export: String,
    pub(super) left: Outline,
    pub(super) prepared: Prepared,
    /// The host's database after the import.
    pub(super) imported: Database,
    /// The host does not know which sub-agents home has: it got the session anew.
    pub(super) anew: bool,
}

impl Trip {
    pub(super) fn start(export: &str, spec: &Spec) -> Self {
        let scan = scan(export.as_bytes()).unwrap();
        let mut out = Vec::new();
        let prepared = prepare(export.as_bytes(), &mut out, &scan, spec).unwrap();
        let mut session = Session::of(&serde_json::from_slice(&out).unwrap());
        session.sort();
        let imported = BTreeMap::from([(scan.id.clone(), session)]);
        Self { export: export.to_owned(), left: scan.outline, prepared, imported, anew: false }
    }

    /// The same, and the host's database, to be worked on.
    pub(super) fn started(export: &str, spec: &Spec) -> (Self, Database) {
        let trip = Self::start(export, spec);
        let there = trip.imported.clone();
        (trip, there)
    }

    pub(super) fn id(&self) -> &str {
        &self.prepared.undo.session
    }

    pub(super) fn undo(&self) -> &Baseline {
        &self.prepared.undo
    }

    /// What left, as home knows it on return.
    pub(super) fn sent(&self) -> SentRows {
        SentRows::new(&self.left, self.undo()).unwrap()
    }

    /// The session at home when it left.
    pub(super) fn home(&self) -> Database {
        BTreeMap::from([(self.id().to_owned(), Session::of(&value(&self.export)))])
    }

    /// The same with a change set applied.
    pub(super) fn at_home(&self, arrival: &str) -> Database {
        let mut home = self.home();
        apply(&mut home, self.id(), arrival);
        home
    }

    pub(super) fn root<'d>(&self, database: &'d mut Database) -> &'d mut Session {
        database.get_mut(self.id()).unwrap()
    }

    /// What the host writes at the end of a run that made `now` of its database.
    pub(super) fn bundle(&self, now: &Database) -> String {
        let mut all = vec![now[self.id()].clone()];
        let mut at = 0;
        while let Some(parent) = all.get(at).map(|session| session.info["id"].clone()) {
            all.extend(now.values().filter(|session| session.info["parentID"] == parent).cloned());
            at += 1;
        }
        let empty = Session { info: Value::Null, messages: Vec::new(), todos: json!([]) };
        let mut bundle = String::new();
        for mut session in all {
            session.sort();
            let id = text(&session.info["id"]).to_owned();
            let there = self.imported.get(&id).unwrap_or(&empty);
            let before = if self.anew && id != self.id() { &empty } else { there };
            let mut known = Outline::default();
            for old in &before.messages {
                let Some(still) = same_in(&session.messages, old) else { continue };
                let is_still = |id: &&str| parts_in(still).iter().any(|part| part["id"] == *id);
                let parts = parts_in(old).iter().map(|part| text(&part["id"])).filter(is_still);
                known.push(text(&old["info"]["id"]), parts).unwrap();
            }
            let changed: Vec<Value> =
                session.messages.iter().filter_map(|message| changed(before, message)).collect();
            if id != self.id() && changed.is_empty() && session == *there {
                continue;
            }
            let mut document = json!({"info": session.info, "messages": changed, "todos": session.todos});
            if !there.info.is_null() {
                document["base"] = json!({"info": there.info, "todos": there.todos});
            }
            if id != self.id() {
                document["former"] = former(there, &document["messages"]);
            }
            let Known { messages, parts, digest } = Known::of(&known);
            let text = document.to_string();
            let header = json!({"bundle": 1, "session": id, "parent": session.info["parentID"], "bytes": text.len(),
                "new": there.info.is_null(), "same": before.info.is_null() && session == *there, "known": {"messages": messages, "parts": parts, "digest": digest}});
            bundle += &format!("{header}\n{text}\n");
        }
        bundle
    }

    /// What came home of a host's database, and home with it.
    pub(super) fn come_home(&self, there: &Database, here: &MergeContext<'_>) -> (MergeResult, Database) {
        let (merged, arrival) = self.back(&self.bundle(there), here).unwrap();
        (merged, self.at_home(&arrival))
    }

    /// Brings a file home; gives the change set with it.
    pub(super) fn back(
        &self,
        back: &str,
        here: &MergeContext<'_>,
    ) -> Result<(MergeResult, String), HomeError> {
        let mut out = Vec::new();
        let merged =
            reconcile(&self.left, self.undo(), Cursor::new(back), self.export.as_bytes(), &mut out, here)?;
        Ok((merged, String::from_utf8(out).unwrap()))
    }
}

/// The name of the number for which what came back is refused.
pub(super) fn unbelievable<T: std::fmt::Debug>(result: Result<T, HomeError>) -> String {
    match result {
        Err(HomeError::Unbelievable { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// What of these messages is as it was `there` before.
fn former(there: &Session, messages: &Value) -> Value {
    let mut former = Vec::new();
    for message in messages.as_array().unwrap() {
        let Some(old) = same_in(&there.messages, message) else { continue };
        former.extend((old["info"] == message["info"]).then_some(&message["info"]["id"]));
        let same = |part: &&Value| parts_in(old).contains(part);
        former.extend(parts_in(message).iter().filter(same).map(|part| &part["id"]));
    }
    json!(former)
}

/// The new and changed parts of a message, with its record; `None` where nothing is.
fn changed(before: &Session, message: &Value) -> Option<Value> {
    let Some(old) = same_in(&before.messages, message) else { return Some(message.clone()) };
    let same = |part: &Value| parts_in(old).contains(part);
    let parts: Vec<Value> = parts_in(message).iter().filter(|part| !same(part)).cloned().collect();
    (old["info"] != message["info"] || !parts.is_empty())
        .then(|| json!({"info": message["info"], "parts": parts}))
}

/// Does what a change set says, as strictly as the database.
pub(super) fn apply(home: &mut Database, root: &str, arrival: &str) {
    let mut reader = ChangeReader::new(arrival.as_bytes());
    let mut newest: BTreeMap<String, (i64, String)> = BTreeMap::new();
    let value = |raw: &serde_json::value::RawValue| value(raw.get());
    while let Some((_, op)) = reader.read().unwrap() {
        match op {
            Change::Session(new) => {
                let parent = new.parent.as_deref();
                assert!(parent.is_none_or(|parent| home.contains_key(parent)), "a session before its parent");
                let session = Session { info: value(new.info), messages: Vec::new(), todos: json!([]) };
                let own = (text(&session.info["id"]), session.info["parentID"].as_str());
                assert_eq!(own, (new.id.as_ref(), parent));
                home.entry(new.id.into_owned()).or_insert(session);
            }
            Change::Patch(patch) => {
                assert!(patch.session == root || patch.title.is_none());
                let info = &mut home.get_mut(patch.session.as_ref()).unwrap().info;
                for (key, raw) in [
                    ("title", patch.title),
                    ("cost", patch.cost),
                    ("tokens", patch.tokens),
                    ("summary", patch.summary),
                ] {
                    if let Some(value) = raw.map(value) {
                        put(info, key, Some(&value).filter(|value| !value.is_null()));
                    }
                }
            }
            Change::Message(message) => {
                let info = value(message.info);
                let id = text(&info["id"]).to_owned();
                let key = (info["time"]["created"].as_i64().unwrap(), id.clone());
                let session = text(&info["sessionID"]).to_owned();
                let last = newest.insert(session.clone(), key.clone());
                assert!(last.is_none_or(|last| last < key), "out of order");
                let elsewhere =
                    |other: &Session| other.messages.iter().any(|message| message["info"]["id"] == id);
                let is_own = home.iter().all(|(name, other)| *name == session || !elsewhere(other));
                assert!(is_own, "{id} is another's");
                let messages = &mut home.get_mut(&session).expect("a message before its session").messages;
                match messages.iter_mut().find(|message| message["info"]["id"] == id) {
                    Some(message) => message["info"] = info,
                    None => messages.push(json!({"info": info, "parts": []})),
                }
            }
            Change::Part(part) => {
                let part = value(part);
                let session = home.get_mut(text(&part["sessionID"])).expect("a part before its session");
                let message =
                    session.messages.iter_mut().find(|message| message["info"]["id"] == part["messageID"]);
                let parts = message.expect("a part before its message")["parts"].as_array_mut().unwrap();
                match parts.iter_mut().find(|other| other["id"] == part["id"]) {
                    Some(other) => *other = part,
                    None => parts.push(part),
                }
            }
            Change::Todos(todos) => home.get_mut(todos.session.as_ref()).unwrap().todos = value(todos.todos),
        }
    }
    home.values_mut().for_each(Session::sort);
}

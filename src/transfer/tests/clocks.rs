//! Hosts whose clocks are wrong.

use super::home::{FRESH, HERE};
use super::work::{Work, expected, work};
use super::world::{Database, Session, Trip, outline, text};
use super::{NOW_MS, messages_mut, parts_in, parts_mut, put, same_in, spec};
use crate::session::arbitrary::{BEGIN_MS, Release, SESSION, call_id, messages_of, session};
use crate::session::{Clock, Outline, is_message_id, is_part_id};
use crate::transfer::inbound::sent_rows::SentRows;
use crate::transfer::{MergeContext, Spec};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// By how much a host is ahead.
pub(super) fn ahead() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        prop::sample::select(vec![
            3000,
            -3000,
            600_000,
            -600_000,
            DAY_MS,
            -DAY_MS,
            -100 * DAY_MS,
            -500 * DAY_MS
        ]),
        // 1970, and some seconds.
        (3000..400_000_i64).prop_map(|uptime| uptime - NOW_MS),
        -(1_i64 << 40)..1_i64 << 40,
    ]
}

fn clocked(ahead_ms: i64, call: Option<usize>) -> Spec {
    Spec { clock: Clock::new(ahead_ms, NOW_MS), ..spec(call.map(call_id).as_deref()) }
}

/// A session of which a part may be older than the ids' last beginning, and which may hold ids of another make.
fn old_session() -> impl Strategy<Value = Value> {
    (session(), session(), any::<bool>(), any::<bool>()).prop_map(|(draft, old, aged, foreign)| {
        let mut value = draft.value();
        let begin = if aged { BEGIN_MS - 120 * DAY_MS } else { BEGIN_MS - DAY_MS };
        let mut all = messages_of(SESSION, "oldZm7ZOVRlqZb", Release::New, &old.messages, begin);
        all.append(messages_mut(&mut value));
        if foreign {
            rename(&mut all);
        }
        value["messages"] = all.into();
        value
    })
}

/// Gives some messages and parts ids as other programs make them.
fn rename(messages: &mut [Value]) {
    for (n, message) in messages.iter_mut().enumerate().filter(|(n, _)| n % 3 == 0) {
        let id = json!(format!("msg{n:03}"));
        message["info"]["id"] = id.clone();
        for (k, part) in parts_mut(message).iter_mut().enumerate() {
            part["messageID"] = id.clone();
            part["id"] = json!(format!("prt_x{n:03}-{k:03}"));
        }
    }
}

fn pairs<'a>(home: &'a Outline, there: &'a Outline) -> Vec<(&'a str, &'a str)> {
    home.ids().zip(there.ids()).collect()
}

fn stamp(id: &str) -> i64 {
    i64::from_str_radix(&id[4..16], 16).unwrap()
}

/// All numbers in objects under `time`.
fn times(value: &Value, found: &mut Vec<i64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| times(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| *key != "input") {
                if let (true, Some(time)) = (key == "time", value.as_object()) {
                    found.extend(time.values().filter_map(Value::as_i64));
                }
                times(value, found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_copy_is_of_the_hosts_past(export in old_session(), ahead in ahead(), call in prop::option::of(0..5_usize)) {
        let spec = clocked(ahead, call);
        let trip = Trip::start(&export.to_string(), &spec);
        let SentRows { home, there, .. } = &trip.sent();
        let pairs = pairs(home, there);
        let ids: BTreeSet<&str> = pairs.iter().map(|(_, there)| *there).collect();
        prop_assert_eq!(ids.len(), pairs.len(), "an id twice");
        prop_assert!(ids.iter().all(|id| is_message_id(id) || is_part_id(id)));
        let session = &trip.imported[trip.id()];
        prop_assert_eq!(&outline(session), there, "the order by (time, id) is that of home");
        let Some(clock) = spec.clock else {
            prop_assert!(pairs.iter().all(|(home, there)| home == there));
            return Ok(());
        };
        let now = clock.there_ms();
        let mut all = Vec::new();
        times(&session.export(), &mut all);
        prop_assert!(all.iter().all(|ms| (clock.from_ms..now).contains(ms)), "{:?} {}", all, now);
        prop_assert_eq!(trip.prepared.newest_ms, session.messages.last().map(|last| last["info"]["time"]["created"].as_i64().unwrap()));
        let own = |id: &str| id.len() == 30 && !id.contains("_x");
        let next = format!("msg_{:012x}", (now * 0x1000) & 0xffff_ffff_ffff);
        for id in ids.iter().filter(|id| own(id)) {
            prop_assert!(id[4..] < next[4..], "an id of the future");
        }
        let own: Vec<&str> = there.iter().map(|message| message.id()).filter(|id| own(id)).collect();
        prop_assert!(own.is_sorted_by(|a, b| a < b), "{:?}", own);
    }

    #[test]
    fn without_work_nothing_is_another(export in old_session(), ahead in ahead(), call in prop::option::of(0..5_usize)) {
        let trip = Trip::start(&export.to_string(), &clocked(ahead, call));
        let plain = Trip::start(&export.to_string(), &clocked(0, call));
        let (merged, arrival) = trip.back(&trip.bundle(&trip.imported), &HERE).unwrap();
        prop_assert_eq!(arrival, plain.back(&plain.bundle(&plain.imported), &HERE).unwrap().1);
        prop_assert!(merged.keeps_ids || !trip.undo().added.is_empty() || ahead.abs() > DAY_MS);
    }

    #[test]
    fn home_is_what_left_and_the_work(export in old_session(), work in work(), ahead in ahead(), call in prop::option::of(0..5_usize)) {
        round_trip(&export, &work, ahead, call)?;
    }
}

fn here() -> MergeContext<'static> {
    MergeContext { now_ms: NOW_MS + 100_000, launched_ms: NOW_MS, ..FRESH }
}

fn round_trip(export: &Value, work: &Work, ahead: i64, call: Option<usize>) -> Result<(), TestCaseError> {
    let trip = Trip::start(&export.to_string(), &clocked(ahead, call));
    let ahead = trip.undo().clock.map_or(0, |clock| clock.ahead_ms);
    let mut there = work.on(&trip.imported, trip.id(), NOW_MS + ahead + 5000);
    there.values_mut().for_each(Session::sort);
    let bundle = trip.bundle(&there);
    let (merged, arrival) = trip.back(&bundle, &here()).unwrap();
    let home = trip.at_home(&arrival);
    let mut terms = in_home_terms(&trip, &there, &home, ahead);
    late(&mut terms, &home, ahead != 0);
    let mut expected = expected(&trip, &terms, &home);
    // Of a call that left, only the mark is the host's: times far from its clock do not come back as they were.
    let idle = trip.at_home(&trip.back(&trip.bundle(&trip.imported), &here()).unwrap().1);
    for message in &mut trip.root(&mut expected).messages {
        let Some(own) = same_in(&idle[trip.id()].messages, message) else { continue };
        for part in parts_mut(message).iter_mut().filter(|part| part["type"] == "tool") {
            let Some(own) = parts_in(own).iter().find(|own| own["id"] == part["id"]) else { continue };
            let mark = part["state"]["time"].get("compacted").cloned();
            part.clone_from(own);
            if let Some(mark) = mark {
                part["state"]["time"]["compacted"] = mark;
            }
        }
    }
    for (id, session) in &expected {
        prop_assert_eq!(&home[id].info, &session.info);
        prop_assert_eq!(home[id].messages.len(), session.messages.len());
        for (merged, expected) in home[id].messages.iter().zip(&session.messages) {
            prop_assert_eq!(merged, expected);
        }
    }
    prop_assert_eq!(home.len(), expected.len());
    prop_assert_eq!(&trip.back(&bundle, &here()).unwrap().1, &arrival);
    let newest = home[trip.id()].messages.last().filter(|_| merged.new_messages.len() > 0);
    prop_assert_eq!(merged.newest_ms, newest.map(|last| last["info"]["time"]["created"].as_i64().unwrap()));
    again(&trip, &there[trip.id()], &home[trip.id()], ahead, merged.keeps_ids)
}

/// A second trip finds on the host what it expects, or it is said that it will not.
fn again(
    trip: &Trip,
    there: &Session,
    home: &Session,
    ahead: i64,
    keeps_ids: bool,
) -> Result<(), TestCaseError> {
    let later = NOW_MS + 3_600_000;
    let spec = Spec { clock: trip.undo().clock.map(|clock| clock.later(later)), now_ms: later, ..spec(None) };
    let second = Trip::start(&home.export().to_string(), &spec);
    prop_assert_eq!(second.sent().there == outline(there), keeps_ids);
    let foreign = there.export().to_string().contains("prt_x");
    let late = there.export().to_string().contains("4b82");
    prop_assert!(keeps_ids || foreign || late || !trip.undo().added.is_empty() || ahead.abs() > 100 * DAY_MS);
    Ok(())
}

/// A part that came late stands where it does there, whatever id that takes.
fn late(terms: &mut Database, home: &Database, clocked: bool) {
    for (id, session) in terms {
        for message in &mut session.messages {
            let is_late = |part: &Value| part["hash"] == "4b82";
            let of = message["info"]["id"].clone();
            let parts = parts_mut(message);
            let Some(at) = parts.iter().position(is_late) else { continue };
            let own = home[id].messages.iter().find(|own| own["info"]["id"] == of).unwrap();
            let own = parts_in(own);
            assert!(!clocked || is_late(&own[at]));
            parts[at]["id"] = own.iter().find(|part| is_late(part)).unwrap()["id"].clone();
        }
        session.sort();
    }
}

/// What the host has, with ids and times put back; what it has as it was sent is that of home.
fn in_home_terms(trip: &Trip, there: &Database, home: &Database, ahead: i64) -> Database {
    let sent = trip.sent();
    let known: BTreeMap<&str, &str> =
        pairs(&sent.home, &sent.there).into_iter().map(|(home, there)| (there, home)).collect();
    let id = |id: &str| match known.get(id) {
        Some(home) => (*home).to_owned(),
        None if id.len() == 30
            && (id.starts_with("msg_") || id.starts_with("prt_"))
            && id[4..16].bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            format!("{}{:012x}{}", &id[..4], (stamp(id) - ahead * 0x1000) & 0xffff_ffff_ffff, &id[16..])
        }
        None => id.to_owned(),
    };
    let mut all = there.clone();
    let sent = &trip.imported[trip.id()].messages;
    for (name, session) in &mut all {
        if name != trip.id() {
            session.info = translated(&session.info, "", false, ahead, &id);
        }
        for message in &mut session.messages {
            let sent = same_in(sent, message);
            let own = |sent: &&Value| {
                home[trip.id()].messages.iter().find(|own| own["info"]["id"] == id(text(&sent["info"]["id"])))
            };
            let own = sent.as_ref().and_then(own);
            let info = merged(
                &message["info"],
                sent.map(|sent| &sent["info"]),
                own.map(|own| &own["info"]),
                ahead,
                &id,
            );
            let mut parts = Vec::new();
            for part in parts_in(message) {
                let find = |all: Option<&Value>, id: &str| -> Option<Value> {
                    all?["parts"].as_array().unwrap().iter().find(|part| part["id"] == id).cloned()
                };
                let sent = find(sent, text(&part["id"]));
                let own = find(own, &id(text(&part["id"])));
                parts.push(merged(part, sent.as_ref(), own.as_ref(), ahead, &id));
            }
            *message = json!({"info": info, "parts": parts});
        }
    }
    all
}

/// `own` where it is as it was `sent`; else translated, field by field.
fn merged(
    there: &Value,
    sent: Option<&Value>,
    own: Option<&Value>,
    ahead: i64,
    id: &dyn Fn(&str) -> String,
) -> Value {
    let (Some(sent), Some(own)) = (sent, own) else { return translated(there, "", false, ahead, id) };
    if sent == there {
        return own.clone();
    }
    let mut all = own.clone();
    for (key, value) in there.as_object().unwrap() {
        if sent.get(key) == Some(value) {
            continue;
        }
        let field = match (sent.get(key), own.get(key)) {
            (Some(sent), Some(own)) if value.is_object() && sent.is_object() => {
                let inner = |(inner, value): (&String, &Value)| {
                    let same = sent.get(inner) == Some(value);
                    let of_own = own.get(inner).filter(|_| same).cloned();
                    let other = || translated(value, inner, key == "time", ahead, id);
                    (inner.clone(), of_own.unwrap_or_else(other))
                };
                Value::Object(value.as_object().unwrap().iter().map(inner).collect())
            }
            _ => translated(value, key, false, ahead, id),
        };
        put(&mut all, key, Some(&field));
    }
    all
}

fn translated(value: &Value, key: &str, in_time: bool, ahead: i64, id: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let other = || translated(value, name, key == "time", ahead, id);
                (name.clone(), if name == "input" { value.clone() } else { other() })
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(|item| translated(item, "", false, ahead, id)).collect(),
        Value::String(text) if key.to_ascii_lowercase().ends_with("id") => json!(id(text)),
        Value::Number(_) if in_time => json!(value.as_i64().unwrap() - ahead),
        other => other.clone(),
    }
}

//! Snapshots stay on the machine that made them, whichever way a session goes.

use super::bundles::{CHILD, away, child, in_ids_of, with_a_copy};
use super::home::HERE;
use super::world::{Database, Trip, apply, text};
use super::{NOW_MS, messages_in, messages_mut, parts_in, parts_mut, put, spec, value};
use crate::session::Clock;
use crate::session::arbitrary::{Draft, FIXTURES, PartDraft, Release, messages_of};
use crate::transfer::{Paths, Spec, import_file};
use serde_json::{Value, json};

/// A turn that changed files in `directory`, as opencode writes it.
fn turn(session: &str, tail: &str, directory: &str, ms: i64) -> Vec<Value> {
    let parts = vec![
        PartDraft::StepStart,
        PartDraft::Tool { status: "completed", text: "edit".into(), call: 9 },
        PartDraft::StepFinish,
    ];
    let user = Draft::User { text: "edit".into(), agent: "build".into(), model: "m1".into(), variant: None };
    let drafts = [user, Draft::Assistant { parts, ended: true }];
    let mut messages = messages_of(session, tail, Release::New, &drafts, ms);
    let parts = parts_mut(&mut messages[1]);
    parts[2]["snapshot"] = json!("5c93");
    let mut patch = parts[2].clone();
    let id = text(&patch["id"]).to_owned();
    let stamp = u64::from_str_radix(&id[4..16], 16).unwrap() + 1;
    patch["id"] = json!(format!("prt_{stamp:012x}{}99", &id[16..28]));
    for gone in ["reason", "cost", "snapshot"] {
        put(&mut patch, gone, None);
    }
    patch["type"] = json!("patch");
    patch["hash"] = json!(format!("4b82{tail}"));
    patch["files"] = json!([format!("{directory}/a.rs"), "/etc/hosts"]);
    parts.push(patch);
    messages
}

/// The patches of a session.
fn patches(messages: &[Value]) -> Vec<&Value> {
    let parts = messages.iter().flat_map(parts_in);
    parts.filter(|part| part["type"] == "patch").collect()
}

/// What a host of another directory, another clock or neither has.
fn specs() -> [Spec; 3] {
    let paths = Paths::new("/home/me/proj", "/srv/work here");
    [
        spec(None),
        Spec { paths: paths.clone(), ..spec(None) },
        Spec { paths, clock: Clock::new(-86_400_000, NOW_MS), ..spec(None) },
    ]
}

/// A session in which files were changed here, on its trip, and what was done there, by it and a sub-agent.
fn worked(spec: &Spec) -> (Trip, Database) {
    let mut home = value(FIXTURES[0].1);
    let id = text(&home["info"]["id"]).to_owned();
    let last = messages_in(&home).last().unwrap();
    let last_ms = last["info"]["time"]["created"].as_i64().unwrap();
    let own = turn(&id, "homeZm7ZOVRlqZ", "/home/me/proj", last_ms + 1000);
    messages_mut(&mut home).extend(own);
    let trip = Trip::start(&home.to_string(), spec);
    let ahead = trip.undo().clock.map_or(0, |clock| clock.ahead_ms);
    let mut there = trip.imported.clone();
    let ms = NOW_MS + ahead;
    there.get_mut(&id).unwrap().messages.extend(turn(&id, "rootZm7ZOVRlqZ", "/srv/work here", ms));
    let mut sub = child(&id, ms);
    sub.messages.extend(turn(CHILD, "subsZm7ZOVRlqZ", "/srv/work here", ms + 10_000));
    there.insert(CHILD.to_owned(), sub);
    (trip, there)
}

#[test]
fn a_patch_of_here_names_no_files_there_and_is_the_same_at_home() {
    for spec in specs() {
        let (trip, mut there) = worked(&spec);
        let sent = patches(&trip.imported[trip.id()].messages);
        assert_eq!((sent.len(), &sent[0]["files"]), (1, &json!([])));
        // The message comes back, since something else in it changed.
        let own = trip.left.len() - 1;
        let changed = &mut trip.root(&mut there).messages[own];
        changed["parts"][1]["state"]["time"]["compacted"] = json!(NOW_MS);
        for hostile in [false, true] {
            if hostile {
                let patch = &mut trip.root(&mut there).messages[own]["parts"][3];
                (patch["files"], patch["hash"]) = (json!(["/home/me/.profile"]), json!("00"));
            }
            let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
            let home = trip.at_home(&arrival);
            let before = &trip.home()[trip.id()].messages;
            assert_eq!(patches(&home[trip.id()].messages)[0], patches(before)[0]);
            assert_eq!(home[trip.id()].messages[own]["parts"][0], before[own]["parts"][0]);
            assert!(!arrival.contains(text(&before[own]["parts"][3]["id"])), "it is no change");
            assert!(home[trip.id()].messages[own].to_string().contains("compacted") && merged.changed > 0);
        }
    }
}

#[test]
fn what_was_done_there_comes_home_without_its_snapshots() {
    for spec in specs() {
        let (trip, there) = worked(&spec);
        let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
        let home = trip.at_home(&arrival);
        let of_root = patches(&home[trip.id()].messages);
        assert_eq!((of_root.len(), patches(&home[CHILD].messages).len()), (2, 1));
        for patch in [of_root[1], patches(&home[CHILD].messages)[0]] {
            assert_eq!((&patch["files"], &patch["hash"]), (&json!([]), &json!("")), "{patch}");
        }
        let new = home[trip.id()].messages.last().unwrap();
        assert!(!new.to_string().contains("snapshot") && new.to_string().contains("edit"), "{new}");
        assert!(!arrival.contains("/etc/hosts") && !arrival.contains("5c93"), "{arrival}");

        // As a session of its own, what was done here can still be undone.
        let beside = with_a_copy(&trip, &away(&trip, &merged), &arrival);
        let copied = beside.iter().find(|(_, session)| session.info["parentID"] == "ses_copy").unwrap().0;
        let known = [("ses_copy", trip.id()), (copied.as_str(), CHILD)];
        assert_eq!(in_ids_of(&beside["ses_copy"], &home[trip.id()], known), home[trip.id()].messages);

        // As opencode exports it, for import.
        let (merged, arrival) = trip.back(&there[trip.id()].export().to_string(), &HERE).unwrap();
        let mut file = Vec::new();
        import_file(arrival.as_bytes(), trip.undo(), &merged, &mut file).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(messages_in(&file).last(), Some(new));
    }
}

#[test]
fn a_host_that_keeps_its_own_patches_tells_of_no_change() {
    for spec in specs() {
        let (trip, mut there) = worked(&spec);
        let mut home = trip.home();
        apply(&mut home, trip.id(), &trip.back(&trip.bundle(&there), &HERE).unwrap().1);
        let before = home.clone();
        let clock = trip.undo().clock.map(|clock| clock.later(NOW_MS + 3_600_000));
        let spec = Spec { clock, now_ms: NOW_MS + 3_600_000, ..spec };
        let mut again = Trip::start(&home[trip.id()].export().to_string(), &spec);
        let sent = &again.imported[again.id()].messages;
        assert!(patches(sent).iter().all(|patch| patch["files"] == json!([])));
        // Of a session that it has, only what is new is sent: its own rows stay as they were, and one of them changes.
        let root = trip.root(&mut there);
        root.sort();
        assert_eq!(patches(&root.messages)[1]["files"].as_array().unwrap().len(), 2);
        again.imported.get_mut(trip.id()).unwrap().messages.clone_from(&root.messages);
        let last = root.messages.len() - 1;
        root.messages[last]["parts"][1]["state"]["time"]["compacted"] = json!(NOW_MS);
        // The patch comes with it, as from a host that does not tell which part changed.
        root.messages[last]["parts"][3]["hash"] = json!("changed");
        there.remove(CHILD);
        let (merged, arrival) = again.back(&again.bundle(&there), &HERE).unwrap();
        apply(&mut home, trip.id(), &arrival);
        assert_eq!(merged.changed, 1, "the call alone: {arrival}");
        assert_eq!(patches(&home[trip.id()].messages), patches(&before[trip.id()].messages));
    }
}

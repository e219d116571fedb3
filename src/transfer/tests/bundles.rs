//! Bundles that are not what a host should write, and trips that follow each other.

use super::home::{FRESH, HERE};
use super::world::{Database, Session, Trip, apply, outline, rows, text};
use super::{NOW_MS, messages_mut, spec, value};
use crate::session::arbitrary::{
    BEGIN_MS, Draft, FIXTURES, PartDraft, Release, messages_of, random, session,
};
use crate::session::{Clock, CopySpec, ExportError, Raw};
use crate::transfer::inbound::returned::ReturnedKind;
use crate::transfer::{ForkInput, HomeError, MergeContext, MergeResult, Spec, fork};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) const CHILD: &str = "ses_e07836e36ffethChildSession";
pub(super) const GRANDCHILD: &str = "ses_e07836e36ffethGrandchild00";
pub(super) const LATER: i64 = BEGIN_MS + 5_000_000;

fn said(text: &str) -> Vec<Draft> {
    let user = Draft::User { text: text.into(), agent: "plan".into(), model: "m2".into(), variant: None };
    let call = PartDraft::Tool { status: "completed", text: text.into(), call: 1 };
    vec![
        user,
        Draft::Assistant { parts: vec![PartDraft::Text(format!("{text}!"), false), call], ended: true },
    ]
}

/// Two more messages at the end of a session.
pub(super) fn go_on(session: &mut Session, tail: &str, text: &str, ms: i64) {
    let id = self::text(&session.info["id"]).to_owned();
    session.messages.extend(messages_of(&id, tail, Release::New, &said(text), ms));
}

pub(super) fn child(parent: &str, ms: i64) -> Session {
    let info = json!({"id": CHILD, "parentID": parent, "slug": "x", "projectID": "p", "directory": "/srv/work here",
        "title": "\u{1b}[2Jsub", "version": "1", "cost": 1, "time": {"created": ms, "updated": ms}});
    let mut session = Session { info, messages: Vec::new(), todos: json!([]) };
    go_on(&mut session, "childm7ZOVRlqZ", "sub", ms);
    session
}

/// A trip with two more messages on the host.
pub(super) fn gone_on(export: &str) -> (Trip, Database) {
    let (trip, mut there) = Trip::started(export, &spec(None));
    go_on(trip.root(&mut there), "rootZm7ZOVRlqZ", "go on", LATER);
    (trip, there)
}

/// A fixture that was worked on, with a sub-agent.
pub(super) fn worked() -> (Trip, Database) {
    let (trip, mut there) = gone_on(FIXTURES[0].1);
    there.insert(CHILD.to_owned(), child(trip.id(), LATER));
    (trip, there)
}

/// The sections of a bundle: headers and documents.
fn sections(bundle: &str) -> Vec<(Value, Value)> {
    let lines: Vec<&str> = bundle.lines().collect();
    lines.chunks(2).map(|pair| (value(pair[0]), value(pair[1]))).collect()
}

fn written(sections: &[(Value, Value)]) -> String {
    let mut bundle = String::new();
    for (header, document) in sections {
        let document = document.to_string();
        let mut header = header.clone();
        header["bytes"] = json!(document.len());
        // The first field tells what it is.
        let header = header.to_string();
        assert!(header.starts_with("{\"bundle\":"));
        bundle += &format!("{header}\n{document}\n");
    }
    bundle
}

#[test]
fn what_is_sound_comes_home() {
    let (trip, there) = worked();
    let bundle = trip.bundle(&there);
    assert_eq!(written(&sections(&bundle)), bundle);
    let (merged, arrival) = trip.back(&bundle, &HERE).unwrap();
    assert_eq!((merged.kind, merged.children, merged.new_messages.len()), (ReturnedKind::Bundle, 1, 2));
    assert_eq!((merged.reply.as_deref(), merged.keeps_ids), (Some("go on!"), true));
    assert!(merged.not_carried.is_empty() && !arrival.contains('\u{1b}'));
    let last = merged.last_assistant.unwrap();
    assert_eq!((last.agent.as_deref(), last.completed), (Some("build"), true));
}

#[test]
fn a_sub_agents_session_may_be_the_one_that_was_away() {
    let (trip, there) = worked();
    let mut sections = sections(&trip.bundle(&there));
    sections[0].1["info"]["parentID"] = json!("ses_at_home");
    assert_eq!(trip.back(&written(&sections), &HERE).unwrap().0.new_messages.len(), 2);
}

#[test]
fn every_breach_is_refused() {
    type Damage = fn(&mut Vec<(Value, Value)>);
    let refused = |damage: Damage| {
        let (trip, there) = worked();
        let mut sections = sections(&trip.bundle(&there));
        damage(&mut sections);
        trip.back(&written(&sections), &HERE).unwrap_err()
    };
    let lost = refused(|all| all[0].0["known"]["parts"] = json!(5));
    assert!(matches!(lost, HomeError::Lost { messages: 0, parts: 2 }), "{lost}");
    let lost = refused(|all| all[0].0["known"]["messages"] = json!(0));
    assert!(matches!(lost, HomeError::Lost { messages: 4, .. }), "{lost}");
    let altered = refused(|all| all[0].0["known"]["digest"] = json!("00"));
    assert!(matches!(altered, HomeError::Altered), "{altered}");
    let other = refused(|all| drop(all.remove(0)));
    assert!(matches!(other, HomeError::OtherSession { .. }), "{other}");
    let other = refused(|all| all[0].1["info"]["id"] = json!("ses_other"));
    assert!(matches!(other, HomeError::OtherSession { .. } | HomeError::Export(_)), "{other}");
    let orphan = refused(|all| {
        all[1].0["parent"] = json!("ses_nobody");
        all[1].1["info"]["parentID"] = json!("ses_nobody");
    });
    assert!(matches!(orphan, HomeError::Orphan { .. }), "{orphan}");
    let orphan = refused(|all| {
        all[1].0["parent"] = Value::Null;
        all[1].1["info"].as_object_mut().unwrap().remove("parentID");
    });
    assert!(matches!(orphan, HomeError::Orphan { .. }), "{orphan}");
    let stray = refused(|all| all[1].0["parent"] = json!("ses_nobody"));
    assert!(matches!(stray, HomeError::Export(ExportError::Stray { .. })), "{stray}");
    let twice = refused(|all| all.push(all[1].clone()));
    assert!(matches!(twice, HomeError::Export(ExportError::Duplicate { .. })), "{twice}");
    let twice = refused(|all| {
        let first = all[0].1["messages"][0].clone();
        messages_mut(&mut all[0].1).push(first);
    });
    assert!(matches!(twice, HomeError::Export(ExportError::Duplicate { .. })), "{twice}");
    let taken = refused(|all| {
        let id = value(FIXTURES[0].1)["messages"][0]["info"]["id"].clone();
        all[1].1["messages"][0]["info"]["id"] = id.clone();
        all[1].1["messages"][0]["parts"][0]["messageID"] = id;
    });
    assert!(matches!(taken, HomeError::Export(ExportError::Stray { .. })), "{taken}");
    let order = refused(|all| {
        let old = value(FIXTURES[0].1)["messages"][0].clone();
        messages_mut(&mut all[0].1).push(old);
    });
    assert!(matches!(order, HomeError::OutOfOrder { .. }), "{order}");
    let order = refused(|all| {
        for n in [1, 0] {
            let old = value(FIXTURES[0].1)["messages"][n].clone();
            messages_mut(&mut all[0].1).insert(1 - n, old);
        }
    });
    assert!(matches!(order, HomeError::OutOfOrder { .. }), "{order}");
    let record = refused(|all| all[0].1["info"]["cost"] = json!("much"));
    assert!(matches!(record, HomeError::Unbelievable { .. }), "{record}");
    let todos = refused(|all| all[0].1["todos"] = json!([{"content": 1, "status": "", "priority": ""}]));
    assert!(matches!(todos, HomeError::Export(ExportError::NotAnExport { .. })), "{todos}");
    let empty = Trip::start(FIXTURES[0].1, &spec(None)).back("", &HERE).unwrap_err();
    assert!(matches!(empty, HomeError::Export(ExportError::Cut { .. })), "{empty}");
}

#[test]
fn every_cut_and_every_wrong_byte_is_survived() {
    let (trip, there) = worked();
    let bundle = trip.bundle(&there);
    let end_of_first = bundle.match_indices("\n{\"bundle\"").next().unwrap().0 + 1;
    for end in (0..bundle.len()).step_by(13).chain([end_of_first, bundle.len() - 1]) {
        let result = trip.back(&bundle[..end], &HERE);
        assert_eq!(result.is_ok(), end == end_of_first, "{end}");
    }
    let deep = bundle.replacen("\"todos\":[]", &format!("\"todos\":{}", "[".repeat(4000)), 1);
    assert!(trip.back(&deep, &HERE).is_err());
}

#[test]
fn a_message_that_left_open_comes_home_with_its_end() {
    let (trip, there) = worked();
    let (merged, home) = trip.come_home(&there, &HERE);
    assert_eq!(merged.changed, 2, "the call and its message");
    let message = &home[trip.id()].messages[3];
    let error = "The session moved to the host pi while this tool was running; its result is not known.";
    assert_eq!(message["parts"][1]["state"]["error"], error);
    assert_eq!(message["info"]["time"]["completed"], NOW_MS);
    assert_eq!(message["info"]["agent"], value(FIXTURES[0].1)["messages"][3]["info"]["agent"]);
}

/// What home has counted for the sub-agent.
fn spent(cost: &Value) -> [(String, Raw); 1] {
    [(CHILD.to_owned(), serde_json::from_value(json!({"cost": cost})).unwrap())]
}

/// A second trip of the same session to the same host, which has gone on with what it had.
fn second(clock: Option<Clock>) {
    let ahead = clock.map_or(0, |clock| clock.ahead_ms);
    let (trip, mut there) = Trip::started(FIXTURES[0].1, &Spec { clock, ..spec(None) });
    go_on(trip.root(&mut there), "rootZm7ZOVRlqZ", "one", NOW_MS + ahead + 1000);
    there.insert(CHILD.to_owned(), child(trip.id(), NOW_MS + ahead + 1000));
    let mut home = trip.home();
    let here = MergeContext { now_ms: NOW_MS + 20_000, launched_ms: NOW_MS, ..FRESH };
    let (merged, arrival) = trip.back(&trip.bundle(&there), &here).unwrap();
    apply(&mut home, trip.id(), &arrival);
    assert!(merged.keeps_ids);

    // The user goes on at home; only that is sent, and the host has the rest.
    let later = NOW_MS + 3_600_000;
    go_on(trip.root(&mut home), "homeZm7ZOVRlqZ", "two", later - 60_000);
    let root = &home[trip.id()];
    let subset = root.messages[6..].iter().map(|message| text(&message["info"]["id"]).to_owned()).collect();
    let clock = clock.map(|clock| clock.later(later));
    let export = root.export().to_string();
    let mut again = Trip::start(&export, &Spec { clock, now_ms: later, subset: Some(subset), ..spec(None) });
    assert_eq!((again.prepared.messages, again.prepared.parts, again.sent().home.len()), (2, 3, 8));
    let sent = again.imported[again.id()].messages.clone();
    assert_eq!(sent.len(), 2);
    let mut imported = there.clone();
    imported.get_mut(again.id()).unwrap().messages.extend(sent);
    assert_eq!(again.sent().there, outline(&imported[again.id()]));
    again.imported = imported.clone();

    let mut there = imported;
    go_on(there.get_mut(again.id()).unwrap(), "moreZm7ZOVRlqZ", "three", later + ahead + 1000);
    go_on(there.get_mut(CHILD).unwrap(), "goonZm7ZOVRlqZ", "again", later + ahead + 1000);
    there.get_mut(CHILD).unwrap().messages[1]["parts"][1]["state"]["time"]["compacted"] =
        json!(later + ahead + 2000);
    there.get_mut(CHILD).unwrap().messages[3]["info"]["cost"] = json!(2);
    there.get_mut(CHILD).unwrap().info["cost"] = json!(3);
    let children = [(CHILD.to_owned(), outline(&home[CHILD]))];
    let before = home.clone();
    let (spent, held) = (spent(&json!(1)), rows(&before));
    let (now_ms, launched_ms) = (later + 20_000, later);
    let here = MergeContext { now_ms, launched_ms, children: &children, spent: &spent, rows: &held, ..FRESH };
    let (merged, arrival) = again.back(&again.bundle(&there), &here).unwrap();
    apply(&mut home, again.id(), &arrival);
    assert_eq!((merged.keeps_ids, merged.not_carried.len()), (true, 0));
    assert_eq!((home[again.id()].messages.len(), home[CHILD].messages.len()), (10, 4));
    assert_eq!(home[again.id()].messages[..8], before[again.id()].messages[..]);
    let mut second = before[CHILD].messages[1].clone();
    second["parts"][1]["state"]["time"]["compacted"] = json!(later + 2000);
    assert_eq!((&home[CHILD].messages[0], &home[CHILD].messages[1]), (&before[CHILD].messages[0], &second));
    assert_eq!(home[CHILD].messages[2]["info"]["time"]["created"], later + 1000);
    assert_eq!(home[CHILD].info["cost"], 3);
    assert_eq!(home[again.id()].messages[8]["info"]["time"]["created"], later + 1000);

    // A host that got the session anew tells of all that it has of sub-agents.
    again.imported.remove(CHILD);
    let mut sections = sections(&again.bundle(&there));
    for new in [true, false] {
        sections[1].0["new"] = json!(new);
        let (merged, arrival) = again.back(&written(&sections), &here).unwrap();
        let mut other = before.clone();
        apply(&mut other, again.id(), &arrival);
        assert_eq!((&other, merged.children), (&home, 1));
    }

    // And it is as old as it is.
    let late = MergeContext { launched_ms: later + 3_600_000, now_ms: later + 3_700_000, ..here };
    let (_, arrival) = again.back(&written(&sections), &late).unwrap();
    let mut other = before.clone();
    apply(&mut other, again.id(), &arrival);
    assert_eq!(other[CHILD].messages[2]["info"]["time"]["created"], later + 1000);
}

#[test]
fn a_second_trip_sends_only_what_is_new() {
    second(None);
    for ahead in [3000, -600_000, 86_400_000, 400_000_000] {
        second(Clock::new(ahead, NOW_MS));
    }
}

/// What comes home of a sub-agent that home has let go, and that the host still has from an earlier trip.
fn of_a_former_sub_agent(goes_on: bool, here: &MergeContext<'_>) -> Option<Session> {
    let (trip, mut there) = Trip::started(FIXTURES[0].1, &spec(None));
    go_on(trip.root(&mut there), "rootZm7ZOVRlqZ", "go on", here.launched_ms + 5000);
    there.insert(CHILD.to_owned(), child(trip.id(), LATER));
    let mut below = child(CHILD, LATER);
    below.info["id"] = json!(GRANDCHILD);
    below.messages.clear();
    if goes_on {
        go_on(&mut below, "belowm7ZOVRlqZ", "again", here.launched_ms + 6000);
    }
    there.insert(GRANDCHILD.to_owned(), below);
    // Sent anew, the host knows only that the sessions were there.
    let mut sections = sections(&trip.bundle(&there));
    for (header, _) in &mut sections[1..] {
        header["new"] = json!(false);
        header["same"] = json!(header["session"] == CHILD || !goes_on);
    }
    let (merged, arrival) = trip.back(&written(&sections), here).unwrap();
    let mut home = trip.at_home(&arrival);
    assert_eq!(home[trip.id()].messages.len(), 6);
    assert_eq!((home.len() - 1, home.len() - 1), (merged.children, merged.sub_agents.len()));
    home.remove(CHILD)
}

#[test]
fn a_sub_agent_that_home_let_go_does_not_come_back() {
    let launched_ms = LATER + 1_000_000;
    let here = MergeContext { now_ms: launched_ms + 20_000, launched_ms, ..FRESH };
    assert_eq!(of_a_former_sub_agent(false, &here), None);
    // Somebody worked there before the launch: it may be theirs.
    let child = of_a_former_sub_agent(false, &MergeContext { host_is_ahead: true, ..here }).unwrap();
    assert_eq!(child.messages[0]["info"]["time"]["created"], LATER);
    // One that the run called upon again comes home, as old as it is.
    let child = of_a_former_sub_agent(true, &here).unwrap();
    assert_eq!(child.messages[0]["info"]["time"]["created"], LATER);
}

#[test]
fn a_list_of_tasks_that_a_sub_agent_changed_comes_home_without_a_message() {
    let mut trip = Trip::start(FIXTURES[0].1, &spec(None));
    let own = child(trip.id(), LATER);
    trip.imported.insert(CHILD.to_owned(), own.clone());
    let mut there = trip.imported.clone();
    let todos = json!([{"content": "the rest", "status": "pending", "priority": "high"}]);
    there.get_mut(CHILD).unwrap().todos = todos.clone();
    let mut home = trip.home();
    home.insert(CHILD.to_owned(), own.clone());
    let before = home.clone();
    let children = [(CHILD.to_owned(), outline(&own))];
    let here = MergeContext { children: &children, rows: &rows(&before), ..HERE };
    let (_, arrival) = trip.back(&trip.bundle(&there), &here).unwrap();
    apply(&mut home, trip.id(), &arrival);
    assert_eq!(home[CHILD], Session { todos, ..own });
}

#[test]
fn what_was_done_there_before_the_launch_comes_home() {
    let (trip, mut there) = worked();
    let launched = LATER + 1_000_000;
    go_on(trip.root(&mut there), "moreZm7ZOVRlqZ", "more", launched + 1000);
    let here = MergeContext { now_ms: launched + 20_000, launched_ms: launched, ..HERE };
    let (merged, home) = trip.come_home(&there, &here);
    assert!(merged.keeps_ids);
    assert_eq!(home[trip.id()].messages[4]["info"]["time"]["created"], LATER);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_home_has_of_a_sub_agent_stays_and_the_run_is_added(
        anew: bool,
        here: bool,
        there: bool,
        marked: bool,
        elsewhere: bool,
    ) {
        let (trip, first) = worked();
        let mut home = trip.home();
        apply(&mut home, trip.id(), &trip.back(&trip.bundle(&first), &HERE).unwrap().1);
        let later = NOW_MS + 7_200_000;
        let session = home.get_mut(CHILD).unwrap();
        session.messages[0]["parts"][0]["text"] = json!("in the paths of home");
        if here {
            go_on(session, "hereZm7ZOVRlqZ", "here", later - 100_000);
            session.info["cost"] = json!(3);
            session.todos = json!([{"content": "mine", "status": "s", "priority": "p"}]);
        }

        let export = home[trip.id()].export().to_string();
        let mut again = Trip::start(&export, &Spec { now_ms: later, ..spec(None) });
        again.anew = anew;
        let mut child = first[CHILD].clone();
        if elsewhere {
            child.messages[1]["parts"][0]["text"] = json!("in the paths of the host");
        }
        again.imported.insert(CHILD.to_owned(), child);
        let mut now = again.imported.clone();
        go_on(now.get_mut(again.id()).unwrap(), "moreZm7ZOVRlqZ", "more", later + 1000);
        let child = now.get_mut(CHILD).unwrap();
        let mut expected = home.clone();
        let session = expected.get_mut(CHILD).unwrap();
        if there {
            go_on(child, "thereZm7ZOVRlqZ", "there", later + 2000);
            child.messages.last_mut().unwrap()["info"]["cost"] = json!(0.5);
            child.info["cost"] = json!(1.5);
            child.todos = json!([{"content": "theirs", "status": "s", "priority": "p"}]);
            session.info["cost"] = json!(if here { 3.5 } else { 1.5 });
            session.todos = child.todos.clone();
        }
        if marked {
            for session in [child, session] {
                session.messages[1]["parts"][1]["state"]["time"]["compacted"] = json!(later + 3000);
            }
        }

        let children = [(CHILD.to_owned(), outline(&home[CHILD]))];
        let (spent, before) = (spent(&home[CHILD].info["cost"]), home.clone());
        let homeward = MergeContext {
            now_ms: later + 20_000, launched_ms: later, children: &children, spent: &spent, rows: &rows(&before), ..FRESH
        };
        let (merged, arrival) = again.back(&again.bundle(&now), &homeward).unwrap();
        prop_assert_eq!(merged.children, usize::from(there || marked));
        apply(&mut home, again.id(), &arrival);
        let length = session.messages.len();
        prop_assert_eq!(&home[CHILD].messages[..length], &session.messages[..]);
        prop_assert_eq!(home[CHILD].messages.len(), length + if there { 2 } else { 0 });
        prop_assert_eq!(home[CHILD].info["cost"].as_f64(), session.info["cost"].as_f64());
        prop_assert_eq!(&home[CHILD].todos, &session.todos);
        if there {
            prop_assert_eq!(&home[CHILD].messages[length]["info"]["time"]["created"], &json!(later + 2000));
        }
    }

    #[test]
    fn a_session_beside_the_other_holds_both(draft in session(), moved_on: bool, seed: u64) {
        let (trip, mut there) = gone_on(&draft.json());
        trip.root(&mut there).info["title"] = json!("new");
        trip.root(&mut there).todos = json!([{"content": "c", "status": "s", "priority": "p"}]);
        there.insert(CHILD.to_owned(), child(trip.id(), LATER));
        let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
        let mut expected = trip.home();
        apply(&mut expected, trip.id(), &arrival);

        let mut home = trip.home();
        if moved_on {
            go_on(trip.root(&mut home), "homeZm7ZOVRlqZ", "meanwhile", LATER + 500);
        }
        let export = home[trip.id()].export().to_string();
        let (out, left_out) = forked(&away(&trip, &merged), &export, &arrival, seed);
        prop_assert!(left_out.is_empty());
        let before = home.clone();
        apply(&mut home, "ses_copy", &out);
        let (root, was) = (&home["ses_copy"], &expected[trip.id()]);
        prop_assert_eq!(&root.todos, &was.todos);
        let (child, session) = home.iter().find(|(_, session)| session.info["parentID"] == "ses_copy").unwrap();
        prop_assert_eq!(&home[trip.id()], &before[trip.id()]);
        prop_assert_eq!(&root.info["title"], "copied");
        let known = [("ses_copy", trip.id()), (child.as_str(), CHILD)];
        prop_assert_eq!(in_ids_of(root, was, known), was.messages.clone());
        prop_assert_eq!(in_ids_of(session, &expected[CHILD], known), expected[CHILD].messages.clone());
        // So that the session itself can come home another day.
        apply(&mut home, trip.id(), &arrival);
        prop_assert_eq!(&home[CHILD], &expected[CHILD]);
    }
}

/// A copy's messages, with the ids of the original, all of which are other ones.
pub(super) fn in_ids_of(copy: &Session, original: &Session, sessions: [(&str, &str); 2]) -> Vec<Value> {
    let (new, old) = (outline(copy), outline(original));
    let text = serde_json::to_string(&copy.messages).unwrap();
    let text = new.ids().zip(old.ids()).chain(sessions).fold(text, |text, (new, old)| {
        assert_ne!(new, old);
        text.replace(new, old)
    });
    serde_json::from_str(&text).unwrap()
}

pub(super) fn away<'a>(trip: &'a Trip, merged: &'a MergeResult) -> ForkInput<'a> {
    ForkInput { left: &trip.left, undo: trip.undo(), merged, children: &[] }
}

/// The change set of a fork, and the sub-agents' sessions that it leaves out.
fn forked(away: &ForkInput<'_>, export: &str, arrival: &str, seed: u64) -> (String, Vec<String>) {
    let copy =
        CopySpec { session: "ses_copy".into(), title: "copied".into(), directory: None, now_ms: NOW_MS };
    let (mut out, mut random) = (Vec::new(), random(seed));
    let left_out = fork(away, export.as_bytes(), arrival.as_bytes(), &mut out, &copy, &mut random).unwrap();
    (String::from_utf8(out).unwrap(), left_out)
}

/// Home, with what came back beside what left.
pub(super) fn with_a_copy(trip: &Trip, away: &ForkInput<'_>, arrival: &str) -> Database {
    let mut home = trip.home();
    apply(&mut home, "ses_copy", &forked(away, &trip.export, arrival, 1).0);
    home
}

#[test]
fn what_was_undone_when_it_left_is_not_so_in_the_copy() {
    let mut export = value(FIXTURES[0].1);
    export["info"]["revert"] = json!({"messageID": export["messages"][2]["info"]["id"]});
    let trip = Trip::start(&export.to_string(), &spec(None));
    let (merged, arrival) = trip.back(&trip.bundle(&trip.imported), &HERE).unwrap();
    let home = with_a_copy(&trip, &away(&trip, &merged), &arrival);
    assert_eq!(home["ses_copy"].info.get("revert"), None);
    assert_eq!(home[trip.id()].info, export["info"]);
}

#[test]
fn a_call_in_a_copy_names_the_copy_of_its_sub_agent() {
    let (trip, mut there) = worked();
    let task =
        json!({"status": "completed", "input": {"sessionID": CHILD}, "metadata": {"sessionId": CHILD}});
    trip.root(&mut there).messages.last_mut().unwrap()["parts"][0]["state"] = task;
    let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    let home = with_a_copy(&trip, &away(&trip, &merged), &arrival);
    let (child, _) = home.iter().find(|(_, session)| session.info["parentID"] == "ses_copy").unwrap();
    let state = &home["ses_copy"].messages.last().unwrap()["parts"][0]["state"];
    assert_eq!(state["metadata"]["sessionId"], **child);
    assert_eq!(state["input"]["sessionID"], CHILD, "what the model said stays as it was said");
}

#[test]
fn a_sub_agent_of_one_that_home_has_belongs_to_the_copy() {
    let (trip, mut there) = worked();
    let mut session = child(CHILD, LATER);
    let text = serde_json::to_string(&session.messages).unwrap();
    session.messages =
        serde_json::from_str(&text.replace(CHILD, GRANDCHILD).replace("childm7", "grandm7")).unwrap();
    session.info["id"] = json!(GRANDCHILD);
    there.insert(GRANDCHILD.to_owned(), session);
    let children = [(CHILD.to_owned(), outline(&there[CHILD]))];
    let here = MergeContext { children: &children, ..HERE };
    let (merged, arrival) = trip.back(&trip.bundle(&there), &here).unwrap();
    let away = ForkInput { children: &children, ..away(&trip, &merged) };
    let home = with_a_copy(&trip, &away, &arrival);
    let copied = home.values().filter(|session| session.info["parentID"] == "ses_copy");
    assert_eq!(copied.map(|session| session.messages.len()).collect::<Vec<_>>(), [2]);
}

#[test]
fn sub_agents_that_home_has_stay_where_they_are() {
    let (trip, there) = worked();
    let (merged, arrival) = trip.back(&trip.bundle(&there), &HERE).unwrap();
    let children = [(CHILD.to_owned(), outline(&there[CHILD]))];
    let away = ForkInput { children: &children, ..away(&trip, &merged) };
    let (out, left_out) = forked(&away, &trip.export, &arrival, 1);
    assert_eq!(left_out, [CHILD]);
    assert!(!out.contains(CHILD) && !out.contains("ses_e0"), "{out}");
}

#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

use super::super::{Plan, new_id};
use super::*;

const RECORDED: &[u8] = include_bytes!("../../../tests/fixtures/dispatch-2.json");

fn read(bytes: &[u8]) -> Result<Record, StoreError> {
    parse(bytes, Path::new("dispatch.json"))
}

/// The recorded dispatch with a change, as it would be read from its own directory.
fn parse_changed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Record, StoreError> {
    let mut record: serde_json::Value = serde_json::from_slice(RECORDED).unwrap();
    let path = Path::new("/k/dispatches").join(record["id"].as_str().unwrap()).join(super::RECORD);
    change(&mut record);
    parse(record.to_string().as_bytes(), &path)
}

fn record(session: &str, state: State) -> Record {
    let plan = Plan { home_directory: "/home/me/app".into(), directory: "~/app".into(), ..Plan::default() };
    let (session, host) = (session.to_owned(), "pi".to_owned());
    Record { version: VERSION, id: new_id(0), session, host, created_ms: 1, plan, state, ..Record::default() }
}

fn every_state() -> [State; 11] {
    let identity = || "boot 1 2".to_owned();
    [
        State::Planned,
        State::Exported,
        State::Uploaded,
        State::Launched { identity: identity() },
        State::Running { identity: identity() },
        State::Finished,
        State::Home { new_messages: 2 },
        State::Failed { step: Step::Upload, message: "no".to_owned() },
        State::Cancelled { launched: true },
        State::Cancelled { launched: false },
        State::Lost { last_words: String::new() },
    ]
}

#[test]
fn a_record_of_format_2_is_read() {
    let second = read(RECORDED).unwrap();
    assert_eq!(second.doing, [Step::Export, Step::Connect].into());
    assert!(second.is_on_host && !second.is_abandoned && second.is_away());
    assert_eq!(second.state.name(), "running");
    let undo = &second.sent.as_ref().unwrap().undo;
    assert_eq!(undo.last_user.as_ref().unwrap().agent.as_ref().unwrap().get(), "\"build\"");
    assert_eq!(second.outcome.as_ref().unwrap().last_reason.as_deref(), Some("stop"));
    for state in every_state() {
        let record = Record { state, ..second.clone() };
        assert_eq!(read(&serde_json::to_vec(&record).unwrap()).unwrap(), record);
    }
}

#[test]
fn fields_that_code_calls_otherwise_keep_their_names_on_disk() {
    let record = parse_changed(|record| {
        record["sent"]["grown"] = true.into();
        record["result"]["lesser"] = true.into();
    })
    .unwrap();
    assert!(record.sent.as_ref().unwrap().host_is_ahead && record.result.as_ref().unwrap().is_fallback);
    let written = serde_json::to_value(&record).unwrap();
    assert!(written["sent"]["grown"] == true && written["result"]["lesser"] == true, "{written}");
}

#[test]
fn what_is_newer_or_damaged_is_refused() {
    let newer = String::from_utf8(RECORDED.to_vec()).unwrap().replace("\"version\": 2", "\"version\": 3");
    assert!(matches!(read(newer.as_bytes()), Err(StoreError::Newer { version: 3, .. })));
    assert!(matches!(read(&RECORDED[..RECORDED.len() / 2]), Err(StoreError::Damaged { .. })));
    assert!(matches!(read(b"{}"), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_field_that_could_lead_elsewhere_or_reach_a_terminal_is_named_and_the_record_left_alone() {
    parse_changed(|_| ()).unwrap();
    for (pointer, bad, named) in [
        ("/id", "20261120-102435-../../ab", "id"),
        ("/id", "20261120-142441-aaaaaaaa", "id"),
        ("/session", "../../../tmp/x", "session"),
        ("/session", "ses_a/../b", "session"),
        ("/host", "p\u{1b}[2Ji", "host"),
        ("/host", "", "host"),
        ("/host", "-oProxyCommand=x", "host"),
        ("/issue", "github.com/a/b#1\n\u{9b}2J", "issue"),
        ("/apart", "ses_../x", "apart"),
        ("/account", "x y", "account"),
        ("/plan/home_directory", "", "plan"),
        ("/sent/run/id", "20261120-142441-aaaaaaaa", "sent"),
        ("/sent/run/session", "ses_other", "sent"),
        ("/sent/run/program", "opencode", "sent"),
        ("/sent/run/owner", "$(x)", "sent"),
        ("/sent/undo/session", "ses_other", "sent"),
        ("/sent/launch/sum", "1 2; x", "sent"),
        ("/sent/launch/known", "..", "sent"),
    ] {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let error =
            parse_changed(|record| record.pointer_mut(parent).unwrap()[field] = bad.into()).unwrap_err();
        assert!(
            matches!(&error, StoreError::Damaged { reason, .. } if reason.contains(named)),
            "{pointer}: {error}"
        );
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    let project = serde_json::json!({ "project": {
        "file": "/p/hosts.json", "host": "me@pi", "port": 22, "identity_file": "/k", "opencode": "~/oc", "env": { "A_1": "b" },
    } });
    for (pointer, bad) in [
        ("host", serde_json::json!("-oProxyCommand=x")),
        ("host", "me@".into()),
        ("port", 0.into()),
        ("identity_file", "".into()),
        ("opencode", "a\0b".into()),
        ("env", serde_json::json!({ "A;id": "b" })),
        ("env", serde_json::json!({ "A": "b\0" })),
    ] {
        parse_changed(|record| record["origin"] = project.clone()).unwrap();
        let mut origin = project.clone();
        origin["project"][pointer] = bad;
        let error = parse_changed(|record| record["origin"] = origin).unwrap_err();
        assert!(
            matches!(&error, StoreError::Damaged { reason, .. } if reason.contains("origin")),
            "{pointer}: {error}"
        );
    }
}

#[test]
fn directories_that_no_trip_has_are_none_of_a_records() {
    for (here, is_sound) in [("/home/me/app", true), ("/", false), ("app", false), ("/home/me/app/", false)] {
        let paths = serde_json::json!({ "here": here, "there": "/home/pi/app" });
        let read = parse_changed(|record| record["sent"]["undo"]["paths"] = paths);
        assert_eq!(read.is_ok(), is_sound, "{here}");
    }
}

#[test]
fn times_that_no_clock_tells_are_none_of_a_records() {
    for (field, time) in [("created_ms", i64::MAX), ("ended_ms", -1), ("launched_ms", 253_402_300_800_000)] {
        assert!(parse_changed(|record| record[field] = time.into()).is_err(), "{field}");
    }
}

#[test]
fn every_trip_is_away_or_unlaunched_or_at_its_end() {
    for state in every_state() {
        let mut record = record("ses_1", state.clone());
        let is = (record.is_away(), record.is_unlaunched(), record.state.is_end());
        assert_eq!([is.0, is.1, is.2].iter().filter(|is| **is).count(), 1, "{state:?}: {is:?}");
        // Told to launch, and no answer seen: it may run.
        record.doing.insert(Step::Launch);
        assert_eq!(record.is_away(), is.0 || state == State::Uploaded, "{state:?}");
    }
}

#[test]
fn who_is_away_is_found_until_it_is_let_go() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    store.create_with(record("ses_2", State::Finished), &[]).unwrap();
    store.create_with(record("ses_1", State::Home { new_messages: 1 }), &[]).unwrap();
    assert!(store.away("ses_1").unwrap().is_none());
    let mut dispatch = store.create_with(record("ses_1", State::Cancelled { launched: true }), &[]).unwrap();
    assert_eq!(store.away("ses_1").unwrap().unwrap().record.id, dispatch.record.id);
    dispatch.record.is_abandoned = true;
    dispatch.save().unwrap();
    assert!(store.away("ses_1").unwrap().is_none());
    assert_eq!(store.of("ses_1").unwrap().len(), 2);
}

#[test]
fn steps_are_written_down_before_and_after() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let mut dispatch = store.create_with(record("ses_1", State::Planned), &[]).unwrap();
    let id = dispatch.record.id.clone();
    let written = || store.open(&id).unwrap().unwrap().record;
    dispatch.begin(Step::Export).unwrap();
    dispatch.begin(Step::Connect).unwrap();
    assert_eq!(written().doing, [Step::Export, Step::Connect].into());
    dispatch.done(Step::Export, Some(State::Exported)).unwrap();
    assert_eq!((written().doing, written().state), ([Step::Connect].into(), State::Exported));
    dispatch.reach(State::Uploaded).unwrap();
    assert_eq!(written().doing, [].into());
}

#[test]
fn of_two_of_one_second_the_later_is_the_newest() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    for (id, created_ms) in [("20261120-102435-zzzzzzzz", 500), ("20261120-102435-aaaaaaaa", 900)] {
        let record = Record { id: id.to_owned(), created_ms, ..record("ses_1", State::Planned) };
        store.create_with(record, &[]).unwrap();
    }
    assert_eq!(store.of("ses_1").unwrap().last().unwrap().record.created_ms, 900);
}

/// Makes `count` ended trips, each of a session of its own.
fn with_others(store: &Store, count: usize) -> Vec<Dispatch> {
    let home = |n| record(&format!("ses_other{n}"), State::Home { new_messages: 0 });
    (0..count).map(|n| store.create_with(home(n), &[]).unwrap()).collect()
}

fn spoil(dispatch: &Dispatch) {
    std::fs::write(dispatch.file(RECORD), "this is no record").unwrap();
}

#[test]
fn the_records_of_other_sessions_are_read_once() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let others = with_others(&store, 100);
    let mine = store.create_with(record("ses_1", State::Finished), &[]).unwrap();
    assert_eq!(store.of("ses_1").unwrap().len(), 1);
    others.iter().for_each(spoil);
    let found = store.of("ses_1").unwrap();
    assert_eq!((found.len(), &found[0].record.id), (1, &mine.record.id));
    assert!(store.away("ses_1").unwrap().is_some());
    assert!(matches!(store.of("ses_other7"), Err(StoreError::Damaged { .. })), "it is not passed over");
}

#[test]
fn what_the_table_does_not_have_is_read_and_what_it_has_too_much_does_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let others = with_others(&store, 100);
    assert!(store.of("ses_1").unwrap().is_empty());
    // Made by a kugetsu that knows of no table, or by one that was killed before it wrote one.
    let away = store.create_with(record("ses_1", State::Finished), &[]).unwrap();
    assert_eq!(store.away("ses_1").unwrap().unwrap().record.id, away.record.id);
    for gone in &others[..50] {
        gone.remove().unwrap();
    }
    assert!(store.of("ses_other3").unwrap().is_empty());
    assert_eq!(store.of("ses_other77").unwrap().len(), 1);
    let table = DispatchTable::path(home.path());
    for content in ["", "{", "{\"version\":1,\"sessions\":7}", "[]"] {
        std::fs::write(&table, content).unwrap();
        assert_eq!(store.of("ses_1").unwrap().len(), 1, "{content}");
    }
}

#[test]
fn a_table_of_a_newer_kugetsu_is_left_alone_and_that_of_this_format_is_read() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    with_others(&store, 100);
    let table = DispatchTable::path(home.path());
    std::fs::create_dir_all(table.parent().unwrap()).unwrap();
    let newer = "{\"version\":2,\"of\":[]}";
    std::fs::write(&table, newer).unwrap();
    assert_eq!(store.of("ses_other3").unwrap().len(), 1);
    assert_eq!(std::fs::read_to_string(&table).unwrap(), newer);
    std::fs::write(&table, include_bytes!("../../../tests/fixtures/cache-dispatches-1.json")).unwrap();
    let table = DispatchTable::read(&table);
    assert_eq!(table.session_of("20261120-103015-4k2mtv7a"), Some("ses_e1000000affeAAAAAAAAAAAAAA"));
}

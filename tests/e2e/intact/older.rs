//! Sessions that older releases of opencode left, and that no release wrote: `opencode import` refuses them as they are.

use super::{World, new_rows};
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::sample;
use crate::support::shapes;
use kugetsu::session::{CopySpec, Setting, copy, new_session_id, scan};
use kugetsu::transfer::{Spec, prepare};
use rusqlite::params;
use serde_json::Value;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;

/// How many messages and parts a session has.
fn counts(machine: &Machine, session: &str) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM message WHERE session_id = ?1), (SELECT count(*) FROM part WHERE session_id = ?1)";
    machine.database().query_row(sql, [session], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

fn expected(session: &Value) -> (i64, i64) {
    let messages = session["messages"].as_array().unwrap();
    let parts: usize = messages.iter().map(|message| message["parts"].as_array().unwrap().len()).sum();
    (messages.len() as i64, parts as i64)
}

/// Puts a session into the database as it is, as older releases left it.
fn insert(machine: &Machine, dir: &Path, session: &Value) -> String {
    let id = machine.insert_empty_session(dir, "From long ago");
    let mut database = machine.database();
    let rows = database.transaction().unwrap();
    for message in session["messages"].as_array().unwrap() {
        let (mut info, created) = (message["info"].clone(), &message["info"]["time"]["created"]);
        let message_id = info["id"].as_str().unwrap().to_owned();
        info.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "id" | "sessionID"));
        let sql = "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES (?1, ?2, ?3, ?3, ?4)";
        rows.execute(sql, params![message_id, id, created.as_i64(), info.to_string()]).unwrap();
        for part in message["parts"].as_array().unwrap() {
            let mut data = part.clone();
            data.as_object_mut()
                .unwrap()
                .retain(|key, _| !matches!(key.as_str(), "id" | "sessionID" | "messageID"));
            let sql = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data) VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
            let row = params![part["id"].as_str(), message_id, id, created.as_i64(), data.to_string()];
            rows.execute(sql, row).unwrap();
        }
    }
    rows.commit().unwrap();
    id
}

/// What `start` imports, and what a host imports: every shape at once.
fn every_shape_is_imported(release: Release) {
    let model = Model::start();
    let machine = Machine::start("home", release, &model);
    let project = machine.project("app");
    let session = shapes::faulty_session(project.to_str().unwrap());
    let (json, scanned) = (session.to_string(), scan(session.to_string().as_bytes()).unwrap());
    let mut random = || RandomState::new().hash_one(0);

    let now_ms = kugetsu::clock::now_ms();
    let id = new_session_id(now_ms, &mut random);
    let spec = CopySpec { session: id.clone(), title: "a copy".into(), directory: None, now_ms };
    let mut file = Vec::new();
    copy(json.as_bytes(), &mut file, &scanned, &spec, &mut random).unwrap();
    machine.import(&project, &serde_json::from_slice(&file).unwrap());
    assert_eq!(counts(&machine, &id), expected(&session));

    let spec = Spec {
        directory: project.to_str().unwrap().to_owned(),
        setting: Setting::default(),
        host: "pi".into(),
        now_ms,
        handoff_call: None,
        clock: None,
        paths: None,
        todos: None,
        subset: None,
    };
    let mut file = Vec::new();
    let prepared = prepare(json.as_bytes(), &mut file, &scanned, &spec).unwrap();
    machine.import(&project, &serde_json::from_slice(&file).unwrap());
    assert_eq!(counts(&machine, &scanned.id), (prepared.messages as i64, prepared.parts as i64));
}

#[test]
fn every_shape_is_imported_by_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(every_shape_is_imported);
}

#[test]
fn a_session_of_an_older_release_goes_and_comes_home() {
    let world = World::new(Release::New, Release::New);
    // What opencode itself prints of such a session is a part of the question.
    world.home.machine.answers_at_once();
    let mut old = shapes::faulty_session(world.project.to_str().unwrap());
    // Calls that are open are ended on the way.
    for message in old["messages"].as_array_mut().unwrap() {
        let parts = message["parts"].as_array_mut().unwrap();
        parts.retain(|part| !matches!(part["state"]["status"].as_str(), Some("pending" | "running")));
    }
    let session = insert(&world.home.machine, &world.project, &old);
    let before = world.here(&session);
    // The last prompt would else have the last word about the model.
    let report =
        world.round_trip(&session, "[[say done there]]", &["--agent", "build", "--model", "fake/m1"]);
    assert_eq!(report["reply"], "done there");
    assert!(new_rows(&before, &world.here(&session)) >= 4, "what left is what it was, to the byte");

    // And a copy of it here.
    let forked =
        world.home.kugetsu(&["continue", &session, "[[say copied]]", "--fork", "--json"]).expect_success();
    let copy = forked.json()["session"].as_str().unwrap().to_owned();
    assert_ne!(copy, session);
    assert!(counts(&world.home.machine, &copy).0 >= expected(&old).0);
}

#[test]
fn what_cannot_be_imported_or_read_leaves_nothing_and_is_named() {
    let world = World::new(Release::New, Release::New);
    // What opencode itself prints of such a session is a part of the question.
    world.home.machine.answers_at_once();
    let session = world.session("[[say hello from home]]");
    // It comes to its end, and says that it did not: all rows are there by then.
    let real = world.host.machine.release().program();
    let deaf = format!(
        "#!/bin/sh\n[ \"$BUN_BE_BUN\" = 1 ] && exec '{real}' \"$@\"\n\
         if [ \"$1\" = import ]; then '{real}' \"$@\" >/dev/null; echo 'Invalid session' >&2; exit 1; fi\nexec '{real}' \"$@\"\n",
        real = real.display()
    );
    world.host.machine.install_script("opencode", &deaf);
    let refused = world.home.kugetsu(&["remote", "pi", &session, "[[say x]]", "--json"]).expect_code(1);
    assert!(refused.stderr.contains("Invalid session"), "{}", refused.stderr);
    let left: i64 = world
        .host
        .machine
        .database()
        .query_row(
            "SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM message) + (SELECT count(*) FROM part)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);

    // And rows that opencode itself cannot read: it says that there is no such session.
    let set = "UPDATE part SET data = '' WHERE id = (SELECT max(id) FROM part WHERE session_id = ?1)";
    assert_eq!(world.home.machine.database().execute(set, [&session]).unwrap(), 1);
    for arguments in [
        &["remote", "pi", &session, "[[say x]]", "--json"][..],
        &["continue", &session, "[[say x]]", "--fork", "--json"],
    ] {
        let refused = world.home.kugetsu(arguments).expect_code(4).stderr;
        assert!(refused.contains("1 part cannot be read"), "{refused}");
        assert!(refused.contains(&format!("kugetsu verify {session} --repair")), "{refused}");
    }
}

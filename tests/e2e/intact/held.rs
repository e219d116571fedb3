//! Nothing that home does not hold is removed from a host, however long the session is, and whatever home remembers.
#![allow(clippy::disallowed_methods, reason = "the files of a test are private by their directory")]

use super::World;
use crate::support::machine::Machine;
use crate::support::opencode::Release;
use crate::support::sample;
use rusqlite::{Connection, params};
use serde_json::json;

/// Puts a copy of a session of home's into the database of the host, as a trip of another home left it there.
fn copy_to_host(world: &World, session: &str) {
    let there = &world.host.machine;
    let directory = there.home().join("projects/app");
    std::fs::create_dir_all(&directory).unwrap();
    let mut whole = world.home.machine.export(session)["info"].clone();
    (whole["directory"], whole["projectID"]) = (json!(directory), json!("global"));
    there.import(&directory, &json!({ "info": whole, "messages": [] }));
    let database = there.database();
    let home = world.home.machine.database_path();
    database.execute("ATTACH ?1 AS home", [home.to_str().unwrap()]).unwrap();
    for table in ["message", "part"] {
        let copy = format!("INSERT INTO {table} SELECT * FROM home.{table} WHERE session_id = ?1");
        assert!(database.execute(&copy, [session]).unwrap() > 0);
    }
}

/// Somebody goes on with a session: a message, and what it says.
fn goes_on(machine: &Machine, session: &str, said: &str) {
    let database = machine.database();
    let now = kugetsu::clock::now_ms() - 1000;
    let stamp = (now * 0x1000 + 1) & 0xFFFF_FFFF_FFFF;
    let id = |kind: &str| format!("{kind}_{stamp:012x}{said:A<14}");
    let model = json!({ "providerID": "fake", "modelID": "m1" });
    let data = json!({ "role": "user", "time": { "created": now }, "agent": "build", "model": model });
    let message = "INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4)";
    database.execute(message, params![id("msg"), session, now, data.to_string()]).unwrap();
    let data = json!({ "type": "text", "text": said });
    let part = "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
    database.execute(part, params![id("prt"), id("msg"), session, now, data.to_string()]).unwrap();
}

/// What a database has of a session.
fn counted(database: &Connection, session: &str) -> (i64, i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM message WHERE session_id = ?1),
        (SELECT count(*) FROM part WHERE session_id = ?1), (SELECT total(length(data)) FROM part WHERE session_id = ?1)";
    database
        .query_row(sql, [session], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, f64>(2)? as i64)))
        .unwrap()
}

/// Makes a session of so many messages of one part, straight in the database: what is asked is only how many there are.
fn long_session(world: &World, messages: usize) -> String {
    let machine = &world.home.machine;
    let session = machine.insert_empty_session(&world.project, "A long story");
    let first = kugetsu::clock::now_ms() - 3_600_000;
    let model = r#""agent":"build","model":{"providerID":"fake","modelID":"m1"}"#;
    let rows = format!(
        "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {messages}),
         rows AS (SELECT n, {first} + n AS time, printf('%012x%014d', (({first} + n) * 4096 + 1) & 281474976710655, n) AS id FROM count)"
    );
    let database = machine.database();
    let all = format!(
        "{rows} INSERT INTO message SELECT 'msg_' || id, ?1, time, time,
            printf('{{\"role\":\"user\",\"time\":{{\"created\":%d}},{model}}}', time) FROM rows"
    );
    assert_eq!(database.execute(&all, [&session]).unwrap(), messages);
    let all = format!(
        "{rows} INSERT INTO part SELECT 'prt_' || id, 'msg_' || id, ?1, time, time,
            printf('{{\"type\":\"text\",\"text\":\"line %d\"}}', n) FROM rows"
    );
    assert_eq!(database.execute(&all, [&session]).unwrap(), messages);
    session
}

/// Both sides went on with sessions of these lengths, and home does not remember the host.
fn both_went_on(release: Release) {
    let world = World::new(release, release);
    for messages in [1_000, 10_400] {
        let session = long_session(&world, messages);
        copy_to_host(&world, &session);
        goes_on(&world.host.machine, &session, "onhost");
        goes_on(&world.home.machine, &session, "athome");
        let counts = || {
            let [home, host] = [&world.home.machine, &world.host.machine];
            (counted(&home.database(), &session), counted(&host.database(), &session))
        };
        let before = counts();
        let expected = i64::try_from(messages).unwrap() + 1;
        assert_eq!((before.0.0, before.1.0), (expected, expected));
        let refused = world.home.kugetsu(&["remote", "pi", &session, "[[say done]]", "--round-trip"]);
        assert_eq!(counts(), before, "{messages} messages: {}", refused.stderr);
        let refused = refused.expect_code(4);
        assert!(
            refused.stderr.contains(&format!("1 messages of {session} on pi are not here")),
            "{}",
            refused.stderr
        );
        assert_eq!(world.model.prompts_of("pi").len(), 0, "nothing ran there");
    }
}

#[test]
fn a_host_keeps_what_a_long_session_got_there_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(both_went_on);
}

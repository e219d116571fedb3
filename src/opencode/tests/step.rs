//! One home step at a time.

use super::super::UndoError;
use super::super::apply::{Applied, ApplyError, apply_with};
use super::super::undo::{RowCount, undo};
use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

/// Two messages, the second with a call that is running, two todos; and another session with one message.
fn world(schema: &str) -> World {
    let world = World::new(schema);
    world.message(AWAY, "msg_1", THEN, &json!({"role": "user", "time": {"created": THEN}}));
    world.part(AWAY, "msg_1", "prt_1", &json!({"type": "text", "text": "do it"}));
    world.message(AWAY, "msg_2", THEN + 1, &json!({"role": "assistant", "time": {"created": THEN + 1}}));
    world.part(AWAY, "msg_2", "prt_2", &json!({"type": "tool", "state": {"status": "running"}}));
    world.todo(AWAY, 0, "first");
    world.todo(AWAY, 1, "second");
    world.message(OTHER, "msg_9", THEN, &json!({"role": "user", "time": {"created": THEN}}));
    world.part(OTHER, "msg_9", "prt_9", &json!({"type": "text", "text": "not me"}));
    world
}

/// Everything that can come home.
fn everything() -> Vec<Value> {
    vec![
        json!({"patch": {"session": AWAY, "title": "Another", "cost": 1.5,
            "tokens": {"input": 10, "output": 20, "reasoning": 30, "cache": {"read": 40, "write": 50}},
            "summary": {"additions": 7, "deletions": 8, "files": 9}}}),
        json!({"message": {"info": {"id": "msg_2", "sessionID": AWAY, "role": "assistant",
            "time": {"created": THEN + 1, "completed": THEN + 2}}}}),
        json!({"part": {"id": "prt_2", "sessionID": AWAY, "messageID": "msg_2", "type": "tool",
            "state": {"status": "completed"}}}),
        part(AWAY, "msg_2", "prt_3", "late"),
        message(AWAY, "msg_3", THEN + 10, "new"),
        part(AWAY, "msg_3", "prt_4", "new"),
        session("ses_child", Some(AWAY), "Child"),
        message("ses_child", "msg_c", THEN + 11, "child"),
        part("ses_child", "msg_c", "prt_c", "child"),
        session("ses_grandchild", Some("ses_child"), "Grandchild"),
        json!({"todos": {"session": "ses_child", "todos": []}}),
        json!({"todos": {"session": AWAY, "todos": [
            {"content": "first", "status": "completed", "priority": "high"}]}}),
    ]
}

#[test]
fn all_that_came_home_is_there_and_nothing_else_changed() {
    for schema in SCHEMAS {
        let world = world(schema);
        let sent = world.fingerprint(AWAY).unwrap();
        let other = world.fingerprint(OTHER);
        let applied = world.apply(&everything()).unwrap();
        assert_eq!((applied.already, applied.kept.len()), (false, 0));
        let lacking: &[&str] = match schema {
            NEW => &[],
            MID => &["cost", "tokens"],
            _ => &["cost", "tokens", "agent", "model"],
        };
        assert_eq!(applied.not_carried, lacking);

        assert_eq!(
            world.values("SELECT id, time_created, data FROM message WHERE session_id = 'ses_away' ORDER BY time_created, id"),
            [
                [json!("msg_1"), json!(THEN), json!(format!(r#"{{"role":"user","time":{{"created":{THEN}}}}}"#))],
                [
                    json!("msg_2"),
                    json!(THEN + 1),
                    json!(format!(r#"{{"role":"assistant","time":{{"created":{},"completed":{}}}}}"#, THEN + 1, THEN + 2))
                ],
                [
                    json!("msg_3"),
                    json!(THEN + 10),
                    json!(format!(r#"{{"role":"assistant","time":{{"created":{}}},"x":"new"}}"#, THEN + 10))
                ],
            ]
        );
        assert_eq!(
            world.values("SELECT id, data ->> '$.state.status', time_updated FROM part WHERE message_id = 'msg_2' ORDER BY id"),
            [[json!("prt_2"), json!("completed"), json!(NOW)], [json!("prt_3"), json!(null), json!(NOW)]]
        );
        assert_eq!(
            world.values("SELECT content, status FROM todo WHERE session_id = 'ses_away'"),
            [[json!("first"), json!("completed")]]
        );
        assert_eq!(
            world.values(
                "SELECT title, directory, project_id, permission, summary_additions, summary_files, time_updated
                 FROM session WHERE id = 'ses_away'"
            ),
            [[json!("Another"), json!("/here/app"), json!("here"), json!(RULES), json!(7), json!(9), json!(NOW)]]
        );
        assert_eq!(
            world.values(
                "SELECT id, parent_id, title, directory, project_id, permission, summary_diffs, time_created, time_updated
                 FROM session WHERE parent_id IS NOT NULL ORDER BY id"
            ),
            [("ses_child", AWAY, "Child"), ("ses_grandchild", "ses_child", "Grandchild")].map(|(id, parent, title)| {
                vec![
                    json!(id),
                    json!(parent),
                    json!(title),
                    json!("/here/app"),
                    json!("here"),
                    json!(RULES),
                    json!("[]"),
                    json!(THEN + 5),
                    json!(THEN + 6),
                ]
            })
        );
        if schema == NEW {
            assert_eq!(
                world.values(
                    "SELECT agent, model, cost, tokens_input, tokens_cache_write FROM session WHERE id IN ('ses_away', 'ses_child')"
                ),
                [
                    [json!(null), json!(null), json!(1.5), json!(10), json!(50)],
                    [json!("build"), json!(r#"{"id":"m1","providerID":"fake"}"#), json!(0.25), json!(1), json!(5)],
                ]
            );
        }
        assert_eq!(world.fingerprint(OTHER), other);
        assert!(!world.fingerprint(AWAY).unwrap().same_rows(&sent));
        assert_eq!(world.files(), ["arrival", "before"]);
        let mode = fs::metadata(world.path("before")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        world.assert_sound();
    }
}

#[test]
fn twice_is_once_and_undone_is_as_before() {
    for schema in SCHEMAS {
        let world = world(schema);
        let before = world.dump();
        let sent = world.fingerprint(AWAY).unwrap();
        let file = world.file(&everything());
        assert!(!world.apply_to(Some(&sent), &file).unwrap().already);
        let after = world.dump();
        let again = world.apply_to(Some(&sent), &file).unwrap();
        assert_eq!(again, Applied { already: true, ..Applied::default() });
        assert_eq!(world.dump(), after);

        let (image, redo) = (world.path("before"), world.path("undone"));
        let undone = undo(&world.database, &image, &redo).unwrap();
        assert_eq!((undone.session.as_str(), undone.already, undone.sessions), (AWAY, false, 2));
        assert_eq!(undone.removed, RowCount { messages: 2, parts: 3 });
        assert_eq!(undone.restored, RowCount { messages: 1, parts: 1 });
        assert_eq!(world.dump(), before);
        assert!(undo(&world.database, &image, &redo).unwrap().already);
        assert_eq!(world.dump(), before);

        // What is undone can be undone, and done once more.
        undo(&world.database, &redo, &world.path("again")).unwrap();
        assert_eq!(world.dump(), after);
        undo(&world.database, &world.path("again"), &redo).unwrap();
        assert_eq!(world.dump(), before);
        assert!(!world.apply_to(Some(&sent), &file).unwrap().already);
        assert_eq!(world.dump(), after);
        world.assert_sound();
    }
}

#[test]
fn a_session_that_changed_since_is_not_touched() {
    let world = world(NEW);
    let sent = world.fingerprint(AWAY).unwrap();
    let file = world.file(&everything());
    world.part(AWAY, "msg_1", "prt_x", &json!({"type": "text", "text": "more"}));
    let before = world.dump();
    let diverged = world.apply_to(Some(&sent), &file);
    assert!(matches!(diverged, Err(ApplyError::Diverged { session }) if session == AWAY));
    assert_eq!(world.dump(), before);
    assert_eq!(world.files(), ["arrival"]);

    world.connection().execute("DELETE FROM part WHERE id = 'prt_x'", []).unwrap();
    world.apply_to(Some(&sent), &file).unwrap();
    world.part("ses_child", "msg_c", "prt_x", &json!({"type": "text", "text": "more"}));
    let after = world.dump();
    assert!(world.apply_to(Some(&sent), &file).unwrap().already, "somebody only went on with it");
    let refused = undo(&world.database, &world.path("before"), &world.path("undone"));
    assert!(matches!(refused, Err(UndoError::Changed { session }) if session == "ses_child"));
    assert_eq!(world.dump(), after);
    assert_eq!(world.files(), ["arrival", "before"]);

    world.connection().execute("DELETE FROM session WHERE id = ?1", [AWAY]).unwrap();
    let gone = world.apply_to(Some(&sent), &file);
    assert!(matches!(gone, Err(ApplyError::Gone { .. })));
}

#[test]
fn what_is_home_is_not_brought_twice_where_somebody_went_on_since() {
    for schema in SCHEMAS {
        let world = world(schema);
        let sent = world.fingerprint(AWAY).unwrap();
        let file = world.file(&everything());
        let copy = world.path("copy");
        world.connection().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        world.apply_to(Some(&sent), &file).unwrap();
        let go_on = || world.message(AWAY, "msg_8", NOW + 9, &json!({"role": "user"}));
        go_on();
        let after = world.dump();
        // Whoever asks for it was killed before it could write down that it is home.
        assert!(world.apply_to(Some(&sent), &file).unwrap().already);
        assert_eq!(world.dump(), after);
        // Without one of its rows it is not what came home.
        world.connection().execute("DELETE FROM part WHERE id = 'prt_4'", []).unwrap();
        assert!(matches!(world.apply_to(Some(&sent), &file), Err(ApplyError::Diverged { .. })));

        // Killed behind the image, but before the rows were there, it was not done.
        for name in ["opencode.db-wal", "opencode.db-shm"] {
            let _ = fs::remove_file(world.path(name));
        }
        fs::copy(&copy, &world.database).unwrap();
        assert!(world.path("before").exists());
        go_on();
        assert!(matches!(world.apply_to(Some(&sent), &file), Err(ApplyError::Diverged { .. })));
    }
}

#[test]
fn nothing_comes_home_behind_what_was_undone_here() {
    for schema in SCHEMAS {
        let world = world(schema);
        let sent = world.fingerprint(AWAY).unwrap();
        let file = world.file(&everything());
        let revert = |sql: &str| {
            world.connection().execute(&format!("UPDATE session SET revert = {sql} WHERE id = ?1"), [AWAY])
        };
        revert(r#"'{"messageID":"msg_2"}'"#).unwrap();
        let before = world.dump();
        let diverged = world.apply_to(Some(&sent), &file);
        assert!(matches!(diverged, Err(ApplyError::Diverged { session }) if session == AWAY));
        assert_eq!(world.dump(), before);
        revert("NULL").unwrap();
        world.apply_to(Some(&sent), &file).unwrap();
        // What is undone once all is home is nobody's loss.
        revert(r#"'{"messageID":"msg_2"}'"#).unwrap();
        assert!(world.apply_to(Some(&sent), &file).unwrap().already);
    }
}

#[test]
fn fields_that_changed_here_meanwhile_stay() {
    let world = world(NEW);
    let sent = world.fingerprint(AWAY).unwrap();
    let connection = world.connection();
    connection.execute("UPDATE session SET title = 'Mine', permission = NULL WHERE id = ?1", [AWAY]).unwrap();
    connection.execute("DELETE FROM todo WHERE session_id = ?1 AND position = 1", [AWAY]).unwrap();
    let applied = world.apply_to(Some(&sent), &world.file(&everything())).unwrap();
    assert_eq!(applied.kept, ["title", "todos"], "rules never come home");
    assert_eq!(
        world.values("SELECT title, cost FROM session WHERE id = 'ses_away'"),
        [[json!("Mine"), json!(1.5)]]
    );
    assert_eq!(
        world.values("SELECT content, status FROM todo WHERE session_id = 'ses_away'"),
        [[json!("first"), json!("pending")]]
    );
}

#[test]
fn a_field_that_came_with_a_newer_opencode_is_not_taken_for_changed() {
    let world = world(MID);
    let sent = world.fingerprint(AWAY).unwrap();
    let add = "ALTER TABLE session ADD COLUMN cost REAL NOT NULL DEFAULT 0";
    world.connection().execute_batch(add).unwrap();
    let applied = world.apply_to(Some(&sent), &world.file(&everything())).unwrap();
    assert_eq!((applied.kept.len(), applied.not_carried.as_slice()), (0, ["tokens"].as_slice()));
    assert_eq!(world.values("SELECT cost FROM session WHERE id = 'ses_away'"), [[json!(1.5)]]);
}

#[test]
fn what_is_not_its_own_is_refused() {
    let new = |created| message(AWAY, "msg_3", created, "x");
    let cases = [
        ("another session's message", vec![message(AWAY, "msg_9", THEN + 9, "x")], "Conflict", "msg_9"),
        ("another session's part", vec![part(AWAY, "msg_1", "prt_9", "x")], "Conflict", "prt_9"),
        ("a part of another message", vec![part(AWAY, "msg_1", "prt_2", "x")], "Conflict", "prt_2"),
        ("another session", vec![message(OTHER, "msg_8", THEN + 9, "x")], "Stray", OTHER),
        ("its record", vec![json!({"patch": {"session": OTHER, "title": "x"}})], "Stray", OTHER),
        ("its todos", vec![json!({"todos": {"session": OTHER, "todos": []}})], "Stray", OTHER),
        ("a part of nothing", vec![part(AWAY, "msg_0", "prt_0", "x")], "Stray", "prt_0"),
        ("a part of another's message", vec![part(AWAY, "msg_9", "prt_0", "x")], "Stray", "prt_0"),
        ("a child of another", vec![session("ses_x", Some(OTHER), "x")], "Stray", OTHER),
        ("a session as its child", vec![session(OTHER, Some(AWAY), "x")], "Conflict", OTHER),
        ("twice", vec![new(THEN + 9), new(THEN + 9)], "Twice", "msg_3"),
        ("before the last", vec![new(THEN)], "OutOfOrder", "msg_2"),
        (
            "not as it stood",
            vec![message(AWAY, "msg_4", THEN + 9, "x"), new(THEN + 8)],
            "OutOfOrder",
            "msg_3",
        ),
        ("no row", vec![json!({"message": {"info": {"id": "msg_3"}}})], "File", ""),
    ];
    let world = world(NEW);
    let before = world.dump();
    for (what, mut ops, kind, id) in cases {
        // Something that could be done comes first.
        ops.insert(0, json!({"patch": {"session": AWAY, "title": "Another"}}));
        let error = world.apply(&ops).unwrap_err();
        let said = format!("{error:?}");
        assert!(said.starts_with(kind) && said.contains(id), "{what}: {said}");
        assert!(!error.falls_back());
        assert_eq!(world.dump(), before, "{what}");
        assert_eq!(world.files(), ["arrival"], "{what}");
    }
}

#[test]
fn a_file_that_is_cut_changes_nothing() {
    let world = world(NEW);
    let sent = world.fingerprint(AWAY).unwrap();
    let (before, file) = (world.dump(), world.file(&everything()));
    let text = fs::read_to_string(&file).unwrap();
    for length in (1..text.len()).step_by(11).filter(|n| !text[..*n].ends_with(['\n', '}'])) {
        crate::disk::write_atomic(&file, &text.as_bytes()[..length]).unwrap();
        let error = world.apply_to(Some(&sent), &file).unwrap_err();
        assert!(matches!(error, ApplyError::File { .. }), "{length}: {error}");
        assert_eq!(world.dump(), before);
    }
}

#[test]
fn a_copy_stands_beside_a_session_that_went_on() {
    for schema in SCHEMAS {
        let world = world(schema);
        let before = world.dump();
        let ops = [
            session("ses_copy", None, "A title (from pi)"),
            message("ses_copy", "msg_k1", THEN, "old"),
            part("ses_copy", "msg_k1", "prt_k1", "old"),
            session("ses_copy_child", Some("ses_copy"), "Child"),
        ];
        let file = world.file(&ops);
        assert!(!world.apply_to(None, &file).unwrap().already);
        assert_eq!(
            world.values("SELECT parent_id, directory, project_id FROM session WHERE id = 'ses_copy'"),
            [[json!(null), json!("/here/app"), json!("here")]]
        );
        assert!(world.apply_to(None, &file).unwrap().already);
        world.message("ses_copy", "msg_k2", NOW, &json!({}));
        let after = world.dump();
        assert!(world.apply_to(None, &file).unwrap().already, "somebody went on with it");
        assert_eq!(world.dump(), after);
        world.connection().execute("DELETE FROM message WHERE id = 'msg_k2'", []).unwrap();
        let undone = undo(&world.database, &world.path("before"), &world.path("undone")).unwrap();
        assert_eq!((undone.sessions, undone.removed), (2, RowCount { messages: 1, parts: 1 }));
        assert_eq!(world.dump(), before);

        let own = world.file(&[message(AWAY, "msg_3", NOW, "x")]);
        let refused = world.apply_to(None, &own);
        assert!(matches!(refused, Err(ApplyError::Stray { id }) if id == AWAY));
    }
}

#[test]
fn a_sub_agent_that_is_at_home_already_goes_on() {
    let world = world(NEW);
    world.session("ses_child", "here", Some(AWAY));
    world.message("ses_child", "msg_c1", THEN, &json!({"role": "user"}));
    world.part("ses_child", "msg_c1", "prt_c1", &json!({"type": "text", "text": "x"}));
    world.todo("ses_child", 0, "first");
    let before = world.dump();
    let ops = [
        session("ses_child", Some(AWAY), "ignored"),
        json!({"patch": {"session": "ses_child", "cost": 2.5}}),
        json!({"todos": {"session": "ses_child", "todos": []}}),
        message("ses_child", "msg_c1", THEN, "changed"),
        part("ses_child", "msg_c1", "prt_c1", "changed"),
        message("ses_child", "msg_c2", THEN + 9, "more"),
        part("ses_child", "msg_c2", "prt_c2", "more"),
    ];
    world.apply(&ops).unwrap();
    assert_eq!(
        world.values("SELECT title, cost, time_updated FROM session WHERE parent_id = 'ses_away'"),
        [[json!("A title"), json!(2.5), json!(NOW)]]
    );
    let sent = world.fingerprint(AWAY).unwrap();
    assert!(world.apply_to(Some(&sent), &world.path("arrival")).unwrap().already);
    let undone = undo(&world.database, &world.path("before"), &world.path("undone")).unwrap();
    let one = RowCount { messages: 1, parts: 1 };
    assert_eq!((undone.sessions, undone.removed, undone.restored), (0, one, one));
    assert_eq!(world.dump(), before);
}

#[test]
fn a_schema_of_tomorrow_is_left_alone() {
    for change in [
        "ALTER TABLE part ADD COLUMN colour TEXT NOT NULL DEFAULT 'x'; ALTER TABLE part DROP COLUMN data",
        "CREATE TRIGGER t AFTER INSERT ON message BEGIN SELECT 1; END",
        "CREATE UNIQUE INDEX one ON part(session_id)",
        "DROP TABLE todo",
    ] {
        let world = world(NEW);
        let sent = world.fingerprint(AWAY).unwrap();
        if change.contains("UNIQUE") {
            world.connection().execute("DELETE FROM part WHERE id = 'prt_2'", []).unwrap();
        }
        world.connection().execute_batch(change).unwrap();
        let sessions = world.values("SELECT * FROM session");
        let sent = if change.contains("UNIQUE") { world.fingerprint(AWAY).unwrap() } else { sent };
        let error = world.apply_to(Some(&sent), &world.file(&everything())).unwrap_err();
        assert!(error.falls_back(), "{change}: {error}");
        assert_eq!(world.values("SELECT * FROM session"), sessions);
        assert_eq!(world.values("SELECT count(*) FROM message"), [[json!(3)]]);
        assert_eq!(world.files(), ["arrival"]);
    }
    // A session is made only where one came home.
    let world = world(NEW);
    let add = "CREATE TABLE kept AS SELECT * FROM session; PRAGMA foreign_keys = OFF; DROP TABLE session;
        CREATE TABLE session (id TEXT PRIMARY KEY, project_id, parent_id, slug, directory, title, version, permission,
          summary_additions, summary_deletions, summary_files, summary_diffs, time_created, time_updated, owner TEXT NOT NULL);
        INSERT INTO session SELECT id, project_id, parent_id, slug, directory, title, version, permission, NULL, NULL, NULL,
          NULL, time_created, time_updated, 'me' FROM kept;";
    world.connection().execute_batch(add).unwrap();
    let error = world.apply(&everything()).unwrap_err();
    assert!(error.to_string().contains("column session.owner"), "{error}");
    world.apply(&[message(AWAY, "msg_3", NOW, "x")]).unwrap();
}

#[test]
fn a_row_that_does_not_read_as_it_was_written_brings_nothing_home() {
    let world = world(NEW);
    let sent = world.fingerprint(AWAY).unwrap();
    let before = world.dump();
    let file = world.file(&everything());
    // What a schema of tomorrow might do, out of sight.
    for (trigger, id) in [
        (
            "AFTER INSERT ON main.part WHEN new.id = 'prt_4' BEGIN UPDATE part SET data = '{}' WHERE id = 'prt_4'; END",
            "prt_4",
        ),
        (
            "AFTER UPDATE ON main.part BEGIN DELETE FROM part WHERE id = 'prt_1'; DELETE FROM part WHERE id = 'prt_2'; END",
            "prt_2",
        ),
        (
            "AFTER INSERT ON main.message WHEN new.id = 'msg_c' BEGIN DELETE FROM message WHERE id = 'msg_3'; END",
            "msg_3",
        ),
        (
            "AFTER INSERT ON main.todo BEGIN UPDATE session SET title = 'x' WHERE id = 'ses_away'; END",
            "ses_away",
        ),
        ("AFTER INSERT ON main.todo BEGIN UPDATE session SET parent_id = NULL; END", "ses_child"),
        (
            "AFTER INSERT ON main.todo BEGIN UPDATE session SET title = 'x' WHERE id = 'ses_child'; END",
            "ses_child",
        ),
        (
            "AFTER INSERT ON main.todo BEGIN UPDATE session SET permission = NULL WHERE id = 'ses_child'; END",
            "ses_child",
        ),
        (
            "AFTER INSERT ON main.todo BEGIN UPDATE session SET tokens_input = 0 WHERE id = 'ses_grandchild'; END",
            "ses_grandchild",
        ),
        ("AFTER INSERT ON main.todo BEGIN UPDATE todo SET content = 'x'; END", "ses_away"),
    ] {
        let mut connection = world.connection();
        connection.execute_batch(&format!("CREATE TEMP TRIGGER t {trigger}")).unwrap();
        let input = world.input(Some(&sent), &file);
        let error = apply_with(&mut connection, &world.database, &input, &|| ()).unwrap_err();
        assert!(matches!(&error, ApplyError::Mismatch { id: at } if at == id), "{trigger}: {error:?}");
        drop(connection);
        assert_eq!(world.dump(), before);
        assert_eq!(world.files(), ["arrival"]);
    }
}

#[test]
fn what_cannot_be_read_is_never_overwritten() {
    let world = world(NEW);
    let before = world.path("before");
    for (bad, what) in [
        ("", "it is cut"),
        ("{}\n", "it has no head"),
        ("{\"head\":{\"version\":2,\"session\":\"x\"}}\n", "newer kugetsu"),
        ("{\"head\":{\"version\":1,\"session\":\"x\"}}\n", "it is cut"),
        ("{\"head\":{\"version\":1,\"session\":\"x\"}}\n{\"made\":", "EOF"),
    ] {
        crate::disk::write_atomic(&before, bad.as_bytes()).unwrap();
        let error = world.apply(&everything()).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(fs::read_to_string(&before).unwrap(), bad);
        let error = undo(&world.database, &before, &world.path("undone")).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    let error = undo(&world.database, &world.path("nowhere"), &world.path("undone")).unwrap_err();
    assert!(matches!(error, UndoError::UndoLog(undo_log::UndoLogError::Missing { .. })), "{error}");
}

#[test]
fn a_writer_is_waited_for_and_readers_are_not_disturbed() {
    let world = world(NEW);
    let sent = world.fingerprint(AWAY).unwrap();
    let file = world.file(&everything());
    let other = world.connection();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE session SET title = 'new' WHERE id = 'ses_other'").unwrap();
    std::thread::scope(|scope| {
        let applying = scope.spawn(|| world.apply_to(Some(&sent), &file).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        assert!(!applying.is_finished());
        assert_eq!(world.fingerprint(AWAY).unwrap(), sent);
        other.execute_batch("COMMIT").unwrap();
        assert!(!applying.join().unwrap().already);
    });
    assert_eq!(world.values("SELECT title FROM session WHERE id = 'ses_other'"), [[json!("new")]]);
}

#[test]
fn a_change_set_without_changes_is_no_change() {
    let world = world(NEW);
    let sent = world.fingerprint(AWAY).unwrap();
    let before = world.dump();
    let file = world.file(&[]);
    assert_eq!(world.apply_to(Some(&sent), &file).unwrap(), Applied::default());
    assert!(world.apply_to(Some(&sent), &file).unwrap().already);
    assert_eq!(world.dump(), before);
    assert!(!undo(&world.database, &world.path("before"), &world.path("undone")).unwrap().already);
    assert_eq!(world.dump(), before);
}

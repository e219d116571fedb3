use super::*;
use crate::disk::write_atomic;
use crate::opencode::tests::{NEW, OLD, SCHEMAS};
use crate::session::Model;
use tempfile::TempDir;

/// A home's database with one session of two prompts. The last one has a variant, in the words of the release.
fn sample(schema: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opencode.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch(schema).unwrap();
    let last = if schema == OLD {
        r#"{"role":"user","agent":"plan","model":{"providerID":"fake","modelID":"m2"},"variant":"high"}"#
    } else {
        r#"{"role":"user","agent":"plan","model":{"providerID":"fake","modelID":"m2","variant":"high"}}"#
    };
    connection
        .execute_batch(&format!(
            "INSERT INTO project(id, worktree, sandboxes, time_created, time_updated) VALUES ('global', '/', '[]', 1, 1);
             INSERT INTO session(id, project_id, slug, directory, title, version, time_created, time_updated)
               VALUES ('ses_1', 'global', 's', '/w', 'Fïx', '1', 1, 1), ('ses_2', 'global', 's', '/w', 'Other', '1', 1, 1);
             INSERT INTO message VALUES
               ('msg_1', 'ses_1', 10, 10, '{{\"role\":\"user\",\"agent\":\"build\"}}'),
               ('msg_2', 'ses_1', 20, 20, '{{\"role\":\"assistant\"}}'),
               ('msg_3', 'ses_1', 30, 30, '{last}'),
               ('msg_4', 'ses_1', 40, 40, '{{\"role\":\"assistant\"}}'),
               ('msg_5', 'ses_1', 50, 50, 'not JSON: é'),
               ('msg_9', 'ses_2', 90, 90, '{{\"role\":\"user\"}}');
             INSERT INTO part VALUES ('prt_1', 'msg_1', 'ses_1', 1, 1, '{{}}'), ('prt_2', 'msg_4', 'ses_1', 1, 1, '{{}}'),
               ('prt_9', 'msg_9', 'ses_2', 1, 1, '{{}}');"
        ))
        .unwrap();
    (dir, path)
}

#[test]
fn a_session_is_read_on_all_three_releases() {
    for schema in SCHEMAS {
        let (_dir, path) = sample(schema);
        let database = Database::open(&path).unwrap();
        let row = database.session("ses_1").unwrap().unwrap();
        let bytes = [r#"{"role":"user","agent":"build"}"#, "not JSON: é", "{}", "{}"].map(str::len).iter().sum::<usize>()
            + 2 * r#"{"role":"assistant"}"#.len()
            + r#"{"role":"user","agent":"plan","model":{"providerID":"fake","modelID":"m2","variant":"high"}}"#.len();
        assert_eq!(
            row,
            SessionRow {
                title: "Fïx".into(),
                directory: "/w".into(),
                own: Setting::default(),
                last_user: Some(LastUser {
                    id: "msg_3".into(),
                    setting: Setting { agent: Some("plan".into()), model: model("fake/m2", Some("high")) },
                }),
                messages: 5,
                bytes: bytes as u64,
            }
        );
        assert_eq!(database.session("ses_3").unwrap(), None);
    }
}

fn model(text: &str, variant: Option<&str>) -> Option<Model> {
    Some(Model { variant: variant.map(str::to_owned), ..text.parse().unwrap() })
}

#[test]
fn the_last_user_message_says_agent_and_model_and_then_the_row() {
    let (_dir, path) = sample(NEW);
    let setting = |own: &str| {
        let set = "UPDATE session SET agent = 'own', model = ?1 WHERE id = 'ses_1'";
        Connection::open(&path).unwrap().execute(set, [own]).unwrap();
        Database::open(&path).unwrap().session("ses_1").unwrap().unwrap().setting()
    };
    let json = r#"{"id":"m/1","providerID":"fake","variant":"default"}"#;
    assert_eq!(setting(json), Setting { agent: Some("plan".into()), model: model("fake/m2", Some("high")) });

    Connection::open(&path).unwrap().execute("DELETE FROM message WHERE data LIKE '%user%'", []).unwrap();
    let own = |model| Setting { agent: Some("own".into()), model };
    assert_eq!(setting(json), own(model("fake/m/1", None)));
    let more = r#"{"id":"m1","providerID":"fake","variant":"low","x":1}"#;
    assert_eq!(setting(more), own(model("fake/m1", Some("low"))));
    for odd in ["", "null", "{", r#"{"id":"m1"}"#, r#"["m1"]"#] {
        assert_eq!(setting(odd), own(None), "{odd}");
    }
}

#[test]
fn all_sessions_are_read_at_once() {
    for schema in SCHEMAS {
        let (_dir, path) = sample(schema);
        let all = Database::open(&path).unwrap().sessions().unwrap();
        let listed = Listed { directory: "/w".into(), created_ms: 1, updated_ms: 1 };
        assert_eq!(all, [("ses_1".into(), listed.clone()), ("ses_2".into(), listed)].into());
    }
}

#[test]
fn a_session_without_messages_has_no_last_user() {
    let (_dir, path) = sample(NEW);
    Connection::open(&path).unwrap().execute("DELETE FROM message WHERE session_id = 'ses_2'", []).unwrap();
    let row = Database::open(&path).unwrap().session("ses_2").unwrap().unwrap();
    assert_eq!((row.last_user, row.messages), (None, 0));
}

#[test]
fn rows_that_are_missing_or_belong_to_another_session_are_named() {
    let (_dir, path) = sample(NEW);
    let database = Database::open(&path).unwrap();
    let ids =
        |message: &str, parts: &[&str]| (message.to_owned(), parts.iter().map(|p| (*p).to_owned()).collect());
    let there = [ids("msg_1", &["prt_1"]), ids("msg_2", &[]), ids("msg_4", &["prt_2"])];
    assert_eq!(database.missing("ses_1", &there).unwrap(), Vec::<String>::new());
    let asked = [ids("msg_1", &["prt_1", "prt_x", "prt_2"]), ids("msg_9", &["prt_9"]), ids("msg_0", &[])];
    assert_eq!(database.missing("ses_1", &asked).unwrap(), ["prt_x", "prt_2", "msg_9", "prt_9", "msg_0"]);
}

#[test]
fn a_writer_does_not_stop_readers() {
    let (_dir, path) = sample(NEW);
    let mut writer = Connection::open(&path).unwrap();
    let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    transaction.execute("UPDATE session SET title = 'new'", []).unwrap();
    let database = Database::open(&path).unwrap();
    assert_eq!(database.session("ses_1").unwrap().unwrap().title, "Fïx");
    transaction.commit().unwrap();
    assert_eq!(database.session("ses_1").unwrap().unwrap().title, "new");
}

#[test]
fn what_is_not_opencodes_database_is_told_apart_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    assert!(matches!(Database::open(&path), Err(DatabaseError::Missing { .. })));
    assert!(!path.exists());
    write_atomic(&path, &[b'x'; 4096]).unwrap();
    assert!(matches!(Database::open(&path), Err(DatabaseError::Corrupt { .. })));

    let (_dir, path) = sample(NEW);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("ALTER TABLE part RENAME COLUMN data TO body").unwrap();
    let error = Database::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("it has no column part.data"), "{error}");
    connection.execute_batch("DROP TABLE part").unwrap();
    let error = Database::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("it has no table part"), "{error}");
}

#[test]
fn a_session_whose_prompts_were_undone_is_known_by_its_row() {
    for schema in SCHEMAS {
        let (_dir, path) = sample(schema);
        let revert = r#"UPDATE session SET revert = '{"messageID":"msg_3"}' WHERE id = 'ses_1'"#;
        Connection::open(&path).unwrap().execute_batch(revert).unwrap();
        let database = Database::open(&path).unwrap();
        let undone = ["ses_1", "ses_2", "ses_3"].map(|session| database.is_undone(session).unwrap());
        assert_eq!(undone, [true, false, false]);
    }
}

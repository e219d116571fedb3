//! The home step, its undoing and the check of a session, on databases of the three releases.

mod checkup;
mod faults;
mod kill;
mod laws;
mod step;

use super::apply::{Applied, ApplyError, ApplyInput, apply};
use super::undo_log::{self, Columns};
use super::{Database, Fingerprint};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(super) const OLD: &str = include_str!("../../../tests/fixtures/schema-1.3.2.sql");
pub(super) const MID: &str = include_str!("../../../tests/fixtures/schema-1.14.41.sql");
pub(super) const NEW: &str = include_str!("../../../tests/fixtures/schema-1.18.33.sql");
pub(super) const SCHEMAS: [&str; 3] = [OLD, MID, NEW];

/// The session that was away, and one that has nothing to do with it.
pub(super) const AWAY: &str = "ses_away";
pub(super) const OTHER: &str = "ses_other";

/// When things were done at home, and when what was done elsewhere comes home.
pub(super) const THEN: i64 = 1_795_170_000_000;
pub(super) const NOW: i64 = THEN + 3_600_000;

/// A database with two sessions, and a directory for what belongs to it.
pub(super) struct World {
    pub(super) directory: TempDir,
    pub(super) database: PathBuf,
    /// The undo log of what comes home.
    pub(super) before: PathBuf,
}

impl World {
    pub(super) fn new(schema: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [database, before] = ["opencode.db", "before"].map(|name| directory.path().join(name));
        let world = Self { directory, database, before };
        let connection = world.connection();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch(schema).unwrap();
        connection
            .execute_batch(
                "INSERT INTO project(id, worktree, sandboxes, time_created, time_updated)
                   VALUES ('global', '/', '[]', 1, 1), ('here', '/here', '[]', 1, 1)",
            )
            .unwrap();
        for (id, project) in [(AWAY, "here"), (OTHER, "global")] {
            world.session(id, project, None);
        }
        world
    }

    pub(super) fn connection(&self) -> Connection {
        let connection = Connection::open(&self.database).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection.pragma_update(None, "synchronous", "off").unwrap();
        connection
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn session(&self, id: &str, project: &str, parent: Option<&str>) {
        let insert = "INSERT INTO session(id, project_id, parent_id, slug, directory, title, version,
              permission, summary_files, time_created, time_updated)
            VALUES (?1, ?2, ?3, 'slug', '/here/app', 'A title', '1', ?5, 1, ?4, ?4)";
        self.connection().execute(insert, params![id, project, parent, THEN, RULES]).unwrap();
    }

    pub(super) fn message(&self, session: &str, id: &str, created: i64, data: &Value) {
        let insert = "INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4)";
        self.connection().execute(insert, params![id, session, created, data.to_string()]).unwrap();
    }

    pub(super) fn part(&self, session: &str, message: &str, id: &str, data: &Value) {
        let insert = "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
        self.connection().execute(insert, params![id, message, session, THEN, data.to_string()]).unwrap();
    }

    pub(super) fn todo(&self, session: &str, position: i64, content: &str) {
        let insert =
            "INSERT INTO todo(session_id, position, content, status, priority, time_created, time_updated)
            VALUES (?1, ?2, ?3, 'pending', 'high', ?4, ?4)";
        self.connection().execute(insert, params![session, position, content, THEN]).unwrap();
    }

    pub(super) fn fingerprint(&self, session: &str) -> Option<Fingerprint> {
        Database::open(&self.database).unwrap().fingerprint(session).unwrap()
    }

    /// All that is in the tables of sessions, row by row.
    pub(super) fn dump(&self) -> Vec<Table> {
        let connection = self.connection();
        let all = [
            ("session", "SELECT * FROM session ORDER BY id"),
            ("message", "SELECT * FROM message ORDER BY session_id, time_created, id"),
            ("part", "SELECT * FROM part ORDER BY message_id, id"),
            ("todo", "SELECT * FROM todo ORDER BY session_id, position"),
        ];
        all.map(|(table, query)| (table, undo_log::rows(&connection, query, []).unwrap())).into()
    }

    /// Values that a query finds, as they are.
    pub(super) fn values(&self, query: &str) -> Vec<Vec<Value>> {
        let rows = undo_log::rows(&self.connection(), query, []).unwrap();
        rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect()).collect()
    }

    /// Writes changes into a file.
    pub(super) fn file(&self, ops: &[Value]) -> PathBuf {
        let path = self.path("arrival");
        let lines: Vec<String> = ops.iter().map(|op| format!("{op}\n")).collect();
        crate::disk::write_atomic(&path, lines.concat().as_bytes()).unwrap();
        path
    }

    /// Applies changes to the session that was away, as it looks now.
    pub(super) fn apply(&self, ops: &[Value]) -> Result<Applied, ApplyError> {
        let sent = self.fingerprint(AWAY).unwrap();
        self.apply_to(Some(&sent), &self.file(ops))
    }

    pub(super) fn apply_to(&self, sent: Option<&Fingerprint>, file: &Path) -> Result<Applied, ApplyError> {
        apply(&self.database, &self.input(sent, file))
    }

    pub(super) fn input<'a>(&'a self, sent: Option<&'a Fingerprint>, file: &'a Path) -> ApplyInput<'a> {
        ApplyInput { file, session: AWAY, sent, undo_log: &self.before, now_ms: NOW }
    }

    pub(super) fn assert_sound(&self) {
        assert_eq!(self.values("PRAGMA integrity_check"), [[json!("ok")]]);
        assert_eq!(self.values("PRAGMA foreign_key_check"), Vec::<Vec<Value>>::new());
    }

    /// What lies beside the database, those files that SQLite makes left out.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with("opencode.db"));
        names.sort();
        names
    }
}

/// The name of a table, and its rows.
pub(super) type Table = (&'static str, Vec<Columns>);

/// A message as it stands in a file of changes.
pub(super) fn message(session: &str, id: &str, created: i64, text: &str) -> Value {
    json!({"message": {"info": {
        "id": id, "sessionID": session, "role": "assistant", "time": {"created": created}, "x": text,
    }}})
}

/// A part, likewise.
pub(super) fn part(session: &str, message: &str, id: &str, text: &str) -> Value {
    json!({"part": {"id": id, "sessionID": session, "messageID": message, "type": "text", "text": text}})
}

/// The rules of every session that is there.
pub(super) const RULES: &str = r#"[{"permission":"bash","pattern":"*","action":"deny"}]"#;

/// A session, likewise.
pub(super) fn session(id: &str, parent: Option<&str>, title: &str) -> Value {
    json!({"session": {"id": id, "parent": parent, "info": {
        "id": id, "slug": "s", "projectID": "elsewhere", "directory": "/elsewhere", "path": "elsewhere",
        "title": title, "version": "1.18.33", "parentID": parent, "agent": "build",
        "model": {"id": "m1", "providerID": "fake"}, "cost": 0.25,
        "tokens": {"input": 1, "output": 2, "reasoning": 3, "cache": {"read": 4, "write": 5}},
        "summary": {"additions": 1, "deletions": 2, "files": 3, "diffs": []},
        "permission": [{"permission": "*", "pattern": "*", "action": "allow"}],
        "revert": {"messageID": "msg_1"}, "metadata": {"x": 1},
        "time": {"created": THEN + 5, "updated": THEN + 6},
    }}})
}

//! What `kugetsu list` takes with many sessions, beside a shell that only reads their files.

use crate::figures::{median, spread};
use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, Running};
use rusqlite::Connection;
use serde_json::json;
use std::fs;

/// Issues that have a session.
const SESSIONS: u32 = 10_000;
const RUNS: usize = 21;
const SCHEMA: &str = include_str!("../../fixtures/schema-1.18.33.sql");

/// Measures it and prints the figures as Markdown.
pub(crate) fn measure(kugetsu: &str) {
    let model = Model::start();
    let home = Home::start(kugetsu, Release::New, &model);
    fill(&home);
    let shell = || {
        let mut command = home.machine.command("sh", &home.state());
        command.args(["-c", "cat index.json sessions/*.json | wc -l"]);
        milliseconds(Running::start(command, None))
    };
    let kinds: [(&str, &[&str]); 2] = [("list", &["list"]), ("list --json", &["list", "--json"])];
    println!("{SESSIONS} sessions, milliseconds, {RUNS} pairs; median (least–most)\n");
    println!("| command | kugetsu | `cat` of all files | ratio of the medians |");
    println!("|---|--:|--:|--:|");
    for (name, arguments) in kinds {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            theirs.push(shell());
            ours.push(milliseconds(home.spawn(arguments)));
        }
        let ratio = median(&mut ours) / median(&mut theirs);
        println!("| `{name}` | {} | {} | **{ratio:.2}** |", spread(&ours), spread(&theirs));
    }
}

/// Fills index and database.
pub(crate) fn fill(home: &Home) {
    let database = home.machine.database_path();
    fs::create_dir_all(database.parent().unwrap()).unwrap();
    fs::create_dir_all(home.state().join("sessions")).unwrap();
    let mut connection = Connection::open(database).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let rows = connection.transaction().unwrap();
    rows.execute_batch(
        "INSERT INTO project (id, worktree, time_created, time_updated, sandboxes) VALUES ('global', '/', 1, 1, '[]')",
    )
    .unwrap();
    let mut issues = serde_json::Map::new();
    for n in 1..=SESSIONS {
        let issue = format!("github.com/user{}/repo{}#{n}", n / 100, n % 10);
        let (file, session) =
            (issue.replace(['/', '#'], "-") + ".json", format!("ses_{n:012x}ffeAAAAAAAAAAA"));
        let content = json!({
            "type": "forked", "issue_ref": issue, "opencode_session_id": session, "format": 1,
            "created_at": "2026-03-30T12:00:00Z", "last_activity": format!("2026-11-20T10:{:02}:00Z", n % 60),
            // Some were cut short.
            "state": if n % 50 == 0 { "used" } else { "idle" }, "directory": "/home/me/projects/app",
            "message": format!("message {n}, which is of ordinary length and says what is to be done next"),
        });
        fs::write(home.state().join("sessions").join(&file), serde_json::to_vec_pretty(&content).unwrap())
            .unwrap();
        issues.insert(issue, file.into());
        rows.execute(
            "INSERT INTO session (id, project_id, slug, directory, title, version, time_created, time_updated)
             VALUES (?1, 'global', 's', '/home/me/projects/app', 'A title', '1.18.33', 1774864800000, 1774864800000 + ?2)",
            (session, n),
        )
        .unwrap();
    }
    rows.commit().unwrap();
    let index = json!({ "base": null, "issues": issues, "format": 1 });
    fs::write(home.state().join("index.json"), serde_json::to_vec_pretty(&index).unwrap()).unwrap();
}

fn milliseconds(running: Running) -> f64 {
    running.wait(PATIENCE).expect_success().elapsed.as_secs_f64() * 1000.0
}

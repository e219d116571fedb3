//! opencode's own undo and redo touch only files of the machine on which the work was done.

use super::{Rows, World, rows};
use crate::support::machine::Machine;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, until};
use crate::support::sample;
use crate::support::serve::Serve;
use crate::tui::Terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a project, but those of git.
fn files(project: &Path) -> BTreeMap<String, String> {
    let all = fs::read_dir(project).unwrap().map(|entry| entry.unwrap());
    let all = all.filter(|entry| entry.file_type().unwrap().is_file());
    all.map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

/// The rows of a session that are patches.
fn patches(rows: &Rows) -> Vec<&String> {
    rows.values().filter(|row| row.contains("\"type\":\"patch\"")).collect()
}

/// The id of the first message of a session that says this.
fn prompt_that_says(machine: &Machine, session: &str, said: &str) -> String {
    let sql = "SELECT message_id FROM part WHERE session_id = ?1 AND instr(data, ?2) \
               AND json_extract(data, '$.type') = 'text' ORDER BY id LIMIT 1";
    machine.database().query_row(sql, [session, said], |row| row.get(0)).unwrap()
}

/// opencode on a machine, and the project in which its undo and redo are watched.
struct Undoing<'m> {
    machine: &'m Machine,
    serve: Serve,
    project: PathBuf,
}

impl<'m> Undoing<'m> {
    fn start(machine: &'m Machine) -> Self {
        let project = machine.home().join("projects/app");
        Self { machine, serve: Serve::start(machine, &project), project }
    }

    /// Undoes a session from its user message that says this on, and gives what changed to `undone`; then redoes it, which
    /// must bring everything back.
    #[track_caller]
    fn undo(&self, session: &str, said: &str) -> Vec<String> {
        let message = prompt_that_says(self.machine, session, said);
        let before = files(&self.project);
        let done = self.serve.post(&format!("/session/{session}/revert"), &json!({ "messageID": message }));
        assert_eq!(done["revert"]["messageID"], message, "{done:#}");
        let undone = files(&self.project);
        let redone = self.serve.post(&format!("/session/{session}/unrevert"), &json!({}));
        assert_eq!(redone["revert"], Value::Null, "{redone:#}");
        assert_eq!(files(&self.project), before, "redo brings everything back");
        let names = before.keys().chain(undone.keys());
        let mut changed: Vec<String> =
            names.filter(|name| before.get(*name) != undone.get(*name)).cloned().collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }
}

/// opencode notes how the files stood as a step begins, and the command must not have changed them by then.
fn edits(command: &str) -> String {
    format!("[[bash sleep 1; {command}]]")
}

/// A session that changed files at home, then on the host, where a sub-agent did so, too. The repository is the same on
/// both sides when the host begins, so that home's opencode knows the first tree of the host, and none of the later ones.
fn away(release: Release) -> (World, String, String) {
    let world = World::new(release, release);
    let there = world.host.machine.git_project("app");
    assert_eq!(world.home.machine.git_project("app"), world.project);
    for project in [&world.project, &there] {
        world.home.machine.write_file(&project.join("shared"), "same\n");
    }
    let machine = &world.home.machine;
    let session =
        machine.new_session(&world.project, &format!("{}\n[[say hello from home]]", edits("echo one >own")));
    fs::copy(world.project.join("own"), there.join("own")).unwrap();
    let before = world.here(&session);
    assert_eq!(patches(&before).len(), 1, "{before:?}");

    let task = json!({ "description": "Edit", "prompt": edits("echo far >sub"), "subagent_type": "general" });
    let message = format!(
        "{}\n{}\n[[tool task {task}]]\n[[say done there]]",
        edits("echo far >shared"),
        edits("echo far >README.md; echo far >new"),
    );
    // Three calls and a sub-agent: longer than other trips.
    let trip = world.home.spawn(&["remote", "pi", &session, &message, "--round-trip"]);
    trip.wait(3 * PATIENCE).expect_success();
    let after = world.here(&session);
    super::new_rows(&before, &after);
    let returned = patches(&after).into_iter().filter(|row| !before.values().any(|own| own == *row));
    let returned: Vec<_> = returned.collect();
    assert!(returned.len() >= 2 && returned.iter().all(|row| row.contains("\"files\":[]")), "{returned:?}");
    let child = "SELECT id FROM session WHERE parent_id = ?";
    let child = world.home.machine.database().query_row(child, [&session], |row| row.get(0)).unwrap();
    // The user has files of these names, with work of their own in them.
    for name in ["shared", "README.md", "new", "sub"] {
        world.home.machine.write_file(&world.project.join(name), "mine\n");
    }
    (world, session, child)
}

/// Undoes, in opencode's own interface, what was done here after the trip, then what was done there, and redoes that.
fn undo_in_the_tui(world: &World, session: &str) {
    let home = &world.home.machine;
    let (here, there) =
        (prompt_that_says(home, session, "echo later"), prompt_that_says(home, session, "done there"));
    let before = files(&world.project);
    let mut without_later = before.clone();
    without_later.remove("later");
    let terminal = Terminal::start(&world.home, &world.project, &format!("opencode -s {session}"));
    terminal.wait_for(&["echo later"]);
    terminal.tmux(&["send-keys", "-l", "/undo"]);
    terminal.wait_for(&["/undo"]);
    terminal.tmux(&["send-keys", "Enter"]);
    let undone_from = |message: &str| {
        let sql = "SELECT coalesce(json_extract(revert, '$.messageID'), '') FROM session WHERE id = ?";
        until(PATIENCE, || {
            let found: String = home.database().query_row(sql, [session], |row| row.get(0)).unwrap();
            let told = || format!("{found:?} is not {message:?}\n{}", terminal.tmux(&["capture-pane", "-p"]));
            if found == message { Ok(()) } else { Err(told()) }
        });
    };
    undone_from(&here);
    assert_eq!(files(&world.project), without_later);
    // What the interface shows is what it goes by.
    terminal.wait_for(&["1 message"]);
    // By their keys: the prompt that was undone stands where commands are typed.
    for (key, from, shown, left) in [
        ("u", there.as_str(), "2 message", &without_later),
        ("r", &here, "1 message", &without_later),
        ("r", "", "", &before),
    ] {
        terminal.tmux(&["send-keys", "C-x", key]);
        undone_from(from);
        assert_eq!(files(&world.project), *left, "{key} {from}");
        terminal.wait_for(&[shown]);
    }
}

fn undo_touches_only_what_was_done_on_the_same_machine(release: Release) {
    let (world, session, child) = away(release);
    let home = &world.home.machine;
    home.continue_session(&world.project, &session, &edits("echo later >later"), &[]).expect_success();
    let here = Undoing::start(home);
    assert_eq!(here.undo(&session, "echo later"), ["later"], "what was done here after the trip");
    assert_eq!(here.undo(&session, "done there"), ["later"], "nothing of what was done there");
    assert_eq!(here.undo(&session, "hello from home"), ["later", "own"], "and what was done here before it");
    assert_eq!(here.undo(&child, "echo far"), [""; 0], "nothing of what a sub-agent did there");
    let copy = here.serve.post(&format!("/session/{session}/fork"), &json!({}));
    assert_eq!(here.undo(copy["id"].as_str().unwrap(), "hello from home"), ["later", "own"]);
    drop(here);
    undo_in_the_tui(&world, &session);

    let there = Undoing::start(&world.host.machine);
    let done_there = ["README.md", "new", "shared", "sub"];
    assert_eq!(there.undo(&session, "hello from home"), done_there, "nothing of what was done at home");
    assert_eq!(there.undo(&child, "echo far"), ["sub"]);
    drop(there);

    // The host keeps what it can undo, and gets nothing else, on the next trip.
    let before = (world.here(&session), world.there(&session));
    world.round_trip(&session, "[[say once more]]", &[]);
    super::new_rows(&before.0, &world.here(&session));
    let after = world.there(&session);
    for (id, row) in &before.1 {
        assert_eq!(after.get(id), Some(row));
    }
    assert_eq!(patches(&after).len(), patches(&world.here(&session)).len());
    // Sent anew, since paths are the same on both sides now, it is as harmless.
    world.round_trip(&session, "[[say and again]]", &["--keep-paths"]);
    super::new_rows(&before.0, &world.here(&session));
    let anew = rows(&world.host.machine.database(), &session);
    assert!(patches(&anew).iter().all(|row| row.contains("\"files\":[]")), "{anew:?}");
    let there = Undoing::start(&world.host.machine);
    assert_eq!(there.undo(&session, "hello from home"), [""; 0]);
}

#[test]
fn undo_touches_only_what_was_done_on_the_same_machine_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(undo_touches_only_what_was_done_on_the_same_machine);
}

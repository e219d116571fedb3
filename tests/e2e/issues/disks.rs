//! A full disk and a read-only home: one sentence with the cure, and nothing lost.

use super::kept::{BASE, IDLE, IDLE_ISSUE, Kept, USED, USED_ISSUE};
use crate::support::machine::which;
use crate::support::process::{Finished, PATIENCE, Running};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// kugetsu's home has so many pages of 4 KiB left.
    Full(usize),
    /// kugetsu's home cannot be written.
    ReadOnly,
    /// The whole home cannot be written, opencode's database neither.
    ReadOnlyHome,
}

/// What became of a command, and the files of kugetsu's home behind it.
type Outcome = (Finished, BTreeMap<String, Vec<u8>>);

/// A home whose disk is another for one command at a time, in a mount namespace of its own.
struct Disks {
    kept: Kept,
}

impl Disks {
    fn new() -> Self {
        let kept = Kept::new();
        // As after runs, so that not everything ends with the first directory or file that is missing.
        for session in [IDLE, USED] {
            kept.put(&format!("logs/{session}.log"), "before\n");
            kept.put(&format!("runs/{session}/prompt"), "before");
            kept.put(&format!("locks/{session}.lock"), "");
        }
        kept.put("index.lock", "");
        for directory in ["", "logs", "runs", "sessions", "locks"] {
            kugetsu::disk::private_dir(&kept.home.state().join(directory)).unwrap();
        }
        Self { kept }
    }

    fn kugetsu(&self, wrong: Wrong, arguments: &[&str]) -> Outcome {
        let (home, state) = (self.kept.home.machine.home(), self.kept.home.state());
        let after = tempfile::tempdir().unwrap();
        let change = match wrong {
            Wrong::Full(left) => &format!(
                "cp -a \"$1\" \"$3/was\" && mount -t tmpfs -o size=512k none \"$1\" && cp -a \"$3/was/.\" \"$1\" &&
                 head -c $((4096 * {left})) /dev/zero >\"$1/some.filler\" &&
                 {{ head -c 600000 /dev/zero >\"$1/filler\" 2>/dev/null; rm -r \"$1/some.filler\" \"$3/was\"; }}"
            ),
            Wrong::ReadOnly => "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"",
            Wrong::ReadOnlyHome => "mount --bind \"$2\" \"$2\" && mount -o remount,bind,ro \"$2\"",
        };
        let script = format!(
            "{{ {change}; }} || exit 99
             state=$1 after=$3; shift 3
             cd \"$KUGETSU_TEST_DIRECTORY\" && \"$@\"; status=$?
             cp -a \"$state\" \"$after/state\" && exit $status"
        );
        let mut command = Command::new(which("unshare"));
        command.env_clear().envs(self.kept.home.machine.environment());
        command.env("KUGETSU_TEST_DIRECTORY", &self.kept.project).arg("-m");
        if !rustix::process::geteuid().is_root() {
            command.arg("-r");
        }
        command.args(["sh", "-c", &script, "sh"]).args([&state, home, after.path()]);
        command.arg(env!("CARGO_BIN_EXE_kugetsu")).args(arguments);
        let done = Running::start(command, Some(b"")).wait(PATIENCE);
        assert_ne!(
            done.code(),
            99,
            "this test needs to mount a file system in a namespace of its own: {}",
            done.stderr
        );
        (done, files(&after.path().join("state")))
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.kept.home.state())
    }

    /// The sessions that opencode has.
    fn sessions(&self) -> Vec<String> {
        let database = self.kept.home.machine.database();
        let select = "SELECT id || title || directory || coalesce(permission, '') FROM session ORDER BY id";
        let mut query = database.prepare(select).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

/// All files but those of locks, which say who asked last.
fn files(state: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    super::kept::walk(state, state, &mut files);
    files.retain(|name, _| !name.ends_with(".lock") && name != "filler");
    files
}

const START: &[&str] = &["start", "github.com/shoko/kugetsu#15", "hello"];
const CONTINUE: &[&str] = &["continue", IDLE_ISSUE, "hello"];
const CHANGING: [&[&str]; 9] = [
    &["init", "--force", "--session", USED],
    START,
    CONTINUE,
    &["continue", IDLE_ISSUE, "hello", "--detach"],
    &["resume", USED_ISSUE, "hello"],
    &["prune", "--force"],
    &["destroy", IDLE_ISSUE, "-y"],
    &["destroy", "--base", "-y"],
    &["permit", IDLE, "bash", "*"],
];

#[test]
fn what_the_disk_refuses_is_said_with_its_cure_and_nothing_is_lost() {
    let disks = Disks::new();
    let (before, sessions) = (disks.files(), disks.sessions());
    for (wrong, words, cure) in [
        (Wrong::Full(0), "no space is left for", "make room"),
        (Wrong::ReadOnly, "is on a read-only file system", "KUGETSU_HOME=DIR"),
        (Wrong::ReadOnlyHome, "is on a read-only file system", "KUGETSU_HOME=DIR"),
    ] {
        for arguments in CHANGING {
            let (done, after) = disks.kugetsu(wrong, &[arguments, &["--json"]].concat());
            let error = &done.json()["error"];
            let said = format!("{wrong:?} {arguments:?}: {error:#}\n{}", done.stderr);
            assert_eq!((done.code(), &error["kind"]), (1, &json!("failed")), "{said}");
            let (message, hint) = (error["message"].as_str().unwrap(), error["hint"].as_str().unwrap());
            // Where opencode's database is in the way first, that is what is said.
            let database =
                matches!(wrong, Wrong::ReadOnlyHome) && message.contains("opencode.db cannot be used");
            assert!(database || message.contains(words) && hint.contains(cure), "{said}");
            assert!(!database || hint.contains("writable"), "{said}");
            assert_eq!(done.stderr.matches("kugetsu: ").count(), 1, "{said}");
            assert_eq!((after, disks.sessions()), (before.clone(), sessions.clone()), "{said}");
        }
    }
}

#[test]
fn what_only_looks_needs_no_disk() {
    let disks = Disks::new();
    let before = disks.files();
    let listed = disks.kept.kugetsu(&["list", "--json"]).expect_success().json();
    for wrong in [Wrong::Full(0), Wrong::ReadOnly] {
        assert_eq!(disks.kugetsu(wrong, &["list", "--json"]).0.expect_success().json(), listed);
        for (arguments, words) in [
            (&["prune"][..], "kugetsu prune --force"),
            (&["logs", IDLE], "before"),
            (&["permit", BASE], "no rules of its own"),
        ] {
            let (done, after) = disks.kugetsu(wrong, arguments);
            let done = done.expect_success();
            assert!(done.stdout.contains(words) || done.stderr.contains(words), "{wrong:?} {arguments:?}");
            assert_eq!(after, before, "{wrong:?} {arguments:?}");
        }
        let (nothing, _) = disks.kugetsu(wrong, &["stop", IDLE_ISSUE]);
        assert!(nothing.expect_code(4).stderr.contains("nothing runs"));
    }
    // opencode's database cannot even be read there: what is not known is not said to be gone.
    let (done, _) = disks.kugetsu(Wrong::ReadOnlyHome, &["list", "--json"]);
    let list = done.expect_success().json();
    let states: Vec<&Value> = list.as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states, [&Value::Null, &Value::Null, &json!("invalid"), &Value::Null]);
}

#[test]
fn wherever_the_room_ends_nothing_is_lost() {
    let disks = Disks::new();
    let (before, sessions) = (disks.files(), disks.sessions());
    let mut refused = 0;
    for left in 1..12 {
        for arguments in
            [START, CONTINUE, &["init", "--force", "--session", USED], &["destroy", USED_ISSUE, "-y"]]
        {
            let (done, after) = disks.kugetsu(Wrong::Full(left), arguments);
            let said = format!("{left} {arguments:?}: {}\n{}", done.code(), done.stderr);
            assert!([0, 1, 5].contains(&done.code()), "{said}");
            for (name, content) in &after {
                let whole = !name.ends_with(".json") || serde_json::from_slice::<Value>(content).is_ok();
                assert!(whole || before.get(name) == Some(content), "{name}: {said}");
            }
            // A message is there until its run has ended.
            let kept = |name: &String| {
                let over = name.ends_with("/prompt") && [0, 5].contains(&done.code());
                after.contains_key(name) || over || (arguments[0] == "destroy" && name.contains("kugetsu-14"))
            };
            assert!(before.keys().all(kept), "{said}");
            // What a run denies beforehand does no harm.
            disks.kept.home.machine.database().execute("UPDATE session SET permission = NULL", []).unwrap();
            if done.code() == 1 {
                refused += 1;
                assert!(done.stderr.contains("make room"), "{said}");
            }
            // A session that was made is known, also where the room did not reach for its run.
            let index = String::from_utf8_lossy(&after["index.json"]).into_owned();
            let made = index.contains("shoko/kugetsu#15");
            let forget = "DELETE FROM session WHERE title = 'github.com/shoko/kugetsu#15'";
            let gone = disks.kept.home.machine.database().execute(forget, []).unwrap();
            assert_eq!((gone == 1, disks.sessions()), (made, sessions.clone()), "{said}");
            assert_eq!(made, done.stderr.contains("has a session"), "{said}");
            if done.code() == 1 && !made {
                assert_eq!(after["index.json"], before["index.json"], "{said}");
            }
        }
    }
    assert!(refused > 4, "{refused}");
}

//! `logs` shows what runs printed.

use super::kept::{IDLE, Kept, USED, USED_ISSUE};
use crate::support::process::PATIENCE;
use kugetsu::disk::RotatingLog;
use kugetsu::dispatch::State;
use std::io::Write as _;

#[test]
fn a_log_is_shown_oldest_first_and_harmless() {
    let kept = Kept::new();
    kept.put(&format!("logs/{USED}.log.2"), "first\n");
    kept.put(&format!("logs/{USED}.log.1"), "\u{1b}[2Jsecond\u{7}\n");
    kept.put(&format!("logs/{USED}.log"), "third\nfourth");
    let all = kept.kugetsu(&["logs", USED_ISSUE]).expect_success();
    assert_eq!((all.stdout.as_str(), all.stderr.as_str()), ("first\n[2Jsecond\nthird\nfourth\n", ""));
    let last = kept.kugetsu(&["logs", USED, "-n", "2"]).expect_success();
    assert_eq!(last.stdout, "third\nfourth\n");
    assert_eq!(kept.kugetsu(&["logs", USED, "-n", "0"]).expect_success().stdout, "");
    let json = kept.kugetsu(&["logs", USED_ISSUE, "-n", "1", "--json"]).expect_success().json();
    assert_eq!(
        json,
        serde_json::json!({"session": USED, "issue": USED_ISSUE, "dispatch": null, "lines": ["fourth"]})
    );
}

#[test]
fn where_nothing_was_printed_that_is_said() {
    let kept = Kept::new();
    let nothing = kept.kugetsu(&["logs", USED_ISSUE]).expect_code(1);
    assert!(nothing.stderr.contains("has printed anything"), "{}", nothing.stderr);
    let id = kept.dispatch(1, IDLE, State::Planned);
    let here = kept.kugetsu(&["logs", IDLE, "-f"]).expect_code(1);
    assert!(here.stderr.contains("has printed anything"), "{}", here.stderr);
    let there = kept.kugetsu(&["logs", &id]).expect_code(1);
    assert!(
        there.stderr.contains("nothing of the dispatch") && there.stderr.contains("ran on pi yet"),
        "{}",
        there.stderr
    );
    kept.kugetsu(&["logs", USED, "-f", "--json"]).expect_code(2);
}

#[test]
fn a_run_is_followed_across_rotation_to_its_end() {
    let kept = Kept::new();
    let run = kept.hold(USED);
    let following = kept.home.spawn_in(&kept.project, None, &["logs", USED_ISSUE, "-f"]);
    let path = kept.home.state().join(format!("logs/{USED}.log"));
    kugetsu::disk::private_dir(path.parent().unwrap()).unwrap();
    let mut log = RotatingLog::open(&path, 10, 12).unwrap();
    for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
        log.write_all(line.as_bytes()).unwrap();
    }
    following.wait_for_output(PATIENCE, |out, _| out.ends_with("five\n"));
    for line in ["six\n", "seven\n", "eight\n"] {
        log.write_all(line.as_bytes()).unwrap();
    }
    log.write_all(b"unended").unwrap();
    drop(log);
    drop(run);
    let done = following.wait(PATIENCE).expect_success();
    assert_eq!(done.stdout, "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nunended\n");
    // Nothing runs any more: it is shown, and that is all.
    assert_eq!(kept.kugetsu(&["logs", USED, "-f"]).expect_success().stdout, done.stdout);
}

#[test]
fn ctrl_c_ends_the_following_and_nothing_else() {
    let kept = Kept::new();
    let mut run = kept.hold(USED);
    kept.put(&format!("logs/{USED}.log"), "one\n");
    let following = kept.home.spawn_in(&kept.project, None, &["logs", USED, "-f"]);
    following.wait_for_output(PATIENCE, |out, _| out == "one\n");
    // Signals are listened to from then on, or end it themselves; either way nothing is printed.
    until_listening(following.pid());
    following.signal("INT");
    assert_eq!(following.wait(PATIENCE).expect_success().stderr, "");
    assert!(run.is_running());
}

/// Waits until SIGINT does not simply kill the process.
fn until_listening(pid: u32) {
    crate::support::process::until(PATIENCE, || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        match u64::from_str_radix(caught.trim(), 16) {
            Ok(mask) if mask & 2 != 0 => Ok(()),
            _ => Err(format!("SIGINT is not caught: {caught}")),
        }
    });
}

//! A verb on one session leaves all others alone, however many there are.

use super::kept::{IDLE, IDLE_ISSUE, Kept, USED, USED_ISSUE};
use kugetsu::dispatch::State;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Trips of other sessions.
const OTHERS: usize = 60;

/// Copies the record of the trip `id` for sessions that nobody else knows; the copies' files.
fn others(kept: &Kept, id: &str) -> Vec<PathBuf> {
    let dispatches = kept.home.state().join("dispatches");
    let text = fs::read_to_string(dispatches.join(id).join("dispatch.json")).unwrap();
    let copy = |n: usize| {
        let (other, session) =
            (format!("20251120-1030{:02}-{n:08}", n % 60), format!("ses_{n:012x}ffeAAAAAAAAAAA"));
        fs::create_dir(dispatches.join(&other)).unwrap();
        let path = dispatches.join(&other).join("dispatch.json");
        fs::write(&path, text.replace(id, &other).replace(IDLE, &session)).unwrap();
        path
    };
    (0..OTHERS).map(copy).collect()
}

#[test]
fn the_records_and_files_of_other_sessions_are_not_read() {
    let kept = Kept::new();
    let id = kept.dispatch(1, IDLE, State::Home { new_messages: 2 });
    let others = others(&kept, &id);
    // The first verb learns whose they are.
    kept.kugetsu(&["status", IDLE]).expect_success();
    for other in others {
        fs::write(other, "this is no record").unwrap();
    }
    for arguments in
        [&["status", IDLE_ISSUE][..], &["verify", IDLE], &["continue", IDLE, "hello"], &["stop", IDLE]]
    {
        let done = kept.kugetsu(arguments);
        let words = format!("{}{}", done.stdout, done.stderr);
        assert!(!words.contains("dispatch.json"), "{arguments:?}: {words}");
    }
    let all = kept.kugetsu(&["status"]).expect_success();
    let told = all.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("cannot be read as a dispatch"), "they are named where all are asked for: {told}");

    // Who needs no issue looks at no issue's file. One that is read never ends.
    let file = kept.home.state().join("sessions/github.com-shoko-kugetsu-14.json");
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    kept.put(&format!("logs/{IDLE}.log"), "it said something\n");
    for verb in ["status", "verify", "logs"] {
        kept.kugetsu(&[verb, IDLE]).expect_success();
    }
    kept.kugetsu(&["status", IDLE_ISSUE]).expect_success();
    assert!(kept.opencode_has(USED), "{USED_ISSUE} is left as it is");
}

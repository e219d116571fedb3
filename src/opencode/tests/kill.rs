//! The process is killed at any moment of the home step.

use super::super::undo::undo;
use super::*;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tells the test below that it is the process to be killed, and where its files are.
const VARIABLE: &str = "KUGETSU_TEST_HOME_STEP";

const ROUNDS: u32 = 200;

#[test]
fn a_home_step_for_the_test_below() {
    let Some(directory) = std::env::var_os(VARIABLE) else { return };
    let directory = Path::new(&directory);
    let sent: Fingerprint = serde_json::from_slice(&fs::read(directory.join("departed")).unwrap()).unwrap();
    let (file, before) = (directory.join("arrival"), directory.join("before"));
    let input = ApplyInput { file: &file, session: AWAY, sent: Some(&sent), undo_log: &before, now_ms: NOW };
    println!("!");
    apply(&directory.join("opencode.db"), &input).unwrap();
}

/// Runs the step in a process of its own and kills it after `delay`; whether it came to its end before, and how long
/// it took since it began.
fn step(world: &World, delay: Option<Duration>) -> (bool, Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opencode::tests::kill::a_home_step_for_the_test_below", "--nocapture"])
        .env(VARIABLE, world.directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut byte = [0];
    while byte != *b"!" {
        output.read_exact(&mut byte).unwrap();
    }
    let begun = Instant::now();
    if let Some(delay) = delay {
        std::thread::sleep(delay);
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    (status.success(), begun.elapsed())
}

#[test]
fn killed_at_any_moment_it_is_before_or_after() {
    let world = World::new(NEW);
    for n in 0..40 {
        let id = format!("msg_1{n:03}");
        world.message(AWAY, &id, THEN + n, &json!({"role": "user", "time": {"created": THEN + n}}));
        world.part(AWAY, &id, &format!("prt_1{n:03}"), &json!({"type": "text", "text": "x".repeat(900)}));
    }
    let mut ops = vec![json!({"patch": {"session": AWAY, "title": "Another"}})];
    for n in 0..40 {
        ops.push(part(AWAY, &format!("msg_1{n:03}"), &format!("prt_1{n:03}"), "changed"));
    }
    ops.push(session("ses_child", Some(AWAY), "Child"));
    for n in 0..150 {
        let (session, id) = (if n < 100 { AWAY } else { "ses_child" }, format!("msg_2{n:03}"));
        ops.push(message(session, &id, THEN + 100 + n, "new"));
        ops.push(part(session, &id, &format!("prt_2{n:03}"), &"z".repeat(2500)));
    }
    world.file(&ops);
    let sent = world.fingerprint(AWAY).unwrap();
    crate::disk::write_atomic(&world.path("departed"), &serde_json::to_vec(&sent).unwrap()).unwrap();
    let back = || undo(&world.database, &world.path("before"), &world.path("undone")).unwrap();

    let before = world.dump();
    let (done, mut whole) = step(&world, None);
    assert!(done);
    let after = world.dump();
    assert!(!back().already);

    let (mut befores, mut afters) = (0, 0);
    for round in 0..ROUNDS {
        let percent = round * 7919 % ROUNDS * 110 / ROUNDS;
        let (done, _) = step(&world, Some(whole * percent / 100));
        assert_eq!(world.values("PRAGMA integrity_check"), [[json!("ok")]]);
        let now = world.dump();
        // How long the whole takes changes with what else this machine does.
        if now == before {
            assert!(!done, "round {round}");
            befores += 1;
            whole = if percent > 100 { whole * 5 / 4 } else { whole };
        } else {
            assert!(now == after, "round {round}: neither before nor after");
            assert!(!back().already);
            assert!(world.dump() == before, "round {round}: not undone");
            afters += 1;
            whole = if percent < 90 { whole * 9 / 10 } else { whole };
        }
    }
    assert!(befores > 20 && afters > 5, "killed too early or too late: {befores} {afters}");
    world.assert_sound();
}

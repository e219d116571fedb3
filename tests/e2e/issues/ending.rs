//! A run on this machine ends with all that it started, also what wiped its environment.

use super::runs::{ISSUE, World};
use crate::support::opencode::Release;
use crate::support::process::until;
use std::time::Duration;

const OTHER: &str = "github.com/shoko/kugetsu#15";

/// With the real opencode, and the issue started.
fn begun() -> World {
    let world = World::real(Release::New);
    world.kugetsu(&["start", ISSUE]).expect_success();
    world
}

/// A command that no other process on this machine has.
fn sleeper(seconds: u32) -> String {
    format!("sleep {seconds}.{}", std::process::id())
}

/// How many processes have this command, whatever their environment.
fn count(command: &str) -> usize {
    let wanted = command.replace(' ', "\0") + "\0";
    let entries = std::fs::read_dir("/proc").unwrap();
    let commands =
        entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    commands.filter(|found| *found == wanted).count()
}

fn wait_for(command: &str, number: usize) {
    until(Duration::from_secs(60), || match count(command) {
        found if found == number => Ok(()),
        found => Err(format!("{found} {command}")),
    });
}

#[test]
fn what_wiped_its_environment_ends_with_its_run() {
    let world = begun();
    let (stopped, killed) = (sleeper(6011), sleeper(6012));
    // The first tool is over and its shell gone when the run is stopped.
    let message =
        |command: &str| format!("[[bash setsid env -i {command} >/dev/null 2>&1 &]]\n[[bash sleep 600]]");
    world.kugetsu(&["continue", ISSUE, &message(&stopped), "--detach"]).expect_success();
    wait_for(&stopped, 1);
    world.kugetsu(&["stop", ISSUE]).expect_success();
    assert_eq!(count(&stopped), 0);
    let run = world.home.spawn_in(&world.project, None, &["continue", ISSUE, &message(&killed)]);
    wait_for(&killed, 1);
    run.signal("KILL");
    run.wait(Duration::from_secs(20));
    wait_for(&killed, 0);
}

#[test]
fn a_run_that_another_run_began_outlives_it() {
    let world = begun();
    let outer = sleeper(6013);
    // What a tool of the outer run would do, without the time that opencode takes.
    world.home.machine.stand_in_with(&format!(
        "[ \"$1\" = run ] && [ -e order ] && {{ rm order; {} start '{OTHER}' '[[hold it]]' --detach; exec {outer}; }}",
        env!("CARGO_BIN_EXE_kugetsu")
    ));
    std::fs::write(world.project.join("order"), "").unwrap();
    world.kugetsu(&["continue", ISSUE, "go", "--detach"]).expect_success();
    wait_for(&outer, 1);
    world.kugetsu(&["stop", ISSUE]).expect_success();
    let state = |issue| world.listed(issue)["state"].clone();
    assert_eq!((state(ISSUE), state(OTHER)), ("idle".into(), "used".into()));
    world.kugetsu(&["stop", OTHER]).expect_success();
    assert_eq!(world.home.machine.processes(), [] as [u32; 0]);
}

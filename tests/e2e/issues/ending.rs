//! A run on this machine ends with all that it started, also what wiped its environment.

use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, until};
use std::path::PathBuf;
use std::time::Duration;

const ISSUE: &str = "github.com/shoko/kugetsu#14";
const OTHER: &str = "github.com/shoko/kugetsu#15";

struct World {
    _model: Model,
    home: Home,
    project: PathBuf,
}

impl World {
    /// With the real opencode, and the issue started.
    fn real() -> Self {
        let model = Model::start();
        let home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
        let project = home.machine.project("app");
        let world = Self { _model: model, home, project };
        world.kugetsu(&["init"]).expect_success();
        world.kugetsu(&["start", ISSUE]).expect_success();
        world
    }

    fn kugetsu(&self, arguments: &[&str]) -> Finished {
        self.home.spawn_in(&self.project, None, arguments).wait(Duration::from_secs(120))
    }

    fn state(&self, issue: &str) -> String {
        let list = self.kugetsu(&["list", "--json"]).expect_success().json();
        let row = list.as_array().unwrap().iter().find(|row| row["issue"] == issue).cloned();
        row.map_or_else(String::new, |row| row["state"].as_str().unwrap().to_owned())
    }
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
    let world = World::real();
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
    let world = World::real();
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
    assert_eq!((world.state(ISSUE).as_str(), world.state(OTHER).as_str()), ("idle", "used"));
    world.kugetsu(&["stop", OTHER]).expect_success();
    assert_eq!(world.home.machine.processes(), [] as [u32; 0]);
}

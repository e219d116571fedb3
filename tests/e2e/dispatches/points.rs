//! A trip stops anywhere, and goes on.

use crate::faults::scene::{KUGETSU, Scene, files};
use crate::support::process::{Finished, PATIENCE, Running, until};
use crate::support::sample;
use kugetsu::dispatch::{Moment, Step};
use std::time::Duration;

impl Scene {
    /// `kugetsu ARGS`, which dies at a point of the trip.
    #[track_caller]
    pub(super) fn killed_at(&self, moment: Moment, step: Step, args: &[&str]) -> Finished {
        let mut command = self.home.machine.command(KUGETSU, self.home.machine.home());
        command.args(args).env("KUGETSU_KILL_AT", format!("{}:{}", moment.name(), step.name()));
        Running::start(command, None).wait(PATIENCE)
    }

    /// The dispatches here, oldest first.
    pub(super) fn dispatches(&self) -> Vec<serde_json::Value> {
        let root = self.home.state().join("dispatches");
        let records = files(&root).into_iter().filter(|file| file.ends_with("/dispatch.json"));
        let mut all: Vec<serde_json::Value> = records
            .map(|file| serde_json::from_slice(&std::fs::read(root.join(file)).unwrap()).unwrap())
            .collect();
        // Of the same second, their ids sort at random.
        all.sort_by_key(|record| record["created_ms"].as_i64());
        all
    }

    /// Waits until the run of a dispatch has left its result on the host.
    #[track_caller]
    pub(super) fn has_ended(&self, dispatch: &str) {
        let result = self.host().machine.home().join(".kugetsu/dispatches").join(dispatch).join("result");
        until(PATIENCE, || if result.exists() { Ok(()) } else { Err("no result".to_owned()) });
    }
}

#[test]
fn every_step_is_told_before_and_after() {
    let scene = Scene::new();
    let trip = scene.home.kugetsu(&scene.remote(&["[[say done]]", "--round-trip", "-v"])).expect_success();
    for step in Step::ALL {
        for word in ["step", "done"] {
            let line = format!("{word}: {}", step.name());
            let times = trip.stderr.lines().filter(|told| **told == line).count();
            assert_eq!(times, 1, "{line}\n{}", trip.stderr);
        }
    }
    let record = &scene.dispatches()[0];
    assert_eq!((&record["doing"], &record["there"]), (&serde_json::json!([]), &serde_json::json!(false)));
    scene.is_home();
}

/// Kills a trip at a point, and takes it up with `wait`, or by the same command where nothing was recorded yet.
#[track_caller]
fn taken_up(scene: &mut Scene, moment: Moment, step: Step, flags: &[&str]) {
    scene.another();
    let at = format!("{}:{} {flags:?}", moment.name(), step.name());
    let prompt = format!("the one of {at}");
    let go: Vec<String> =
        scene.remote(&[&[prompt.as_str()], flags].concat()).iter().map(|word| (*word).to_owned()).collect();
    let go: Vec<&str> = go.iter().map(String::as_str).collect();
    let killed = scene.killed_at(moment, step, &go);
    if killed.code() == 0 {
        assert!(step >= Step::Wait && flags.is_empty(), "{at} was not met\n{}", killed.stderr);
    } else {
        assert_eq!(killed.code(), 137, "{at}\n{}", killed.stderr);
    }
    let session = scene.session.clone();
    let known = scene.dispatches().iter().any(|record| record["session"] == session.as_str());
    let home = match known {
        true => scene.home.kugetsu(&["wait", &session, "--json"]),
        false => scene.home.kugetsu(&scene.remote(&[prompt.as_str(), "--round-trip", "--json"])),
    };
    assert_eq!(home.clone().expect_success().json()["state"], "home", "{at}\n{}", home.stderr);
    let asked = scene.host().machine.asked();
    let count = asked.iter().filter(|asked| asked.ends_with(&prompt)).count();
    assert_eq!(count, 1, "{at}: the model was asked {count} times");
    scene.is_home_with(2);
    assert_eq!(scene.left_there(), Vec::<String>::new(), "{at}");
}

#[test]
fn a_round_trip_that_is_killed_at_any_point_is_taken_up() {
    let mut scene = Scene::new();
    for (n, step) in Step::ALL.into_iter().enumerate() {
        for moment in sample::nth(n, &[Moment::Before, Moment::After]) {
            taken_up(&mut scene, moment, step, &["--round-trip"]);
        }
    }
    scene.is_quiet();
}

#[test]
fn a_trip_that_never_began_is_given_up_for_another_with_a_word() {
    let scene = Scene::new();
    for (moment, step) in [(Moment::After, Step::Record), (Moment::Before, Step::Launch)] {
        let killed = scene.killed_at(moment, step, &scene.remote(&["first words of the lost one"]));
        assert_eq!(killed.code(), 137, "{}", killed.stderr);
        if step == Step::Launch {
            // The host may have been told: nothing but that trip itself can find out.
            let refused = scene.home.kugetsu(&scene.remote(&["another"])).expect_code(4);
            assert!(refused.stderr.contains("is on pi"), "{}", refused.stderr);
            continue;
        }
        let trip = scene.home.kugetsu(&scene.remote(&["[[say it]]", "--round-trip"])).expect_success();
        let told = trip.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("(“first words of the lost one”) never began, and is given up"), "{told}");
        assert_eq!(scene.host().machine.asked().len(), 1);
        let cancelled = serde_json::json!({"name": "cancelled", "launched": false});
        let lost = scene.dispatches().into_iter().find(|dispatch| dispatch["state"] == cancelled).unwrap();
        let gone = scene.home.kugetsu(&["wait", lost["id"].as_str().unwrap()]).expect_code(1);
        assert!(gone.stderr.contains("cancelled"), "{}", gone.stderr);
    }
    let session = scene.session.clone();
    scene.home.kugetsu(&["wait", &session, "--timeout", "100s"]).expect_success();
    let asked = scene.host().machine.asked();
    assert!(asked.len() == 2 && asked[1].ends_with("first words of the lost one"), "{asked:?}");
}

#[test]
fn a_silent_run_is_said_to_be_stalled_once() {
    let scene = Scene::new();
    let mut command = scene.home.machine.command(KUGETSU, scene.home.machine.home());
    command.args(scene.remote(&["[[hold it]]", "--round-trip"])).env("KUGETSU_STALL_AFTER", "2s");
    let running = Running::start(command, None);
    running.wait_for_output(PATIENCE, |_, err| err.contains("nothing has been heard of the run for 2 s"));
    // Two more beats of the watch.
    std::thread::sleep(Duration::from_secs(5));
    scene.host().machine.release_run("it");
    let done = running.wait(PATIENCE).expect_success();
    assert_eq!(done.stderr.matches("nothing has been heard").count(), 1, "{}", done.stderr);
}

//! Ctrl-C at any moment: what is safe and what to type next is said, and typing it does the work once.

use super::scene::{Scene, files, harmless};
use crate::support::process::{Finished, PATIENCE};
use crate::support::sample;
use std::time::Duration;

/// Moments of a trip at which it is interrupted; where between two of them, the sample says.
const MOMENTS: u32 = 10;
const SAMPLES: u32 = 4;

/// What was said to type next.
enum Next {
    Wait(String),
    Again,
    Nothing,
}

#[track_caller]
fn next(ended: &Finished) -> Next {
    let told = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    harmless(&ended.stderr);
    let word = |rest: &str| rest.split(' ').next().unwrap().to_owned();
    match ended.code() {
        0 => match told.rsplit_once("kugetsu wait ") {
            Some((_, dispatch)) => Next::Wait(word(dispatch)),
            None => Next::Nothing,
        },
        130 => {
            assert_eq!(ended.stdout, "");
            // Before the first step there is nobody to say anything, and nothing to be said.
            if told.is_empty() || told.ends_with("type it again") {
                return Next::Again;
            }
            assert!(told.contains("kugetsu: interrupted"), "{told}");
            let ways = ["kugetsu wait ", "kugetsu fetch "];
            if let Some((_, dispatch)) = ways.iter().find_map(|way| told.rsplit_once(way)) {
                assert!(told.contains("the session here is as it was"), "{told}");
                return Next::Wait(word(dispatch));
            }
            assert!(told.ends_with("the session is home"), "{told}");
            Next::Nothing
        }
        _ => panic!("exit status {}:\n{}", ended.code(), ended.stderr),
    }
}

/// Interrupts trips at moments spread over the time that one takes, and does what they say.
fn interrupt_all_along(flags: &[&str]) {
    let mut scene = Scene::new();
    let whole = scene.home.kugetsu(&scene.remote(&[&["first"], flags].concat())).expect_success().elapsed;
    for moment in 0..MOMENTS {
        scene.session = scene.home.machine.insert_big_session(&scene.project, 2, 6_000);
        let prompt = format!("the one of moment {moment}");
        let before = scene.rows().len();
        let go = scene.remote(&[&[prompt.as_str()], flags].concat());
        let running = scene.home.spawn(&go);
        let between = u32::try_from(sample::number()).unwrap_or(0) % SAMPLES;
        std::thread::sleep(
            whole * (moment * SAMPLES + between) / (MOMENTS * SAMPLES) + Duration::from_millis(5),
        );
        running.signal("INT");
        let ended = running.wait(PATIENCE);
        let mut next_is = next(&ended);
        if let Next::Again = next_is {
            assert_eq!(scene.rows().len(), before, "at {moment}: {}", ended.stderr);
            next_is = next(&scene.home.kugetsu(&go).expect_success());
        }
        if let Next::Wait(dispatch) = next_is {
            assert_eq!(scene.wait(&dispatch)["state"], "home", "at {moment}");
        }
        let asked = scene.host().machine.asked();
        let count = asked.iter().filter(|asked| asked.ends_with(&prompt)).count();
        assert_eq!(count, 1, "at {moment} of {whole:?} the model was asked {count} times\n{}", ended.stderr);
        let messages = scene.rows().iter().filter(|row| row.starts_with("message")).count();
        assert_eq!(messages, 4, "at {moment}: {}", ended.stderr);
    }
    if flags.contains(&"--round-trip") {
        assert_eq!(scene.left_there(), Vec::<String>::new());
    }
    let left = files(&scene.home.state().join("dispatches"));
    let heavy: Vec<_> =
        left.iter().filter(|file| file.ends_with("/parcel") || file.ends_with("/back")).collect();
    // The first one-way trip is still away.
    assert!(heavy.len() <= usize::from(!flags.contains(&"--round-trip")), "{heavy:?}");
    scene.is_quiet();
}

#[test]
fn a_round_trip_can_be_interrupted_at_any_moment() {
    interrupt_all_along(&["--round-trip"]);
}

#[test]
fn a_one_way_trip_can_be_interrupted_at_any_moment() {
    interrupt_all_along(&[]);
}

#[test]
fn an_interrupted_trip_tells_a_script_what_is_safe() {
    let scene = Scene::new();
    let running = scene.home.spawn(&scene.remote(&["[[hold it]]", "--round-trip", "--json"]));
    running.wait_for_output(PATIENCE, |_, err| err.contains("on pi in"));
    running.signal("TERM");
    let ended = running.wait(PATIENCE).expect_code(130);
    let error = &ended.json()["error"];
    assert_eq!((&error["kind"], &error["retryable"]), (&"interrupted".into(), &true.into()));
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("the run on pi goes on") && hint.contains("kugetsu wait "), "{hint}");
    scene.is_intact();
    scene.host().machine.release_run("it");
    scene.wait(hint.rsplit(' ').next().unwrap());
    scene.is_home();
}

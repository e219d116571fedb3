//! One session, one trip at a time: what is refused meanwhile, and how a trip is taken up again.

use super::scene::{Scene, files};
use crate::support::process::{PATIENCE, until};
use serde_json::Value;

impl Scene {
    /// A trip that has left with `prompt`: its dispatch.
    #[track_caller]
    pub(crate) fn launch(&self, prompt: &str) -> String {
        let away = self.home.kugetsu(&self.remote(&[prompt, "--json"])).expect_success().json();
        assert_eq!(away["holder"], "pi");
        away["dispatch"].as_str().unwrap().to_owned()
    }

    /// `wait`, which brings the session home; what it told a script.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str) -> Value {
        self.home.kugetsu(&["wait", what, "--json"]).expect_success().json()
    }

    /// Home after one run of two new messages, everything cleaned up on the host.
    #[track_caller]
    pub(crate) fn is_home(&self) {
        self.is_home_with(2);
        assert_eq!(self.host().machine.asked().len(), 1, "the model was asked more or less than once");
        assert_eq!(self.left_there(), Vec::<String>::new());
        self.is_quiet();
    }
}

#[test]
fn while_one_works_on_it_another_is_told_who_and_since_when() {
    let scene = Scene::new();
    let first = scene.home.spawn(&scene.remote(&["[[hold here]]", "--round-trip"]));
    until(PATIENCE, || {
        if scene.host().machine.asked().is_empty() { Err("nothing runs".into()) } else { Ok(()) }
    });
    let process = format!("process {}", first.pid());
    let fault = scene.fault(&scene.remote(&["me too"]));
    fault
        .is(4, "refused", "lock")
        .says(&[&scene.session, "in use", "kugetsu remote pi", &process, " for "])
        .may_be_retried(true);
    let watch = format!("kugetsu logs {} -f", scene.session);
    scene.fault(&["wait", &scene.session]).is(4, "refused", "lock").says(&[&process, &watch]);
    scene.host().machine.release_run("here");
    let done = first.wait(PATIENCE).expect_success();
    assert_eq!(done.stdout, "done\n");
    scene.is_home();
}

#[test]
fn a_session_that_is_away_is_refused_until_it_is_home() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[hold there]]");
    let fault = scene.fault(&scene.remote(&["me too"]));
    let again = format!("kugetsu wait {}", scene.session);
    fault.is(4, "refused", "lock").says(&[
        &scene.session,
        "is on pi since",
        "goes on",
        &again,
        "kugetsu cancel",
    ]);

    let fault = scene.fault(&["wait", &dispatch, "--timeout", "2s"]);
    let again = format!("kugetsu wait {dispatch}");
    fault.is(6, "running", "wait").says(&["pi", "within 2s", &again]).may_be_retried(true);
    scene.is_intact();
    assert_eq!(scene.host().machine.asked().len(), 1);

    scene.host().machine.release_run("there");
    let home = scene.wait(&scene.session);
    assert_eq!(
        (&home["state"], &home["holder"], &home["new_messages"]),
        (&"home".into(), &"here".into(), &2.into())
    );
    scene.is_home();
    let rows = scene.rows();
    for _ in 0..2 {
        let again = scene.home.kugetsu(&["wait", &dispatch]).expect_success();
        assert!(again.stderr.contains("home"), "{}", again.stderr);
        assert_eq!(scene.wait(&dispatch)["state"], "home");
    }
    assert_eq!(scene.rows(), rows, "the second wait imported something");
    let mut kept = files(&scene.home.state().join("dispatches"));
    kept.retain(|file| !file.ends_with("/before"));
    // The events are packed, and their file's name says how many bytes they are.
    let (packed, kept): (Vec<String>, Vec<String>) = kept.into_iter().partition(|file| file.ends_with(".gz"));
    assert!(packed.len() == 1 && packed[0].starts_with(&format!("{dispatch}/events-0-")), "{packed:?}");
    let light =
        ["dispatch.json", "events.json", "message", "stderr"].map(|file| format!("{dispatch}/{file}"));
    assert_eq!(kept, light, "what was sent and what came back is not kept");
}

#[test]
fn a_timeout_of_a_round_trip_bounds_the_waiting_and_not_the_run() {
    let scene = Scene::new();
    let fault = scene.fault_once(&scene.remote(&["[[hold a]]", "--round-trip", "--timeout", "8s"]));
    let fault =
        fault.is(6, "running", "wait").says(&["pi", "within 8s", "kugetsu wait "]).may_be_retried(true);
    let hint = fault.error["hint"].as_str().unwrap();
    let dispatch = hint.rsplit(' ').next().unwrap().to_owned();
    scene.is_intact();
    scene.host().machine.release_run("a");
    scene.wait(&dispatch);
    scene.is_home();
}

#[test]
fn a_runner_that_was_killed_is_reported_as_lost() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[hold for ever]]");
    let there = &scene.host().machine;
    until(PATIENCE, || if there.asked().is_empty() { Err("nothing runs".into()) } else { Ok(()) });
    crate::support::process::clear_out(there.home());
    let fault = scene.fault(&["wait", &dispatch]);
    let where_ = format!("~/.kugetsu/dispatches/{dispatch}");
    let fetch = format!("kugetsu fetch {dispatch}");
    fault.is(1, "failed", "wait").says(&["the run on pi is gone without a result", &where_, &fetch]);
    scene.is_intact();
    assert!(there.home().join(".kugetsu/dispatches").join(&dispatch).join("events").exists());
    let fault = scene.fault(&scene.remote(&["again"]));
    fault.is(4, "refused", "lock").says(&["is on pi", "lost", "kugetsu fetch"]);
    assert_eq!(there.asked().len(), 1);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let scene = Scene::new();
    let state = scene.home.state();
    std::fs::write(&state, "in the way").unwrap();
    let go = scene.remote(&["go on"]);
    let fault = scene.fault(&go);
    fault.is(1, "failed", "disk").says(&[state.to_str().unwrap(), "not a directory"]);
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "in the way");
    std::fs::remove_file(&state).unwrap();
    scene.is_unscathed();

    // A record that cannot be read is left as it is.
    let dispatch = state.join("dispatches/20260101-000000-abcdefgh");
    std::fs::create_dir_all(&dispatch).unwrap();
    std::fs::write(dispatch.join("dispatch.json"), "{ \"version\": 1, \"id\": \"20").unwrap();
    let fault = scene.fault(&go);
    fault.is(1, "failed", "dispatches").says(&["dispatch.json", "cannot be read", "mv "]);
    std::fs::write(dispatch.join("dispatch.json"), "{ \"version\": 99 }").unwrap();
    let fault = scene.fault(&go);
    fault.is(1, "failed", "dispatches").says(&["newer kugetsu"]);
    assert_eq!(std::fs::read_to_string(dispatch.join("dispatch.json")).unwrap(), "{ \"version\": 99 }");
    assert_eq!(scene.host().sshd.connections(), 0);
}

#[test]
fn a_disk_that_fills_up_here_leaves_nothing_behind() {
    let mut scene = Scene::new();
    scene.session = scene.home.machine.insert_big_session(&scene.project, 2, 300_000);
    // Writing more than 32 KiB into one file fails, with an error and without a signal.
    let kugetsu = super::scene::KUGETSU;
    let script = format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f 64\nexec '{kugetsu}' \"$@\"\n");
    scene.home.machine.install_script("small", &script);
    let run = |args: &[&str]| {
        let mut command = scene.home.machine.command("small", scene.home.machine.home());
        command.args(args);
        crate::support::process::Running::start(command, None).wait(PATIENCE)
    };
    let go = scene.remote(&["go on"]);
    let fault = super::scene::Fault::read(&run(&go), &run(&[&["--json"], &go[..]].concat()));
    fault.is(1, "failed", "export").says(&["export"]);
    assert_eq!(files(&scene.home.state().join("dispatches")), Vec::<String>::new());
    scene.is_quiet();
}

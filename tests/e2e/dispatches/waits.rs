//! Waits that come to nothing for a while, or for good: what is said of them is true.

use super::verbs::told;
use crate::faults::scene::Scene;
use crate::support::process::{PATIENCE, until};
use kugetsu::dispatch::{Moment, Step};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn a_host_that_starts_nothing_for_a_while_is_waited_for() {
    let mut scene = Scene::new();
    let dispatch = scene.launch("[[hold it]]");
    scene.begun(1);
    scene.host.as_mut().unwrap().sshd.restart_starting_nothing(true);
    let waiting = scene.home.spawn(&["wait", &dispatch]);
    waiting.wait_for_output(PATIENCE, |_, err| err.contains("would start nothing"));
    // What has not begun there is not begun.
    let other = scene.home.machine.insert_big_session(&scene.project, 2, 6_000);
    let refused = scene.home.kugetsu(&["remote", "pi", &other, "go on"]).expect_code(3);
    assert!(told(&refused).contains("would start nothing"), "{}", refused.stderr);
    scene.host.as_mut().unwrap().sshd.restart_starting_nothing(false);
    scene.host().machine.release_run("it");
    waiting.wait(PATIENCE).expect_success();
    scene.is_home();
}

/// The host is given up while the session is on its way, before anything is launched: that nothing runs there is known.
#[test]
fn a_host_that_starts_nothing_any_more_before_the_launch_is_said_to_run_nothing() {
    let mut scene = Scene::new();
    scene
        .home
        .machine
        .stand_in_with("[ \"$1\" != export ] || while [ -e \"$HOME/stuck\" ]; do sleep 0.05; done");
    let stuck = scene.home.machine.home().join("stuck");
    std::fs::write(&stuck, "").unwrap();
    let sending = scene.home.spawn(&scene.remote(&["[[say it]]", "--json"]));
    until(PATIENCE, || match scene.dispatches().first() {
        Some(record) if record["account"].as_str().is_some_and(|account| !account.is_empty()) => Ok(()),
        record => Err(format!("nothing is opened there: {record:?}")),
    });
    scene.host.as_mut().unwrap().sshd.restart_starting_nothing(true);
    std::fs::remove_file(&stuck).unwrap();
    let fault = sending.wait(PATIENCE).expect_code(3).json();
    let error = &fault["error"];
    assert_eq!((&error["step"], &error["retryable"]), (&"probe".into(), &true.into()), "{error:#}");
    assert!(error["hint"].as_str().unwrap().contains("nothing runs on pi"), "{error:#}");
    assert_eq!(
        scene.home.kugetsu(&["status", &scene.session, "--json"]).expect_success().json()["holder"],
        "here"
    );
    scene.is_intact();
    scene.host.as_mut().unwrap().sshd.restart_starting_nothing(false);
    scene.home.kugetsu(&scene.remote(&["[[say it]]", "--round-trip"])).expect_success();
    scene.is_home();
}

#[test]
fn a_wait_that_ends_before_the_run_begins_says_so() {
    let scene = Scene::new();
    scene.killed_at(Moment::Before, Step::Upload, &scene.remote(&["[[say it]]"]));
    let id = scene.dispatches()[0]["id"].as_str().unwrap().to_owned();
    scene.home.machine.stand_in_with("[ \"$1\" != export ] || exec sleep 600");
    let late = scene.fault_once(&["wait", &id, "--timeout", "1s"]).is(3, "unreachable", "launch");
    late.says(&[
        "the run on pi has not begun within 1s",
        "nothing runs on pi",
        "go on with it: kugetsu wait",
    ])
    .may_be_retried(true);
    scene.home.machine.stand_in();
    // The host was told to begin, and does not get to it.
    scene
        .host()
        .machine
        .stand_in_with("[ \"$1\" != import ] || while [ -e \"$HOME/stuck\" ]; do sleep 0.05; done");
    let stuck = scene.host().machine.home().join("stuck");
    std::fs::write(&stuck, "").unwrap();
    let late = scene.fault_once(&["wait", &id, "--timeout", "4s"]).is(3, "unreachable", "launch");
    late.says(&["it was not heard whether the run on pi began within 4s", "run once at most"]);
    std::fs::remove_file(&stuck).unwrap();
    scene.wait(&id);
    scene.is_home();
}

/// A host that says that it lives, and does nothing, held a trip for ever, `--timeout` or not; and a Ctrl-C ends the wait for it.
#[test]
fn a_host_that_only_says_that_it_lives_is_given_up_in_time() {
    let scene = Scene::new();
    let machine = &scene.host().machine;
    machine.stand_in_with("[ \"$1\" != import ] || while [ -e \"$HOME/stuck\" ]; do sleep 0.05; done");
    let stuck = machine.home().join("stuck");
    std::fs::write(&stuck, "").unwrap();
    let late = scene.fault_once(&scene.remote(&["[[say it]]", "--timeout", "10s"]));
    let late = late.is(3, "unreachable", "launch");
    late.says(&["whether the run on pi was started is not known", "within 10s", "run once at most"]);
    let id = scene.dispatches()[0]["id"].as_str().unwrap().to_owned();
    let waiting = scene.home.spawn(&["wait", &id]);
    std::thread::sleep(Duration::from_secs(1));
    let told = Instant::now();
    waiting.signal("INT");
    waiting.wait(PATIENCE).expect_code(130);
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    std::fs::remove_file(&stuck).unwrap();
    scene.wait(&id);
    scene.is_home();
}

#[test]
fn a_host_out_of_reach_is_not_said_to_work_on_what_never_got_there() {
    let scene = Scene::new();
    scene.killed_at(Moment::Before, Step::Upload, &scene.remote(&["[[say it]]"]));
    let id = scene.dispatches()[0]["id"].as_str().unwrap().to_owned();
    let hosts = std::fs::read(scene.home.hosts_path()).unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    scene.home.write_hosts(&json!({ "pi": { "host": "me@127.0.0.1", "port": port } }).to_string());
    let away = scene.fault_once(&["wait", &id, "--timeout", "1s"]);
    let words =
        ["could not be reached for 1s", "nothing runs on pi", &format!("go on with it: kugetsu wait {id}")];
    away.is(3, "unreachable", "connect").says(&words);
    std::fs::write(scene.home.hosts_path(), hosts).unwrap();
    scene.wait(&id);
    scene.is_home();
}

#[test]
fn what_is_on_its_host_no_more_has_ways_out() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[say it]]");
    scene.has_ended(&dispatch);
    std::fs::remove_dir_all(scene.host().machine.home().join(".kugetsu/dispatches").join(&dispatch)).unwrap();
    for verb in [
        &["wait", &dispatch][..],
        &["fetch", &dispatch],
        &["fetch", &dispatch, "--snapshot"],
        &["cancel", &dispatch],
    ] {
        let missing = scene.fault(verb).is(1, "failed", "wait");
        missing.says(&[
            "is not on pi any more",
            "the session here is as it was",
            "still leads to the machine and account",
            &format!("kugetsu continue {} --force", scene.session),
            &format!("kugetsu remote pi {} --force", scene.session),
            "--fork",
        ]);
    }
    let again = scene.remote(&["[[say again]]", "--round-trip"]);
    scene.home.kugetsu(&again).expect_code(4);
    scene.home.kugetsu(&[&again[..], &["--force"]].concat()).expect_success();
    scene.is_quiet();
}

#[test]
fn what_a_run_left_comes_home_while_another_works_with_the_session_there() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[say it]]");
    scene.has_ended(&dispatch);
    scene.home.kugetsu(&scene.remote(&["[[hold other]]", "--force"])).expect_success();
    let fetched = scene.home.kugetsu(&["fetch", &dispatch]).expect_success();
    assert!(told(&fetched).contains("is not known"), "{}", fetched.stderr);
    scene.is_home_with(2);
    scene.host().machine.release_run("other");
}

#[test]
fn a_host_that_was_taken_out_of_the_files_is_not_waited_for() {
    let mut scene = Scene::new();
    let host = scene.host.take().unwrap();
    scene.home.add_host("raspi.invalid", &host, json!({}));
    scene.host = Some(host);
    let sent = scene.home.kugetsu(&["remote", "raspi.invalid", &scene.session, "[[say it]]", "--json"]);
    let dispatch = sent.expect_success().json()["dispatch"].as_str().unwrap().to_owned();
    scene.has_ended(&dispatch);
    let known: Value = serde_json::from_slice(&std::fs::read(scene.home.hosts_path()).unwrap()).unwrap();
    scene.home.write_hosts(&json!({ "raspi2.invalid": known["raspi.invalid"] }).to_string());
    let config = scene.home.machine.home().join(".ssh/config");
    let aliases = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "").unwrap();
    for verb in ["wait", "fetch", "cancel"] {
        // It had an address before: it may be the network that is down.
        let unknown = scene.fault(&[verb, &dispatch]).is(3, "unreachable", "resolve");
        unknown.says(&["no host is called \"raspi.invalid\"; did you mean \"raspi2.invalid\"?"]);
    }
    std::fs::write(&config, aliases).unwrap();
    scene.wait(&dispatch);
    scene.is_home();
}

#[test]
fn who_is_still_sending_a_session_is_named_to_who_cancels_it() {
    let scene = Scene::new();
    scene.home.machine.stand_in_with("[ \"$1\" != export ] || exec sleep 600");
    let sending = scene.home.spawn(&scene.remote(&["[[say it]]"]));
    until(PATIENCE, || match scene.left_there().as_slice() {
        [] => Err("nothing is opened there".to_owned()),
        _ => Ok(()),
    });
    let refused = scene.fault(&["cancel", &scene.session]).is(4, "refused", "lock");
    refused.says(&["kugetsu remote pi", &format!("kill {}", sending.pid()), "Ctrl-C"]);
    sending.signal("TERM");
    sending.wait(PATIENCE).expect_code(130);
    scene.home.machine.stand_in();
    scene.home.kugetsu(&["cancel", &scene.session]).expect_success();
    assert_eq!(scene.left_there(), Vec::<String>::new());
    assert_eq!(scene.host().machine.asked(), Vec::<String>::new());
}

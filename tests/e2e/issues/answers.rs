//! An answer that could not be written is no success.

use crate::faults::scene::{KUGETSU, Scene};
use crate::support::process::{Finished, PATIENCE, Running};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// Runs `kugetsu ARGS` with a standard output that takes nothing.
fn into_full(scene: &Scene, variables: &[(&str, &str)], args: &[&str]) -> Finished {
    let mut command = scene.home.machine.command("sh", scene.home.machine.home());
    command.args(["-c", "exec \"$0\" \"$@\" >/dev/full", KUGETSU]).args(args);
    command.envs(variables.iter().copied());
    Running::start(command, None).wait(PATIENCE)
}

#[track_caller]
fn is_told(done: &Finished, args: &[&str]) {
    assert_eq!(done.code(), 1, "{args:?}: {}", done.stderr);
    assert!(done.stderr.contains("the answer could not be written"), "{args:?}: {}", done.stderr);
}

/// The verbs of `--help`.
fn verbs(scene: &Scene) -> BTreeSet<String> {
    let help = scene.home.kugetsu(&["--help"]).expect_success().stdout;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs = verbs.take_while(|line| !line.is_empty());
    verbs
        .filter_map(|line| Some(line.strip_prefix("  ")?.split(' ').next()?.to_owned()))
        .filter(|verb| !verb.is_empty())
        .collect()
}

#[test]
fn a_failed_write_of_the_answer_is_a_failure_of_every_verb() {
    let scene = Scene::new();
    let session = scene.session.as_str();
    let issue = "github.com/a/b#1";
    let mut shown = BTreeSet::new();
    let mut fails = |args: &[&str]| {
        let done = into_full(&scene, &[], &[args, &["--json"]].concat());
        is_told(&done, args);
        shown.insert(args[0].to_owned());
    };
    fails(&["init", "--session", session]);
    fails(&["start", issue]);
    fails(&["continue", issue, "hello"]);
    fails(&["resume", issue, "and on"]);
    fails(&["logs", issue]);
    fails(&["permit", issue, "bash", "*"]);
    fails(&["verify", session]);
    fails(&["list"]);
    fails(&["prune"]);
    fails(&["hosts"]);
    fails(&["completions", "bash"]);
    fails(&["man"]);
    fails(&["remote", "pi", session, "[[say hello]]", "--round-trip"]);
    fails(&["status", session]);
    fails(&["status"]);
    fails(&["wait", session]);
    fails(&["fetch", session]);
    let trips = std::fs::read_dir(scene.home.state().join("dispatches")).unwrap();
    let trip = trips.map(|trip| trip.unwrap().file_name().into_string().unwrap()).next().unwrap();
    fails(&["undo", &trip]);
    scene.home.kugetsu(&["remote", "pi", session, "[[hold away]]", "--detach"]).expect_success();
    fails(&["cancel", session]);
    scene.home.kugetsu(&["continue", issue, "[[hold here]]", "--detach"]).expect_success();
    fails(&["stop", issue]);
    fails(&["destroy", issue, "-y"]);
    assert_eq!(shown, verbs(&scene), "a verb was not tried");
    // What was asked for was done all the same.
    assert_eq!(scene.host().machine.asked().len(), 2);

    // As a person reads it, and what clap and the shells' completion print.
    for args in [&["man"][..], &["hosts"], &["--help"], &["list", "--help"], &["--version"]] {
        is_told(&into_full(&scene, &[], args), args);
    }
    let asks = [("KUGETSU_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "1"), ("_CLAP_IFS", "\n")];
    is_told(&into_full(&scene, &asks, &["--", "kugetsu", "re"]), &["completion"]);
    // A verb that fails says so by its own exit status.
    assert_eq!(into_full(&scene, &[], &["continue", "github.com/a/b#9", "x", "--json"]).code(), 4);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let scene = Scene::alone();
    for args in [&["man"][..], &["--help"], &["list", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command: Command = scene.home.machine.command(KUGETSU, scene.home.machine.home());
        let done = command.args(args).stdin(Stdio::null()).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!((done.status.code(), said.as_ref()), (Some(0), ""), "{args:?}");
    }
}

//! What is typed while a session is on a host, and after.

use crate::faults::scene::{KUGETSU, Scene, files};
use crate::support::host::Host;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE, Running, clear_out, until};
use crate::support::proxy::{Proxy, ProxyOptions};
use kugetsu::dispatch::{Moment, Step};
use serde_json::{Value, json};
use std::time::Duration;

impl Scene {
    /// `kugetsu ARGS`, and what it tells a script.
    #[track_caller]
    fn json(&self, code: i32, args: &[&str]) -> Value {
        self.home.kugetsu(&[args, &["--json"]].concat()).expect_code(code).json()
    }

    /// Waits until so many runs have begun on the host.
    #[track_caller]
    pub(super) fn begun(&self, runs: usize) {
        until(PATIENCE, || match self.host().machine.asked().len() {
            n if n >= runs => Ok(()),
            n => Err(format!("{n} runs")),
        });
        // The prompt is in the session by the time that the first event is told.
        let there = self.host().machine.home().join(".kugetsu/dispatches");
        until(PATIENCE, || {
            let mute =
                files(&there).into_iter().filter(|file| file.ends_with("/run/identity")).find(|file| {
                    let events = there.join(file.replace("run/identity", "events"));
                    std::fs::metadata(events).map_or(0, |events| events.len()) == 0
                });
            mute.map_or(Ok(()), |mute| Err(format!("no event of {mute}")))
        });
    }

    /// A second host, "beefy".
    fn with_beefy(&mut self) -> Host {
        let beefy = Host::start("beefy", Release::New, &self.model);
        beefy.machine.stand_in();
        self.home.add_host("beefy", &beefy, json!({}));
        beefy
    }

    fn sessions(&self) -> i64 {
        let database = self.home.machine.database();
        database.query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap()
    }
}

pub(super) fn told(ended: &Finished) -> String {
    ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_run_that_is_cancelled_leaves_nothing_and_comes_home() {
    let mut scene = Scene::alone();
    let host = Host::start("pi", Release::New, &scene.model);
    scene.home.add_host("pi", &host, json!({}));
    scene.host = Some(host);
    let there = &scene.host().machine;
    let dispatch = scene.launch("[[bash sleep 600 & sleep 600]]\n[[say no]]");
    let sleeps = || {
        let is_sleep = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"sleep\x00600")
        };
        there.processes().iter().filter(|pid| is_sleep(pid)).count()
    };
    until(PATIENCE, || if sleeps() == 2 { Ok(()) } else { Err("the tool does not run".to_owned()) });

    let report = scene.json(0, &["cancel", &scene.session]);
    assert_eq!(there.processes(), Vec::<u32>::new(), "something of the run is left");
    assert_eq!((&report["state"], &report["holder"]), (&json!("cancelled"), &json!("pi")));
    scene.is_intact();
    let refused = scene.home.kugetsu(&scene.remote(&["me"])).expect_code(4);
    let words = told(&refused);
    assert!(
        words.contains("is on pi") && words.contains("cancelled") && words.contains("kugetsu fetch"),
        "{words}"
    );
    assert_eq!(scene.json(0, &["cancel", &dispatch])["state"], "cancelled", "twice is once");

    let report = scene.json(5, &["fetch", &scene.session]);
    assert_eq!((&report["state"], &report["holder"]), (&json!("home"), &json!("here")));
    assert_eq!(report["run"]["error"], "it was cancelled", "{report}");
    scene.is_home_with(2);
    assert_eq!(scene.left_there(), Vec::<String>::new());
    let done = scene.home.kugetsu(&scene.remote(&["[[say again]]", "--round-trip"])).expect_success();
    assert_eq!(done.stdout, "again\n");
}

#[test]
fn who_follows_a_run_brings_home_what_another_cancelled() {
    let scene = Scene::new();
    let follower = scene.home.spawn(&scene.remote(&["[[hold it]]", "--round-trip"]));
    scene.begun(1);
    let cancelled = scene.home.kugetsu(&["cancel", &scene.session]).expect_success();
    let by = format!("process {}", follower.pid());
    assert!(told(&cancelled).contains(&by), "{}", cancelled.stderr);
    let ended = follower.wait(PATIENCE).expect_code(5);
    assert!(ended.stderr.contains("it was cancelled"), "{}", ended.stderr);
    scene.is_home_with(1);
    scene.is_quiet();
}

#[test]
fn a_trip_that_never_began_is_called_off() {
    let scene = Scene::new();
    scene.killed_at(Moment::Before, Step::Upload, &scene.remote(&["first"]));
    let report = scene.json(0, &["cancel", &scene.session]);
    assert_eq!((&report["state"], &report["holder"]), (&json!("cancelled"), &json!("here")));
    assert_eq!(scene.left_there(), Vec::<String>::new());
    scene.home.kugetsu(&["wait", &scene.session]).expect_code(1);
    scene.home.kugetsu(&scene.remote(&["second", "--round-trip"])).expect_success();
    // One that may have been launched, and was not.
    scene.killed_at(Moment::Before, Step::Launch, &scene.remote(&["third"]));
    assert_eq!(scene.json(0, &["cancel", &scene.session])["holder"], "here");
    assert_eq!(scene.left_there(), Vec::<String>::new());
    assert_eq!(scene.host().machine.asked().len(), 1);
    let refused = scene.home.kugetsu(&["cancel", scene.dispatches()[1]["id"].as_str().unwrap()]);
    assert!(refused.expect_code(4).stderr.contains("is over (home)"));
    scene.is_quiet();
}

#[test]
fn a_session_is_fetched_once_its_run_is_over_and_copied_before() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[hold it]]\n[[say the end]]");
    scene.begun(1);
    let refused = scene.json(4, &["fetch", &scene.session]);
    let hint = refused["error"]["hint"].as_str().unwrap();
    for way in ["kugetsu wait", "kugetsu cancel", "--snapshot"] {
        assert!(hint.contains(way), "{hint}");
    }
    scene.is_intact();
    let before = scene.sessions();
    let taken = scene.json(0, &["fetch", &scene.session, "--snapshot"]);
    let copy = scene.home.machine.export(taken["snapshot"].as_str().unwrap());
    let text = copy["messages"].to_string();
    assert_eq!(copy["messages"].as_array().unwrap().len(), 3, "what left, and the prompt");
    assert!(text.contains("[[hold it]]"), "{text}");
    assert_eq!(scene.sessions(), before + 1);
    // Several at once are several sessions.
    let several = [0; 3].map(|_| scene.home.spawn(&["fetch", &scene.session, "--snapshot"]));
    for taking in several {
        taking.wait(PATIENCE).expect_success();
    }
    assert_eq!(scene.sessions(), before + 4);
    scene.is_intact();
    assert_eq!(scene.dispatches()[0]["state"]["name"], "launched", "the dispatch is as it was");

    scene.host().machine.release_run("it");
    scene.has_ended(&dispatch);
    let report = scene.json(0, &["fetch", &dispatch]);
    assert_eq!((&report["state"], &report["reply"]), (&json!("home"), &json!("the end")));
    scene.is_home();
    assert_eq!(scene.json(0, &["fetch", &dispatch])["reply"], "the end", "it is told again");
    scene.is_home();
}

#[test]
fn what_a_host_that_went_down_has_kept_comes_home() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[hold for ever]]");
    scene.begun(1);
    clear_out(scene.host().machine.home());
    scene.home.kugetsu(&["wait", &dispatch]).expect_code(1);
    assert_eq!(scene.json(0, &["status", &dispatch])["state"], "lost");
    let report = scene.json(5, &["fetch", &scene.session]);
    assert!(report["run"]["error"].as_str().unwrap().contains("cut short"), "{report}");
    scene.is_home_with(1);
    assert_eq!(scene.left_there(), Vec::<String>::new());
    scene.home.kugetsu(&scene.remote(&["[[say on]]", "--round-trip"])).expect_success();
    assert_eq!(scene.host().machine.asked().len(), 2);
}

#[test]
fn a_back_file_that_is_damaged_is_made_afresh() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[say the end]]");
    scene.has_ended(&dispatch);
    let there = scene.host().machine.home().join(".kugetsu/dispatches").join(&dispatch);
    for damage in ["half", "none"] {
        let back = std::fs::read(there.join("back")).unwrap();
        std::fs::write(there.join("back"), &back[..if damage == "half" { back.len() / 2 } else { 0 }])
            .unwrap();
        if damage == "half" {
            scene.killed_at(Moment::After, Step::Fetch, &["wait", &dispatch]);
        }
    }
    let done = scene.home.kugetsu(&["wait", &dispatch]).expect_success();
    assert!(done.stderr.contains("it is made afresh there"), "{}", done.stderr);
    assert_eq!(done.stdout, "the end\n");
    scene.is_home();
}

#[test]
fn a_host_ends_a_run_that_takes_too_long() {
    let scene = Scene::with(json!({ "run_timeout": "2s" }));
    let report = scene.json(5, &scene.remote(&["[[hold for ever]]", "--round-trip"]));
    assert!(report["run"]["error"].as_str().unwrap().contains("run_timeout"), "{report}");
    scene.is_home_with(1);
    let long = scene.home.kugetsu(&scene.remote(&["[[say on]]", "--round-trip", "--run-timeout", "1h"]));
    long.expect_success();
    scene.is_quiet();
}

#[test]
fn hosts_are_asked_side_by_side_how_trips_stand() {
    let mut scene = Scene::new();
    let first = scene.session.clone();
    scene.launch("[[hold it]]");
    scene.begun(1);
    let mut beefy = scene.with_beefy();
    scene.another();
    scene.home.kugetsu(&["remote", "beefy", &scene.session, "[[hold that]]"]).expect_success();
    let rows = scene.json(0, &["status"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for (row, host) in rows.iter().zip(["pi", "beefy"]) {
        assert_eq!(
            (&row["host"], &row["holder"], &row["state"]),
            (&json!(host), &json!(host), &json!("running"))
        );
        assert_eq!((&row["reachable"], &row["stalled"]), (&json!(true), &json!(false)));
        assert!(row["for_seconds"].is_u64() && row["tokens"] == 0, "{row}");
    }
    assert_eq!(rows[0]["activity"], "thinking");
    // What is typed for work on this machine says where it is.
    assert!(told(&scene.home.kugetsu(&["stop", &first]).expect_code(4)).contains("kugetsu cancel"));
    let resumed = told(&scene.home.kugetsu(&["resume", &first]).expect_code(4));
    assert!(resumed.contains("on pi") && resumed.contains("kugetsu wait"), "{resumed}");
    beefy.sshd.stop();
    let one = scene.json(0, &["status", &scene.session]);
    assert_eq!((&one["reachable"], &one["state"]), (&json!(false), &json!("launched")));
    let all = scene.home.kugetsu(&["status"]).expect_success();
    assert!(
        all.stdout.contains("running for") && all.stdout.contains("beefy does not answer"),
        "{}",
        all.stdout
    );
    assert!(all.elapsed < Duration::from_secs(40));

    scene.host().machine.release_run("it");
    let home = scene.home.kugetsu(&["wait", &first, "--json"]).expect_success();
    assert_eq!(home.json()["state"], "home");
    let rows = scene.json(0, &["status"]);
    assert_eq!(rows.as_array().unwrap().len(), 1, "what is home is no longer shown: {rows}");
    assert_eq!(scene.json(0, &["status", &first])["reply"], "done");
}

#[test]
fn a_host_that_says_nothing_does_not_hold_up_the_others() {
    let mut scene = Scene::alone();
    let host = Host::start("pi", Release::New, &scene.model);
    host.machine.stand_in();
    let proxy = Proxy::start(host.sshd.port(), ProxyOptions::default());
    scene.home.add_host_behind("pi", &host, &proxy, json!({}));
    scene.host = Some(host);
    scene.launch("[[hold it]]");
    scene.begun(1);
    proxy.stall();
    let status = scene.home.kugetsu(&["status", "--json"]).expect_success();
    let row = &status.json()[0];
    assert_eq!((&row["reachable"], &row["activity"]), (&json!(false), &Value::Null));
    assert!(status.elapsed < Duration::from_secs(25), "{:?}", status.elapsed);
    let words = told(&scene.home.kugetsu(&["status"]).expect_success());
    assert!(words.is_empty(), "{words}");
}

#[test]
fn a_host_out_of_reach_is_waited_for_as_long_as_is_said() {
    let mut scene = Scene::new();
    let dispatch = scene.launch("[[hold it]]");
    scene.begun(1);
    let late = scene.home.kugetsu(&["wait", &dispatch, "--timeout", "2s"]).expect_code(6);
    assert!(late.stderr.contains("has not ended within 2s"), "{}", late.stderr);
    scene.host.as_mut().unwrap().sshd.stop();
    let silent = scene.home.kugetsu(&["wait", &dispatch, "--timeout", "3s"]).expect_code(3);
    let words = told(&silent);
    assert!(words.contains("trying again in") && words.contains("pi could not be reached for 3s"), "{words}");
    assert!(words.contains(&format!("kugetsu wait {dispatch}")), "{words}");
    assert!(told(&scene.home.kugetsu(&["fetch", &dispatch]).expect_code(3)).contains("connection refused"));
    let waiting = scene.home.spawn(&["wait", &dispatch]);
    waiting.wait_for_output(PATIENCE, |_, err| err.contains("trying again in"));
    scene.host().machine.release_run("it");
    scene.host.as_mut().unwrap().sshd.restart();
    waiting.wait(PATIENCE).expect_success();
    scene.is_home();
}

#[test]
fn the_work_is_told_while_it_goes_on_and_after() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[say one]]\n[[hold it]]");
    scene.begun(1);
    let so_far = scene.home.kugetsu(&["logs", &scene.session]).expect_success();
    assert!(so_far.stdout.contains("pi > [[say one]] [[hold it]]"), "{}", so_far.stdout);
    let following = scene.home.spawn(&["logs", &dispatch, "-f"]);
    following.wait_for_output(PATIENCE, |out, _| out.contains("pi >"));
    scene.host().machine.release_run("it");
    let all = following.wait(PATIENCE).expect_success();
    assert!(all.stdout.ends_with("one\n"), "{}", all.stdout);
    scene.wait(&dispatch);
    let after = scene.home.kugetsu(&["logs", &scene.session]).expect_success();
    assert_eq!(after.stdout, all.stdout, "the same is told once it is home, without the host");
    let last = scene.json(0, &["logs", &dispatch, "-n", "1"]);
    assert_eq!((&last["lines"], &last["dispatch"]), (&json!(["one"]), &json!(dispatch)));
    scene.is_home();
}

#[test]
fn an_answer_that_no_event_has_room_for_is_told_afterwards() {
    let scene = Scene::new();
    let report = scene.json(0, &scene.remote(&["[[long 9000000]]", "--round-trip"]));
    let reply = report["reply"].as_str().map(str::len);
    assert_eq!(reply, Some(9_000_000));
    let dispatch = report["dispatch"].as_str().unwrap();
    let status = scene.json(0, &["status", dispatch]);
    assert!(status["reply"] == report["reply"], "status tells another answer");
    let logs = scene.json(0, &["logs", dispatch]);
    let last = logs["lines"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(last.starts_with("xxx"), "the log ends before the answer");
}

#[test]
fn a_copy_goes_and_the_original_is_never_away() {
    let scene = Scene::new();
    let report = scene.json(0, &scene.remote(&["[[say apart]]", "--round-trip", "--fork"]));
    let copy = report["session"].as_str().unwrap();
    assert_ne!(copy, scene.session);
    scene.is_intact();
    let exported = scene.home.machine.export(copy);
    assert_eq!(exported["info"]["title"], "A long story (fork #1)");
    assert_eq!(exported["messages"].as_array().unwrap().len(), 4);
    // A session that is away can be copied as well, and worked on here.
    let dispatch = scene.launch("[[hold it]]");
    let here = scene.home.kugetsu(&["continue", &scene.session, "--fork", "[[say here]]"]).expect_success();
    assert_eq!(here.stdout, "here\n");
    scene.is_intact();
    assert_eq!(scene.home.machine.asked().len(), 1);
    scene.host().machine.release_run("it");
    scene.wait(&dispatch);
    scene.is_home_with(2);
}

#[test]
fn a_session_can_be_gone_on_with_by_force() {
    let scene = Scene::new();
    let dispatch = scene.launch("[[hold it]]");
    scene.begun(1);
    let refused = scene.home.kugetsu(&["continue", &scene.session, "and here"]).expect_code(4);
    let words = told(&refused);
    for way in ["kugetsu wait", "kugetsu cancel", "--fork", "--force"] {
        assert!(words.contains(way), "{words}");
    }
    // The host itself lets nobody else work with it meanwhile.
    let busy = scene.home.kugetsu(&scene.remote(&["me too", "--force"])).expect_code(4);
    assert!(told(&busy).contains("another kugetsu works with this session on pi"), "{}", busy.stderr);
    scene.is_intact();
    scene.home.kugetsu(&["continue", &scene.session, "[[say here]]", "--force"]).expect_success();
    assert_eq!(scene.json(0, &["status", &dispatch])["holder"], "here");
    let rows = scene.rows();

    scene.host().machine.release_run("it");
    scene.has_ended(&dispatch);
    let before = scene.sessions();
    let diverged = scene.home.kugetsu(&["fetch", &dispatch]).expect_code(4);
    assert!(diverged.stderr.contains("went on here"), "{}", diverged.stderr);
    assert_eq!(scene.rows(), rows, "the two are not mixed");
    assert_eq!(scene.sessions(), before + 1);
    assert_eq!(scene.left_there(), Vec::<String>::new());
}

#[test]
fn from_one_host_straight_to_another() {
    let mut scene = Scene::new();
    let beefy = scene.with_beefy();
    let dispatch = scene.launch("[[hold it]]");
    scene.begun(1);
    let go = ["remote", "beefy", &scene.session, "[[say on beefy]]", "--round-trip", "--via-home"];
    let refused = scene.home.kugetsu(&["remote", "beefy", &scene.session, "go"]).expect_code(4);
    assert!(told(&refused).contains("--via-home"), "{}", refused.stderr);
    assert!(scene.home.kugetsu(&go).expect_code(4).stderr.contains("has not ended"));
    scene.host().machine.release_run("it");
    scene.has_ended(&dispatch);
    let done = scene.home.kugetsu(&go).expect_success();
    assert_eq!(done.stdout, "on beefy\n");
    scene.is_home_with(4);
    assert_eq!((scene.host().machine.asked().len(), beefy.machine.asked().len()), (1, 1));
}

#[test]
fn what_hosts_keep_of_trips_that_ended_is_pruned() {
    let scene = Scene::new();
    scene.killed_at(Moment::Before, Step::Clean, &scene.remote(&["[[say it]]", "--round-trip"]));
    let ended = scene.dispatches()[0]["id"].as_str().unwrap().to_owned();
    let running = scene.launch("[[hold it]]");
    scene.begun(2);
    let there = scene.host().machine.home().join(".kugetsu/dispatches");
    assert!(!there.join(&ended).exists(), "the next trip of the session has swept it");
    // As if the last trip's cleaning had not come through, and another home's dispatch beside it.
    let keep = |id: &str, owner: &str| {
        let directory = there.join(id);
        std::fs::create_dir(&directory).unwrap();
        for (name, text) in [("owner", owner), ("result", "format 2\nend\n"), ("format", "2\n")] {
            std::fs::write(directory.join(name), text).unwrap();
        }
        std::fs::create_dir(directory.join("run")).unwrap();
        std::fs::write(directory.join("run/identity"), "boot 1 1\n").unwrap();
    };
    let owner = std::fs::read_to_string(scene.home.state().join("id")).unwrap();
    keep(&ended, &owner);
    keep("20260101-000000-abcdefgh", "somebody else\n");
    // One whose cleaning was cut short half way.
    keep("20260101-000000-aaaaaaaa.removed.12", &owner);
    std::fs::remove_file(there.join("20260101-000000-aaaaaaaa.removed.12/format")).unwrap();
    // What the host remembers of sessions: of one that is not here any more, and of another home's.
    let remembered = there.parent().unwrap().to_owned();
    let of_sessions =
        [("ses_0123456789abAAAAAAAAAAAAAA", owner.trim_end()), ("ses_0123456789abBBBBBBBBBBBBBB", "else")];
    for (session, owner) in of_sessions {
        let claim = remembered.join("claims").join(session).join("1");
        std::fs::create_dir_all(&claim).unwrap();
        std::fs::write(claim.join("identity"), format!("20260101-000000-abcdefgz 17 {owner}\n")).unwrap();
        std::fs::create_dir_all(remembered.join("known")).unwrap();
        let head = format!("{{\"known\":1,\"session\":\"{session}\",\"owner\":\"{owner}\"}}\n");
        std::fs::write(remembered.join("known").join(session), head).unwrap();
    }
    let shown = scene.json(0, &["prune"]);
    let rows = shown["items"].as_array().unwrap().iter().filter(|row| row["kind"] == "host");
    let rows: Vec<_> = rows.map(|row| row["what"].as_str().unwrap()).collect();
    let [known, claim] = ["known", "claims"].map(|kind| format!("pi:{kind}/{}", of_sessions[0].0));
    assert_eq!(rows, ["pi:20260101-000000-aaaaaaaa", &format!("pi:{ended}"), &known, &claim]);
    assert!(there.join(&ended).exists(), "nothing was removed yet");
    scene.home.kugetsu(&["prune", "--force"]).expect_success();
    let mut left: Vec<_> = std::fs::read_dir(&there).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["20260101-000000-abcdefgh", running.as_str()]);
    let names = |kind: &str| {
        let entries =
            std::fs::read_dir(remembered.join(kind)).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.to_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<String>>()
    };
    assert_eq!(names("known"), [of_sessions[1].0.to_owned(), scene.session.clone()].into());
    assert_eq!(names("claims"), [of_sessions[1].0.to_owned(), scene.session.clone()].into());
    assert_eq!(scene.dispatches()[0]["there"], false);
    scene.host().machine.release_run("it");
    scene.wait(&running);
    // Home remembers what the host has of it, so the next trip goes by that list.
    scene.home.kugetsu(&["prune", "--force"]).expect_success();
    assert!(names("known").contains(&scene.session));
    assert!(!names("claims").contains(&scene.session), "no trip is under way with it");
}

#[test]
fn one_of_two_homes_runs_a_session_on_a_host() {
    let scene = Scene::new();
    scene.launch("[[hold it]]");
    scene.begun(1);
    // Another kugetsu home with the same session, as on another machine.
    let mut command = scene.home.machine.command(KUGETSU, scene.home.machine.home());
    let other = scene.home.machine.home().join("other");
    command.args(scene.remote(&["[[say me]]", "--json"])).env("KUGETSU_HOME", &other);
    let refused = Running::start(command, None).wait(PATIENCE).expect_code(4).json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("another kugetsu works with this session on pi"), "{refused}");
    assert_eq!(refused["error"]["kind"], "refused");
    assert_eq!(files(&other.join("dispatches")), Vec::<String>::new());
    scene.host().machine.release_run("it");
    scene.wait(&scene.session);
    scene.is_home();
}

//! What a run that was cut left open in opencode's database is settled there, and the session can go on.

use super::real::{Real, conversation, expect_bundle};
use crate::support::opencode::Release;
use crate::support::process::{clear_out, until};
use crate::support::recorder::PATIENCE;
use crate::support::sample;
use kugetsu::host::{self, Cancel, Cancelled, EndedBy, Made, Run, Sending, Standing};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

const SESSION: &str = "ses_0123456789abABCDEFGHIJKLMN";
const STUBBORN: &str = "[[bash trap '' TERM; sleep 600 & sleep 600]]";

/// Launches a run whose tool hangs, and waits until it does.
#[track_caller]
fn hanging(real: &Real, run: &Run) {
    let session = conversation(SESSION, &run.directory, 0, 1);
    let launch = real.send(run, STUBBORN, &session.to_string());
    real.host.launch(run, &launch).unwrap();
    real.wait_for_processes(2, |command| command == "sleep 600");
    // The row says so a moment later.
    until(PATIENCE, || {
        let open: i64 = real.value("SELECT count(*) FROM part WHERE data LIKE '%\"status\":\"running\"%'");
        if open == 1 { Ok(()) } else { Err(format!("{open} calls run")) }
    });
}

/// The call that hung, out of the bundle of a run, and the message that it is in.
#[track_caller]
fn call(real: &Real, id: &str, name: &str) -> (Value, Value) {
    let root = real.sections(id, name).remove(0);
    let messages = root.value["messages"].as_array().unwrap().clone();
    let mut found = messages.iter().flat_map(|message| {
        message["parts"].as_array().unwrap().iter().map(|part| (part.clone(), message["info"].clone()))
    });
    found.rfind(|(part, _)| part["type"] == "tool").unwrap()
}

#[track_caller]
fn is_settled(real: &Real, id: &str, words: &str) {
    let (part, message) = call(real, id, "back");
    let state = &part["state"];
    assert_eq!((&state["status"], &state["error"]), (&"error".into(), &words.into()), "{part}");
    assert!(state["input"]["command"].as_str().unwrap().contains("sleep"), "{part}");
    assert!(state["time"]["end"].as_i64().unwrap() >= state["time"]["start"].as_i64().unwrap());
    assert!(message["time"]["completed"].as_i64().unwrap() > 1_600_000_000_000, "{message}");
    let stored: String =
        real.value(&format!("SELECT data FROM part WHERE id = {}", part["id"]).replace('"', "'"));
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap()["state"], *state);
    let open: i64 = real.value(
        "SELECT count(*) FROM message WHERE data LIKE '%\"assistant\"%' AND data NOT LIKE '%\"completed\"%'",
    );
    assert_eq!(open, 0);
}

fn a_cancelled_call_is_settled(release: Release) {
    let real = Real::start(release);
    let run = real.run(1, SESSION);
    hanging(&real, &run);
    let asked = Instant::now();
    let cancelled =
        Cancelled::from_answer(&real.host.ask(&host::cancel(&real.host.env, &run.id)).unwrap()).unwrap();
    assert_eq!((cancelled.found, cancelled.left), (Cancel::Yes, 0));
    assert!(real.machine.processes().is_empty(), "{release:?}: {:?}", real.machine.processes());
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
    let result = cancelled.result.unwrap();
    expect_bundle(&result);
    assert_eq!((result.ended_by, result.settled), (EndedBy::Cancelled, 1), "{release:?}");
    is_settled(&real, &run.id, "The run was cancelled before this call had ended.");
    // The session goes on there.
    real.machine.continue_session(&real.directory, SESSION, "[[say on]]", &[]).expect_success();
    let said = real.export(SESSION).to_string();
    assert!(said.contains("\"on\"") && said.contains("was cancelled before"), "{said}");
}

#[test]
fn a_cancelled_call_is_settled_in_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_cancelled_call_is_settled);
}

#[test]
fn a_call_whose_time_was_up_is_settled() {
    let real = Real::start(Release::Mid);
    let run = real.run(1, SESSION);
    hanging(&real, &run);
    // As the process does that waits for the time to be up.
    fs::write(real.host.dispatch(&run.id).join("run/timeout"), "").unwrap();
    for pid in real.host.marked(&run.id) {
        let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL);
    }
    let result = real.host.result(&run.id);
    assert_eq!((result.ended_by, result.settled), (EndedBy::Timeout, 1));
    assert!(real.machine.processes().is_empty(), "{:?}", real.machine.processes());
    is_settled(&real, &run.id, "The run's time was up before this call had ended.");
}

#[test]
fn a_run_that_a_reboot_cut_is_settled_when_it_is_fetched() {
    let real = Real::start(Release::New);
    let run = real.run(1, SESSION);
    hanging(&real, &run);
    let runner = Pid::from_raw(real.host.runner(&run.id).try_into().unwrap()).unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    assert_eq!(real.host.status(&run.id).standing, Standing::Running);
    // A look at it while it works settles nothing.
    let back = |snapshot| {
        Made::from_answer(&real.host.ask(&host::back(&real.host.env, &run, snapshot)).unwrap()).unwrap()
    };
    let snapshot = back(true);
    let taken = snapshot.result;
    assert_eq!((taken.settled, taken.exported, taken.known.as_str()), (0, true, ""));
    assert_eq!(call(&real, &run.id, &format!("snapshot-{}", snapshot.turn)).0["state"]["status"], "running");
    clear_out(real.host.home());
    let identity = real.host.dispatch(&run.id).join("run/identity");
    fs::write(identity, "00000000-0000-0000-0000-000000000000 1 1\n").unwrap();
    assert_eq!(real.host.status(&run.id).standing, Standing::Dead);
    let made = back(false).result;
    expect_bundle(&made);
    assert_eq!((made.ended_by, made.settled), (EndedBy::Fetched, 1));
    is_settled(&real, &run.id, "The run ended before this call had.");
    // Fetched again it is the same, and the next trip works.
    assert_eq!(back(false).result, kugetsu::host::RunResult { settled: 0, ..made.clone() });
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();
    let next = real.run(2, SESSION);
    let session = conversation(SESSION, &next.directory, 0, 0).to_string();
    let result = real.trip(&next, "[[say on]]", &session, (Sending::Delta, &made.known));
    assert_eq!((result.status, result.settled), (0, 0));
    assert!(real.sections(&next.id, "back")[0].text.contains("\"on\""));
}

#[test]
fn calls_of_a_sub_agent_are_settled_too() {
    let real = Real::start(Release::New);
    let run = real.run(1, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 1);
    let prompt =
        r#"[[tool task {"description":"sub","prompt":"[[bash sleep 600]]","subagent_type":"general"}]]"#;
    let launch = real.send(&run, prompt, &session.to_string());
    real.host.launch(&run, &launch).unwrap();
    real.wait_for_processes(1, |command| command == "sleep 600");
    until(PATIENCE, || {
        let open: i64 = real.value("SELECT count(*) FROM part WHERE data LIKE '%\"status\":\"running\"%'");
        if open == 2 { Ok(()) } else { Err(format!("{open} calls run")) }
    });
    real.host.ask(&host::cancel(&real.host.env, &run.id)).unwrap();
    assert_eq!(real.host.result(&run.id).settled, 2);
    let sections = real.sections(&run.id, "back");
    let [_, child] = sections.as_slice() else { panic!("{sections:?}") };
    assert!(child.text.contains("was cancelled before"), "{}", child.text);
    let open: i64 = real.value("SELECT count(*) FROM part WHERE data LIKE '%\"status\":\"running\"%'");
    assert_eq!(open, 0);
}

#[test]
fn what_somebody_does_there_behind_the_run_is_told_and_not_settled() {
    let real = Real::start(Release::New);
    let run = real.run(1, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 1).to_string();
    let first = real.trip(&run, "[[say done]]", &session, (Sending::Full, ""));
    let since = |known: &str| {
        Made::from_answer(&real.host.ask(&host::back_since(&real.host.env, &run, known)).unwrap())
            .unwrap()
            .result
    };
    let back = real.host.dispatch(&run.id).join("back");
    let written = || fs::metadata(&back).unwrap().modified().unwrap();
    let before = written();
    assert_eq!((since(&first.known), written()), (first.clone(), before), "nothing changed, nothing is made");
    real.change(&format!("UPDATE session SET title = 'By hand' WHERE id = '{SESSION}'"));
    let titled = since(&first.known);
    assert!(titled.later && titled.known != first.known && written() > before, "{titled:?}");
    let copied = "INSERT INTO message (id, session_id, time_created, time_updated, data)
         SELECT 'msg_ffffabcdefghijklmn', session_id, time_created + 9000, time_updated, json_remove(data, '$.time.completed')
         FROM message WHERE data LIKE '%\"assistant\"%' ORDER BY time_created DESC LIMIT 1";
    real.change(copied);
    let call = r#"{"type":"tool","callID":"c","tool":"bash","state":{"status":"running","input":{},"time":{"start":1}}}"#;
    real.change(&format!(
        "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
         VALUES ('prt_ffffabcdefghijklmn', 'msg_ffffabcdefghijklmn', '{SESSION}', 1, 1, '{call}')"
    ));
    let open = since(&titled.known);
    assert_eq!((open.later, open.settled, open.ended_by), (true, 0, EndedBy::Done), "{open:?}");
    let stored: String = real.value("SELECT data FROM part WHERE id = 'prt_ffffabcdefghijklmn'");
    assert_eq!(stored, call, "whoever made the call may be at work now");
    assert!(real.sections(&run.id, "back")[0].text.contains("prt_ffffabcdefghijklmn"));
    assert!(since(&open.known).later, "it stays so");
}

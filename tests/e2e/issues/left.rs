//! What was cut short is found, and taken up.

use super::runs::{ISSUE, World};
use crate::support::opencode::Release;
use crate::support::process::until;
use crate::support::sample;
use crate::tui::Terminal;
use std::time::Duration;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

fn killed_and_taken_up(release: Release) {
    let world = World::real(release);
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let message = "[[bash test -e awake || sleep 600]]\n[[say woke up]]";
    let run = world.home.spawn_in(&world.project, None, &["continue", ISSUE, message]);
    world.model.wait_for(Duration::from_secs(60), |asked| {
        asked.iter().any(|one| one.user_text().contains("sleep 600"))
    });
    until(Duration::from_secs(60), || match world.sleeping() {
        0 => Err("the tool has not begun".to_owned()),
        _ => Ok(()),
    });
    assert_eq!(world.listed(ISSUE)["state"], "used");
    let busy = world.kugetsu(&["continue", ISSUE, "me too"]).expect_code(4);
    assert!(busy.stderr.contains("in use") && busy.stderr.contains("kugetsu stop"), "{}", busy.stderr);
    run.signal("KILL");
    run.wait(Duration::from_secs(20));
    world.nothing_runs();
    assert_eq!(world.listed(ISSUE)["state"], "left");
    let asked = world.model.prompts().len();
    std::fs::write(world.project.join("awake"), "").unwrap();
    let resumed = world.kugetsu(&["resume", ISSUE]).expect_success();
    assert_eq!(resumed.stdout.trim(), "woke up");
    let again = world.model.prompts()[asked].user_text();
    assert_eq!(again.trim_start_matches('\n'), message, "it is asked for the same again");
    assert_eq!(world.listed(ISSUE)["state"], "idle");
}

#[test]
fn a_killed_run_is_left_and_taken_up_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(killed_and_taken_up);
}

#[test]
fn what_is_taken_up_is_the_message_of_before() {
    let world = World::quick();
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let message = "finish the [[hold work]] work";
    let run = world.home.spawn_in(&world.project, None, &["continue", ISSUE, message]);
    until(Duration::from_secs(20), || match world.home.machine.asked().len() {
        2 => Ok(()),
        n => Err(format!("{n} were asked")),
    });
    run.signal("KILL");
    run.wait(Duration::from_secs(20));
    world.nothing_runs();
    let offered = world.kugetsu(&["resume"]).expect_code(2);
    assert!(offered.stderr.contains(&format!("kugetsu resume '{ISSUE}'")), "{}", offered.stderr);
    world.home.machine.release_run("work");
    world.kugetsu(&["resume", ISSUE]).expect_success();
    assert_eq!(world.home.machine.asked()[1..], [message, message]);
}

#[test]
fn what_no_issue_has_is_taken_up_after_a_prune() {
    let world = World::quick();
    let bare = world.home.machine.insert_empty_session(&world.project, "no issue's");
    let message = "[[hold work]] precious";
    let run = world.home.spawn_in(&world.project, None, &["continue", &bare, message]);
    until(Duration::from_secs(20), || match world.home.machine.asked().len() {
        1 => Ok(()),
        n => Err(format!("{n} were asked")),
    });
    let running = world.kugetsu(&["resume"]).expect_code(4);
    assert!(running.stderr.contains("no session was left"), "{}", running.stderr);
    run.signal("KILL");
    run.wait(Duration::from_secs(20));
    world.nothing_runs();
    world.kugetsu(&["prune", "--force"]).expect_success();
    let offered = world.kugetsu(&["resume"]).expect_code(2);
    assert!(offered.stderr.contains(&format!("kugetsu resume '{bare}'")), "{}", offered.stderr);
    world.home.machine.release_run("work");
    world.kugetsu(&["resume", &bare]).expect_success();
    assert_eq!(world.home.machine.asked(), [message, message]);
    let piped = world.home.spawn_in(&world.project, Some(b"something else"), &["resume", &bare]);
    piped.wait(Duration::from_secs(120)).expect_success();
    assert_eq!(world.home.machine.asked().last().unwrap(), "something else");
    let over = world.kugetsu(&["prune", "--force", "--json"]).expect_success().json();
    assert!(over["items"].as_array().unwrap().iter().any(|item| item["kind"] == "run"), "{over:#}");
}

#[test]
fn in_a_terminal_one_of_those_that_were_left_is_chosen() {
    let world = World::quick();
    let issues = ["github.com/a/b#1", "github.com/a/b#2"];
    for issue in issues {
        world.kugetsu(&["start", issue, "[[say begun]]"]).expect_success();
        let asked = world.home.machine.asked().len();
        let message = format!("[[hold work]] of {issue}");
        let run = world.home.spawn_in(&world.project, None, &["continue", issue, &message]);
        until(Duration::from_secs(20), || match world.home.machine.asked().len() {
            n if n > asked => Ok(()),
            n => Err(format!("{n} were asked")),
        });
        run.signal("KILL");
        run.wait(Duration::from_secs(20));
        world.nothing_runs();
    }
    world.home.machine.release_run("work");
    let asked = world.home.machine.asked().len();
    let resume = |answer: &str| {
        let line = format!("'{KUGETSU}' resume; echo status $?; exec sleep 600");
        let terminal = Terminal::start(&world.home, &world.project, &line);
        terminal.wait_for(&[&format!("1  {}", issues[0]), &format!("2  {}", issues[1]), "Which one?"]);
        terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.wait_for(&["status "])
    };
    for none in ["0", "3", "x"] {
        let screen = resume(none);
        assert!(screen.contains("none was chosen") && screen.contains("status 2"), "{screen}");
    }
    assert_eq!(world.home.machine.asked().len(), asked);
    let screen = resume("2");
    assert!(screen.contains("done") && screen.contains("status 0"), "{screen}");
    assert_eq!(world.home.machine.asked()[asked..], [format!("[[hold work]] of {}", issues[1])]);
}

#[test]
fn what_outlives_kugetsu_and_its_guard_is_named_and_ended() {
    let world = World::quick();
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let run = world.home.spawn_in(&world.project, None, &["continue", ISSUE, "[[hold work]]"]);
    until(Duration::from_secs(20), || match world.home.machine.asked().len() {
        2 => Ok(()),
        n => Err(format!("{n} were asked")),
    });
    let command = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let is_guard = |pid: &u32| command(pid).contains("\0__guard\0");
    let guard = *world.home.machine.processes().iter().find(|pid| is_guard(pid)).unwrap();
    let signal = |signal| {
        let pid = rustix::process::Pid::from_raw(guard.cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    // It hears nothing of the end of kugetsu.
    signal(rustix::process::Signal::STOP);
    run.signal("KILL");
    run.wait(Duration::from_secs(20));
    signal(rustix::process::Signal::KILL);
    let orphan = until(Duration::from_secs(20), || match world.home.machine.processes()[..] {
        [orphan] => Ok(orphan),
        ref others => Err(format!("{others:?} run")),
    });
    let list = world.kugetsu(&["list", "--json"]).expect_success();
    let said = list.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("(process {orphan}); end it: kugetsu stop '{ISSUE}'")), "{said}");
    assert_eq!(world.listed(ISSUE)["state"], "left");
    for refused in [&["verify", ISSUE, "--repair"][..], &["permit", ISSUE, "bash", "*"]] {
        let refused = world.kugetsu(refused).expect_code(4).stderr;
        assert!(
            refused.contains(&format!("kugetsu stop {}", world.listed(ISSUE)["session"].as_str().unwrap())),
            "{refused}"
        );
    }
    let resumed = world.kugetsu(&["resume", ISSUE, "[[say taken up]]"]).expect_success();
    assert!(resumed.stderr.contains(&format!("({orphan})")), "{}", resumed.stderr);
    assert_eq!(resumed.stdout.trim(), "taken up");
    world.nothing_runs();
    assert_eq!(world.kugetsu(&["list"]).expect_success().stderr, "");
}

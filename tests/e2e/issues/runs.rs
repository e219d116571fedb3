//! Sessions of issues are started, continued, left, taken up and stopped.

use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, until};
use crate::support::sample;
use crate::tui::Terminal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");
pub(super) const ISSUE: &str = "github.com/shoko/kugetsu#14";

pub(super) struct World {
    pub(super) model: Model,
    pub(super) home: Home,
    pub(super) project: PathBuf,
}

impl World {
    /// With the stand-in for opencode.
    pub(super) fn quick() -> Self {
        let world = Self::empty(Release::New);
        world.home.machine.stand_in();
        world.kugetsu(&["init"]).expect_success();
        world
    }

    /// With the real opencode.
    pub(super) fn real(release: Release) -> Self {
        let world = Self::empty(release);
        world.home.machine.answers_at_once();
        world.kugetsu(&["init"]).expect_success();
        world
    }

    fn empty(release: Release) -> Self {
        let model = Model::start();
        let home = Home::start(KUGETSU, release, &model);
        let project = home.machine.project("app");
        Self { model, home, project }
    }

    pub(super) fn kugetsu(&self, arguments: &[&str]) -> Finished {
        self.home.spawn_in(&self.project, None, arguments).wait(Duration::from_secs(120))
    }

    /// What `list` says of the issue.
    pub(super) fn listed(&self, issue: &str) -> Value {
        let list = self.kugetsu(&["list", "--json"]).expect_success().json();
        list.as_array().unwrap().iter().find(|row| row["issue"] == issue).unwrap().clone()
    }

    /// How many processes of the home are `sleep 600`.
    pub(super) fn sleeping(&self) -> usize {
        let processes = self.home.machine.processes();
        let commands =
            processes.iter().filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
        commands.filter(|command| command.starts_with("sleep\u{0}600")).count()
    }

    pub(super) fn nothing_runs(&self) {
        until(Duration::from_secs(20), || match self.home.machine.processes() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?} run")),
        });
    }
}

fn the_whole_way(release: Release) {
    let world = World::real(release);
    let started = world.kugetsu(&["start", ISSUE, "[[say begun]]", "--json"]).expect_success().json();
    assert_eq!((&started["run"]["ok"], &started["reply"]), (&json!(true), &json!("begun")));
    let session = started["session"].as_str().unwrap();
    let again = world.kugetsu(&["start", ISSUE, "once more"]).expect_code(4);
    assert!(again.stderr.contains("kugetsu continue"), "{}", again.stderr);
    let message = "quotes \" and $(touch canary)\n[[say went on]]";
    let on = world.kugetsu(&["continue", ISSUE, message]).expect_success();
    assert_eq!(on.stdout.trim(), "went on");
    assert_eq!(world.model.prompts().last().unwrap().user_text().trim_start_matches('\n'), message);
    assert!(!world.project.join("canary").exists());
    let row = world.listed(ISSUE);
    assert_eq!(
        (&row["state"], &row["holder"], &row["session"]),
        (&json!("idle"), &json!("here"), &json!(session))
    );
    assert!(row["message"].as_str().unwrap().starts_with("quotes"));
    world.kugetsu(&["destroy", ISSUE, "-y"]).expect_success();
    let list = world.kugetsu(&["list", "--json"]).expect_success().json();
    assert!(list.as_array().unwrap().iter().all(|row| row["issue"] != ISSUE), "{list:#}");
    assert_eq!(
        world.home.machine.export(session)["messages"].as_array().unwrap().len(),
        4,
        "opencode keeps it"
    );
}

#[test]
fn from_start_to_destroy_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(the_whole_way);
}

#[test]
fn a_home_of_the_earlier_script_goes_on_and_stays_the_scripts() {
    let world = World::empty(Release::New);
    world.home.machine.stand_in();
    let (base, session) = (
        world.home.machine.insert_empty_session(&world.project, "base"),
        world.home.machine.insert_empty_session(&world.project, "14"),
    );
    let state = world.home.state();
    std::fs::create_dir_all(state.join("sessions")).unwrap();
    let index = format!(
        "{{\"base\": \"{base}\", \"issues\": {{\"{ISSUE}\": \"github.com-shoko-kugetsu-14.json\"}}}}"
    );
    std::fs::write(state.join("index.json"), &index).unwrap();
    let file = |kind: &str, issue: Value, session: &str| json!({"type": kind, "issue_ref": issue, "opencode_session_id": session, "created_at": "2026-03-30T12:05:11+02:00", "state": "idle"});
    let path = state.join("sessions/github.com-shoko-kugetsu-14.json");
    let before = file("forked", json!(ISSUE), &session);
    std::fs::write(&path, before.to_string()).unwrap();
    std::fs::write(state.join("sessions/base.json"), file("base", Value::Null, &base).to_string()).unwrap();
    // It may have been put on another disk.
    let elsewhere = world.home.machine.home().join("elsewhere");
    std::fs::rename(&state, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &state).unwrap();

    assert_eq!(world.listed(ISSUE)["state"], "idle");
    world.kugetsu(&["continue", ISSUE, "go on"]).expect_success();
    assert_eq!(world.listed(ISSUE)["message"], "go on");
    assert_eq!(std::fs::read_to_string(state.join("index.json")).unwrap(), index);
    let after: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for (field, value) in before.as_object().unwrap() {
        assert_eq!(after[field], *value, "{field}");
    }
    world.kugetsu(&["start", "github.com/shoko/kugetsu#15", "hello"]).expect_success();
    let index: Value = serde_json::from_slice(&std::fs::read(state.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["issues"][ISSUE], "github.com-shoko-kugetsu-14.json");
    let new = index["issues"]["github.com/shoko/kugetsu#15"].as_str().unwrap();
    let new: Value =
        serde_json::from_slice(&std::fs::read(state.join("sessions").join(new)).unwrap()).unwrap();
    assert_eq!((&new["type"], &new["issue_ref"]), (&json!("forked"), &json!("github.com/shoko/kugetsu#15")));
    assert!(
        new["opencode_session_id"].is_string() && new["created_at"].is_string() && new["state"] == "idle"
    );
}

#[test]
fn a_session_that_is_continued_elsewhere_moves_there() {
    for release in sample::of(&Release::ALL) {
        let world = World::real(release);
        world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
        let other = world.home.machine.project("other");
        let other = other.to_str().unwrap();
        world
            .kugetsu(&["continue", ISSUE, "[[bash pwd >where]]\n[[say there]]", "--dir", other])
            .expect_success();
        let said = std::fs::read_to_string(std::path::Path::new(other).join("where")).unwrap();
        assert_eq!(said.trim(), other, "{release:?}");
        assert_eq!(world.listed(ISSUE)["directory"], other);
    }
}

#[test]
fn stop_leaves_nothing_of_a_run() {
    let world = World::real(Release::New);
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let message = "[[bash trap '' TERM; sleep 600 & sleep 600]]";
    let left = world.kugetsu(&["continue", ISSUE, message, "--detach"]).expect_success();
    assert!(left.elapsed < Duration::from_secs(60), "it does not wait");
    until(Duration::from_secs(60), || match world.sleeping() {
        2 => Ok(()),
        n => Err(format!("{n} sleep")),
    });
    assert_eq!(world.listed(ISSUE)["state"], "used");
    world.kugetsu(&["stop", ISSUE]).expect_success();
    assert_eq!(world.home.machine.processes(), [] as [u32; 0]);
    assert_eq!(world.listed(ISSUE)["state"], "idle");
    let nothing = world.kugetsu(&["stop", ISSUE]).expect_code(4);
    assert!(nothing.stderr.contains("nothing runs"), "{}", nothing.stderr);
}

#[test]
fn a_detached_run_ends_by_itself_and_is_refused_while_another_goes_on() {
    let world = World::quick();
    world.kugetsu(&["start", ISSUE, "[[hold work]]", "--detach"]).expect_success();
    let refused = |how: &[&str]| {
        let refused = world.kugetsu(&[&["continue", ISSUE, "too", "--json"], how].concat()).expect_code(4);
        let mut error = refused.json()["error"].clone();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("in use"), "{message}");
        // It says for how long.
        error.as_object_mut().unwrap().remove("message");
        error
    };
    assert_eq!(refused(&["--detach"]), refused(&[]));
    world.home.machine.release_run("work");
    until(Duration::from_secs(30), || match world.listed(ISSUE)["state"].as_str() {
        Some("idle") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.nothing_runs();
}

#[test]
fn a_detached_run_survives_its_terminal() {
    let world = World::quick();
    let run = format!("{KUGETSU} start '{ISSUE}' '[[hold work]] [[say done]]' --detach; exec sleep 600");
    let terminal = Terminal::start(&world.home, &world.project, &run);
    until(Duration::from_secs(30), || match (world.home.machine.asked().len(), world.sleeping()) {
        (1, 1) => Ok(()),
        other => Err(format!("{other:?} asked, and at the end")),
    });
    drop(terminal);
    until(Duration::from_secs(20), || match world.sleeping() {
        0 => Ok(()),
        _ => Err("the terminal is still there".to_owned()),
    });
    assert_eq!(world.listed(ISSUE)["state"], "used");
    world.home.machine.release_run("work");
    world.nothing_runs();
    assert_eq!(world.listed(ISSUE)["state"], "idle");
    let log = world.kugetsu(&["logs", ISSUE]).expect_success().stdout;
    assert!(log.ends_with("done\n"), "{log}");
}

#[test]
fn what_came_to_its_end_is_not_done_once_more() {
    let world = World::quick();
    world.kugetsu(&["start", ISSUE, "first"]).expect_success();
    let refused = world.kugetsu(&["resume", ISSUE]).expect_code(4);
    assert!(refused.stderr.contains("kugetsu continue"), "{}", refused.stderr);
    let bare = world.home.machine.insert_empty_session(&world.project, "no issue's");
    world.kugetsu(&["continue", &bare, "second"]).expect_success();
    let refused = world.kugetsu(&["resume", &bare]).expect_code(4);
    assert!(refused.stderr.contains("was not left"), "{}", refused.stderr);
    let blank = world.kugetsu(&["start", "github.com/a/b#3", " "]).expect_code(2);
    assert!(blank.stderr.contains("empty"), "{}", blank.stderr);
    assert_eq!(world.home.machine.asked(), ["first", "second"]);
    let list = world.kugetsu(&["list", "--json"]).expect_success().json();
    assert!(
        list.as_array().unwrap().iter().all(|row| row["issue"] != "github.com/a/b#3"),
        "nothing was made"
    );
}

#[test]
fn a_run_that_another_run_began_is_not_a_part_of_it() {
    let world = World::real(Release::New);
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let other = "github.com/shoko/kugetsu#15";
    let inner = format!("{KUGETSU} start '{other}' 'hold on' --detach </dev/null");
    world.kugetsu(&["continue", ISSUE, &format!("[[bash {inner}]]\n[[say ordered]]")]).expect_success();
    until(Duration::from_secs(60), || match world.listed(other)["state"].as_str() {
        Some("idle") => Ok(()),
        state => Err(format!("{state:?}")),
    });
    assert!(world.model.prompts().iter().any(|asked| asked.user_text().contains("hold on")));
    let again = world.kugetsu(&["continue", ISSUE, "[[say and again]]"]).expect_success();
    assert!(!again.stderr.contains("earlier run"), "{}", again.stderr);
}

#[test]
fn ctrl_c_ends_a_run_cleanly() {
    let world = World::quick();
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let run = world.home.spawn_in(&world.project, None, &["continue", ISSUE, "[[hold work]]"]);
    until(Duration::from_secs(20), || match world.home.machine.asked().len() {
        2 => Ok(()),
        n => Err(format!("{n} were asked")),
    });
    run.signal("INT");
    let ended = run.wait(Duration::from_secs(30)).expect_code(130);
    assert!(ended.stderr.contains(&format!("kugetsu continue '{ISSUE}'")), "{}", ended.stderr);
    assert_eq!(world.listed(ISSUE)["state"], "idle");
    world.nothing_runs();
}

#[test]
fn twenty_at_once_lose_nothing_and_run_once() {
    let world = World::quick();
    let starts: Vec<_> = (1..=20)
        .map(|n| {
            world.home.spawn_in(&world.project, None, &["start", &format!("github.com/a/b#{n}"), "hello"])
        })
        .collect();
    for start in starts {
        start.wait(Duration::from_secs(120)).expect_success();
    }
    let list = world.kugetsu(&["list", "--json"]).expect_success().json();
    let issues = list.as_array().unwrap().iter().filter(|row| row["type"] == "forked").count();
    assert_eq!(issues, 20, "{list:#}");
    let asked = world.home.machine.asked().len();
    let runs: Vec<_> = (0..20)
        .map(|_| world.home.spawn_in(&world.project, None, &["continue", "github.com/a/b#1", "[[hold one]]"]))
        .collect();
    // The one that runs is held until the others have been refused.
    let mut waiting: Vec<_> = runs.into_iter().map(Some).collect();
    until(Duration::from_secs(120), || {
        let living = waiting.iter_mut().flatten().filter_map(|run| run.is_running().then_some(())).count();
        if living == 1 { Ok(()) } else { Err(format!("{living} run")) }
    });
    world.home.machine.release_run("one");
    let codes: Vec<i32> =
        waiting.iter_mut().map(|run| run.take().unwrap().wait(Duration::from_secs(60)).code()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 4).count(), 19, "{codes:?}");
    assert_eq!(world.home.machine.asked().len(), asked + 1);
}

#[test]
fn what_cannot_be_run_is_refused_before_anything_is_made() {
    let world = World::quick();
    world.kugetsu(&["start", "github.com/shoko/kugetsu#1", "hello"]).expect_success();
    let before = world.kugetsu(&["list", "--json"]).expect_success().json();
    let sessions = || -> i64 {
        let count = "SELECT count(*) FROM session";
        world.home.machine.database().query_row(count, [], |row| row.get(0)).unwrap()
    };
    let count = sessions();
    let unknown = world.kugetsu(&["start", ISSUE, "hello", "--agent", "nobody"]).expect_code(4);
    assert!(
        unknown.stderr.contains("no agent nobody") && unknown.stderr.contains("--agent build"),
        "{}",
        unknown.stderr
    );
    let variant = world.kugetsu(&["start", ISSUE, "hello", "--variant", "high"]).expect_code(2);
    assert!(variant.stderr.contains("--model PROVIDER/MODEL"), "{}", variant.stderr);
    world.kugetsu(&["start", ISSUE, " "]).expect_code(2);
    world.kugetsu(&["start", ISSUE, "hello", "--dir", "nowhere"]).expect_code(4);
    world
        .kugetsu(&["continue", "github.com/shoko/kugetsu#1", "x", "--fork", "--agent", "nobody"])
        .expect_code(4);
    assert_eq!((world.kugetsu(&["list", "--json"]).json(), sessions()), (before, count));
    world.kugetsu(&["start", ISSUE, "hello", "--agent", "plan"]).expect_success();
}

#[test]
fn a_session_is_made_without_a_message() {
    let world = World::quick();
    for flags in [
        &["--agent", "plan"][..],
        &["--model", "fake/m1"],
        &["--variant", "high"],
        &["--detach"],
        &["--debug"],
    ] {
        let refused = world.kugetsu(&[&["start", ISSUE], flags].concat()).expect_code(2);
        assert!(refused.stderr.contains(flags[0]), "{}", refused.stderr);
    }
    let made = world.kugetsu(&["start", ISSUE, "--json"]).expect_success().json();
    let session = world.listed(ISSUE)["session"].clone();
    let run = json!({"ok": null, "exit": null, "error": null});
    let expected = json!({"session": session, "issue": ISSUE, "state": "idle", "run": run, "reply": null});
    assert_eq!(made, expected);
    assert_eq!(world.home.machine.asked(), [""; 0]);
}

#[test]
fn what_is_said_fits_forty_columns() {
    let world = World::quick();
    world.kugetsu(&["start", "github.com/shoko/kugetsu#1", "hello"]).expect_success();
    let run = |verb: &str| format!("'{KUGETSU}' {verb}");
    let lines = [
        run(&format!("start '{ISSUE}' '[[hold work]]' --detach")),
        run(&format!("stop '{ISSUE}'")),
        run(&format!("permit '{ISSUE}' question ask --action deny")),
        run("continue 'github.com/shoko/kugetsu#1' '[[nothing]]'"),
        run(&format!("permit '{ISSUE}' exit '*'")),
        run(&format!("destroy '{ISSUE}' -y")),
    ];
    let line = format!("stty cols 40; {}; echo at the end; exec sleep 600", lines.join("; "));
    let terminal = Terminal::start(&world.home, &world.project, &line);
    let screen = terminal.wait_for(&["at the end"]);
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["has a session", "is ended", "did not do its work", "did you mean", "has forgotten"] {
        assert!(words.contains(said), "{said}: {screen}");
    }
    for line in screen.lines() {
        assert!(console::measure_text_width(line) <= 40, "{line}\n{screen}");
    }
}

/// Neither the session's own rules nor those of its agent let a run wait for an answer that nobody gives.
fn a_question_hangs_no_run(release: Release) {
    let world = World::real(release);
    world.home.machine.change_config(|config| {
        config["agent"] = json!({"build": {"permission": {"question": "allow"}}});
    });
    let options = json!([{"label": "a", "description": "a"}, {"label": "b", "description": "b"}]);
    let question = json!({"questions": [{"question": "Which?", "header": "h", "options": options}]});
    let asking = format!("[[tool question {question}]]\n[[say over]]");
    let started = world.kugetsu(&["start", ISSUE, &asking]);
    assert!(!started.stderr.contains("from now on"), "{}", started.stderr);
    let session = world.listed(ISSUE)["session"].as_str().unwrap().to_owned();
    let rule = |what: &str, action: &str| json!({"permission": what, "pattern": "*", "action": action});
    let denied = ["question", "plan_enter", "plan_exit"].map(|what| rule(what, "deny"));
    let get = "SELECT permission FROM session WHERE id = ?1";
    let rules = || -> Value {
        let text: String =
            world.home.machine.database().query_row(get, [&session], |row| row.get(0)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(rules(), json!(denied));
    let mine = json!([rule("bash", "allow"), rule("question", "allow")]);
    let set = "UPDATE session SET permission = ?1 WHERE id = ?2";
    assert_eq!(world.home.machine.database().execute(set, [&mine.to_string(), &session]).unwrap(), 1);
    let done = world.kugetsu(&["continue", ISSUE, &asking]);
    assert!(done.stderr.contains("deny question from now on"), "{}", done.stderr);
    assert_eq!(rules(), json!([&mine[0], &mine[1], &denied[0], &denied[1], &denied[2]]));
    let again = world.kugetsu(&["continue", ISSUE, "[[bash true]]\n[[say still here]]"]).expect_success();
    assert_eq!(again.stdout.trim(), "still here");
    assert!(!again.stderr.contains("from now on"), "{}", again.stderr);
    world.nothing_runs();
}

#[test]
fn a_question_hangs_no_run_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_question_hangs_no_run);
}

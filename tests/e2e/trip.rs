//! Whole trips: real opencode, real sshd, the stand-in model.

use crate::faults::scene::Scene;
use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A home with one host, "pi".
struct World {
    model: Model,
    home: Home,
    host: Host,
    project: PathBuf,
}

impl World {
    fn new(here: Release, there: Release, entry: Value) -> Self {
        Self::with(here, entry, |model| Host::start("pi", there, model))
    }

    /// With the newest opencode, which has been used on the host.
    fn usual() -> Self {
        let world = Self::new(Release::New, Release::New, json!({}));
        world.home.machine.answers_at_once();
        world.host.machine.has_been_used();
        world
    }

    /// For a session of 60 MB.
    fn for_much() -> Self {
        let mut world =
            Self::with(Release::New, json!({}), |model| Host::start_for_much("pi", Release::New, model));
        world.home.machine.take_time();
        world.home.machine.answers_at_once();
        world.host.machine.has_been_used();
        world
    }

    fn with(here: Release, entry: Value, host: impl FnOnce(&Model) -> Host) -> Self {
        let model = Model::start();
        let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), here, &model);
        let host = host(&model);
        home.add_host("pi", &host, entry);
        let project = home.machine.project("app");
        Self { model, home, host, project }
    }

    fn session(&self, prompt: &str) -> String {
        self.home.machine.made_session(&self.project, prompt)
    }

    fn messages(&self, session: &str) -> Vec<Value> {
        self.home.machine.stored_messages(session)
    }

    /// Everything of the session's rows at home that a trip must not change.
    fn rows(&self, session: &str) -> Vec<(String, String)> {
        let database = self.home.machine.database();
        let mut rows = Vec::new();
        for table in ["message", "part"] {
            let sql = format!(
                "SELECT id, session_id || time_created || data FROM {table} WHERE session_id = ? ORDER BY id"
            );
            let mut found = database.prepare(&sql).unwrap();
            let all = found.query_map([session], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.extend(all.map(Result::unwrap));
        }
        rows
    }

    /// Nothing of kugetsu's is left on the host.
    fn expect_host_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.host.machine.home().join(".kugetsu/dispatches"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(left.is_empty(), "left on the host: {left:?}");
    }

    fn prompts_there(&self) -> usize {
        self.model.prompts_of("pi").len()
    }
}

/// Rows that left are the rows that are there afterwards; the others are given back.
fn new_rows(before: &[(String, String)], after: &[(String, String)]) -> usize {
    for row in before {
        assert!(after.contains(row), "changed or gone: {row:?}");
    }
    after.len() - before.len()
}

fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().unwrap();
    parts.iter().filter_map(|part| part["text"].as_str()).collect()
}

fn round_trip(here: Release, there: Release) {
    let world = World::new(here, there, json!({"agent": "plan", "model": "fake/m2", "variant": "high"}));
    let session = world.session("[[say hello from home]]");
    let (before, rows) = (world.messages(&session), world.rows(&session));

    let message = "[[bash pwd]]\n[[say all done]]";
    let trip =
        world.home.kugetsu(&["remote", "pi", &session, message, "--round-trip", "--json"]).expect_success();
    let report = trip.json();
    assert_eq!(report["state"], "home", "{report:#}");
    assert_eq!((&report["holder"], &report["run"]["ok"]), (&json!("here"), &json!(true)));
    assert_eq!(report["reply"], "all done");

    let after = world.messages(&session);
    assert_eq!(after[..before.len()], before[..], "what left is what is home");
    assert_eq!(after.len() - before.len(), 3, "the prompt, the call, the answer");
    assert!(new_rows(&rows, &world.rows(&session)) > 3);
    let prompt = text_of(&after[before.len()]);
    assert!(prompt.ends_with(message), "{prompt:?}");
    assert!(prompt.contains("the host pi") && !prompt.contains("127.0.0.1"), "{prompt:?}");
    let cwd = world.host.machine.home().join("projects/app");
    let call =
        after[before.len() + 1]["parts"].as_array().unwrap().iter().find(|part| part["type"] == "tool");
    let output = call.unwrap()["state"]["output"].as_str().unwrap();
    assert_eq!(
        output.trim(),
        cwd.to_str().unwrap(),
        "the work was done in the same place below the host's home"
    );

    let asked = world.model.prompts_of("pi");
    assert_eq!(asked.iter().filter(|request| request.results() == 0).count(), 1, "asked once");
    assert!(asked.iter().all(|request| request.is_plan() && request.model() == "m2"));
    assert!(asked.iter().all(|request| request.effort() == Some("high")));
    world.expect_host_clean();

    // The next local prompt goes on as if nothing had been.
    world.home.machine.continue_session(&world.project, &session, "[[say back home]]", &[]);
    let local = world.model.prompts_of("home");
    let last = local.last().unwrap();
    assert_eq!((last.model(), last.effort(), last.is_plan()), ("m1", None, false));
    assert!(last.messages().iter().any(|message| message.to_string().contains("all done")));
    let newest = world.home.machine.export(&session)["messages"].as_array().unwrap().clone();
    assert_eq!(newest[..after.len()], after[..], "what stands in the database is what opencode exports");
    assert_eq!(text_of(newest.last().unwrap()), "back home");
    assert_eq!(newest.last().unwrap()["info"]["agent"].as_str().unwrap_or("build"), "build");
}

#[test]
fn a_round_trip_with_the_newest_release() {
    round_trip(Release::New, Release::New);
}

#[test]
fn a_round_trip_with_the_middle_release() {
    round_trip(Release::Mid, Release::Mid);
}

#[test]
fn a_round_trip_with_the_oldest_release() {
    round_trip(Release::Old, Release::Old);
}

#[test]
fn a_round_trip_from_the_newest_to_the_oldest_release() {
    round_trip(Release::New, Release::Old);
}

#[test]
fn a_one_way_trip_returns_at_once_and_its_run_goes_on() {
    let world = World::usual();
    let session = world.session("[[say hello from home]]");
    let before = world.messages(&session);
    let trip = world.home.kugetsu(&["remote", "pi", &session, "[[hold work]]\n[[say done there]]", "--json"]);
    let report = trip.expect_success().json();
    assert_eq!((&report["state"], &report["holder"]), (&json!("launched"), &json!("pi")));
    assert_eq!(report["run"]["ok"], Value::Null);
    // The model is asked by a run that no kugetsu watches any more.
    world.model.wait_for_hold("work", Duration::from_secs(60));
    assert!(world.home.machine.processes().is_empty(), "nothing of ours is left here");

    let refused = world.home.kugetsu(&["remote", "pi", &session, "again"]).expect_code(4);
    let dispatch = report["dispatch"].as_str().unwrap();
    assert!(refused.stderr.contains("pi") && refused.stderr.contains(&format!("kugetsu wait {session}")));
    let early = world.home.kugetsu(&["wait", &session, "--timeout", "1s"]).expect_code(6);
    assert!(early.stderr.contains("kugetsu wait"), "{}", early.stderr);

    world.model.release("work");
    let home = world.home.kugetsu(&["wait", dispatch]).expect_success();
    assert!(home.stdout.trim().ends_with("done there"), "{}", home.stdout);
    let after = world.messages(&session);
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after.len(), before.len() + 2);
    assert_eq!(world.prompts_there(), 1);
    world.expect_host_clean();
    let again = world.home.kugetsu(&["wait", &session]).expect_success();
    assert!(again.stderr.contains("home"), "{}", again.stderr);
    assert_eq!(world.messages(&session), after);
}

#[test]
fn a_run_longer_than_any_patience_comes_home() {
    let seconds = 150;
    let world = World::usual();
    let session = world.session("[[say hello from home]]");
    let message = format!("[[wait {seconds}]]\n[[say at last]]");
    let run = world.home.spawn(&["remote", "pi", &session, &message, "--round-trip"]);
    let trip = run.wait(Duration::from_secs(seconds + 120)).expect_success();
    assert!(trip.stdout.trim().ends_with("at last"), "{}", trip.stdout);
    assert!(trip.elapsed >= Duration::from_secs(seconds));
    assert_eq!(world.prompts_there(), 1);
}

/// A big session goes and comes home whole, row by row.
fn big_round_trip(messages: usize, bytes: usize) {
    let world = World::for_much();
    let session = world.home.machine.insert_big_session(&world.project, messages, bytes);
    let rows = world.rows(&session);
    let trip = world
        .home
        .kugetsu(&["remote", "pi", &session, "[[say seen it all]]", "--round-trip"])
        .expect_success();
    assert_eq!(trip.stdout.trim(), "seen it all");
    let after = world.rows(&session);
    assert_eq!(new_rows_of_many(&rows, &after), 6, "prompt and answer, two messages, and their four parts");
    assert_eq!(world.prompts_there(), 1);
    world.expect_host_clean();
}

/// As [`new_rows`], for thousands; and the new ones sort behind the others.
fn new_rows_of_many(before: &[(String, String)], after: &[(String, String)]) -> usize {
    let there: std::collections::HashSet<_> = after.iter().collect();
    assert!(before.iter().all(|row| there.contains(row)), "rows changed or gone");
    let old: std::collections::HashSet<_> = before.iter().collect();
    let newest =
        |prefix: &str| before.iter().map(|row| &row.0).filter(|id| id.starts_with(prefix)).max().unwrap();
    for (id, _) in after.iter().filter(|row| !old.contains(row)) {
        assert!(id > newest(&id[..4]), "{id} stands among what left");
    }
    after.len() - before.len()
}

#[test]
fn a_session_of_3_mb_comes_home() {
    big_round_trip(450, 3 << 20);
}

#[test]
fn a_session_of_60_mb_comes_home() {
    big_round_trip(9000, 60 << 20);
}

#[test]
fn an_open_tool_call_arrives_settled() {
    let world = World::usual();
    let session = world.session("[[say hello from home]]");
    let open = world.home.machine.insert_unfinished_turn(&world.project, &session);
    let rows = world.rows(&session);
    let ids = [&open.message, &open.running, &open.pending];
    let (unsettled, sound): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(id, _)| ids.contains(&id));
    world.home.kugetsu(&["remote", "pi", &session, "[[say understood]]", "--round-trip"]).expect_success();
    let request = world.model.prompts_of("pi").pop().unwrap();
    let seen = serde_json::to_string(request.messages()).unwrap();
    assert!(seen.contains("moved to another host") || seen.contains("moved to the host"), "{seen}");
    let there = world.host.machine.stored_messages(&session);
    let states: Vec<&str> = there
        .iter()
        .flat_map(|message| message["parts"].as_array().unwrap())
        .filter_map(|part| part["state"]["status"].as_str())
        .collect();
    assert!(
        !states.is_empty() && states.iter().all(|state| ["completed", "error"].contains(state)),
        "{states:?}"
    );
    let after = world.rows(&session);
    assert!(new_rows(&sound, &after) > unsettled.len(), "nothing else of what left is touched: {open:?}");
    for (id, row) in after.iter().filter(|(id, _)| ids.contains(&id)) {
        let settled = if *id == open.message { "\"completed\":" } else { "\"status\":\"error\"" };
        assert!(row.contains(settled), "{id} is settled at home, too: {row}");
    }
}

/// Messages that have broken somebody's quoting; `canary` is a file that none of them may make.
fn hostile(canary: &Path) -> Vec<String> {
    let touch = format!("touch {}", canary.display());
    let long = "long ".repeat(40_000);
    vec![
        "\"double\" and 'single'".into(),
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("'; {touch}; '"),
        format!("\"; {touch} #"),
        "two\nlines\n\nand a gap".into(),
        "EOF\nEOF".into(),
        "--help".into(),
        "-n".into(),
        "a\\nb \\x41 \\0101 %s %d %%".into(),
        "$HOME ${PATH} $$ $!".into(),
        "!! !$ ^a^b".into(),
        "emoji \u{1f680}\u{1f468}\u{200d}\u{1f469}".into(),
        "\u{202e}right to left \u{5e9}\u{5dc}\u{5d5}\u{5dd}".into(),
        "tab\tand bell\u{7} and esc \u{1b}[2J".into(),
        "  leading and trailing  ".into(),
        "# a comment".into(),
        "*?[a-z]{b,c} ~root".into(),
        "\u{fe}\u{ff} \u{e9} combining e\u{301}".into(),
        long,
    ]
}

const HOSTILE_TRIP: [&str; 4] = ["-", "--round-trip", "--bare", "--quiet"];

#[test]
fn twenty_hostile_messages_reach_opencode_byte_for_byte() {
    let scene = Scene::new();
    let there = &scene.host().machine;
    let canary = there.home().join("canary");
    let hostile = hostile(&canary);
    for message in &hostile {
        scene.home.kugetsu_reading(message.as_bytes(), &scene.remote(&HOSTILE_TRIP)).expect_success();
        assert_eq!(there.asked().last(), Some(message));
    }
    assert_eq!(there.asked(), hostile);
    assert!(!canary.exists());
}

/// What is hostile inside a message is in one; what is so at its begin, at its end or by its length comes alone.
#[test]
fn hostile_messages_reach_the_model_byte_for_byte() {
    let world = World::usual();
    let session = world.session("[[say hello from home]]");
    let canary = world.host.machine.home().join("canary");
    let (alone, inside): (Vec<String>, Vec<String>) = hostile(&canary)
        .into_iter()
        .partition(|message| message.starts_with(['-', ' ']) || message.len() > 1000);
    let messages = [vec![inside.join("\n")], alone].concat();
    for message in &messages {
        let arguments = [&["remote", "pi", session.as_str()][..], &HOSTILE_TRIP].concat();
        world.home.kugetsu_reading(message.as_bytes(), &arguments).expect_success();
        let request = world.model.prompts_of("pi").pop().unwrap();
        assert_eq!(request.user_text(), *message);
    }
    assert_eq!((messages.len(), world.prompts_there()), (5, 5));
    assert!(!canary.exists());
}

//! Runs on this machine that do not do their work say so, whoever watches.

use super::runs::{ISSUE, World};
use crate::support::opencode::Release;
use serde_json::json;

/// With an opencode that fails at the word, on its standard error, and the issue started.
fn exploding() -> World {
    let world = World::quick();
    world.home.machine.stand_in_with(
        "[ \"$1\" = run ] && { echo 'looking for it' >&2; echo 'provider \u{1b}[31mexploded' >&2; exit 1; }",
    );
    world.kugetsu(&["start", ISSUE]).expect_success();
    world
}

fn log(world: &World) -> String {
    world.kugetsu(&["logs", ISSUE]).expect_success().stdout
}

#[test]
fn a_provider_that_refuses_fails_the_run() {
    let world = World::real(Release::New);
    world.kugetsu(&["start", ISSUE, "[[say begun]]"]).expect_success();
    let failed = world.kugetsu(&["continue", ISSUE, "[[status 401]]", "--json", "--debug"]).expect_code(5);
    let document = failed.json();
    let run = &document["run"];
    let error = run["error"].as_str().unwrap();
    assert_eq!((&run["ok"], &document["state"]), (&json!(false), &json!("idle")));
    assert!(error.contains("401"), "{error}");
    assert!(failed.stderr.contains("✗ the run did not do its work"), "{}", failed.stderr);
    let log = log(&world);
    assert!(log.contains(&format!("\n✗ the run did not do its work: {error}\n")), "{log}");
    // The next run leaves opencode's own log alone.
    world.kugetsu(&["continue", ISSUE, "[[say on]]"]).expect_success();
    let named = failed.stderr.lines().find_map(|line| line.split_once("own log: ~/")).unwrap().1;
    let own = std::fs::read_to_string(world.home.machine.home().join(named)).unwrap();
    assert!(own.contains("level=INFO"), "{own}");
}

#[test]
fn a_detached_run_that_fails_leaves_word_in_its_log() {
    let world = exploding();
    world.kugetsu(&["continue", ISSUE, "try", "--detach"]).expect_success();
    let followed = world.kugetsu(&["logs", ISSUE, "-f"]).expect_success().stdout;
    let expected = " > try\n✗ the run did not do its work: it did nothing (exit status 1): provider exploded\n  \
                    ! looking for it\n  ! provider exploded\n";
    assert!(followed.ends_with(expected), "{followed}");
    assert_eq!(log(&world), followed);
    let failed = world.kugetsu(&["continue", ISSUE, "again"]).expect_code(5);
    assert!(failed.stderr.contains("provider exploded"), "{}", failed.stderr);
    assert!(log(&world).ends_with(expected.strip_prefix(" > try\n").unwrap()), "{}", log(&world));
    let listed = || world.kugetsu(&["list"]).expect_success().stdout;
    assert!(listed().contains("  failed: again\n"), "{}", listed());
    world.home.machine.stand_in();
    world.kugetsu(&["continue", ISSUE, "once more"]).expect_success();
    assert!(listed().contains("  once more\n"), "{}", listed());
}

#[test]
fn an_agent_that_is_gone_is_not_replaced_in_silence() {
    let world = World::real(Release::New);
    // Which agents there are is the question, and changes.
    world.home.machine.replace_opencode(Some(&Release::New.program()));
    let agents = world.project.join(".opencode/agent");
    std::fs::create_dir_all(&agents).unwrap();
    let careful = agents.join("careful.md");
    std::fs::write(&careful, "---\ndescription: careful\nmode: primary\n---\nBe careful.\n").unwrap();
    let start = ["start", ISSUE, "[[say begun]]", "--agent", "careful", "--json"];
    assert_eq!(world.kugetsu(&start).expect_success().json()["run"]["ok"], true);
    world.kugetsu(&["continue", ISSUE, "[[say on]]"]).expect_success();
    std::fs::remove_file(&careful).unwrap();
    let refused = world.kugetsu(&["continue", ISSUE, "[[say on]]"]).expect_code(4);
    assert!(
        refused.stderr.contains("no agent careful") && refused.stderr.contains("--agent build"),
        "{}",
        refused.stderr
    );
    world.kugetsu(&["continue", ISSUE, "[[say on]]", "--agent", "build"]).expect_success();
    // One of opencode's own can be switched off; that is seen once it has run.
    world.home.machine.change_config(|config| config["agent"] = json!({"plan": {"disable": true}}));
    world
        .home
        .machine
        .database()
        .execute("UPDATE message SET data = json_set(data, '$.agent', 'plan')", [])
        .unwrap();
    let other = world.kugetsu(&["continue", ISSUE, "[[say on]]", "--json"]).expect_code(5).json();
    assert_eq!(other["run"]["error"], "it ran as agent build, not plan");
}

#[test]
fn a_permission_that_is_lacking_is_given_with_permit() {
    let world = World::real(Release::New);
    world.home.machine.change_config(|config| config["permission"] = json!({"bash": "ask"}));
    let failed = world.kugetsu(&["start", ISSUE, "[[bash true]]", "--json"]).expect_code(5).json();
    let error = failed["run"]["error"].as_str().unwrap();
    let cure = format!("(kugetsu permit '{ISSUE}' PERMISSION PATTERN gives it beforehand)");
    assert!(error.contains("permission") && error.ends_with(&cure), "{error}");
    world.kugetsu(&["permit", ISSUE, "bash", "*"]).expect_success();
    world.kugetsu(&["continue", ISSUE, "[[bash true]]"]).expect_success();
}

#[test]
fn an_opencode_of_another_major_version_is_given_nothing() {
    let world = exploding();
    let session = world.kugetsu(&["list", "--json"]).expect_success().json();
    world.home.machine.stand_in_with(
        "[ \"$1\" = --version ] && echo 2.0.1 && exit; [ \"$1\" = run ] && touch \"$HOME/ran\"",
    );
    for arguments in [
        ["continue", ISSUE, "go on", "-q"],
        ["start", "github.com/shoko/kugetsu#15", "begin", "-q"],
        ["resume", ISSUE, "go on", "-q"],
        ["permit", ISSUE, "bash", "*"],
        ["init", "--force", "--session", session[0]["session"].as_str().unwrap()],
    ] {
        let refused = world.kugetsu(&arguments).expect_code(4);
        for words in ["is opencode 2.0.1", "KUGETSU_OPENCODE=PATH"] {
            assert!(refused.stderr.contains(words), "{arguments:?}: {}", refused.stderr);
        }
    }
    assert!(!world.home.machine.home().join("ran").exists());
    assert_eq!(world.kugetsu(&["list", "--json"]).expect_success().json(), session);
    assert!(!world.kugetsu(&["permit", ISSUE]).expect_success().stdout.contains("bash"));
}

#[test]
fn a_base_with_undone_prompts_is_not_copied() {
    let world = exploding();
    let undo = r#"UPDATE session SET revert = '{"messageID":"msg_1"}' WHERE parent_id IS NULL"#;
    world.home.machine.database().execute(undo, []).unwrap();
    let refused = world.kugetsu(&["start", "github.com/shoko/kugetsu#15"]).expect_code(4);
    assert!(refused.stderr.contains("undone"), "{}", refused.stderr);
}

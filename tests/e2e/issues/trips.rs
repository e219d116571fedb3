//! Sessions of issues go to hosts.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use serde_json::json;
use std::time::Duration;

#[test]
fn an_issue_is_started_on_a_host_and_is_told_to_be_there() {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let host = Host::start("pi", Release::New, &model);
    home.add_host("pi", &host, json!({}));
    let project = home.machine.git_project("app");
    let git = home
        .machine
        .command("git", &project)
        .args(["remote", "add", "origin", "git@github.com:shoko/kugetsu.git"])
        .status();
    assert!(git.unwrap().success());
    let kugetsu =
        |arguments: &[&str]| home.spawn_in(&project, None, arguments).wait(Duration::from_secs(120));

    kugetsu(&["init"]).expect_success();
    let trip = kugetsu(&["remote", "pi", "#14", "[[hold work]]\n[[say done there]]", "--start", "--json"])
        .expect_success()
        .json();
    assert_eq!((&trip["issue"], &trip["holder"]), (&json!("github.com/shoko/kugetsu#14"), &json!("pi")));
    model.wait_for_hold("work", Duration::from_secs(60));
    assert_eq!(model.prompts_of("home").len(), 0, "nothing ran here");
    let away = kugetsu(&["continue", "14", "and here?"]).expect_code(4);
    assert!(away.stderr.contains("pi") && away.stderr.contains("kugetsu wait"), "{}", away.stderr);
    let rows = kugetsu(&["list", "--json"]).expect_success().json();
    let row =
        rows.as_array().unwrap().iter().find(|row| row["issue"] == "github.com/shoko/kugetsu#14").unwrap();
    assert_eq!(row["holder"], "pi");

    model.release("work");
    let back = kugetsu(&["wait", "14"]).expect_success();
    assert!(back.stdout.trim().ends_with("done there"), "{}", back.stdout);
    let on = kugetsu(&["continue", "#14", "[[say and here]]"]).expect_success();
    assert_eq!(on.stdout.trim(), "and here");
    assert!(
        model
            .prompts_of("home")
            .last()
            .unwrap()
            .messages()
            .iter()
            .any(|said| said.to_string().contains("done there"))
    );
    let round =
        kugetsu(&["remote", "pi", "shoko/kugetsu#14", "[[say once more]]", "--round-trip"]).expect_success();
    assert_eq!(round.stdout.trim(), "once more");
    kugetsu(&["remote", "pi", "14", "[[status 401]]", "--round-trip"]).expect_code(5);
    let listed = kugetsu(&["list"]).expect_success().stdout;
    assert!(listed.contains("  failed: [[status 401]]\n"), "{listed}");
}

#[test]
fn an_attempt_that_did_not_get_to_its_host_is_made_again_by_the_same_words() {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let mut host = Host::start("pi", Release::New, &model);
    home.add_host("pi", &host, json!({}));
    home.machine.stand_in();
    host.machine.stand_in();
    let project = home.machine.project("app");
    let kugetsu =
        |arguments: &[&str]| home.spawn_in(&project, None, arguments).wait(Duration::from_secs(120));
    kugetsu(&["init"]).expect_success();
    let sessions = || -> i64 {
        let count = "SELECT count(*) FROM session";
        home.machine.database().query_row(count, [], |row| row.get(0)).unwrap()
    };
    let (issue, before) = ("github.com/shoko/kugetsu#14", sessions());
    let start = ["remote", "pi", issue, "[[say done there]]", "--start"];

    let mistyped = kugetsu(&["remote", "pii", issue, "hello", "--start"]).expect_code(2);
    assert!(mistyped.stderr.contains("pii") && mistyped.stderr.contains("pi"), "{}", mistyped.stderr);
    let base = kugetsu(&["list", "--json"]).expect_success().json()[0]["session"].clone();
    kugetsu(&["remote", "pii", base.as_str().unwrap(), "hello", "--fork"]).expect_code(2);
    assert_eq!(sessions(), before, "nothing was made");

    host.sshd.stop();
    kugetsu(&start).expect_code(3);
    kugetsu(&start).expect_code(3);
    assert_eq!(sessions(), before + 1, "the same session is used");
    let fork = ["remote", "pi", issue, "hello", "--fork"];
    let unreached = kugetsu(&fork).expect_code(3);
    assert!(unreached.stderr.contains("the copy is removed again"), "{}", unreached.stderr);
    assert_eq!(sessions(), before + 1, "nothing is left of the copy");
    host.sshd.restart();
    kugetsu(&start).expect_success();
    let away = kugetsu(&start).expect_code(4);
    assert!(away.stderr.contains("kugetsu wait"), "{}", away.stderr);
    kugetsu(&["wait", issue]).expect_success();
    let started = kugetsu(&start).expect_code(4);
    for way in [format!("kugetsu remote pi '{issue}'"), format!("kugetsu continue '{issue}'")] {
        assert!(started.stderr.contains(&way), "{}", started.stderr);
    }
    assert_eq!((host.machine.asked().len(), home.machine.asked().len()), (1, 0));
    assert_eq!(sessions(), before + 1);
}

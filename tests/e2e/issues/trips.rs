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
}

//! A launch that fails after the runner has begun.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use serde_json::json;

#[test]
fn a_launch_that_dies_once_the_run_has_begun_is_never_repeated() {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let host = Host::start("pi", Release::New, &model);
    home.machine.stand_in();
    host.machine.stand_in();
    home.add_host("pi", &host, json!({}));
    let project = home.machine.project("app");
    let session = home.machine.insert_empty_session(&project, "a session");
    // As if the system had killed the launching shell the moment the runner was there.
    host.machine.install_script(
        "setsid",
        "#!/bin/sh\nPATH=/usr/bin:/bin setsid \"$@\" &\nwhile [ ! -e run/identity ]; do sleep 0.01; done\nkill -9 $PPID\n",
    );
    std::fs::write(host.machine.home().join(".profile"), "PATH=$HOME/bin:$PATH\n").unwrap();
    let message = "once, [[hold work]] please";
    let first = home.kugetsu(&["remote", "pi", &session, message]).expect_code(3);
    assert!(first.stderr.contains("not known") && first.stderr.contains("kugetsu wait"), "{}", first.stderr);
    let second = home.kugetsu(&["remote", "pi", &session, message]).expect_code(4);
    assert!(second.stderr.contains("is on pi"), "{}", second.stderr);
    host.machine.release_run("work");
    home.kugetsu(&["wait", &session]).expect_success();
    let asked = host.machine.asked();
    assert!(asked.len() == 1 && asked[0].ends_with(message), "{asked:?}");
    assert_eq!(home.machine.export(&session)["messages"].as_array().unwrap().len(), 2);
}

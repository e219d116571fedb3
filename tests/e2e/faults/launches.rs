//! A launch that fails after the runner has begun.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use serde_json::json;

/// A home, a host, a session, and a message whose run began there without anybody being told: as if the system had killed
/// the launching shell the moment the runner was there.
fn begun_unheard(message: &str) -> (Model, Home, Host, String) {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let host = Host::start("pi", Release::New, &model);
    home.machine.stand_in();
    host.machine.stand_in();
    home.add_host("pi", &host, json!({}));
    let project = home.machine.project("app");
    let session = home.machine.insert_empty_session(&project, "a session");
    // The shell is held up first: else it may tell of the runner before it is killed.
    host.machine.install_script(
        "setsid",
        "#!/bin/sh\nkill -STOP $PPID\nPATH=/usr/bin:/bin setsid \"$@\" &\nwhile [ ! -e run/identity ]; do sleep 0.01; done\nkill -9 $PPID\n",
    );
    std::fs::write(host.machine.home().join(".profile"), "PATH=$HOME/bin:$PATH\n").unwrap();
    let first = home.kugetsu(&["remote", "pi", &session, message]).expect_code(3);
    assert!(first.stderr.contains("not known") && first.stderr.contains("kugetsu wait"), "{}", first.stderr);
    (model, home, host, session)
}

#[test]
fn a_launch_that_dies_once_the_run_has_begun_is_never_repeated() {
    let message = "once, [[hold work]] please";
    let (_model, home, host, session) = begun_unheard(message);
    let second = home.kugetsu(&["remote", "pi", &session, message]).expect_code(4);
    assert!(second.stderr.contains("is on pi"), "{}", second.stderr);
    host.machine.release_run("work");
    home.kugetsu(&["wait", &session]).expect_success();
    let asked = host.machine.asked();
    assert!(asked.len() == 1 && asked[0].ends_with(message), "{asked:?}");
    assert_eq!(home.machine.export(&session)["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn a_run_is_not_taken_for_one_that_never_began_where_its_directory_is_out_of_sight() {
    let message = "once, [[hold work]] please";
    let (_model, home, host, session) = begun_unheard(message);
    let (there, away) = (host.machine.home().join(".kugetsu"), host.machine.home().join("away"));
    // The home directory is not mounted yet; then the name leads to another account.
    std::fs::rename(&there, &away).unwrap();
    for another in [false, true] {
        if another {
            std::fs::create_dir_all(there.join("dispatches")).unwrap();
            std::fs::create_dir(there.join("account")).unwrap();
            std::fs::write(there.join("account/identity"), "00112233445566778899aabbccddeeff\n").unwrap();
        }
        let unknown = home.kugetsu(&["wait", &session]).expect_code(1);
        let way = "see whether pi still leads to the machine and account";
        assert!(
            unknown.stderr.contains("is not on pi any more") && unknown.stderr.contains(way),
            "{}",
            unknown.stderr
        );
        let again = home.kugetsu(&["remote", "pi", &session, message]).expect_code(4);
        assert!(again.stderr.contains("is on pi"), "{}", again.stderr);
    }
    std::fs::remove_dir_all(&there).unwrap();
    std::fs::rename(&away, &there).unwrap();
    host.machine.release_run("work");
    home.kugetsu(&["wait", &session]).expect_success();
    assert_eq!(host.machine.asked().len(), 1);
    assert_eq!(home.machine.export(&session)["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn a_forced_trip_that_comes_to_nothing_leaves_the_guard() {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let mut hosts = ["pi", "beefy"].map(|name| {
        let host = Host::start(name, Release::New, &model);
        host.machine.stand_in();
        home.add_host(name, &host, json!({}));
        host
    });
    home.machine.stand_in();
    let session = home.machine.insert_empty_session(&home.machine.project("app"), "a session");
    home.kugetsu(&["remote", "pi", &session, "[[hold work]]"]).expect_success();
    let still_away = || {
        let refused = home.kugetsu(&["continue", &session, "and on"]).expect_code(4);
        assert!(refused.stderr.contains("is on pi"), "{}", refused.stderr);
    };
    hosts[1].sshd.stop();
    home.kugetsu(&["remote", "beefy", &session, "again", "--force"]).expect_code(3);
    still_away();
    // Refused by the launch itself.
    let refused = home.kugetsu(&["remote", "pi", &session, "again", "--force"]).expect_code(4);
    assert!(refused.stderr.contains("another kugetsu works with"), "{}", refused.stderr);
    still_away();
    hosts[1].sshd.restart();
    home.kugetsu(&["remote", "beefy", &session, "[[hold work]]", "--force"]).expect_success();
    let refused = home.kugetsu(&["continue", &session, "and on"]).expect_code(4);
    assert!(refused.stderr.contains("is on beefy"), "{}", refused.stderr);
}

//! Whole trips: real opencode, real sshd, the stand-in model.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use serde_json::json;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

#[test]
fn a_round_trip() {
    let model = Model::start();
    let mut home = Home::start(KUGETSU, Release::New, &model);
    let host = Host::start("pi", Release::New, &model);
    home.add_host("pi", &host, json!({}));
    let project = home.machine.project("app");
    let session = home.machine.new_session(&project, "[[say hello from home]]");
    let before = home.machine.export(&session);
    let trip = home.kugetsu(&[
        "remote",
        "pi",
        &session,
        "[[bash echo here; pwd]]\n[[say all done]]",
        "--round-trip",
    ]);
    eprintln!("--- stdout\n{}\n--- stderr\n{}\n{:?}", trip.stdout, trip.stderr, trip.elapsed);
    let trip = trip.expect_success();
    assert_eq!(trip.stdout.trim(), "all done");
    let after = home.machine.export(&session);
    let (before, after) = (before["messages"].as_array().unwrap(), after["messages"].as_array().unwrap());
    assert_eq!(&after[..before.len()], &before[..]);
}

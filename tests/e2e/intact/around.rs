//! Whatever the HOME is called, and whatever plugins print, all of the work comes home.
#![allow(clippy::disallowed_methods, reason = "the files of a test are private by their directory")]

use super::{World, column, todos};
use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::sample;
use kugetsu::opencode::scan_export;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use std::fs;

/// opencode's own JavaScript does not start in a directory of such a name.
const ODD_HOME: &str = "h\u{f6}me";

/// A plugin that prints what it likes, among it what looks like a part of an export.
const PRINTING: &str = r#"
console.log("plugin: loaded {");
process.on("exit", () => console.log('plugin: bye {"info": {"id": "ses_1"}, "messages": [}'));
export const Printing = async () => { console.log('{"info": {"id": "ses_x"}, "messages": []}'); return {}; };
"#;

fn a_trip_into_an_odd_home(there: Release) {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let host = Host::behind(Machine::start_in(ODD_HOME, "pi", there, &model), |_| ());
    home.add_host("pi", &host, json!({}));
    let project = home.machine.project("app");
    let world = World { model, home, host, project };
    let session = world.session("[[say hello from home]]");
    let list =
        json!({ "todos": [{ "id": "1", "content": "there", "status": "pending", "priority": "low" }] });
    let trip =
        ["remote", "pi", &session, &format!("[[tool todowrite {list}]]\n[[say done there]]"), "--round-trip"];
    world.home.kugetsu(&trip).expect_success();
    let database = world.home.machine.database();
    assert_eq!(todos(&database, &session), [("there".to_owned(), "pending".to_owned())]);
    assert!(matches!(column(&database, &session, "cost"), Cell::Real(cost) if cost > 0.0));
    world.goes_on_at_home(&session, "done there");
}

#[test]
fn all_comes_home_from_a_home_with_an_odd_name_and_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_trip_into_an_odd_home);
}

fn print_at(machine: &Machine) {
    let plugins = machine.home().join(".config/opencode/plugin");
    fs::create_dir_all(&plugins).unwrap();
    fs::write(plugins.join("printing.js"), PRINTING).unwrap();
}

/// What a plugin prints is found around the export of the real program.
fn an_export_is_found(release: Release) {
    let model = Model::start();
    let machine = Machine::start("home", release, &model);
    let project = machine.project("app");
    let session = machine.insert_empty_session(&project, "From home");
    print_at(&machine);
    let printed = machine.opencode(&project, &["export", &session]).expect_success().stdout;
    assert!(printed.contains("plugin: loaded"), "this is about a plugin that prints: {printed}");
    let file = machine.outside().join("export.json");
    fs::write(&file, printed).unwrap();
    assert_eq!(scan_export(&file, &session).unwrap().id, session);
    let export: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(export["info"]["title"], "From home");
}

#[test]
fn an_export_is_found_among_what_a_plugin_of_any_release_prints() {
    sample::of(&Release::ALL).into_iter().for_each(an_export_is_found);
}

/// Whatever opencode is asked but its version, which loads no plugin, something is printed before and behind the answer.
const PRINTS: &str = "if [ \"$1\" != --version ]; then echo 'plugin: loaded {'; stand_in \"$@\"; status=$?\n\
                      printf 'plugin: bye {'; exit $status; fi";

#[test]
fn plugins_that_print_stop_no_trip_and_no_copy() {
    let world = World::new(Release::New, Release::New);
    for machine in [&world.home.machine, &world.host.machine] {
        machine.stand_in_with(PRINTS);
    }
    let session = world.home.machine.insert_empty_session(&world.project, "From home");
    let report =
        world.round_trip(&session, "[[say done there]]", &["--agent", "build", "--model", "fake/m1"]);
    assert_eq!(report["reply"], "done there");
    let fork = ["continue", &session, "[[say copied]]", "--fork", "--json"];
    assert_eq!(world.home.kugetsu(&fork).expect_success().json()["reply"], "copied");
}

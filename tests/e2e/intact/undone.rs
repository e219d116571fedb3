//! Prompts that were undone, as `/undo` in opencode's interface does it: the messages stay until the next prompt, which
//! deletes all that stand behind.

use super::{World, column, new_rows, other_session, text_of};
use crate::support::machine::Machine;
use crate::support::opencode::Release;
use crate::support::sample;
use rusqlite::types::Value as Cell;
use serde_json::json;

/// Undoes the last prompt.
fn undo(machine: &Machine, session: &str) {
    undo_several(machine, session, 1);
}

/// Undoes so many prompts.
fn undo_several(machine: &Machine, session: &str, prompts: usize) {
    let mut messages = machine.stored_messages(session);
    messages.retain(|message| message["info"]["role"] == "user");
    let first = &messages[messages.len() - prompts]["info"]["id"];
    set(machine, session, Some(json!({ "messageID": first }).to_string()));
}

fn set(machine: &Machine, session: &str, revert: Option<String>) {
    let update = "UPDATE session SET revert = ?2 WHERE id = ?1";
    assert_eq!(machine.database().execute(update, rusqlite::params![session, revert]).unwrap(), 1);
}

#[test]
fn no_copy_is_made_of_what_is_undone() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    undo(&world.home.machine, &session);
    let sessions = || -> i64 {
        world.home.machine.database().query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap()
    };
    let before = sessions();
    let refused = world.home.kugetsu(&["remote", "pi", &session, "go on", "--fork"]).expect_code(4);
    assert!(refused.stderr.contains("/redo"), "{}", refused.stderr);
    assert_eq!(sessions(), before);
}

#[test]
fn a_session_is_not_sent_while_prompts_are_undone() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    for flags in [&["--round-trip"][..], &["--dry-run"]] {
        undo(&world.home.machine, &session);
        let rows = world.here(&session);
        let args = [&["remote", "pi", &session, "[[say done there]]"][..], flags].concat();
        let refused = world.home.kugetsu(&args).expect_code(4);
        assert!(refused.stderr.contains("/redo") && refused.stderr.contains(&session), "{}", refused.stderr);
        assert_eq!(world.here(&session), rows);
        assert_eq!(world.model.prompts_of("pi").len(), 0, "nothing runs there");
        set(&world.home.machine, &session, None);
    }
    let listed = world.home.kugetsu(&["status", "--json"]).expect_success();
    assert!(!listed.stdout.contains(&session), "nothing is left of it: {}", listed.stdout);
    world.round_trip(&session, "[[say done there]]", &[]);
    world.goes_on_at_home(&session, "done there");
}

#[test]
fn what_is_undone_at_home_meanwhile_does_not_take_the_work_with_it() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(release, Release::New);
        let session = world.session("[[say hello from home]]");
        world.home.kugetsu(&["remote", "pi", &session, "[[say done there]]"]).expect_success();
        undo(&world.home.machine, &session);
        let (rows, revert) =
            (world.here(&session), column(&world.home.machine.database(), &session, "revert"));
        let apart = world.home.kugetsu(&["wait", &session]).expect_code(4);
        let copy = other_session(&apart, &session);
        assert_eq!(world.here(&session), rows);
        assert_eq!(column(&world.home.machine.database(), &session, "revert"), revert);
        world.goes_on_at_home(&copy, "done there");
        assert!(world.messages(&copy).iter().any(|message| text_of(message) == "done there"));
    }
}

#[test]
fn what_is_undone_on_the_host_is_home_all_the_same() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(Release::New, release);
        let session = world.session("[[say hello from home]]");
        world.round_trip(&session, "[[say first]]", &[]);
        undo(&world.host.machine, &session);
        let before = world.here(&session);
        world.round_trip(&session, "[[say second]]", &[]);
        super::new_rows(&before, &world.here(&session));
        assert_eq!(column(&world.host.machine.database(), &session, "revert"), Cell::Null);
        world.goes_on_at_home(&session, "first");
    }
}

#[test]
fn what_went_on_there_from_an_earlier_prompt_comes_home_by_itself() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(Release::New, release);
        let session = world.session("[[say hello from home]]");
        world
            .home
            .machine
            .continue_session(&world.project, &session, "[[say regretted]]", &[])
            .expect_success();
        let trip = world.home.kugetsu(&["remote", "pi", &session, "[[say by the run]]", "--json"]);
        let dispatch = trip.expect_success().json()["dispatch"].as_str().unwrap().to_owned();
        world.has_ended(&session);
        let before = world.here(&session);
        let there = &world.host.machine;
        undo_several(there, &session, 2);
        world.typed_there(&session, "[[say another way]]", &[]);
        assert!(!json!(there.stored_messages(&session)).to_string().contains("regretted"));

        let copied = world.home.kugetsu(&["fetch", &session, "--snapshot", "--json"]).expect_success().json();
        let messages = world.messages(&session);
        let deleted = release == Release::Old;
        if deleted {
            let delete = "DELETE FROM session WHERE id = ?1";
            assert_eq!(world.home.machine.database().execute(delete, [&session]).unwrap(), 1);
        }
        let apart = world.home.kugetsu(&["fetch", &dispatch]).expect_code(4);
        assert!(apart.stderr.contains("was undone"), "{}", apart.stderr);
        assert_eq!(apart.stderr.contains("deleted here"), deleted, "{}", apart.stderr);
        let copy = other_session(&apart, &session);
        assert_eq!(world.messages(&session), messages);
        assert!(deleted || world.here(&session) == before, "here it is as it was");
        for copy in [copied["snapshot"].as_str().unwrap(), &copy] {
            let said: Vec<String> =
                world.messages(copy).iter().map(|message| text_of(message).trim().to_owned()).collect();
            let expected =
                ["[[say hello from home]]", "hello from home", "[[say another way]]", "another way"];
            assert_eq!(said, expected);
        }
        assert_eq!(other_session(&world.home.kugetsu(&["fetch", &dispatch]).expect_code(4), &session), copy);
        world.goes_on_at_home(&copy, "another way");
        world.goes_on_at_home(&session, "regretted");
        let before = world.here(&session);
        world.round_trip(&session, "[[say once more]]", &[]);
        new_rows(&before, &world.here(&session));
        assert_eq!(world.host.machine.stored_messages(&session).len(), 8);
    }
}

#[test]
fn what_went_on_there_from_an_earlier_prompt_is_not_taken_away_by_another_trip() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    world.round_trip(&session, "[[say regretted]]", &[]);
    undo(&world.host.machine, &session);
    world.typed_there(&session, "[[say another way]]", &[]);
    let (here, rows) = (world.here(&session), world.there(&session));
    let refused = world.home.kugetsu(&["remote", "pi", &session, "[[say on]]"]).expect_code(4);
    assert!(refused.stderr.contains("--fork"), "{}", refused.stderr);
    assert_eq!((world.here(&session), world.there(&session)), (here, rows));
    world.goes_on_at_home(&session, "regretted");
}

/// A trip came home and the next one is sent; what the host has of it is as it was, and nothing ran there.
#[track_caller]
fn is_refused(world: &World, session: &str) {
    let (here, there) = (world.here(session), world.there(session));
    let asked = world.model.prompts_of("pi").len();
    let refused = world.home.kugetsu(&["remote", "pi", session, "[[say on]]", "--round-trip"]);
    assert_eq!(world.there(session), there, "{}", refused.stderr);
    let refused = refused.expect_code(4);
    for words in ["2 messages", "are not here", "--fork"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert_eq!((world.here(session), world.model.prompts_of("pi").len()), (here, asked));
}

#[test]
fn what_home_took_back_by_itself_stays_on_the_host() {
    for release in sample::of(&Release::ALL) {
        let world = World::new(Release::New, release);
        let session = world.session("[[say hello from home]]");
        world.round_trip(&session, "[[say done there]]", &[]);
        undo(&world.home.machine, &session);
        // The next prompt deletes what was undone: the host has the only copy.
        world
            .home
            .machine
            .continue_session(&world.project, &session, "[[say instead]]", &[])
            .expect_success();
        assert!(!world.here(&session).values().any(|row| row.contains("done there")));
        is_refused(&world, &session);
        let args = ["remote", "pi", &session, "[[say by the copy]]", "--fork", "--round-trip", "--json"];
        let copy = world.home.kugetsu(&args).expect_success().json();
        assert_eq!((&copy["state"], &copy["reply"]), (&json!("home"), &json!("by the copy")), "{copy:#}");
        assert!(world.there(&session).values().any(|row| row.contains("done there")));
    }
}

#[test]
fn what_a_command_took_back_is_held_by_the_file_that_it_left() {
    let world = World::new(Release::New, Release::New);
    let session = world.session("[[say hello from home]]");
    world.round_trip(&session, "[[say before]]", &[]);
    let known = |host: &str| world.home.state().join(format!("known/{host}/{session}.json"));
    // What another host is known to have is not touched by what this one's trip brings and takes.
    std::fs::create_dir(known("beefy").parent().unwrap()).unwrap();
    std::fs::copy(known("pi"), known("beefy")).unwrap();
    let earlier = std::fs::read(known("beefy")).unwrap();
    let report = world.round_trip(&session, "[[say done there]]", &[]);
    let dispatch = report["dispatch"].as_str().unwrap();
    let file = world.home.state().join("dispatches").join(dispatch).join("before.undone");
    let remembered = std::fs::read(known("pi")).unwrap();
    world.home.kugetsu(&["undo", dispatch]).expect_success();
    assert_ne!(std::fs::read(known("pi")).unwrap(), remembered);
    // Done again, all is as if nothing had been undone.
    world.home.kugetsu(&["undo", file.to_str().unwrap()]).expect_success();
    assert_eq!(std::fs::read(known("pi")).unwrap(), remembered);
    world.home.kugetsu(&["undo", dispatch]).expect_success();
    assert_eq!(std::fs::read(known("beefy")).unwrap(), earlier);
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    is_refused(&world, &session);
    std::fs::rename(&aside, &file).unwrap();
    let before = world.here(&session);
    world.round_trip(&session, "[[say second]]", &[]);
    new_rows(&before, &world.here(&session));
    assert!(!world.there(&session).values().any(|row| row.contains("done there")));
    assert!(std::fs::read_to_string(&file).unwrap().contains("done there"), "it can be had back");
}

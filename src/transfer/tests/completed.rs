//! Sessions that older releases left: the copy is completed, and home's rows stay as they are.

use super::home::HERE;
use super::world::Trip;
use super::{NOW_MS, messages_in, messages_mut, parts_mut, spec, value};
use crate::session::Clock;
use crate::session::arbitrary::shapes;
use crate::transfer::{Paths, Spec};
use serde_json::{Value, json};

/// On a host with another clock and another directory, and on one with the same.
fn specs() -> [Spec; 2] {
    let paths = Paths::new("/home/me/proj", "/srv/w");
    [
        spec(None),
        Spec { clock: Clock::new(-7_200_000, NOW_MS), paths, directory: "/srv/w".into(), ..spec(None) },
    ]
}

fn faulty() -> Value {
    let mut session = shapes::faulty_session("/home/me/proj");
    for message in messages_mut(&mut session) {
        // Calls that are open are ended on the way, at home as well; that is another story.
        parts_mut(message).retain(|part| !super::is_open(part));
    }
    session
}

#[test]
fn what_was_filled_in_for_the_copy_does_not_come_home() {
    let export = faulty();
    for spec in specs() {
        let trip = Trip::start(&export.to_string(), &spec);
        assert!(trip.undo().filled.is_some());
        let mut there = trip.imported.clone();
        // The host touches every row, and changes nothing else in it.
        for message in &mut trip.root(&mut there).messages {
            message["info"]["touched"] = json!(true);
            for part in parts_mut(message) {
                part["touched"] = json!(true);
            }
        }
        let (merged, home) = trip.come_home(&there, &HERE);
        assert!(merged.changed > 200, "{}", merged.changed);
        let mut expected = export.clone();
        for message in messages_mut(&mut expected) {
            message["info"]["touched"] = json!(true);
            for part in parts_mut(message) {
                // What names a snapshot stays as it is, whatever comes back; and of a subtask only its prompt does.
                if !["patch", "step-start", "step-finish", "snapshot", "subtask"]
                    .iter()
                    .any(|kind| part["type"] == *kind)
                {
                    part["touched"] = json!(true);
                }
            }
        }
        let found = home[trip.id()].export();
        for (a, b) in messages_in(&found).iter().zip(messages_in(&expected)) {
            assert_eq!(a, b);
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn nothing_comes_home_of_rows_that_the_host_left_alone() {
    let export = faulty();
    for spec in specs() {
        let trip = Trip::start(&export.to_string(), &spec);
        let (merged, arrival) = trip.back(&trip.bundle(&trip.imported), &HERE).unwrap();
        assert_eq!((merged.changed, arrival.as_str()), (0, ""));
    }
}

#[test]
fn a_sound_session_is_not_filled() {
    let good = shapes::good();
    let mut session = good.clone();
    parts_mut(&mut session["messages"][1]).retain(|part| !super::is_open(part));
    let (_, out, undo) = super::prepared(&session.to_string(), &spec(None));
    assert_eq!(undo.filled, None);
    for part in parts_mut(&mut session["messages"][1]) {
        if part["type"] == "patch" {
            part["files"] = json!([]);
        }
    }
    assert_eq!(value(&out)["messages"][1], session["messages"][1]);
}

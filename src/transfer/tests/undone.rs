//! Sessions whose end was undone on the host, as opencode's next prompt there takes it away for good.

use super::bundles::{CHILD, LATER, away, child, go_on, in_ids_of, with_a_copy};
use super::home::HERE;
use super::world::{Session, Trip, apply, outline, text};
use super::{parts_in, parts_mut, spec, value};
use crate::session::arbitrary::{FIXTURES, call_id, session};
use crate::transfer::{ForkInput, HomeError};
use proptest::prelude::*;
use serde_json::Value;

/// Leaves its first messages, and of the one behind them so many parts; without any, not that one either.
fn cut(session: &mut Session, messages: usize, parts: usize) {
    session.sort();
    session.messages.truncate(messages + usize::from(parts > 0));
    if let Some(last) = session.messages.get_mut(messages) {
        parts_mut(last).truncate(parts);
    }
}

fn parts_of(session: &Session, message: usize) -> usize {
    parts_in(&session.messages[message]).len()
}

#[test]
fn only_a_beginning_that_is_proven_is_taken_for_one() {
    for (from, to) in [(0, 1), (1, 2), (2, 3)] {
        let (trip, mut there) = Trip::started(FIXTURES[0].1, &spec(None));
        let root = trip.root(&mut there);
        assert_eq!(root.messages.len(), 4);
        root.messages.drain(from..to);
        go_on(root, "rootZm7ZOVRlqZ", "go on", LATER);
        let lost = trip.back(&trip.bundle(&there), &HERE).unwrap_err();
        assert!(matches!(lost, HomeError::Lost { messages: 1, .. }), "{lost}");
        let export = there[trip.id()].export().to_string();
        let missing = trip.back(&export, &HERE).unwrap_err();
        assert!(matches!(missing, HomeError::Missing { .. }), "{missing}");
    }
}

proptest! {
    #[test]
    fn what_is_left_of_it_comes_home_with_the_work(
        draft in session(), from: prop::sample::Index, within: prop::sample::Index, exported: bool, call in prop::option::of(0_usize..4),
    ) {
        let (trip, mut there) = Trip::started(&draft.json(), &spec(call.map(call_id).as_deref()));
        let root = trip.root(&mut there);
        prop_assume!(!root.messages.is_empty());
        let from = from.index(root.messages.len());
        let parts = within.index(parts_of(root, from).max(1));
        cut(root, from, parts);
        go_on(root, "rootZm7ZOVRlqZ", "go on", LATER);
        there.insert(CHILD.to_owned(), child(trip.id(), LATER));
        let back =
            if exported { there[trip.id()].export().to_string() } else { trip.bundle(&there) };
        let (merged, arrival) = trip.back(&back, &HERE).unwrap();
        prop_assert!(merged.remaining.is_some());

        let mut expected = trip.home();
        apply(&mut expected, trip.id(), &arrival);
        let root = trip.root(&mut expected);
        root.sort();
        let (before, after) = (outline(&trip.imported[trip.id()]), outline(&there[trip.id()]));
        let (before, after) = (before.sorted(), after.sorted());
        let is_undone = |id: &Value| {
            before.binary_search(&text(id)).is_ok() && after.binary_search(&text(id)).is_err()
        };
        root.messages.retain(|message| !is_undone(&message["info"]["id"]));
        for message in &mut root.messages {
            parts_mut(message).retain(|part| !is_undone(&part["id"]));
        }
        let left = merged.remaining.clone().unwrap();
        let away = ForkInput { left: &left, ..away(&trip, &merged) };
        let home = with_a_copy(&trip, &away, &arrival);
        let expected = &expected[trip.id()];
        let copied = home.iter().find(|(_, session)| session.info["parentID"] == "ses_copy");
        prop_assert_eq!(copied.is_some(), !exported);
        let child = copied.map_or("none", |(child, _)| child.as_str());
        let known = [("ses_copy", trip.id()), (child, CHILD)];
        prop_assert_eq!(in_ids_of(&home["ses_copy"], expected, known), expected.messages.clone());
        prop_assert_eq!(home[trip.id()].export(), value(&trip.export));
    }
}

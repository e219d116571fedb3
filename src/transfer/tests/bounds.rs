//! What comes home is bounded, whatever a host makes of it.

use super::bundles::worked;
use super::home::FRESH;
use crate::session::ExportError;
use crate::transfer::HomeError;
use crate::transfer::paths::{GROWTH, Paths, Style};
use serde_json::{Value, json};

/// Brings home what a host makes of the session itself.
fn home_with(change: impl Fn(&mut Value, &mut Value, &mut Value)) -> Result<usize, HomeError> {
    let (trip, mut there) = worked();
    let session = trip.root(&mut there);
    let last = session.messages.last_mut().unwrap();
    change(&mut session.info, &mut session.todos, last);
    trip.back(&trip.bundle(&there), &FRESH).map(|(merged, _)| merged.todos)
}

#[test]
fn the_longest_list_of_todos_is_counted() {
    let todo = json!({"content": "c", "status": "pending", "priority": "high"});
    let many = |n: usize| Value::from(vec![todo.clone(); n]);
    assert_eq!(home_with(|_, todos, _| *todos = many(1500)).unwrap(), 1500);
    let error = home_with(|_, todos, _| {
        *todos = json!([{"content": "x".repeat(5 << 20), "status": "a", "priority": "b"}])
    });
    let error = error.map(drop).unwrap_err();
    assert!(matches!(error, HomeError::Export(ExportError::TooLarge { limit: 4_194_304, .. })), "{error}");
}

#[test]
fn counters_that_are_more_than_a_handful_of_numbers_are_refused() {
    let much: Vec<u32> = (0..5000).collect();
    for key in ["cost", "tokens"] {
        for error in [
            home_with(|info, _, _| info[key] = json!(much)),
            home_with(|_, _, last| last["info"][key] = json!(much)),
        ] {
            let error = error.map(drop).unwrap_err().to_string();
            assert!(error.contains("cost or tokens are not of the kind"), "{error}");
        }
    }
}

#[test]
fn a_row_of_more_than_32_mib_is_refused_and_one_below_comes_home() {
    let text = |mib: usize| "x".repeat(mib << 20);
    assert!(home_with(|_, _, last| last["parts"][0]["text"] = json!(text(31))).is_ok());
    let error = home_with(|_, _, last| last["parts"][0]["text"] = json!(text(33))).map(drop).unwrap_err();
    assert!(matches!(error, HomeError::Export(ExportError::TooLarge { limit: 33_554_432, .. })), "{error}");
}

/// A text of nothing but a short path became gigabytes, where home's directory has a long name.
#[test]
fn a_text_that_would_grow_without_measure_stays_as_it_is() {
    let long = format!("/home/me/{}", "x".repeat(200));
    let paths = Paths::new(&long, "/r").unwrap();
    let text = |n: usize| format!("\"ls {}\"", "/r ".repeat(n));
    let few = paths.homeward(Style::Text, &text(100)).unwrap();
    assert_eq!(few, text(100).replace("/r", &long));
    assert_eq!(paths.homeward(Style::Text, &text(GROWTH / 100)), None);
}

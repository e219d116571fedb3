//! A host that spells what it says otherwise than opencode does: strings with escapes, numbers with exponents.

use super::bundles::{LATER, gone_on};
use super::home::HERE;
use super::work::work;
use super::world::{Database, Trip, unbelievable};
use super::{extend, spec};
use crate::session::arbitrary::{FIXTURES, random, session};
use crate::session::walk::string_end;
use crate::transfer::HomeError;
use proptest::prelude::*;
use serde_json::{Value, json};

/// How JSON is spelled otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    pub(super) seed: u64,
    /// Of how many values one is.
    pub(super) one_in: u64,
    /// Whether numbers are, too.
    pub(super) numbers: bool,
}

/// JSON that means the same.
pub(super) fn respelled(json: &str, spelling: Spelling) -> String {
    let mut random = random(spelling.seed);
    let mut is_chosen = || random().is_multiple_of(spelling.one_in);
    let mut out = String::new();
    let mut at = 0;
    while let Some(&byte) = json.as_bytes().get(at) {
        let start = at;
        match byte {
            b'"' => {
                at = string_end(json.as_bytes(), at);
                let string = &json[start..at];
                match string[1..].chars().next().filter(|c| c.is_ascii_alphanumeric() && is_chosen()) {
                    Some(c) => out += &format!("\"\\u{:04x}{}", u32::from(c), &string[2..]),
                    None => out += string,
                }
            }
            b'-' | b'0'..=b'9' => {
                let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
                at += json.as_bytes()[at..].iter().take_while(|b| is_part(b)).count();
                let number = &json[start..at];
                let is_whole = spelling.numbers && number.bytes().all(|b| b.is_ascii_digit());
                out += number;
                out += match is_whole && is_chosen() {
                    true if number.len().is_multiple_of(2) => ".0",
                    true => "e0",
                    false => "",
                };
            }
            _ => {
                at += 1;
                out.push(char::from(byte));
            }
        }
    }
    out
}

/// A bundle whose documents are changed as texts; their lengths stand in the headers.
pub(super) fn rewritten(bundle: &str, change: impl Fn(&str) -> String) -> String {
    let lines: Vec<&str> = bundle.lines().collect();
    let mut out = String::new();
    for pair in lines.chunks(2) {
        let mut header: Value = serde_json::from_str(pair[0]).unwrap();
        let document = change(pair[1]);
        header["bytes"] = json!(document.len());
        out += &format!("{header}\n{document}\n");
    }
    out
}

/// Numbers that are whole as JavaScript writes them.
pub(super) fn plain(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)
            {
                *value = json!(whole as i64);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(plain),
        Value::Object(all) => all.values_mut().for_each(plain),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn honest_work_is_the_same_however_it_is_spelled(draft in session(), work in work(), seed: u64, one_in in 1..20_u64) {
        let trip = Trip::start(&draft.json(), &spec(None));
        let bundle = trip.bundle(&work.on(&trip.imported, trip.id(), LATER));
        let home = |bundle: &str| {
            let (merged, arrival) = trip.back(bundle, &HERE).unwrap();
            let home = trip.at_home(&arrival);
            (home, merged.breaches, merged.new_messages)
        };
        let spelling = Spelling { seed, one_in, numbers: false };
        let spelled = rewritten(&bundle, |document| respelled(document, spelling));
        prop_assert_eq!(home(&spelled), home(&bundle));
    }
}

/// Work of which a part of the last message, and what is said there, is spelled so.
fn back(part: &Value, from: &str, to: &str) -> Result<(Trip, Database), HomeError> {
    let (trip, mut there) = gone_on(FIXTURES[0].1);
    let last = trip.root(&mut there).messages.last_mut().unwrap();
    extend(&mut last["parts"][1], part);
    let bundle = trip.bundle(&there);
    assert!(bundle.contains(from), "{from}");
    let (_, arrival) = trip.back(&rewritten(&bundle, |document| document.replace(from, to)), &HERE)?;
    let home = trip.at_home(&arrival);
    Ok((trip, home))
}

#[test]
fn an_escape_in_a_word_hides_nothing() {
    let part = |trip: &Trip, home: &Database| home[trip.id()].messages.last().unwrap()["parts"][1].clone();
    let file = json!({"type": "file", "mime": "image/png", "url": "file:///home/me/.ssh/id"});
    let (trip, home) = back(&file, r#""file""#, r#""fil\u0065""#).unwrap();
    assert_eq!(part(&trip, &home)["url"], "data:text/plain,");
    let attached = json!({"state": {"status": "completed", "attachments": [file]}});
    let (trip, home) = back(&attached, r#""attachments""#, r#""attachment\u0073""#).unwrap();
    assert_eq!(part(&trip, &home)["state"]["attachments"], json!([]));
    let running = json!({"state": {"status": "running", "input": {}, "time": {"start": LATER}}});
    let (trip, home) = back(&running, r#""running""#, r#""runnin\u0067""#).unwrap();
    assert_eq!(part(&trip, &home)["state"]["status"], "error", "the call was left open");
}

#[test]
fn a_time_is_spelled_in_digits_or_refused() {
    let from = format!("\"completed\":{LATER}");
    for to in ["1.4e14", "140000000000000.0", "14e13", "5e0", "0.0", "-0", "1E3"] {
        let (trip, mut there) = gone_on(FIXTURES[0].1);
        trip.root(&mut there).messages.last_mut().unwrap()["info"]["time"]["completed"] = json!(LATER);
        let bundle = trip.bundle(&there);
        assert_eq!(bundle.matches(&from).count(), 1);
        let bundle = rewritten(&bundle, |document| document.replace(&from, &format!("\"completed\":{to}")));
        assert_eq!(unbelievable(trip.back(&bundle, &HERE)), "time.completed", "{to}");
    }
    let nothing = json!({"state": {"status": "completed", "time": {"start": 0, "end": 1_i64 << 47}}});
    let (trip, home) = back(&nothing, "\"start\":0", "\"start\":0").unwrap();
    let message = home[trip.id()].messages.last().unwrap();
    let time = &message["parts"][1]["state"]["time"];
    assert!(time["start"].as_i64() > Some(0) && time["end"].as_i64() < Some(1 << 47), "{time}");
}

#[test]
fn an_id_is_the_same_however_it_is_spelled() {
    let (trip, there) = gone_on(FIXTURES[0].1);
    // Of the far future by its id, so that it gets another here.
    let id = there[trip.id()].messages.last().unwrap()["info"]["id"].as_str().unwrap().to_owned();
    let future = format!("msg_ffffffffffff{}", &id[16..]);
    let bundle = rewritten(&trip.bundle(&there), |document| document.replace(&id, &future));
    let arrival = |bundle: &str| trip.back(bundle, &HERE).unwrap().1;
    let expected = arrival(&bundle);
    assert!(!expected.contains(&future), "it is put where it belongs");
    let escaped = future.replace('_', r"\u005f");
    let spelled = rewritten(&bundle, |document| document.replace(&future, &escaped));
    assert_ne!(bundle, spelled);
    assert_eq!(arrival(&spelled), expected);
}

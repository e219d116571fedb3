//! Clocks that are set while a run goes on, and rows of other makes among those that come.

use super::home::FRESH;
use super::world::{Database, Trip, text};
use super::{parts_in, spec, without_snapshots};
use crate::session::arbitrary::{BEGIN_MS, Draft, FIXTURES, PartDraft, Release, messages_of, session};
use crate::session::stamp::{IdKind, PER_MS};
use crate::session::{Clock, SAME_CLOCK_MS};
use crate::transfer::inbound::new_ids::{Bounds, Had, Placement};
use crate::transfer::{MergeContext, Spec};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW_MS: i64 = super::NOW_MS;
const LAUNCHED: i64 = NOW_MS;
const ARRIVED: i64 = NOW_MS + 3_600_000;

fn here() -> MergeContext<'static> {
    MergeContext { now_ms: ARRIVED, launched_ms: LAUNCHED, ..FRESH }
}

fn said(n: usize) -> Vec<Draft> {
    let user =
        Draft::User { text: format!("do {n}"), agent: "plan".into(), model: "m".into(), variant: None };
    let parts = vec![PartDraft::StepStart, PartDraft::Text(format!("did {n}"), false), PartDraft::StepFinish];
    vec![user, Draft::Assistant { parts, ended: true }]
}

/// Work in pieces, each from a time on by the host's clock.
fn on(trip: &Trip, begins: &[i64]) -> Database {
    let mut there = trip.imported.clone();
    let messages = &mut trip.root(&mut there).messages;
    for (n, begin) in begins.iter().enumerate() {
        let tail = format!("piece{n}m7ZOVR0000");
        messages.extend(messages_of(trip.id(), &tail, Release::New, &said(n), *begin));
    }
    there
}

/// What came home of it: the new messages.
fn new(trip: &Trip, there: &Database) -> Vec<Value> {
    let bundle = trip.bundle(there);
    let (merged, arrival) = trip.back(&bundle, &here()).unwrap();
    let again = MergeContext { now_ms: ARRIVED, ..here() };
    assert_eq!(trip.back(&bundle, &again).unwrap().1, arrival);
    let home = trip.at_home(&arrival);
    let all = home[trip.id()].messages.clone();
    let old = trip.left.len();
    assert_eq!(all.len(), old + merged.new_messages.len());
    for (merged, old) in all.iter().zip(trip.left.iter()) {
        assert_eq!(merged["info"]["id"], old.id());
    }
    all[old..].to_vec()
}

fn created(message: &Value) -> i64 {
    message["info"]["time"]["created"].as_i64().unwrap()
}

/// What holds whatever the clock did: the order, no id twice, nothing before what left or after now.
fn check(trip: &Trip, there: &Database) -> Vec<Value> {
    let all = new(trip, there);
    let mut of_host = there[trip.id()].clone();
    of_host.sort();
    let words =
        |message: &Value| message["parts"].to_string().split("piece").nth(1).map(|s| s[..14].to_owned());
    let expected: Vec<_> = of_host.messages.iter().filter_map(words).collect();
    assert_eq!(all.iter().filter_map(words).collect::<Vec<_>>(), expected);
    let end = ARRIVED + SAME_CLOCK_MS;
    for message in &all {
        assert!((LAUNCHED - SAME_CLOCK_MS..=end).contains(&created(message)), "{message}");
        let ids = parts_in(message).iter().map(|part| text(&part["id"]));
        assert!(ids.clone().is_sorted_by(|a, b| a < b));
        for id in ids.chain([text(&message["info"]["id"])]) {
            let ms = i64::from_str_radix(&id[4..16], 16).unwrap() / 0x1000;
            let [from, to] = [LAUNCHED - SAME_CLOCK_MS, end].map(|ms| ms & 0xf_ffff_ffff);
            assert!((from..=to).contains(&ms), "{id}");
        }
        let completed = message["info"]["time"]["completed"].as_i64();
        assert!(completed.is_none_or(|completed| completed >= created(message)));
    }
    assert!(all.is_sorted_by(|a, b| text(&a["info"]["id"]) < text(&b["info"]["id"])));
    all
}

fn clocked(ahead: i64) -> Trip {
    let clock = Clock::new(ahead, NOW_MS);
    Trip::start(FIXTURES[0].1, &Spec { clock, ..spec(None) })
}

#[test]
fn a_clock_that_learns_the_time_is_right_from_then_on() {
    let ahead = 5000 - NOW_MS;
    let trip = clocked(ahead);
    let there = on(&trip, &[NOW_MS + ahead + 10_000, NOW_MS + 60_000]);
    let all = check(&trip, &there);
    let times: Vec<i64> = all.iter().map(created).collect();
    assert_eq!(times, [10_000, 11_000, 60_000, 61_000].map(|ms| NOW_MS + ms));
    assert_eq!(all[1]["parts"][1]["time"], json!({"start": NOW_MS + 11_000, "end": NOW_MS + 11_000}));
    assert_eq!(all[3]["info"]["time"]["completed"], NOW_MS + 61_500);
}

#[test]
fn a_message_may_begin_before_a_jump_and_end_after_it() {
    let ahead = 5000 - NOW_MS;
    let trip = clocked(ahead);
    let mut there = on(&trip, &[NOW_MS + ahead + 10_000]);
    let messages = &mut trip.root(&mut there).messages;
    let last = messages.last_mut().unwrap();
    last["info"]["time"]["completed"] = json!(NOW_MS + 30_000);
    last["parts"][1]["time"]["end"] = json!(NOW_MS + 20_000);
    let moved = format!("prt_{:012x}piece0m7ZO9999", ((NOW_MS + 25_000) * 0x1000) as u64 & 0xffff_ffff_ffff);
    last["parts"][2]["id"] = json!(moved);
    let all = check(&trip, &there);
    assert_eq!(all[1]["info"]["time"], json!({"created": NOW_MS + 11_000, "completed": NOW_MS + 30_000}));
    assert_eq!(all[1]["parts"][1]["time"], json!({"start": NOW_MS + 11_000, "end": NOW_MS + 20_000}));
    assert_eq!(all[1]["parts"][2]["id"], moved);
}

#[test]
fn a_clock_that_was_right_may_go_wrong() {
    let trip = clocked(0);
    check(&trip, &on(&trip, &[NOW_MS + 10_000, NOW_MS + 40 * 365 * 86_400_000]));
    check(&trip, &on(&trip, &[5000]));
}

#[test]
fn a_clock_near_home_is_left_alone() {
    let trip = clocked(1900);
    let there = on(&trip, &[LAUNCHED - 1500, ARRIVED]);
    let all = check(&trip, &there);
    let mut of_host = there[trip.id()].clone();
    of_host.sort();
    for (merged, was) in all.iter().zip(&mut of_host.messages[trip.left.len()..]) {
        without_snapshots(was);
        assert_eq!((&merged["info"]["id"], &merged["parts"]), (&was["info"]["id"], &was["parts"]));
    }
}

#[test]
fn ids_of_other_programs_keep_their_places() {
    for ahead in [0, 86_400_000, 5000 - NOW_MS] {
        let trip = clocked(ahead);
        let mut there = on(&trip, &[NOW_MS + ahead + 10_000, NOW_MS + ahead + 50_000]);
        let messages = &mut trip.root(&mut there).messages;
        let first = trip.left.len();
        messages[first]["info"]["id"] = json!("msg-by-hand");
        messages[first]["parts"][0]["messageID"] = json!("msg-by-hand");
        messages[first]["parts"][0]["id"] = json!("prt-by-hand");
        messages[first + 1]["info"]["parentID"] = json!("msg-by-hand");
        let all = new(&trip, &there);
        assert_eq!(
            (&all[0]["info"]["id"], &all[0]["parts"][0]["id"]),
            (&json!("msg-by-hand"), &json!("prt-by-hand"))
        );
        assert_eq!(all[1]["info"]["parentID"], "msg-by-hand");
    }
}

#[test]
fn a_part_that_was_added_when_the_ids_began_anew_stands_behind_the_others() {
    // The time in ids begins anew at this millisecond. The host's clock is ahead, so that both parts are of later there.
    let (anew, ahead) = (26_i64 << 36, 600_000);
    let bounds = Bounds {
        ahead_ms: ahead,
        launched_ms: anew - 10_000,
        earliest_ms: anew - 10_000,
        now_ms: anew + 60_000,
    };
    let id = |ms: i64| IdKind::Part.id(ms * PER_MS, "m7ZOVR00000000");
    let (last, last_there, added) = (id(anew - 1000), id(anew - 1000 + ahead), id(anew + 1000 + ahead));
    assert!(last_there < added);
    let had = Had { id: "msg_x", last_part: Some(&last), last_there: Some(&last_there) };
    let mut placement = Placement::behind(&bounds, None, None);
    placement.left(anew - 2000 + ahead, &had, [added.as_str()].into_iter());
    let (there, home) = placement.arrivals.new.remove(0);
    assert_eq!(there, added);
    assert!(home > last, "{home} is before {last}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_the_clock_does_the_order_stays(
        ahead in prop_oneof![Just(0), Just(5000 - NOW_MS), -(1_i64 << 38)..1_i64 << 38],
        pieces in prop::collection::vec((0..3_600_000_i64, prop_oneof![Just(None), Just(Some(0)), (-(1_i64 << 40)..1_i64 << 40).prop_map(Some)]), 1..5),
    ) {
        let trip = clocked(ahead);
        let ahead = trip.undo().clock.map_or(0, |clock| clock.ahead_ms);
        let begins: Vec<i64> =
            pieces.iter().map(|(ms, jump)| (LAUNCHED + ms + jump.unwrap_or(ahead)).max(1)).collect();
        // Two pieces at the same time would have the same ids.
        let mut sorted = begins.clone();
        sorted.sort_unstable();
        prop_assume!(sorted.windows(2).all(|pair| pair[1] - pair[0] > 2000));
        check(&trip, &on(&trip, &begins));
    }

    #[test]
    fn a_session_may_be_empty(draft in session(), ahead in -(1_i64 << 40)..1_i64 << 40) {
        let mut value = draft.value();
        value["messages"] = json!([]);
        let clock = Clock::new(ahead, NOW_MS);
        let trip = Trip::start(&value.to_string(), &Spec { clock, ..spec(None) });
        let ahead = trip.undo().clock.map_or(0, |clock| clock.ahead_ms);
        let all = check(&trip, &on(&trip, &[NOW_MS + ahead + 10_000]));
        prop_assert_eq!(created(&all[0]), NOW_MS + 10_000);
        prop_assert!(BEGIN_MS < NOW_MS);
    }
}

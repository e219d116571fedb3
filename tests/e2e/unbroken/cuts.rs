//! The line breaks, dies without a word, or the host's sshd is gone for a while.

use super::{Errand, World, each, hinted};
use crate::support::process::PATIENCE;
use crate::support::proxy::{After, Stats};
use crate::support::sample;
use std::time::Duration;

/// How many places of a trip a sample has, and all of it.
const CUTS: (usize, usize) = (4, 100);
/// The same for lines that die without a word, each of which takes as long as a host may be silent.
const STALLS: (usize, usize) = (2, 12);
/// How many times at most something is typed after one fault.
const COMMANDS: usize = 2;
const LONG: Duration = Duration::from_secs(240);

/// A place in a trip, in parts of a million of what goes through the line.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Of what goes to the host.
    Up(u64),
    /// Of what comes from there.
    Down(u64),
    /// Of both.
    Either(u64),
}

impl Place {
    /// As many as are wanted, the same for the same seed.
    fn random(seed: usize, count: usize) -> Vec<Self> {
        let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % 1_000_000
        };
        let kinds = [Self::Up, Self::Down, Self::Either];
        (0..count).map(|n| kinds[n % kinds.len()](next())).collect()
    }

    /// In bytes from now on, for a trip of which so much goes through.
    fn from(self, now: Stats, whole: Stats) -> After {
        let part = |of: u64, all: u64| 1 + all * of / 1_000_000;
        match self {
            Self::Up(of) => After::Up(now.up + part(of, whole.up)),
            Self::Down(of) => After::Down(now.down + part(of, whole.down)),
            Self::Either(of) => After::Total(now.up + now.down + part(of, whole.up + whole.down)),
        }
    }
}

impl World {
    /// What goes through the line in a trip to a host that is known already.
    fn whole(&self) -> Stats {
        let before = self.proxy.stats();
        self.undisturbed();
        let after = self.proxy.stats();
        Stats { connections: 1, up: after.up - before.up, down: after.down - before.down }
    }

    /// A round trip that ends by itself or by doing what it says.
    fn goes_through(&self, errand: &Errand, limit: Duration) {
        let again = errand.remote(&["--round-trip", "--json"]);
        let mut command = again.clone();
        for _ in 0..COMMANDS {
            let ended = self.start(&command, None).wait(limit);
            if ended.code() == 0 {
                let report = ended.json();
                assert_eq!(
                    (&report["state"], &report["holder"]),
                    (&"home".into(), &"here".into()),
                    "{report:#}"
                );
                return;
            }
            let error = &ended.expect_code(3).json()["error"];
            // A host that was never reached is not tried again unasked.
            assert!(error["retryable"] == true && error["step"] == "connect", "{error:#}");
            command = match error["hint"].as_str().and_then(hinted) {
                Some(home) => [home, vec!["--json".to_owned()]].concat(),
                None => again.clone(),
            };
        }
        panic!("{COMMANDS} commands do not do for one fault");
    }
}

/// Breaks the line at some places of a trip each, with `fault`.
fn break_at(places: Vec<Place>, fault: impl Fn(&World, After) + Sync) {
    let whole = std::sync::OnceLock::new();
    each(places, |world, expected, place| {
        let whole = whole.get_or_init(|| world.whole());
        let errand = world.errand();
        fault(world, place.from(world.proxy.stats(), *whole));
        world.goes_through(&errand, LONG);
        // What was not reached is not for the next trip.
        world.proxy.mend();
        world.is_over(&errand);
        world.is_as(&errand, expected);
    });
}

#[test]
fn a_line_that_breaks_anywhere_does_no_harm() {
    let count = if sample::all_of_it() { CUTS.1 } else { CUTS.0 };
    break_at(Place::random(sample::number(), count), |world, place| world.proxy.cut_after(place));
}

#[test]
fn a_line_that_dies_without_a_word_does_no_harm() {
    let count = if sample::all_of_it() { STALLS.1 } else { STALLS.0 };
    break_at(Place::random(sample::number() + 1000, count), |world, place| world.proxy.strand_after(place));
}

#[test]
fn an_sshd_that_is_gone_for_a_while_does_no_harm() {
    let mut world = World::new();
    let expected = world.undisturbed_though_held();
    let errand = Errand { hold: Some("it"), ..world.errand() };
    let trip = world.start(&errand.remote(&["--round-trip"]), None);
    world.model.wait_for_hold("it", PATIENCE);
    trip.wait_for_output(PATIENCE, |_, told| told.contains("on pi in"));
    world.host.sshd.stop();
    std::thread::sleep(Duration::from_secs(20));
    world.host.sshd.restart();
    world.model.release("it");
    let ended = trip.wait(LONG).expect_success();
    assert!(ended.stderr.contains("again"), "that the connection was lost is told:\n{}", ended.stderr);
    world.is_over(&errand);
    world.is_as(&errand, &expected);
}

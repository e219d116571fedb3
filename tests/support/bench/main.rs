//! What a trip costs, beside a shell script that does the same over one multiplexed OpenSSH connection.
//!
//!     cargo bench --bench trip                 all of it; about a quarter of an hour
//!     cargo bench --bench trip -- --quick      one run of the small session: does it still work?
//!     cargo bench --bench trip -- small        one session only: small, middle, large
//!     cargo bench --bench trip -- list         no trip: `kugetsu list` with many sessions
//!     cargo bench --bench trip -- many         no trip: the CPU of verbs on one session among ten thousand
//!     cargo bench --bench trip -- again        a large session that has been there before, and what comes home of it
//!     cargo bench --bench trip -- waits        the moments in which somebody waits for kugetsu and not for the agent
//!
//! Prints Markdown; docs/performance.md says what it means.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is there to be read")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "as in the support modules: a broken world ends the benchmark with a sentence"
)]

mod again;
mod figures;
mod list;
mod many;
mod report;
#[path = "../mod.rs"]
mod support;
mod trip;
mod waits;
mod world;

use report::Series;
use std::process::ExitCode;
use trip::{Contender, Cost, Mode};
use world::World;

/// A session to send, and how.
struct Case {
    name: &'static str,
    text: &'static str,
    messages: usize,
    bytes: usize,
    modes: &'static [Mode],
    /// How many of the lines, the short one first.
    lines: usize,
    runs: usize,
    warm_up: bool,
}

const CASES: [Case; 3] = [
    Case {
        name: "small",
        text: "small: 20 messages, 60 kB",
        messages: 20,
        bytes: 60_000,
        modes: &[Mode::OneWay, Mode::RoundTrip],
        lines: 2,
        runs: 5,
        warm_up: true,
    },
    Case {
        name: "middle",
        text: "middle: 500 messages, 3 MB",
        messages: 500,
        bytes: 3_000_000,
        modes: &[Mode::RoundTrip],
        lines: 2,
        runs: 3,
        warm_up: false,
    },
    Case {
        name: "large",
        text: "large: 9,000 messages, 60 MB",
        messages: 9_000,
        bytes: 60_000_000,
        modes: &[Mode::RoundTrip],
        lines: 1,
        runs: 1,
        warm_up: false,
    },
];

fn main() -> ExitCode {
    let mut quick = false;
    let mut runs = None;
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "list" => {
                list::measure(env!("CARGO_BIN_EXE_kugetsu"));
                return ExitCode::SUCCESS;
            }
            "again" => {
                again::measure(env!("CARGO_BIN_EXE_kugetsu"));
                return ExitCode::SUCCESS;
            }
            "many" => {
                many::measure(env!("CARGO_BIN_EXE_kugetsu"));
                return ExitCode::SUCCESS;
            }
            "waits" => {
                waits::measure(env!("CARGO_BIN_EXE_kugetsu"));
                return ExitCode::SUCCESS;
            }
            // Cargo's own word to every bench.
            "--bench" => {}
            "--runs" => {
                runs = arguments.next().and_then(|number| number.parse().ok()).filter(|runs| *runs > 0)
            }
            name if CASES.iter().any(|case| case.name == name) => wanted.push(argument),
            _ => {
                eprintln!(
                    "usage: cargo bench --bench trip -- [--quick] [--runs N] [small] [middle] [large] | list | many | again | waits"
                );
                return ExitCode::from(2);
            }
        }
    }
    let mut world = World::build(env!("CARGO_BIN_EXE_kugetsu"));
    let mut all = Vec::new();
    if quick {
        let case = Case { lines: 1, runs: 1, warm_up: false, ..CASES[0] };
        measure(&mut world, &case, &mut all);
    } else {
        let cases = CASES.into_iter();
        for case in cases.filter(|case| wanted.is_empty() || wanted.iter().any(|name| name == case.name)) {
            measure(&mut world, &Case { runs: runs.unwrap_or(case.runs), ..case }, &mut all);
        }
    }
    report::print(&all);
    ExitCode::SUCCESS
}

fn measure(world: &mut World, case: &Case, all: &mut Vec<Series>) {
    let session = world.home.machine.insert_big_session(&world.project, case.messages, case.bytes);
    for line in 0..case.lines {
        for mode in case.modes {
            let mut pair = || -> (Cost, Cost) {
                let baseline = trip::make(world, Contender::Baseline, *mode, line, &session);
                let kugetsu = trip::make(world, Contender::Kugetsu, *mode, line, &session);
                eprintln!(
                    "{}, {}, line {line}: kugetsu {:.2} s, baseline {:.2} s",
                    case.name,
                    mode.name(),
                    kugetsu.time.as_secs_f64(),
                    baseline.time.as_secs_f64()
                );
                (kugetsu, baseline)
            };
            let warm_up = case.warm_up.then(&mut pair);
            let pairs = (0..case.runs).map(|_| pair()).collect();
            let known = all.iter().any(|series: &Series| series.line == line);
            let first = warm_up.map(|(kugetsu, _)| kugetsu).filter(|_| !known);
            let round_trip = world.lines[line].round_trip;
            all.push(Series { session: case.text, mode: *mode, line, round_trip, first, pairs });
        }
    }
}

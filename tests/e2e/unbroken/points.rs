//! kugetsu is killed before and after each step of a trip, and between a step and its record; the trip is taken up again.

use super::{Errand, World, each, hinted};
use crate::support::process::{Finished, PATIENCE};
use crate::support::sample;
use kugetsu::dispatch::{Mode, Moment, Step};

/// How many points a sample has.
const SAMPLE: usize = 6;
/// The exit status of what was killed by SIGKILL.
const KILLED: i32 = 128 + 9;

/// What is typed after the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// What was typed before.
    TheSame,
    /// `kugetsu wait SESSION`.
    Wait,
}

/// A kill.
#[derive(Debug, Clone, Copy)]
struct Point {
    next: Next,
    mode: Mode,
    moment: Moment,
    step: Step,
}

impl Point {
    /// Every one that there is.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for next in [Next::TheSame, Next::Wait] {
            for mode in [Mode::RoundTrip, Mode::OneWay] {
                for moment in Moment::ALL {
                    all.extend(Step::ALL.map(|step| Self { next, mode, moment, step }));
                }
            }
        }
        all
    }

    /// Some of them, far from each other; samples that follow each other have all of them in the end.
    fn some(number: usize) -> Vec<Self> {
        const STRIDE: usize = 37;
        let all = Self::all();
        assert!(!all.len().is_multiple_of(STRIDE), "another stride is needed, or some are never shown");
        (0..SAMPLE).map(|n| all[(number * SAMPLE + n) * STRIDE % all.len()]).collect()
    }

    fn name(self) -> String {
        format!("{}:{}", self.moment.name(), self.step.name())
    }

    /// The commands of the trip.
    fn commands(self, errand: &Errand) -> Vec<Vec<String>> {
        match self.mode {
            Mode::RoundTrip => vec![errand.remote(&["--round-trip"])],
            Mode::OneWay => vec![errand.remote(&[]), wait(&errand.session)],
        }
    }

    /// The command of the trip in which it is reached.
    fn reached_in(self) -> usize {
        usize::from(self.mode == Mode::OneWay && self.step > Step::Launch)
    }

    /// Whether the session is home by then: whoever types the same message again wants it done again.
    fn is_home(self) -> bool {
        self.step > Step::Import || (self.step == Step::Import && self.moment == Moment::After)
    }
}

fn wait(what: &str) -> Vec<String> {
    vec!["wait".to_owned(), what.to_owned()]
}

impl World {
    fn runs_once_though_killed(&self, expected: &str, point: Point) {
        let errand = self.errand();
        let commands = point.commands(&errand);
        for (n, command) in commands.iter().enumerate() {
            let ended = self.start(command, Some(&point.name())).wait(PATIENCE);
            if n == point.reached_in() {
                ended.expect_code(KILLED);
                break;
            }
            ended.expect_success();
        }
        match point.next {
            Next::TheSame if !point.is_home() => {
                for command in &commands[point.reached_in()..] {
                    self.type_until_done(command);
                }
            }
            _ => self.wait_until_home(&errand, &commands),
        }
        self.is_over(&errand);
        self.is_as(&errand, expected);
    }

    /// Types a command; where it says that something else is to be typed, that.
    fn type_until_done(&self, command: &[String]) {
        let ended = self.kugetsu(command);
        if ended.code() == 4 {
            let home = hinted(&ended.stderr);
            let home = home.unwrap_or_else(|| panic!("no way out is told:\n{}", ended.stderr));
            self.kugetsu(&home).expect_success();
        } else {
            ended.expect_success();
        }
    }

    fn wait_until_home(&self, errand: &Errand, commands: &[Vec<String>]) {
        if self.records(&errand.session).is_empty() {
            // Killed before anything was written down: nobody knows of a trip, and there is none.
            let Finished { stderr, .. } = self.kugetsu(&wait(&errand.session)).expect_code(4);
            assert!(stderr.contains("has never been sent to a host"), "{stderr}");
            commands.iter().for_each(|command| drop(self.kugetsu(command).expect_success()));
        } else {
            self.kugetsu(&wait(&errand.session)).expect_success();
        }
    }
}

#[test]
fn a_kill_at_any_point_of_a_trip_does_no_harm() {
    let points = if sample::all_of_it() { Point::all() } else { Point::some(sample::number()) };
    eprintln!("{} of {} points, sample {}", points.len(), Point::all().len(), sample::number());
    each(points, |world, expected, point| world.runs_once_though_killed(expected, *point));
}

#[test]
fn samples_have_every_point_in_the_end() {
    let count = Point::all().len();
    let mut seen: Vec<String> =
        (0..count.div_ceil(SAMPLE)).flat_map(Point::some).map(|point| format!("{point:?}")).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

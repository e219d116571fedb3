//! Everything that reads what a host sends, fed with what no host of ours sends: no panic, no growth, no hang.
//!
//! Seconds in the suite; `KUGETSU_FUZZ_SECONDS=1800 cargo test --lib fuzz -- --nocapture` goes on for so long, from another
//! seed each time (`KUGETSU_FUZZ_SEED` repeats one), and keeps what led somewhere new in `KUGETSU_FUZZ_CORPUS`, if that names
//! a directory. What is worth keeping of that stands in tests/fixtures/fuzz, a directory per reader, and is read on each run.

mod mutate;
mod readers;

use crate::session::arbitrary::random;
use mutate::Mutator;
use readers::{READERS, Reader};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What one input may take of the processor: a second (tests are not optimised, and share their machine), and so much more for
/// each KiB.
const EACH: Duration = Duration::from_secs(1);
const EACH_KIB: Duration = Duration::from_millis(8);
/// What the process may have held at any time, in KiB.
const RESIDENT_KIB: u64 = 256 * 1024;
/// The largest input, in bytes; and inputs that are remembered of each reader.
const LARGEST: usize = 1 << 20;
const REMEMBERED: usize = 1000;

/// Processor time of this thread, in hundredths of a second.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
    fields[11..=12].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Reads one input; what came of it in words, or what is wrong.
fn read(reader: &Reader, input: &[u8]) -> Result<String, String> {
    let began = ticks();
    let outcome = catch_unwind(AssertUnwindSafe(|| (reader.read)(input)));
    let took = Duration::from_millis((ticks() - began) * 10);
    let may = EACH + EACH_KIB * u32::try_from(input.len() / 1024).unwrap();
    match outcome {
        Err(_) => Err(format!("{}: a panic", reader.name)),
        Ok(_) if took > may => Err(format!("{}: {} bytes took {took:?}", reader.name, input.len())),
        Ok(outcome) => Ok(outcome),
    }
}

/// An outcome without what differs from input to input.
fn kind(outcome: &str) -> String {
    let words =
        outcome.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| (2..15).contains(&word.len()));
    words.take(12).collect::<Vec<_>>().join(" ")
}

struct Corpus {
    reader: &'static Reader,
    inputs: Vec<Vec<u8>>,
    kinds: HashSet<String>,
}

impl Corpus {
    fn of(reader: &'static Reader) -> Self {
        let mut inputs = (reader.seeds)();
        inputs.extend(fixtures(reader).into_iter().map(|path| std::fs::read(path).unwrap()));
        Self { reader, inputs, kinds: HashSet::new() }
    }
}

fn fixtures(reader: &Reader) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(reader.name);
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn keep(reader: &Reader, name: &str, input: &[u8]) {
    let Some(directory) = std::env::var_os("KUGETSU_FUZZ_CORPUS") else { return };
    let directory = PathBuf::from(directory).join(reader.name);
    crate::disk::private_dir(directory.parent().unwrap()).unwrap();
    crate::disk::private_dir(&directory).unwrap();
    crate::disk::write_atomic(&directory.join(name), input).unwrap();
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

#[test]
fn whatever_a_host_sends_is_read_without_panic_growth_or_hang_in_a_fuzz() {
    let long = number("KUGETSU_FUZZ_SECONDS");
    let seconds = long.unwrap_or(3);
    let seed = number("KUGETSU_FUZZ_SEED").unwrap_or_else(|| match long {
        Some(_) => std::process::id().into(),
        None => 1,
    });
    let began = Instant::now();
    let mut random = random(seed);
    let mut all: Vec<Corpus> = READERS.iter().map(Corpus::of).collect();
    let (mut runs, mut minutes_shown, mut faults) = (0_u64, 0, Vec::new());
    while began.elapsed().as_secs() < seconds {
        let at = usize::try_from(random() % all.len() as u64).unwrap();
        let Corpus { reader, inputs, kinds } = &mut all[at];
        let mut mutator = Mutator { random: &mut random, inputs, lines: reader.lines, largest: LARGEST };
        let input = mutator.make();
        runs += 1;
        match read(reader, &input) {
            Ok(outcome) => {
                if kinds.insert(kind(&outcome)) && inputs.len() < REMEMBERED && input.len() <= 64 * 1024 {
                    keep(reader, &format!("{:04}", inputs.len()), &input);
                    inputs.push(input.clone());
                }
            }
            Err(fault) => {
                println!("{fault} (seed {seed}, input {runs})");
                keep(reader, &format!("fault-{runs}"), &input);
                faults.push(fault);
                assert!(faults.len() < 20, "{faults:#?}");
            }
        }
        let held = resident_kib();
        // In the suite other tests run beside this one.
        if long.is_some() && held > RESIDENT_KIB {
            keep(reader, &format!("growth-{runs}"), &input);
            panic!("{}: {held} KiB were held (seed {seed}, input {runs})", reader.name);
        }
        if long.is_some() && began.elapsed().as_secs() / 60 > minutes_shown {
            minutes_shown += 1;
            let known: Vec<String> =
                all.iter().map(|of| format!("{} {}", of.reader.name, of.kinds.len())).collect();
            println!("{minutes_shown} min: {runs} inputs, {held} KiB, {}", known.join(", "));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_a_fuzz_has_found_is_read() {
    for reader in &READERS {
        for path in fixtures(reader) {
            let input = std::fs::read(&path).unwrap();
            read(reader, &input).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        }
        for (n, seed) in (reader.seeds)().iter().enumerate() {
            let outcome = read(reader, seed).unwrap();
            assert!(outcome.starts_with("ok"), "seed {n} of {}: {outcome}", reader.name);
        }
    }
}

//! One trip, by kugetsu or by the baseline, and what it took.

use crate::support::copies;
use crate::support::process::{Finished, Running, process_state};
use crate::world::World;
use std::fs;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest that a trip may take.
const PATIENCE: Duration = Duration::from_secs(900);
/// How often the memory of a program is looked at. What is read is its peak, so only a peak in the last
/// moment before its end can be missed.
const LOOK: Duration = Duration::from_millis(5);
/// What the model is told.
const PROMPT: &str = "[[say ok]]";

/// How far a trip goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It ends when the run is launched.
    OneWay,
    /// It ends when the session is home.
    RoundTrip,
}

impl Mode {
    /// Its name, for both contenders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneWay => "one-way",
            Self::RoundTrip => "round-trip",
        }
    }
}

/// Who makes the trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The program under test.
    Kugetsu,
    /// `baseline.sh`.
    Baseline,
}

/// What a trip took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From the start of the command to its end.
    pub(crate) time: Duration,
    /// SSH connections that were made.
    pub(crate) connections: u64,
    /// Bytes on the wire, both ways.
    pub(crate) bytes: u64,
    /// The most memory that the program itself had at any time, in KiB; children do not count.
    pub(crate) peak_kib: u64,
}

/// Sends a copy of `session` over the line number `line`, and waits until all is quiet again.
///
/// # Panics
/// Where the trip fails, or its messages are not where they have to be.
pub(crate) fn make(world: &mut World, contender: Contender, mode: Mode, line: usize, session: &str) -> Cost {
    let session = world.copy(session);
    let line = &world.lines[line];
    let sent = copies::messages(&world.home.machine, &session);
    let before = line.proxy.stats();
    let running = match contender {
        Contender::Kugetsu => {
            world.home.spawn(&["remote", line.host, &session, PROMPT, "--mode", mode.name()])
        }
        Contender::Baseline => baseline(world, line.host, &session, mode),
    };
    let memory = watch_memory(running.pid());
    let Finished { elapsed, .. } = running.wait(PATIENCE).expect_success();
    let peak_kib = memory.join().unwrap();
    world.rest(line);
    let after = line.proxy.stats();
    let arrived = match mode {
        Mode::OneWay => copies::messages(&world.host.machine, &session),
        Mode::RoundTrip => copies::messages(&world.home.machine, &session),
    };
    assert_eq!(arrived, sent + 2, "{contender:?}, {}: a prompt and an answer are new", mode.name());
    Cost {
        time: elapsed,
        connections: after.connections - before.connections,
        bytes: after.up + after.down - before.up - before.down,
        peak_kib,
    }
}

fn baseline(world: &World, host: &str, session: &str, mode: Mode) -> Running {
    let prompt = world.home.machine.outside().join("prompt");
    fs::write(&prompt, PROMPT).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/bench/baseline.sh");
    let mut command = world.home.machine.command("sh", &world.project);
    command.arg(script).args([mode.name(), host, session]).arg(prompt).arg(&world.directory_there);
    command.args(["build", "fake/m1"]);
    Running::start(command, None)
}

/// The peak of a process's resident memory in KiB, as the kernel keeps it, until the process ends.
fn watch_memory(pid: u32) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut peak = 0;
        while process_state(pid).is_some_and(|state| state != 'Z') {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = peak.max(now.unwrap_or(0));
            std::thread::sleep(LOOK);
        }
        peak
    })
}

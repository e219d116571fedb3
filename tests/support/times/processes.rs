//! The processes of tests, looked at five times a second: whose HOME they have, and what they use of the processors. What ends
//! between two looks is seen in what its parent has used, if that waited for it.
//!
//! A wrapper around each program would tell more, and would make another world of the one that users have.

use super::{Counts, add, milliseconds};
use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const PACE: Duration = Duration::from_millis(200);
/// Of the ticks in which Linux tells processors' time.
const TICK_MS: u64 = 10;
/// How often a process is asked for its HOME; before `exec` it has that of whoever starts it.
const LOOKS: u8 = 5;
/// What names the test of a process: its HOME, or the directory of the sshd that started it.
const MARKS: [&str; 2] = ["HOME", "KUGETSU_TEST_SSHD"];

/// All tests that are counted, and their processes.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tests: Vec<Running>,
    homes: HashMap<Vec<u8>, Arc<Counts>>,
    processes: HashMap<(u32, u64), Process>,
    looks: u64,
    looked: Instant,
}

#[derive(Debug)]
struct Running {
    counts: Arc<Counts>,
    /// Of its own thread.
    ticks: u64,
    is_busy: bool,
}

#[derive(Debug, Default)]
struct Process {
    test: Option<Arc<Counts>>,
    looks: u8,
    seen: u64,
    parent: u32,
    ticks: u64,
    /// Of its children that it has waited for.
    of_children: u64,
    /// What is counted already of that, or will be in it.
    counted: u64,
    is_opencode: bool,
}

/// A line of `/proc/PID/stat`.
struct Stat {
    state: char,
    parent: u32,
    ticks: u64,
    of_children: u64,
    started: u64,
}

impl Watch {
    /// The one that there is; it looks from the first time on.
    pub(super) fn get() -> &'static Self {
        static WATCH: OnceLock<Watch> = OnceLock::new();
        WATCH.get_or_init(|| {
            std::thread::spawn(|| {
                loop {
                    std::thread::sleep(PACE);
                    Self::get().lock().look();
                }
            });
            let (tests, homes, processes) = Default::default();
            Self { state: Mutex::new(State { tests, homes, processes, looks: 0, looked: Instant::now() }) }
        })
    }

    pub(super) fn add_test(&self, counts: &Arc<Counts>) {
        let ticks = Stat::of(&counts.thread).map_or(0, |stat| stat.ticks);
        self.lock().tests.push(Running { counts: Arc::clone(counts), ticks, is_busy: true });
    }

    pub(super) fn add_home(&self, home: &Path, counts: Arc<Counts>) {
        self.lock().homes.insert(home.as_os_str().as_bytes().to_owned(), counts);
    }

    /// Looks at a process of this test that has ended and that nobody has waited for yet.
    pub(super) fn look_at(&self, pid: u32, counts: &Arc<Counts>) {
        let mut state = self.lock();
        if let Some(stat) = Stat::of_process(pid) {
            let process = state.processes.entry((pid, stat.started)).or_default();
            process.test.get_or_insert_with(|| Arc::clone(counts));
            state.look();
        }
    }

    /// Looks for the last time for this test.
    pub(super) fn end(&self, counts: &Arc<Counts>) {
        let mut state = self.lock();
        state.look();
        state.tests.retain(|test| !Arc::ptr_eq(&test.counts, counts));
        state.homes.retain(|_, test| !Arc::ptr_eq(test, counts));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self) {
        let passed = milliseconds(self.looked);
        (self.looked, self.looks) = (Instant::now(), self.looks + 1);
        for test in &mut self.tests {
            let stat = Stat::of(&test.counts.thread);
            let ticks = stat.as_ref().map_or(test.ticks, |stat| stat.ticks);
            let used = ticks.saturating_sub(test.ticks);
            add(&test.counts.processor, used * TICK_MS);
            test.ticks = ticks;
            test.is_busy = used > 0 || stat.is_some_and(|stat| stat.wants_a_processor());
        }
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let living: Vec<(u32, Stat)> = pids.filter_map(|pid| Some((pid, Stat::of_process(pid)?))).collect();
        for (pid, stat) in &living {
            self.processes.entry((*pid, stat.started)).or_default().seen = self.looks;
        }
        self.forget_what_is_gone();
        living.iter().for_each(|(pid, stat)| self.look_at(*pid, stat));
        for test in self.tests.iter().filter(|test| !test.is_busy) {
            add(&test.counts.waiting, passed);
        }
    }

    /// What is known of those that are gone will be in what the children of their nearest living ancestor have used.
    fn forget_what_is_gone(&mut self) {
        let looks = self.looks;
        let gone: HashMap<u32, Process> = self
            .processes
            .extract_if(|_, process| process.seen != looks)
            .map(|((pid, _), process)| (pid, process))
            .collect();
        for process in gone.values().filter(|process| process.test.is_some()) {
            let mut ancestor = process.parent;
            for _ in 0..gone.len() {
                ancestor = gone.get(&ancestor).map_or(ancestor, |between| between.parent);
            }
            let living = self.processes.iter_mut().find(|((pid, _), _)| *pid == ancestor);
            if let Some((_, living)) = living {
                living.counted += process.ticks + process.of_children + process.counted;
            }
        }
    }

    fn look_at(&mut self, pid: u32, stat: &Stat) {
        let process = self.processes.entry((pid, stat.started)).or_default();
        if process.test.is_none() && process.looks < LOOKS && pid != std::process::id() {
            process.looks += 1;
            let mut marks = MARKS.iter().filter_map(|name| variable(pid, name));
            process.test = marks.find_map(|mark| self.homes.get(&mark)).cloned();
        }
        let Some(counts) = &process.test else { return };
        if !process.is_opencode && is_opencode(pid) {
            process.is_opencode = true;
            counts.starts.fetch_add(1, Ordering::Relaxed);
        }
        let used = stat.ticks.saturating_sub(process.ticks);
        let more = stat.of_children.saturating_sub(process.of_children);
        let of_children = more.saturating_sub(process.counted);
        process.counted -= more - of_children;
        (process.parent, process.ticks, process.of_children) = (stat.parent, stat.ticks, stat.of_children);
        add(&counts.processor, (used + of_children) * TICK_MS);
        if process.is_opencode {
            add(&counts.opencode, used * TICK_MS);
        }
        if used > 0 || stat.wants_a_processor() {
            let test = self.tests.iter_mut().find(|test| Arc::ptr_eq(&test.counts, counts));
            test.into_iter().for_each(|test| test.is_busy = true);
        }
    }
}

impl Stat {
    fn of_process(pid: u32) -> Option<Self> {
        Self::of(&Path::new("/proc").join(pid.to_string()))
    }

    fn of(process: &Path) -> Option<Self> {
        let line = fs::read_to_string(process.join("stat")).ok()?;
        // The name before may have spaces and brackets in it.
        let mut fields = line.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let times: Vec<u64> = fields.skip(9).take(9).map_while(|field| field.parse().ok()).collect();
        let [user, system, user_of_children, system_of_children, _, _, _, _, started] = times[..] else {
            return None;
        };
        let (ticks, of_children) = (user + system, user_of_children + system_of_children);
        Some(Self { state, parent, ticks, of_children, started })
    }

    fn wants_a_processor(&self) -> bool {
        matches!(self.state, 'R' | 'D')
    }
}

/// Whether it is opencode, and not its JavaScript engine alone, with which kugetsu and the stand-in run scripts.
fn is_opencode(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    program.to_string_lossy().contains("/node_modules/opencode-") && variable(pid, "BUN_BE_BUN").is_none()
}

fn variable(pid: u32, name: &str) -> Option<Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = [name.as_bytes(), b"="].concat();
    environment.split(|byte| *byte == 0).find_map(|pair| Some(pair.strip_prefix(&prefix[..])?.to_vec()))
}

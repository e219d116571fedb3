//! How long each test takes, and with what: where `KUGETSU_TEST_TIMES` names a file, each test adds a line to it, for
//! `scripts/test` to sort. The columns are those of [`Counts::line`].
//!
//! The test harness tells the time of a test with an unstable flag only, and nothing else of it.

mod processes;

use processes::Watch;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a test has used so far; times are in milliseconds.
#[derive(Debug)]
pub struct Counts {
    name: String,
    /// The thread that the harness started for the test, in `/proc`.
    thread: PathBuf,
    world: AtomicU64,
    waiting: AtomicU64,
    processor: AtomicU64,
    opencode: AtomicU64,
    starts: AtomicU64,
}

/// A test, from its first machine on. It ends with the thread that the harness starts for it and names after it.
struct Test {
    counts: Arc<Counts>,
    file: PathBuf,
    started: Instant,
}

thread_local! {
    static TEST: Option<Test> = Test::of_this_thread();
    static OTHER: RefCell<Option<Arc<Counts>>> = const { RefCell::new(None) };
    static IS_MAKING: Cell<bool> = const { Cell::new(false) };
}

/// Counts from now on, unless this test is counted already. Returns its counts, if times are wanted.
pub fn count() -> Option<Arc<Counts>> {
    let other = OTHER.with_borrow(Clone::clone);
    other.or_else(|| TEST.with(|test| test.as_ref().map(|test| Arc::clone(&test.counts))))
}

/// Has this thread work for the test that another thread counts.
pub fn count_for(counts: Option<&Arc<Counts>>) {
    OTHER.set(counts.cloned());
}

/// Counts what runs in this HOME for this test.
pub fn count_home(home: &Path) {
    if let Some(counts) = count() {
        Watch::get().add_home(home, counts);
    }
}

/// Waits for the end of a process that this test started, and counts all that it has used, however short that was.
pub fn count_to_its_end(child: &Child, counts: &Arc<Counts>) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    if waitid(WaitId::Pid(Pid::from_child(child)), ended).is_ok() {
        Watch::get().look_at(child.id(), counts);
    }
}

/// Does a part of what a test needs before it can ask anything, and counts its time as such.
pub fn making<T>(make: impl FnOnce() -> T) -> T {
    // Machines are made within hosts: the outermost counts.
    if IS_MAKING.replace(true) {
        return make();
    }
    let (counts, started) = (count(), Instant::now());
    let made = make();
    IS_MAKING.set(false);
    if let Some(counts) = counts {
        add(&counts.world, milliseconds(started));
    }
    made
}

impl Test {
    fn of_this_thread() -> Option<Self> {
        let file = std::env::var_os("KUGETSU_TEST_TIMES")?.into();
        let name = std::thread::current().name()?.to_owned();
        // Other threads of a test bear no name, or are the harness itself.
        if !name.contains("::") {
            return None;
        }
        let thread = Path::new("/proc").join(std::fs::read_link("/proc/thread-self").ok()?);
        let [world, waiting, processor, opencode, starts] = [const { AtomicU64::new(0) }; 5];
        let counts = Arc::new(Counts { name, thread, world, waiting, processor, opencode, starts });
        Watch::get().add_test(&counts);
        Some(Self { counts, file, started: Instant::now() })
    }
}

impl Counts {
    /// Milliseconds of the clock, of waiting (nothing of the test used a processor), of making its world, of processors, of
    /// processors for opencode; the starts of opencode; the name of the test.
    fn line(&self, milliseconds: u64) -> String {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!(
            "{milliseconds}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            of(&self.waiting),
            of(&self.world),
            of(&self.processor),
            of(&self.opencode),
            of(&self.starts),
            self.name
        )
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        let milliseconds = milliseconds(self.started);
        Watch::get().end(&self.counts);
        let line = self.counts.line(milliseconds);
        let file = OpenOptions::new().append(true).create(true).open(&self.file);
        // One write for a line, which other tests do not break.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap()
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

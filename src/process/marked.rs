//! Processes that carry a mark in their environment, however far they have wandered from who started them.

use super::tree;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A variable that everything of one run inherits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub name: &'static str,
    /// Its value; tells one run from others.
    pub value: String,
}

/// What everything that a session's runs start carries.
pub fn run_mark(session: &str) -> Mark {
    Mark { name: RUN_MARK, value: session.to_owned() }
}

/// The variable of [`run_mark`].
pub const RUN_MARK: &str = "KUGETSU_RUN";

/// A process that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub pid: u32,
    /// Its command line, as it gave it; strip control characters before showing it.
    pub command: String,
}

/// How often is looked whether they have ended.
const TICK: Duration = Duration::from_millis(20);

/// Everything that carries the mark. On Linux out of `/proc`; elsewhere, where environments cannot be read, everything
/// that descends from `root`.
pub fn find(mark: &Mark, root: Option<u32>) -> Vec<Found> {
    if std::path::Path::new("/proc/self/environ").exists() { in_proc(mark) } else { below(root) }
}

fn in_proc(mark: &Mark) -> Vec<Found> {
    let wanted = format!("{}={}", mark.name, mark.value);
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != own)
        .filter_map(|pid| {
            // What cannot be read belongs to somebody else; what reads as empty is a zombie.
            let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            environment.split(|b| *b == 0).any(|variable| variable == wanted.as_bytes()).then_some(())?;
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            Some(Found { pid, command: command.trim().to_owned() })
        })
        .collect()
}

fn below(root: Option<u32>) -> Vec<Found> {
    let Some(root) = root else { return Vec::new() };
    let listed = Command::new("ps").args(["-axo", "pid=,ppid=,command="]).stdin(Stdio::null()).output();
    let Ok(listed) = listed else { return Vec::new() };
    let table = tree::parse(&String::from_utf8_lossy(&listed.stdout));
    let found = |pid| Some(Found { pid, command: table.get(&pid)?.command.clone() });
    tree::descendants(&table, root).into_iter().filter_map(found).collect()
}

/// Ends everything that carries the mark: asked first, killed after `grace`. What is started meanwhile is found too.
/// Gives what could not be ended within another five seconds.
pub fn end_all(mark: &Mark, root: Option<u32>, grace: Duration) -> Vec<Found> {
    let began = Instant::now();
    let mut known: Vec<Found> = Vec::new();
    loop {
        let mut living = find(mark, root);
        // Without /proc, what lost its parent is found no more: it is remembered.
        living.extend(
            known
                .iter()
                .filter(|old| is_alive(old.pid) && !living.contains(old))
                .cloned()
                .collect::<Vec<_>>(),
        );
        if living.is_empty() || began.elapsed() > grace + Duration::from_secs(5) {
            return living;
        }
        let signal = if began.elapsed() < grace { Signal::TERM } else { Signal::KILL };
        for found in &living {
            let is_new = !known.contains(found);
            if let Some(pid) = pid(found.pid).filter(|_| is_new || signal == Signal::KILL) {
                // Gone already is what was wanted.
                let _ = kill_process(pid, signal);
            }
        }
        known = living;
        std::thread::sleep(TICK);
    }
}

fn pid(raw: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(raw).ok()?)
}

fn is_alive(raw: u32) -> bool {
    !std::path::Path::new("/proc/self").exists()
        && pid(raw).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(value: &str) -> Mark {
        Mark { name: "KUGETSU_TEST_MARK", value: format!("{value}-{}", std::process::id()) }
    }

    #[test]
    fn what_wandered_off_is_found_and_ended() {
        let mark = mark("wanderer");
        // The inner shell is orphaned at once, and one of them does not hear the request to end.
        let script = "(trap '' TERM; sleep 600 & sleep 600) & (sleep 600 &) ; exit 0";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .env(mark.name, &mark.value)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        shell.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while find(&mark, None).iter().filter(|found| found.command == "sleep 600").count() < 3 {
            assert!(Instant::now() < until, "{:?}", find(&mark, None));
            std::thread::yield_now();
        }
        assert_eq!(end_all(&mark, None, Duration::from_millis(200)), []);
        assert_eq!(find(&mark, None), []);
    }

    #[test]
    fn others_are_left_alone() {
        let (ours, theirs) = (mark("ours"), mark("theirs"));
        let mut other = Command::new("sleep")
            .arg("600")
            .env(theirs.name, &theirs.value)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(end_all(&ours, None, Duration::ZERO), []);
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

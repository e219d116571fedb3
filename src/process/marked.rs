//! Processes that carry a mark in their environment, however far they have wandered from who started them.

use super::tree;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A variable that everything of one run inherits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) name: &'static str,
    /// Its value; tells one run from others.
    pub(crate) value: String,
}

/// What everything that a session's runs start carries.
pub(crate) fn run_mark(session: &str) -> Mark {
    Mark { name: RUN_MARK, value: session.to_owned() }
}

pub(crate) const RUN_MARK: &str = "KUGETSU_RUN";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkedProcess {
    pub(crate) pid: u32,
    /// Its command line, as it gave it; strip control characters before showing it.
    pub(crate) command: String,
}

const TICK: Duration = Duration::from_millis(20);

/// Everything that carries the mark, and everything that descends from `root`, but for what carries the mark of another
/// run. Where environments cannot be read (they can out of Linux's `/proc`), what descends from `root` is all.
pub(crate) fn find(mark: &Mark, root: Option<u32>) -> Vec<MarkedProcess> {
    if std::path::Path::new("/proc/self/environ").exists() { in_proc(mark, root) } else { below(root) }
}

/// The processes that carry a mark of this name, with its value; none where environments cannot be read.
pub(crate) fn marked(name: &str) -> Vec<(String, u32)> {
    let value = |pid| Some(String::from_utf8_lossy(&run_of(pid, name)?).into_owned());
    others().into_iter().filter_map(|pid| Some((value(pid)?, pid))).collect()
}

/// All processes but this one, where there is `/proc`.
fn others() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .collect()
}

fn in_proc(mark: &Mark, root: Option<u32>) -> Vec<MarkedProcess> {
    let pids = others();
    let mut found: Vec<u32> = pids
        .iter()
        .copied()
        .filter(|pid| run_of(*pid, mark.name).as_deref() == Some(mark.value.as_bytes()))
        .collect();
    if let Some(root) = root {
        let table = pids.iter().filter_map(|pid| Some((*pid, row(*pid)?))).collect();
        // What carries the mark itself has been found, whoever began it.
        let is_anothers = |pid| run_of(pid, mark.name).is_some_and(|run| run != mark.value.as_bytes());
        found.extend(tree::descendants(&table, root, is_anothers));
        found.sort_unstable();
        found.dedup();
    }
    found.into_iter().map(|pid| MarkedProcess { pid, command: command(pid) }).collect()
}

/// The value of a mark's variable in the environment of a process.
fn run_of(pid: u32, name: &str) -> Option<Vec<u8>> {
    // What cannot be read belongs to somebody else; what reads as empty is a zombie.
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value =
        |variable: &[u8]| Some(variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_owned());
    environment.split(|b| *b == 0).find_map(value)
}

/// The parent of a process that lives. What has ended and was not waited for does not.
fn row(pid: u32) -> Option<tree::ProcessRow> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // Its name, in brackets, can hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let lives = !matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    lives.then(|| tree::ProcessRow { parent, command: String::new() })
}

fn command(pid: u32) -> String {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned()
}

fn below(root: Option<u32>) -> Vec<MarkedProcess> {
    let Some(root) = root else { return Vec::new() };
    let listed = Command::new("ps").args(["-axo", "pid=,ppid=,command="]).stdin(Stdio::null()).output();
    let Ok(listed) = listed else { return Vec::new() };
    let table = tree::parse(&String::from_utf8_lossy(&listed.stdout));
    let found = |pid| Some(MarkedProcess { pid, command: table.get(&pid)?.command.clone() });
    tree::descendants(&table, root, |_| false).into_iter().filter_map(found).collect()
}

/// Ends everything that [`find`] finds: asked first, killed after `grace`. What is started meanwhile is found too.
/// Gives what could not be ended within another five seconds.
pub(crate) fn end_all(mark: &Mark, root: Option<u32>, grace: Duration) -> Vec<MarkedProcess> {
    let began = Instant::now();
    let mut known: Vec<MarkedProcess> = Vec::new();
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
    fn what_dropped_the_mark_is_found_by_its_parents_and_what_is_another_runs_is_not() {
        let mark = mark("dropped");
        let name = mark.name;
        let script = format!("env -i sleep 600 & {name}=other sh -c 'sleep 600 & wait' & wait");
        let mut shell = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap();
        let other = Mark { name, value: "other".to_owned() };
        let until = Instant::now() + Duration::from_secs(20);
        let sleeps =
            |found: Vec<MarkedProcess>| found.iter().filter(|one| one.command == "sleep 600").count();
        while sleeps(find(&mark, Some(shell.id()))) != 1 || sleeps(find(&other, None)) != 1 {
            assert!(Instant::now() < until, "{:?}", find(&mark, Some(shell.id())));
            std::thread::yield_now();
        }
        assert_eq!(find(&mark, None), []);
        assert_eq!(end_all(&mark, Some(shell.id()), Duration::from_secs(5)), []);
        assert_eq!(sleeps(find(&other, None)), 1);
        assert_eq!(end_all(&other, None, Duration::from_secs(5)), []);
        shell.wait().unwrap();
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

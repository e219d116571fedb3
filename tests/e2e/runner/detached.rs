//! The runner: tied to nobody, private, and at its end whole.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::machine::which;
use crate::support::process::{process_state, until};
use crate::support::recorder::{PATIENCE, Recorder};
use kugetsu::host::{self, Frame, RunResult};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

const HOLD: &str = "while [ ! -e \"$own/go\" ]; do sleep 0.05; done";

fn pid(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

/// Field of /proc/PID/stat behind the name; the first is the state.
fn stat(pid: u32, field: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(field).unwrap().to_owned()
}

#[test]
fn it_outlives_whoever_launched_it() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        host.local.before = vec![which("setsid").into(), "--wait".into()];
        host.before("run", HOLD);
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        let runner = host.runner(&run.id);
        // Its process session is its own, and no terminal is its.
        assert_eq!((stat(runner, 3), stat(runner, 4)), (runner.to_string(), "0".to_owned()));
        // Nor is any of its streams somebody's.
        for descriptor in 0..3 {
            let target = fs::read_link(format!("/proc/{runner}/fd/{descriptor}")).unwrap();
            let own = target.starts_with(host.dispatch(&run.id)) || target == Path::new("/dev/null");
            assert!(own, "{descriptor}: {target:?}");
        }
        until(PATIENCE, || if host.runs(&run.id) == 1 { Ok(()) } else { Err("not run yet".into()) });
        kill_process_group(pid(runner), Signal::HUP).unwrap();
        fs::write(host.home().join("oc/go"), "").unwrap();
        assert_eq!(host.result(&run.id).status, 0, "{sh:?}");
    }
}

#[test]
fn a_launch_that_dies_with_its_group_takes_no_runner_along() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        host.local.before = vec![which("setsid").into(), "--wait".into()];
        host.before("run", HOLD);
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        let mut launching = host.local.start(&host::launch(&host.env, &run, &sent));
        let identity = host.dispatch(&run.id).join("run/identity");
        let mut sessions = Vec::new();
        until(PATIENCE, || {
            sessions.extend(crate::support::process::living_in(host.home()).into_iter().filter(|pid| {
                fs::read_to_string(format!("/proc/{pid}/stat"))
                    .is_ok_and(|s| s.rsplit_once(") ").unwrap().1.split(' ').nth(3) == Some(&pid.to_string()))
            }));
            if identity.exists() { Ok(()) } else { Err("no runner".into()) }
        });
        let runner = host.runner(&run.id);
        for session in sessions.into_iter().filter(|session| *session != runner) {
            let _ = kill_process_group(pid(session), Signal::KILL);
        }
        let _ = launching.kill();
        launching.wait().unwrap();
        fs::write(host.home().join("oc/go"), "").unwrap();
        assert_eq!(host.result(&run.id).status, 0, "{sh:?}");
        assert_eq!(host.runs(&run.id), 1);
    }
}

#[test]
fn everything_of_it_is_private_whatever_the_umask() {
    fn walk(path: &Path, seen: &mut usize) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
            *seen += 1;
            if path.is_dir() {
                walk(&path, seen);
            }
        }
    }
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        host.local.umask = "000";
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        host.result(&run.id);
        assert_eq!(fs::metadata(host.home().join(".kugetsu")).unwrap().mode() & 0o777, 0o700);
        let mut seen = 0;
        walk(&host.home().join(".kugetsu"), &mut seen);
        assert!(seen > 10, "{seen}");
        let identity = fs::read_to_string(host.dispatch(&run.id).join("run/identity")).unwrap();
        let words: Vec<&str> = identity.strip_suffix('\n').unwrap().split(' ').collect();
        assert_eq!(words.len(), 3, "{identity:?}");
        assert_eq!(words[0], fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim());
        assert!(words[1..].iter().all(|word| word.parse::<u64>().is_ok()), "{identity:?}");
    }
}

#[test]
fn a_run_that_fails_leaves_its_status_and_its_words() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", "echo 'no such model \u{1b}[2J' >&2; exit 3");
        host.before("export", "echo 'no room' >&2; exit 1");
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        let result = host.result(&run.id);
        assert_eq!(
            (result.status, result.exported, result.words.as_str()),
            (3, false, "no such model no room")
        );
        assert!(result.started > 1_600_000_000 && result.ended >= result.started);
    }
}

#[test]
fn killed_at_any_moment_it_leaves_no_half_result_and_no_endless_wait() {
    let ends: Vec<_> = std::thread::scope(|scope| {
        let kills: Vec<_> = (0..4).map(|worker| scope.spawn(move || kills(worker))).collect();
        kills.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(ends.len(), 24);
    // Both ends were met, or the moments were no moments.
    assert!(ends.iter().any(|dead| *dead) && ends.iter().any(|dead| !dead), "{ends:?}");
}

fn kills(worker: u64) -> Vec<bool> {
    let mut ends = Vec::new();
    for round in 0..6 {
        let host = Recorder::new(SHELLS[(worker % 3) as usize]);
        host.before("run", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo words >&2");
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        let wait = Duration::from_millis(if round == 5 { 3000 } else { round * 12 + worker * 5 });
        let moment = Instant::now() + wait;
        until(PATIENCE, || if Instant::now() >= moment { Ok(()) } else { Err(String::new()) });
        let runner = host.runner(&run.id);
        // Where it has ended already, its number may be another's.
        if process_state(runner).is_some_and(|state| state != 'Z')
            && !host.dispatch(&run.id).join("result").exists()
        {
            let _ = kill_process(pid(runner), Signal::KILL);
        }
        let (events, end) = host.watch(&run.id, 0);
        match end {
            Some(Frame::Ended(result)) => {
                let text = fs::read_to_string(host.dispatch(&run.id).join("result")).unwrap();
                assert!(RunResult::is_whole(&text));
                assert!(events.len() > 100_000 && result.status == 0);
                assert_eq!(fs::metadata(host.dispatch(&run.id).join("back")).unwrap().len(), result.size);
                ends.push(false);
            }
            Some(Frame::Dead(_)) => {
                assert!(!host.dispatch(&run.id).join("result").exists());
                ends.push(true);
            }
            other => panic!("{other:?}"),
        }
    }
    ends
}

#[test]
fn where_there_is_no_setsid_it_is_detached_all_the_same() {
    let host = Recorder::new(Sh::BusyBox);
    let tools = host.local.environment[std::ffi::OsStr::new("PATH")].clone();
    fs::remove_file(Path::new(&tools).join("setsid")).unwrap();
    std::os::unix::fs::symlink(which("perl"), Path::new(&tools).join("perl")).unwrap();
    host.before("run", HOLD);
    let run = host.plain_run(&host.id(1));
    let sent = host.send(&run, b"x");
    host.launch(&run, &sent).unwrap();
    let runner = host.runner(&run.id);
    assert_eq!(stat(runner, 3), runner.to_string());
    fs::write(host.home().join("oc/go"), "").unwrap();
    assert_eq!(host.result(&run.id).status, 0);
}

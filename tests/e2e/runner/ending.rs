//! A run is ended: by its time, by a cancelling, by a kill. Nothing of it is left, and a result is.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::machine::which;
use crate::support::process::{install_program, living_in, until};
use crate::support::recorder::{PATIENCE, Recorder, listing};
use kugetsu::host::{self, BackFileKind, Cancel, Cancelled, EndedBy, Frame, Made, Refusal, Run, Standing};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::time::{Duration, Instant};

/// A tool that does not listen, beside another, as an agent's shell leaves them.
const STUBBORN: &str = "(trap '' TERM; echo >\"$own/begun\"; sleep 600 & sleep 600) & sleep 600 & wait";
/// opencode ends when it is asked to; its tools go on.
const LEAVES: &str = "(trap '' TERM; echo >\"$own/begun\"; sleep 600) & exit 0";

#[track_caller]
fn cancel(host: &Recorder, id: &str) -> Cancelled {
    Cancelled::from_answer(&host.ask(&host::cancel(&host.env, id)).unwrap()).unwrap()
}

/// Launches a run and waits until it has begun.
#[track_caller]
fn begun(host: &Recorder, run: &Run, script: &str) {
    host.before("run", script);
    let sent = host.send(run, b"x");
    host.launch(run, &sent).unwrap();
    let begun = host.home().join("oc/begun");
    until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("not begun".into()) });
}

/// How many processes there carry the mark of a dispatch.
fn marked(host: &Recorder, id: &str) -> usize {
    host.marked(id).len()
}

/// Waits until a run has all the processes that it is to have.
#[track_caller]
fn wait_for_marked(host: &Recorder, id: &str, count: usize) {
    until(PATIENCE, || match marked(host, id) {
        found if found >= count => Ok(()),
        found => Err(format!("{found} processes")),
    });
}

fn kill_runner(host: &Recorder, id: &str) {
    kill_process(Pid::from_raw(host.runner(id).try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_cancelled_run_leaves_nothing_at_work_and_a_result() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        begun(&host, &run, STUBBORN);
        wait_for_marked(&host, &run.id, 4);
        let asked = Instant::now();
        let cancelled = cancel(&host, &run.id);
        assert!(asked.elapsed() < Duration::from_secs(15), "{sh:?}: {:?}", asked.elapsed());
        assert_eq!((cancelled.found, cancelled.left, marked(&host, &run.id)), (Cancel::Yes, 0, 0), "{sh:?}");
        let result = cancelled.result.unwrap();
        assert_eq!((result.ended_by, result.exported), (EndedBy::Cancelled, true));
        assert_eq!(result, host.result(&run.id));
        // Again, it has ended.
        let again = cancel(&host, &run.id);
        assert_eq!((again.found, again.result), (Cancel::Ended, Some(result)));
    }
}

/// A tool that starts another with an environment of its own.
const UNMARKED: &str = "(exec sh -c 'env -i sh -c \"trap : TERM; sleep 600; sleep 600\" & echo $! >\"$0\"; wait' \"$own/begun\") & wait";

#[test]
fn what_dropped_the_mark_ends_with_the_run_that_started_it() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        begun(&host, &run, UNMARKED);
        let unmarked = until(PATIENCE, || {
            let told = fs::read_to_string(host.home().join("oc/begun")).unwrap();
            told.trim().parse::<u32>().map_err(|error| error.to_string())
        });
        // One that nobody has reaped yet has no command any more.
        let lives = || !fs::read(format!("/proc/{unmarked}/cmdline")).unwrap_or_default().is_empty();
        // It is a shell of the run's own until it has begun.
        until(PATIENCE, || match host.marked(&run.id).contains(&unmarked) {
            true => Err(format!("{sh:?}: {unmarked} has the mark")),
            false => Ok(()),
        });
        assert!(lives(), "{sh:?}");
        let cancelled = cancel(&host, &run.id);
        assert_eq!((cancelled.found, cancelled.left, lives()), (Cancel::Yes, 0, false), "{sh:?}");
        assert_eq!(living_in(host.home()), [] as [u32; 0], "{sh:?}");
    }
}

#[test]
fn a_run_ends_with_its_time() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = Run { run_timeout: 1, ..host.plain_run(&host.id(1)) };
        begun(&host, &run, STUBBORN);
        let result = host.result(&run.id);
        assert_eq!(
            (result.ended_by, marked(&host, &run.id)),
            (EndedBy::Timeout, 0),
            "{sh:?} {result:?} {:?}",
            listing(&host.dispatch(&run.id)).keys()
        );
        assert!((1..=8).contains(&(result.ended - result.started)), "{result:?}");
        // One that ends in time is left alone, and nothing waits on for the rest of the time.
        let run = Run { run_timeout: 300, ..host.plain_run(&host.id(2)) };
        host.before("run", "");
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        assert_eq!(host.result(&run.id).ended_by, EndedBy::Done);
        until(PATIENCE, || match living_in(host.home()).len() {
            0 => Ok(()),
            n => Err(format!("{sh:?}: {n} processes are left")),
        });
    }
}

#[test]
fn the_time_of_a_run_is_up_even_where_its_runner_was_killed() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = Run { run_timeout: 2, ..host.plain_run(&host.id(1)) };
        begun(&host, &run, STUBBORN);
        kill_runner(&host, &run.id);
        until(PATIENCE, || match host.status(&run.id).standing {
            Standing::Dead => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert_eq!(marked(&host, &run.id), 0, "{sh:?}");
        let answer = host.ask(&host::back(&host.env, &run, false)).unwrap();
        assert_eq!(Made::from_answer(&answer).unwrap().result.ended_by, EndedBy::Timeout);
    }
}

#[test]
fn nothing_waits_for_the_end_of_a_cancelled_run_whose_runner_was_killed() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = Run { run_timeout: 600, ..host.plain_run(&host.id(1)) };
        begun(&host, &run, STUBBORN);
        kill_runner(&host, &run.id);
        assert_eq!(cancel(&host, &run.id).left, 0);
        until(PATIENCE, || match living_in(host.home()).as_slice() {
            [] => Ok(()),
            left => Err(format!("{sh:?}: {left:?}")),
        });
    }
}

#[test]
fn what_a_run_left_at_work_goes_where_it_was_cut_and_stays_where_it_was_not() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        begun(&host, &run, LEAVES);
        assert_eq!(host.result(&run.id).ended_by, EndedBy::Done);
        // A server that the agent was asked to start, say.
        assert!(marked(&host, &run.id) > 0);
        assert_eq!(host.status(&run.id).standing, Standing::Ended);
        let cancelled = cancel(&host, &run.id);
        assert_eq!(
            (cancelled.found, cancelled.left, marked(&host, &run.id)),
            (Cancel::Ended, 0, 0),
            "{sh:?}"
        );

        fs::remove_file(host.home().join("oc/begun")).unwrap();
        let run = host.plain_run(&host.id(2));
        begun(&host, &run, &LEAVES.replace("exit 0", "exit 3"));
        assert_eq!((host.result(&run.id).status, marked(&host, &run.id)), (3, 0), "{sh:?}");
    }
}

#[test]
fn what_was_never_launched_never_is() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        assert_eq!(cancel(&host, &run.id).found, Cancel::Gone);
        let sent = host.send(&run, b"x");
        assert_eq!(host.status(&run.id).standing, Standing::Launching);
        for _ in 0..2 {
            assert_eq!(cancel(&host, &run.id).found, Cancel::Never, "{sh:?}");
        }
        assert_eq!(host.launch(&run, &sent).unwrap_err().refusal(), Some(Refusal::Gone));
        assert_eq!(host.status(&run.id).standing, Standing::Gone);
        assert!(!host.local.start(&host::run(&host.env, &run)).wait().unwrap().success());
        assert_eq!(host.runs(&run.id), 0);
        assert_eq!(
            host.ask(&host::back(&host.env, &run, false)).unwrap_err().refusal(),
            Some(Refusal::Never),
            "{sh:?}"
        );
        for hostile in ["", "..", "../x", "*", "a b", "$(x)"] {
            assert_eq!(host.ask(&host::cancel(&host.env, hostile)).unwrap_err().refusal(), Some(Refusal::Id));
        }
    }
}

#[test]
fn a_run_is_cancelled_at_any_moment() {
    for round in 0..12_u64 {
        let host = Recorder::new(SHELLS[(round % 3) as usize]);
        host.before("run", "sleep 600");
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        let launching = host.local.start(&host::launch(&host.env, &run, &sent));
        let moment = Instant::now() + Duration::from_millis(round * 25);
        until(PATIENCE, || if Instant::now() >= moment { Ok(()) } else { Err(String::new()) });
        let cancelled = cancel(&host, &run.id);
        assert_eq!((cancelled.left, marked(&host, &run.id)), (0, 0));
        launching.wait_with_output().unwrap();
        match cancelled.found {
            Cancel::Yes => assert_eq!(host.result(&run.id).ended_by, EndedBy::Cancelled),
            Cancel::Never => assert_eq!(host.runs(&run.id), 0),
            other => panic!("{round}: {other:?}"),
        }
        assert_eq!(marked(&host, &run.id), 0, "{round}");
    }
}

#[test]
fn a_host_that_was_started_anew_has_a_dead_run_that_can_be_fetched() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        begun(&host, &run, "echo '{}'; echo >\"$own/begun\"; sleep 600");
        let running = host.ask(&host::back(&host.env, &run, false)).unwrap_err();
        assert_eq!(running.refusal(), Some(Refusal::Running));
        kill_runner(&host, &run.id);
        // What it started works on, and is not disturbed.
        let orphaned = host.ask(&host::back(&host.env, &run, false)).unwrap_err();
        assert_eq!(orphaned.refusal(), Some(Refusal::Running), "{sh:?}");
        let taken = Made::from_answer(&host.ask(&host::back(&host.env, &run, true)).unwrap()).unwrap();
        assert_eq!((taken.result.kind, taken.result.known.as_str()), (BackFileKind::Export, ""));
        let snapshot = host.dispatch(&run.id).join(format!("snapshot-{}", taken.turn));
        assert_eq!(fs::metadata(snapshot).unwrap().len(), taken.result.size);
        assert!(!host.dispatch(&run.id).join("result").exists());
        crate::support::process::clear_out(host.home());
        let identity = host.dispatch(&run.id).join("run/identity");
        fs::write(identity, "00000000-0000-0000-0000-000000000000 1 1\n").unwrap();
        assert_eq!(host.status(&run.id).standing, Standing::Dead);
        let made = Made::from_answer(&host.ask(&host::back(&host.env, &run, false)).unwrap()).unwrap();
        assert_eq!((made.result.ended_by, made.result.exported), (EndedBy::Fetched, true), "{sh:?}");
        assert_eq!(host.status(&run.id).standing, Standing::Ended);
        assert_eq!(host.result(&run.id), made.result);
        let size = fs::metadata(host.dispatch(&run.id).join("back")).unwrap().len();
        assert_eq!(size, made.result.size);
    }
}

#[test]
fn a_claim_is_on_the_disk_before_opencode_starts() {
    for sh in SHELLS {
        // As coreutils and BusyBox have it, and one that takes no files.
        for refuses in ["", "[ $# = 0 ] || exit 1\n"] {
            let host = Recorder::new(sh);
            let path = host.local.environment[OsStr::new("PATH")].to_str().unwrap().to_owned();
            let stub = std::path::Path::new(path.split(':').next().unwrap()).join("sync");
            // BusyBox's own is a link there.
            let _ = fs::remove_file(&stub);
            let script = format!("#!/bin/sh\n{refuses}echo \"synced $*\" >>\"$HOME/oc/synced\"\n");
            install_program(&stub, script.as_bytes());
            host.before("run", "cp \"$own/synced\" \"$own/before\"");
            let run = host.plain_run(&host.id(1));
            let sent = host.send(&run, b"x");
            host.launch(&run, &sent).unwrap();
            host.result(&run.id);
            let synced = fs::read_to_string(host.home().join("oc/before")).unwrap();
            let expected = if refuses.is_empty() { "synced run/identity run .\n" } else { "synced \n" };
            assert_eq!(synced, expected, "{sh:?}");
        }
    }
}

#[test]
fn a_run_whose_claim_went_with_the_power_is_dead_and_can_be_fetched() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        begun(&host, &run, "echo >\"$own/begun\"; sleep 600");
        crate::support::process::clear_out(host.home());
        let dispatch = host.dispatch(&run.id);
        fs::remove_dir_all(dispatch.join("run")).unwrap();
        assert!(matches!(host.watch(&run.id, 0).1, Some(Frame::Dead(_))), "{sh:?}");
        let made = Made::from_answer(&host.ask(&host::back(&host.env, &run, false)).unwrap()).unwrap();
        assert_eq!(made.result.ended_by, EndedBy::Fetched, "{sh:?}");
        assert_eq!(host.status(&run.id).standing, Standing::Ended);
    }
}

#[test]
fn what_cannot_be_exported_leaves_what_was_there() {
    let host = Recorder::new(Sh::Dash);
    let run = host.plain_run(&host.id(1));
    let sent = host.send(&run, b"x");
    host.launch(&run, &sent).unwrap();
    let good = host.result(&run.id);
    let back = fs::read(host.dispatch(&run.id).join("back")).unwrap();
    host.before("export", "echo 'Session not found' >&2; exit 1");
    let refused = host.ask(&host::back(&host.env, &run, false)).unwrap_err();
    assert_eq!(refused.refusal(), Some(Refusal::Export));
    assert_eq!((host.result(&run.id), fs::read(host.dispatch(&run.id).join("back")).unwrap()), (good, back));
    assert!(refused.to_string().contains("Session not found"), "{refused}");
}

#[test]
fn an_export_in_place_of_a_bundle_is_told_and_takes_the_place_of_none() {
    let host = Recorder::new(Sh::BusyBox);
    let run = host.plain_run(&host.id(1));
    let sent = host.send(&run, b"x");
    host.launch(&run, &sent).unwrap();
    assert!(!host.result(&run.id).is_fallback, "JavaScript does not run there");
    let here = host.dispatch(&run.id);
    fs::write(here.join("left"), "").unwrap();
    let back = || host.ask(&host::back(&host.env, &run, false));
    let made = Made::from_answer(&back().unwrap()).unwrap().result;
    assert_eq!(
        (made.kind, made.is_fallback, host.result(&run.id).is_fallback),
        (BackFileKind::Export, true, true)
    );
    let result = fs::read_to_string(here.join("result")).unwrap();
    let bundle = result.replace("kind export\nknown \n", &format!("kind bundle\nknown {}\n", "0".repeat(64)));
    assert_ne!(bundle, result);
    fs::write(here.join("result"), &bundle).unwrap();
    assert_eq!(back().unwrap_err().refusal(), Some(Refusal::Export));
    assert_eq!(fs::read_to_string(here.join("result")).unwrap(), bundle);
    // One that is not whole is worth less.
    fs::write(here.join("back"), "").unwrap();
    assert!(Made::from_answer(&back().unwrap()).unwrap().result.is_fallback);
}

/// A host where nobody can look into environments: no /proc, and a `ps` that answers as that of macOS does.
fn without_proc(host: &Recorder) -> Recorder {
    let mut other = host.clone();
    let tools = host.home().join("ps");
    fs::create_dir_all(tools.join("proc")).unwrap();
    install_program(&tools.join("ps"), include_bytes!("../../support/ps.sh"));
    let tools = tools.display();
    let path = other.local.environment.get_mut(OsStr::new("PATH")).unwrap();
    *path = format!("{tools}:{}", path.display()).into();
    let user = if rustix::process::geteuid().is_root() { vec![] } else { vec!["-r".into()] };
    let mounts =
        format!("mount --bind /proc '{tools}/proc' && mount -t tmpfs -o size=64k none /proc && exec \"$@\"");
    let shell = ["sh".into(), "-c".into(), mounts.into(), "sh".into()];
    other.local.before =
        [vec![which("unshare").into_os_string(), "-m".into()], user, shell.to_vec()].concat();
    other
}

#[test]
fn where_environments_cannot_be_read_the_tree_is_taken_before_the_kill() {
    let host = Recorder::new(Sh::Dash);
    let mac = without_proc(&host);
    let run = mac.plain_run(&host.id(1));
    begun(&mac, &run, STUBBORN);
    wait_for_marked(&host, &run.id, 4);
    assert_eq!(mac.status(&run.id).standing, Standing::Running);
    kill_runner(&mac, &run.id);
    // A busy system takes a moment to end it.
    until(PATIENCE, || match mac.status(&run.id) {
        status if status.orphaned && status.standing == Standing::Running => Ok(()),
        status => Err(format!("{:?}", status.standing)),
    });
    let cancelled = cancel(&mac, &run.id);
    assert_eq!((cancelled.found, cancelled.left, marked(&host, &run.id)), (Cancel::Yes, 0, 0));
    assert_eq!(mac.status(&run.id).standing, Standing::Dead);
}

#[test]
fn where_environments_cannot_be_read_a_run_ends_with_its_time_too() {
    let host = Recorder::new(Sh::Dash);
    let mac = without_proc(&host);
    let run = Run { run_timeout: 1, ..mac.plain_run(&host.id(1)) };
    begun(&mac, &run, STUBBORN);
    assert_eq!(host.result(&run.id).ended_by, EndedBy::Timeout);
    assert_eq!(marked(&host, &run.id), 0);
}

//! The watch: every byte once, the end soon, and no wait for what will never come.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::process::until;
use crate::support::recorder::{PATIENCE, Recorder};
use kugetsu::host::{self, Frame, Frames, Run, Standing};
use kugetsu::transport::{Script, Transport as _};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

const HOLD: &str = "while [ ! -e \"$own/go\" ]; do sleep 0.05; done";

fn launched(host: &Recorder) -> Run {
    let run = host.plain_run(&host.id(1));
    let sent = host.send(&run, b"x");
    host.launch(&run, &sent).unwrap();
    run
}

#[test]
fn it_goes_on_from_every_offset() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = launched(&host);
        host.result(&run.id);
        let all = fs::read(host.dispatch(&run.id).join("events")).unwrap();
        assert_eq!(all, b"{\"type\":\"step_finish\"}\n");
        for offset in [0, 1, 7, all.len() - 1, all.len(), all.len() + 5] {
            let (events, end) = host.watch(&run.id, offset as u64);
            assert_eq!(events, all.get(offset..).unwrap_or_default(), "{sh:?} {offset}");
            assert!(matches!(end, Some(Frame::Ended(ref result)) if result.exported), "{end:?}");
        }
    }
}

#[test]
fn a_burst_of_events_arrives_whole() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", "i=0; while [ $i -lt 5 ]; do i=$((i + 1)); head -c 1048576 /dev/urandom; done");
        let run = launched(&host);
        let (events, end) = host.watch(&run.id, 0);
        assert!(matches!(end, Some(Frame::Ended(_))));
        assert!(
            events == fs::read(host.dispatch(&run.id).join("events")).unwrap(),
            "{sh:?} {}",
            events.len()
        );
        assert!(events.len() > 5 << 20);
    }
}

#[test]
fn the_result_is_shown_within_a_second() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", HOLD);
        let run = launched(&host);
        let (mut frames, mut beats) = (Frames::default(), 0);
        let script = host::watch(&host.env, &run.id, 0);
        let go = host.home().join("oc/go");
        host.local
            .clone()
            .stream(&script, PATIENCE, &mut |bytes| {
                beats += frames.feed(bytes).unwrap().iter().filter(|frame| **frame == Frame::Beat).count();
                fs::write(&go, "").unwrap();
                ControlFlow::Continue(())
            })
            .unwrap();
        let seen = SystemTime::now();
        assert!(matches!(frames.end().unwrap(), Some(Frame::Ended(_))) && beats > 0);
        let made = fs::metadata(host.dispatch(&run.id).join("result")).unwrap().modified().unwrap();
        let late = seen.duration_since(made).unwrap_or_default();
        // Within a second, where nothing else runs; what is ruled out is that it waits for the next beat.
        assert!(late < Duration::from_secs(3), "{sh:?}: {late:?}");
    }
}

#[test]
fn a_runner_that_was_killed_is_not_dead_while_its_opencode_works() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", &format!("echo 'out of memory' >&2; echo '{{}}'; {HOLD}"));
        let run = launched(&host);
        let events = host.dispatch(&run.id).join("events");
        until(PATIENCE, || {
            if fs::read(&events).is_ok_and(|e| !e.is_empty()) { Ok(()) } else { Err("none".into()) }
        });
        kill_process(Pid::from_raw(host.runner(&run.id).try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
        let go = host.home().join("oc/go");
        let (mut frames, mut beats, mut shown) = (Frames::default(), 0, Vec::new());
        let script = host::watch(&host.env, &run.id, 0);
        let ended = host.local.clone().stream(&script, PATIENCE, &mut |bytes| {
            for frame in frames.feed(bytes).unwrap() {
                match frame {
                    Frame::Events(more) => shown.extend(more),
                    Frame::Beat => beats += 1,
                    other => panic!("{other:?}"),
                }
            }
            // The second beat comes two seconds after the death.
            if beats == 2 && !go.exists() {
                let status = host.status(&run.id);
                assert_eq!((status.standing, status.orphaned), (Standing::Running, true), "{sh:?}");
                fs::write(&go, "").unwrap();
            }
            ControlFlow::Continue(())
        });
        assert_eq!(ended.unwrap(), Some(0));
        assert_eq!(shown, b"{}\n{\"type\":\"step_finish\"}\n", "{sh:?}");
        assert_eq!(frames.end().unwrap(), Some(Frame::Dead("out of memory".into())), "{sh:?}");
        let status = host.status(&run.id);
        assert_eq!((status.standing, status.orphaned), (Standing::Dead, false), "{sh:?}");
    }
}

#[test]
fn another_process_of_the_same_number_is_not_the_runner() {
    let host = Recorder::new(Sh::Dash);
    let run = launched(&host);
    host.result(&run.id);
    fs::remove_file(host.dispatch(&run.id).join("result")).unwrap();
    let file = host.dispatch(&run.id).join("run/identity");
    let mut living = host.local.start(&Script::new("echo; exec sleep 300", &[]));
    let pid = living.id();
    let words = until(PATIENCE, || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        if stat.contains("(sleep)") { Ok((boot.trim().to_owned(), start)) } else { Err(stat) }
    });
    let (boot, start) = words;
    fs::write(&file, format!("{boot} {pid} {start}\n")).unwrap();
    assert_eq!(host.status(&run.id).standing, Standing::Running);
    for another in [
        format!("{boot} {pid} 1\n"),
        format!("00000000-0000-0000-0000-000000000000 {pid} {start}\n"),
        format!("{boot} 4194305 {start}\n"),
        format!("{boot} {pid}\n"),
        String::new(),
    ] {
        fs::write(&file, &another).unwrap();
        assert!(matches!(host.watch(&run.id, 0).1, Some(Frame::Dead(_))), "{another}");
    }
    living.kill().unwrap();
    living.wait().unwrap();
}

#[test]
fn a_dispatch_that_is_removed_is_gone() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        assert_eq!(host.watch(&host.id(7), 0).1, Some(Frame::Gone));
        host.before("run", &format!("echo >\"$own/begun\"; {HOLD}"));
        let run = launched(&host);
        // From here on the runner makes no file.
        let begun = host.home().join("oc/begun");
        until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("not begun".to_owned()) });
        let mut removed = false;
        let mut frames = Frames::default();
        let ended = host.local.clone().stream(&host::watch(&host.env, &run.id, 0), PATIENCE, &mut |bytes| {
            frames.feed(bytes).unwrap();
            if !std::mem::replace(&mut removed, true) {
                fs::remove_dir_all(host.dispatch(&run.id)).unwrap();
            }
            ControlFlow::Continue(())
        });
        assert_eq!(ended.unwrap(), Some(0));
        assert_eq!(frames.end().unwrap(), Some(Frame::Gone), "{sh:?}");
    }
}

#[test]
fn it_ends_soon_when_nobody_listens() {
    for sh in SHELLS {
        // Whoever ignores SIGPIPE hands that down to all that it starts.
        for before in
            [vec![], vec!["sh".into(), "-c".into(), "trap '' PIPE; exec \"$@\"".into(), "sh".into()]]
        {
            let mut host = Recorder::new(sh);
            host.before("run", HOLD);
            let run = launched(&host);
            host.local.before = before;
            let mut watch = host.local.start(&host::watch(&host.env, &run.id, 0));
            let mut stdout = watch.stdout.take().unwrap();
            let mut beat = [0; 5];
            stdout.read_exact(&mut beat).unwrap();
            assert_eq!(&beat, b"beat\n");
            drop(stdout);
            let closed = Instant::now();
            until(PATIENCE, || watch.try_wait().unwrap().ok_or_else(|| "it goes on".to_owned()));
            assert!(closed.elapsed() < Duration::from_secs(20), "{sh:?}: {:?}", closed.elapsed());
        }
    }
}

#[test]
fn a_result_that_a_crash_left_half_is_no_result() {
    let host = Recorder::new(Sh::Dash);
    let run = launched(&host);
    host.result(&run.id);
    let file = host.dispatch(&run.id).join("result");
    let whole = fs::read(&file).unwrap();
    for half in [&b""[..], &whole[..whole.len() / 2], &whole[..whole.len() - 5]] {
        fs::write(&file, half).unwrap();
        assert!(matches!(host.watch(&run.id, 0).1, Some(Frame::Dead(_))));
    }
}

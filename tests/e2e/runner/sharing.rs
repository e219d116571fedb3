//! One dispatch at a time works with a session of a host.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::process::{install_program, until};
use crate::support::recorder::{PATIENCE, Recorder, SESSION};
use kugetsu::host::{self, AnswerError, Holds, HostState, Launch, Page, Refusal, Run, Standing};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs;

const PAGE: Page = Page { skip: 0, most: 100 };
const HOLD: &str = "while [ ! -e \"$own/go\" ]; do sleep 0.05; done";

/// Two dispatches of one session, both sent.
fn two(host: &Recorder) -> [(Run, Launch); 2] {
    [1, 2].map(|n| {
        let run = host.plain_run(&host.id(n));
        let sent = host.send(&run, b"x");
        (run, sent)
    })
}

#[track_caller]
fn is_busy(refused: &AnswerError, by: &str) {
    match refused {
        AnswerError::Busy { dispatch, since: Some(since) } => {
            assert_eq!(dispatch, by);
            assert!(*since > 1_600_000_000, "{since}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn of_two_launched_at_once_one_runs_and_the_other_is_told() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("import", "sleep 0.3");
        host.before("run", HOLD);
        let both = two(&host);
        let ends: Vec<_> = std::thread::scope(|scope| {
            let launches: Vec<_> =
                both.iter().map(|(run, sent)| scope.spawn(|| host.launch(run, sent))).collect();
            launches.into_iter().map(|launch| launch.join().unwrap()).collect()
        });
        let winner = usize::from(ends[0].is_err());
        assert!(ends[winner].is_ok(), "{sh:?}: {ends:?}");
        is_busy(ends[1 - winner].as_ref().unwrap_err(), &both[winner].0.id);
        // Nothing of the loser was imported.
        let lost = &both[1 - winner];
        assert_eq!(host.runs(&format!("{}/import", lost.0.id)), 0);
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&both[winner].0.id);
        // What is over holds nothing.
        host.launch(&lost.0, &lost.1).unwrap();
        host.result(&lost.0.id);
        assert_eq!(both.iter().map(|(run, _)| host.runs(&run.id)).collect::<Vec<_>>(), [1, 1]);
    }
}

#[test]
fn of_ten_launched_again_and_again_one_runs_at_a_time() {
    let host = Recorder::new(Sh::Dash);
    // Whoever finds the mark of another was not alone.
    host.before("run", "mkdir \"$own/alone\" || echo >\"$own/crowd\"; sleep 0.1; rmdir \"$own/alone\"");
    let all: Vec<_> = (0..10)
        .map(|n| {
            let run = host.plain_run(&host.id(n));
            let sent = host.send(&run, b"x");
            (run, sent)
        })
        .collect();
    std::thread::scope(|scope| {
        for (run, sent) in &all {
            scope.spawn(|| {
                until(PATIENCE, || match host.launch(run, sent) {
                    Ok(_) => Ok(()),
                    Err(refused) if refused.refusal() == Some(Refusal::Busy) => Err("busy".into()),
                    Err(other) => panic!("{other}"),
                });
                host.result(&run.id);
            });
        }
    });
    assert!(!host.home().join("oc/crowd").exists());
    assert!(all.iter().all(|(run, _)| host.runs(&run.id) == 1));
    // One number is left of all that were taken.
    assert_eq!(fs::read_dir(host.home().join(".kugetsu/claims").join(SESSION)).unwrap().count(), 1);
}

#[test]
fn a_session_is_held_by_an_opencode_whose_runner_was_killed() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", HOLD);
        let [(first, sent), (second, other)] = two(&host);
        host.launch(&first, &sent).unwrap();
        until(PATIENCE, || if host.runs(&first.id) == 1 { Ok(()) } else { Err("not run yet".into()) });
        let runner = Pid::from_raw(host.runner(&first.id).try_into().unwrap()).unwrap();
        kill_process(runner, Signal::KILL).unwrap();
        is_busy(&host.launch(&second, &other).unwrap_err(), &first.id);
        host.ask(&host::cancel(&host.env, &first.id)).unwrap();
        host.before("run", "");
        host.launch(&second, &other).unwrap();
        assert_eq!(host.result(&second.id).status, 0, "{sh:?}");
    }
}

#[test]
fn a_runner_that_comes_too_late_finds_the_session_taken() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        // Its launch died when it had started the runner, and the runner has not begun.
        host.before("import", "[ ! -e \"$own/first\" ] || return 0; echo >\"$own/first\"; exec sleep 300");
        let [(first, sent), (second, other)] = two(&host);
        let mut cut = host.local.start(&host::launch(&host.env, &first, &sent));
        let begun = host.home().join("oc/first");
        until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("no import".into()) });
        cut.kill().unwrap();
        cut.wait().unwrap();
        host.before("run", HOLD);
        host.launch(&second, &other).unwrap();
        assert!(!host.local.start(&host::run(&host.env, &first)).wait().unwrap().success());
        assert_eq!(host.status(&first.id).standing, Standing::Launching, "{sh:?}");
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&second.id);
        // It is not lost: launched again, it runs.
        host.launch(&first, &sent).unwrap();
        host.result(&first.id);
        assert_eq!((host.runs(&first.id), host.runs(&second.id)), (1, 1), "{sh:?}");
    }
}

#[test]
fn a_runner_that_begins_while_another_takes_the_session_keeps_it() {
    for sh in [Sh::Dash, Sh::Bash] {
        let mut host = Recorder::new(sh);
        host.before("import", "[ ! -e \"$own/first\" ] || return 0; echo >\"$own/first\"; exec sleep 300");
        let [(first, sent), (second, other)] = two(&host);
        let mut cut = host.local.start(&host::launch(&host.env, &first, &sent));
        let begun = host.home().join("oc/first");
        until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("no import".into()) });
        cut.kill().unwrap();
        cut.wait().unwrap();
        host.before("run", &format!("echo >\"$own/begun\"; {HOLD}"));
        // The first one's runner begins when the second has seen nobody at work, and has no claim yet.
        let tools = host.home().join("tools");
        fs::create_dir(&tools).unwrap();
        let runner = format!("$HOME/.kugetsu/dispatches/{}/run.sh", first.id);
        let mkdir = format!(
            "#!/bin/sh\ncase $1 in\n*/claims/*.*)\n[ -e \"$HOME/oc/begun\" ] || sh \"{runner}\" </dev/null >/dev/null 2>&1 &\n\
             until [ -e \"$HOME/oc/begun\" ]; do sleep 0.05; done ;;\nesac\nexec /bin/mkdir \"$@\"\n"
        );
        install_program(&tools.join("mkdir"), mkdir.as_bytes());
        let path = host.local.environment.get_mut(OsStr::new("PATH")).unwrap();
        *path = [tools.as_os_str(), path.as_os_str()].join(OsStr::new(":"));
        is_busy(&host.launch(&second, &other).unwrap_err(), &first.id);
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&first.id);
        host.launch(&second, &other).unwrap();
        host.result(&second.id);
        assert_eq!((host.runs(&first.id), host.runs(&second.id)), (1, 1), "{sh:?}");
    }
}

#[test]
fn a_launch_at_work_holds_the_session_and_a_dead_one_does_not() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("import", "[ ! -e \"$own/first\" ] || return 0; echo >\"$own/first\"; exec sleep 300");
        let [(first, sent), (second, other)] = two(&host);
        let mut cut = host.local.start(&host::launch(&host.env, &first, &sent));
        let begun = host.home().join("oc/first");
        until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("no import".into()) });
        is_busy(&host.launch(&second, &other).unwrap_err(), &first.id);
        cut.kill().unwrap();
        cut.wait().unwrap();
        host.launch(&second, &other).unwrap();
        host.result(&second.id);
        // Its own dead launch is in nobody's way either.
        host.launch(&first, &sent).unwrap();
        host.result(&first.id);
        assert_eq!((host.runs(&first.id), host.runs(&second.id)), (1, 1), "{sh:?}");
    }
}

#[test]
fn what_comes_home_is_made_while_nobody_else_works_with_the_session() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let [(first, sent), (second, other)] = two(&host);
        host.launch(&first, &sent).unwrap();
        host.result(&first.id);
        host.before("run", HOLD);
        host.launch(&second, &other).unwrap();
        is_busy(&host.ask(&host::back(&host.env, &first, false)).unwrap_err(), &second.id);
        // A look is free.
        host.ask(&host::back(&host.env, &first, true)).unwrap();
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&second.id);
        host.ask(&host::back(&host.env, &first, false)).unwrap();
        // While it is made, no run begins.
        host.before(
            "export",
            "echo >\"$own/exporting\"; while [ ! -e \"$own/exported\" ]; do sleep 0.05; done",
        );
        let third = host.plain_run(&host.id(3));
        let sent = host.send(&third, b"x");
        std::thread::scope(|scope| {
            let making = scope.spawn(|| host.ask(&host::back(&host.env, &first, false)));
            let begun = host.home().join("oc/exporting");
            until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("not begun".into()) });
            is_busy(&host.launch(&third, &sent).unwrap_err(), &first.id);
            fs::write(host.home().join("oc/exported"), "").unwrap();
            making.join().unwrap().unwrap();
        });
        host.launch(&third, &sent).unwrap();
        assert_eq!(host.result(&third.id).status, 0, "{sh:?}");
    }
}

#[test]
fn a_session_that_is_no_name_is_refused() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        for name in ["", "..", "../x", "a/b", "a b", "*"] {
            let run = Run { session: name.to_owned(), ..host.plain_run(&host.id(1)) };
            let sent = host.send(&run, b"x");
            assert_eq!(host.launch(&run, &sent).unwrap_err().refusal(), Some(Refusal::Id), "{name:?}");
            let asked = host.ask(&host::holds(&host.env, &run.program, name, "", PAGE)).unwrap_err();
            assert_eq!(asked.refusal(), Some(Refusal::Id), "{name:?}");
        }
    }
}

#[test]
fn where_javascript_does_not_run_nobody_knows_what_is_there() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("bun", "echo 'unknown option -e' >&2; exit 1");
        let run = host.plain_run(&host.id(1));
        let answer = host.ask(&host::holds(&host.env, &run.program, SESSION, "", PAGE)).unwrap();
        assert_eq!(Holds::from_answer(&answer, PAGE).unwrap().0.held, HostState::Unknown, "{sh:?}");
        assert!(!host.home().join(".kugetsu").exists(), "looking made something");
    }
}

#[test]
fn what_was_cut_short_while_it_looked_says_nothing_of_what_is_there() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let run = host.plain_run(&host.id(1));
        for (before, why) in [
            ("kill -KILL $$", "exit status 137"),
            ("echo 'failed database is locked'; exit", "database is locked"),
        ] {
            host.before("bun", before);
            let refused = host.ask(&host::holds(&host.env, &run.program, SESSION, "", PAGE)).unwrap_err();
            assert_eq!(refused.refusal(), Some(Refusal::Holds), "{sh:?}");
            assert!(refused.to_string().contains(why), "{sh:?}: {refused}");
        }
    }
}

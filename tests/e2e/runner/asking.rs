//! The check asks opencode; the cleaning removes one dispatch. Neither leaves anything.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::process::until;
use crate::support::recorder::{Recorder, listing};
use kugetsu::host::{self, AnswerError, HostOpencode, KeptList, Refusal, Standing};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[test]
fn the_check_asks_a_supported_release_and_leaves_nothing() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("models", "i=0; while [ $i -lt 4000 ]; do i=$((i + 1)); echo \"provider-$i/a model of some length-$i\"; done");
        let program = host.home().join("oc/opencode").to_str().unwrap().to_owned();
        let check =
            host::check(&host.env, &host.id(1), &program, host.home().join("not/yet").to_str().unwrap());
        let checked = HostOpencode::from_answer(&host.ask(&check).unwrap());
        assert_eq!(
            (checked.version.as_str(), checked.agents.as_slice()),
            ("1.18.33", &["build".to_owned(), "my own".to_owned()][..])
        );
        assert_eq!(
            (checked.models.len(), checked.models[3999].as_str()),
            (4002, "provider-4000/a model of some length-4000")
        );
        assert_eq!(fs::read_dir(host.home().join(".kugetsu")).unwrap().count(), 0);
        // A warning of node is no version.
        host.before("version", "echo '(node:1) Warning: old' >&2");
        assert_eq!(HostOpencode::from_answer(&host.ask(&check).unwrap()).version, "1.18.33");
        host.before("version", "echo 'cannot start' >&2; exit 1");
        assert_eq!(HostOpencode::from_answer(&host.ask(&check).unwrap()).version, "cannot start");
    }
}

#[test]
fn a_release_that_is_not_supported_is_asked_nothing_more() {
    for version in ["2.0.1", "command not found"] {
        let host = Recorder::new(Sh::Dash);
        host.before("version", &format!("echo {version}; exit"));
        let program = host.home().join("oc/opencode").to_str().unwrap().to_owned();
        let answer = host.ask(&host::check(&host.env, &host.id(1), &program, "/")).unwrap();
        assert_eq!(HostOpencode::from_answer(&answer).version, version);
        assert_eq!(fs::read_to_string(host.home().join("oc/calls")).unwrap(), "--version\n");
        assert!(!host.home().join(".kugetsu").exists());
    }
}

#[test]
fn a_check_whose_listener_is_gone_leaves_nothing() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let program = host.home().join("oc/opencode").to_str().unwrap().to_owned();
        host.before("agent", "echo >\"$own/asked\"; while [ ! -e \"$own/go\" ]; do sleep 0.05; done");
        let mut check = host.local.start(&host::check(&host.env, &host.id(1), &program, "/"));
        let asked = host.home().join("oc/asked");
        until(Duration::from_secs(60), || if asked.exists() { Ok(()) } else { Err("not asked".into()) });
        drop(check.stdout.take());
        fs::write(host.home().join("oc/go"), "").unwrap();
        check.wait().unwrap();
        assert_eq!(fs::read_dir(host.home().join(".kugetsu")).unwrap().count(), 0, "{sh:?}");
    }
}

#[test]
fn cleaning_removes_one_dispatch_and_none_that_was_launched() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let clean =
            |n: usize, launched: bool| host.ask(&host::clean(&host.env, &host.id(n), launched)).map(|_| ());
        // Nothing there is as good as removed.
        clean(1, false).unwrap();
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, b"x");
        host.send(&host.plain_run(&host.id(2)), b"y");
        clean(2, false).unwrap();
        assert!(!host.dispatch(&host.id(2)).exists() && host.dispatch(&host.id(1)).exists());
        host.launch(&run, &sent).unwrap();
        host.result(&run.id);
        let before = listing(&host.dispatch(&run.id));
        assert_eq!(
            clean(1, false),
            Err(AnswerError::Refused { refusal: Refusal::Launched, detail: host.id(1) }),
            "{sh:?}"
        );
        // Of the directory itself only the time may differ.
        let changed = |(path, _): &(&PathBuf, _)| {
            **path != host.dispatch(&run.id) && **path != host.dispatch(&run.id).join("run")
        };
        let after = listing(&host.dispatch(&run.id));
        assert!(before.iter().filter(changed).eq(after.iter().filter(changed)));
        clean(1, true).unwrap();
        assert_eq!(fs::read_dir(host.home().join(".kugetsu/dispatches")).unwrap().count(), 0);
        clean(1, true).unwrap();
        assert_eq!(host.runs(&host.id(1)), 1);
    }
}

#[test]
fn cleaning_stays_among_the_dispatches() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.send(&host.plain_run(&host.id(1)), b"x");
        let outside = host.home().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        symlink(&outside, host.dispatch(&host.id(2))).unwrap();
        for hostile in ["", ".", "..", "../..", "../../outside", "/", "*", "20261120-*", " ", "a\nb"] {
            for launched in [true, false] {
                let refused = host.ask(&host::clean(&host.env, hostile, launched)).unwrap_err();
                assert!(matches!(refused, AnswerError::Refused { refusal: Refusal::Id, .. }), "{hostile:?}");
            }
        }
        for launched in [true, false] {
            let refused = host.ask(&host::clean(&host.env, &host.id(2), launched)).unwrap_err();
            assert_eq!(refused.refusal(), Some(Refusal::Id), "{refused}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "something was done behind the link");
        assert!(outside.join("kept").exists() && host.dispatch(&host.id(1)).join("parcel").exists());
    }
}

#[test]
fn what_a_cleaning_or_a_check_has_left_half_done_goes() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.send(&host.plain_run(&host.id(1)), b"x");
        let left = host.dispatch(&format!("{}.removed.4711", host.id(1)));
        fs::rename(host.dispatch(&host.id(1)), &left).unwrap();
        let kept = KeptList::from_answer(&host.ask(&host::list(&host.env)).unwrap()).unwrap().listed;
        let kept: Vec<_> = kept.iter().map(|kept| (kept.id.as_str(), kept.standing)).collect();
        assert_eq!(kept, [(host.id(1).as_str(), Standing::Gone)], "{sh:?}");
        host.ask(&host::clean(&host.env, &host.id(1), false)).unwrap();
        assert!(!left.exists(), "{sh:?}");

        // No process has the number of the first; the second is this one's.
        let checks = ["4194305".to_owned(), std::process::id().to_string()]
            .map(|pid| host.home().join(format!(".kugetsu/check-{}.{pid}", host.id(2))));
        checks.iter().for_each(|check| fs::create_dir(check).unwrap());
        let run = host.plain_run(&host.id(3));
        host.ask(&host::check(&host.env, &run.id, &run.program, &run.directory)).unwrap();
        assert_eq!(checks.map(|check| check.exists()), [false, true], "{sh:?}");
    }
}

#[test]
fn what_is_cleaned_cannot_be_launched_any_more() {
    let host = Recorder::new(Sh::Dash);
    for n in 0..12 {
        let run = host.plain_run(&host.id(n));
        let sent = host.send(&run, b"x");
        std::thread::scope(|scope| {
            let launching = scope.spawn(|| host.launch(&run, &sent));
            let cleaning = scope.spawn(|| {
                let moment = Instant::now() + Duration::from_millis(n as u64 * 20);
                until(Duration::from_secs(60), || {
                    if Instant::now() >= moment { Ok(()) } else { Err(String::new()) }
                });
                host.ask(&host::clean(&host.env, &run.id, false))
            });
            let (launched, cleaned) = (launching.join().unwrap(), cleaning.join().unwrap());
            // Either it runs and is kept, or it never runs.
            assert_ne!(launched.is_ok(), cleaned.is_ok(), "{n}: {launched:?} {cleaned:?}");
            if launched.is_ok() {
                host.result(&run.id);
            }
            assert_eq!(host.runs(&run.id), usize::from(launched.is_ok()));
        });
    }
}

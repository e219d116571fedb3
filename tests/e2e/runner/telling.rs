//! What a host tells of its dispatches: how they stand, and which it keeps.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::process::until;
use crate::support::recorder::{PATIENCE, Recorder, SESSION, listing};
use kugetsu::host::{self, KeptList, Remembered, Run, Standing, Statuses};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

#[test]
fn all_dispatches_are_told_in_one_answer() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let ended = host.plain_run(&host.id(1));
        host.before("run", "head -c 40000 /dev/zero | tr '\\0' x; echo");
        let sent = host.send(&ended, b"x");
        host.launch(&ended, &sent).unwrap();
        host.result(&ended.id);
        host.before("run", "echo '{\"type\":\"text\"}'; echo >\"$own/begun\"; exec sleep 300");
        let running = host.plain_run(&host.id(2));
        let sent = host.send(&running, b"x");
        host.launch(&running, &sent).unwrap();
        let begun = host.home().join("oc/begun");
        until(PATIENCE, || if begun.exists() { Ok(()) } else { Err("not begun".into()) });
        let events = File::options().write(true).open(host.dispatch(&running.id).join("events")).unwrap();
        events.set_modified(SystemTime::now() - Duration::from_secs(700)).unwrap();
        host.send(&host.plain_run(&host.id(3)), b"x");
        let before = listing(&host.home().join(".kugetsu"));
        let (third, fourth) = (host.id(3), host.id(4));
        let asked = [ended.id.as_str(), &running.id, &third, &fourth, "../x", "*"];
        let answer = host.ask(&host::status(&host.env, &asked, 16_384)).unwrap();
        assert_eq!(listing(&host.home().join(".kugetsu")), before);
        let statuses = Statuses::from_answer(&answer).unwrap();
        let told: Vec<_> = statuses.0.iter().map(|status| (status.id.as_str(), status.standing)).collect();
        // `*` is whatever stands where the script runs: nothing is expanded.
        let expected = [
            (asked[0], Standing::Ended),
            (asked[1], Standing::Running),
            (asked[2], Standing::Launching),
            (asked[3], Standing::Gone),
            (asked[4], Standing::Gone),
            (asked[5], Standing::Gone),
        ];
        assert_eq!(told, expected, "{sh:?}");
        let ended = statuses.of(&ended.id).unwrap();
        assert!(ended.started > 1_600_000_000 && ended.ended >= ended.started);
        assert_eq!((ended.bytes, ended.tail.len()), (40_001 + 23, 16_384), "{sh:?}");
        let running = statuses.of(&running.id).unwrap();
        assert!((700..800).contains(&running.quiet), "{sh:?}: {}", running.quiet);
        assert_eq!((running.tail.as_str(), running.ended), ("{\"type\":\"text\"}\n", 0));
    }
}

#[test]
fn what_is_kept_is_told_and_links_are_not_followed() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let none = KeptList::from_answer(&host.ask(&host::list(&host.env)).unwrap());
        assert_eq!(none, Ok(KeptList::default()));
        let run = host.plain_run(&host.id(1));
        let sent = host.send(&run, &[b'x'; 100_000]);
        host.launch(&run, &sent).unwrap();
        host.result(&run.id);
        host.send(&host.plain_run(&host.id(2)), b"x");
        let dispatches = host.home().join(".kugetsu/dispatches");
        let outside = host.home().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("owner"), "somebody").unwrap();
        symlink(&outside, dispatches.join(host.id(3))).unwrap();
        fs::remove_file(host.dispatch(&host.id(2)).join("owner")).unwrap();
        symlink(outside.join("owner"), host.dispatch(&host.id(2)).join("owner")).unwrap();
        // On a machine that is a home, too.
        fs::create_dir(dispatches.join(host.id(5))).unwrap();
        fs::write(dispatches.join(host.id(5)).join("dispatch.json"), "{}").unwrap();
        fs::create_dir(dispatches.join(format!("{}.removed.7", host.id(4)))).unwrap();
        let kept = KeptList::from_answer(&host.ask(&host::list(&host.env)).unwrap()).unwrap().listed;
        let told: Vec<_> = kept
            .iter()
            .map(|kept| (kept.id.clone(), kept.owner.as_str(), kept.session.as_str(), kept.standing))
            .collect();
        let expected = [
            (host.id(1), "the home of this test", SESSION, Standing::Ended),
            (host.id(2), "", "", Standing::Launching),
            // What a cleaning that was cut has left.
            (host.id(4), "", "", Standing::Gone),
        ];
        assert_eq!(told, expected, "{sh:?}");
        assert!((100..1000).contains(&kept[0].size_kib), "{}", kept[0].size_kib);
    }
}

#[test]
fn a_cleaned_dispatch_leaves_the_list_of_what_home_has() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let known = host.home().join(".kugetsu/known").join(SESSION);
        for (n, launched, expected) in [(1, true, "first\n"), (2, true, "second\n"), (3, false, "second\n")] {
            let run = host.plain_run(&host.id(n));
            let sent = host.send(&run, b"x");
            if launched {
                host.launch(&run, &sent).unwrap();
                host.result(&run.id);
            }
            let words = ["", "first\n", "second\n", "third\n"][n];
            fs::write(host.dispatch(&run.id).join("known"), words).unwrap();
            host.ask(&host::clean(&host.env, &run.id, launched)).unwrap();
            assert!(!host.dispatch(&run.id).exists());
            assert_eq!(fs::read_to_string(&known).unwrap(), expected, "{sh:?}");
        }
        let mode = |path: &std::path::Path| {
            std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777
        };
        assert_eq!((mode(&known), mode(known.parent().unwrap())), (0o600, 0o700));
    }
}

#[test]
fn a_thousand_dispatches_are_told_in_one_go() {
    // Each takes some milliseconds of a shell's time: once is enough for all of them.
    for (sh, all) in SHELLS.into_iter().zip([1000, 100, 100]) {
        let host = Recorder::new(sh);
        let ids: Vec<String> = (0..all).map(|n| host.id(n)).collect();
        for (n, id) in ids.iter().enumerate() {
            let here = host.dispatch(id);
            fs::create_dir_all(here.join("run")).unwrap();
            let files =
                [("format", "2\n"), ("owner", "me\n"), ("run/identity", "boot 1 1\n"), ("events", "x\n")];
            files.iter().for_each(|(name, text)| fs::write(here.join(name), text).unwrap());
            if n.is_multiple_of(2) {
                fs::write(here.join("result"), "format 2\nend\n").unwrap();
            }
        }
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let statuses =
            Statuses::from_answer(&host.ask(&host::status(&host.env, &asked, 1000)).unwrap()).unwrap();
        assert_eq!(statuses.0.len(), all, "{sh:?}");
        let standing = |n: usize| if n.is_multiple_of(2) { Standing::Ended } else { Standing::Dead };
        assert!(
            statuses
                .0
                .iter()
                .enumerate()
                .all(|(n, status)| status.standing == standing(n) && status.tail == "x\n")
        );
        let kept = KeptList::from_answer(&host.ask(&host::list(&host.env)).unwrap()).unwrap();
        assert!(!kept.more && kept.listed.len() == all && kept.listed.iter().all(|kept| kept.size_kib > 0));
    }
}

#[test]
fn a_host_forgets_what_one_home_needs_no_more_and_nothing_else() {
    let [mine, both, theirs, old] =
        ["A", "B", "C", "D"].map(|end| format!("ses_0123456789abABCDEFGHIJKLM{end}"));
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let here = host.home().join(".kugetsu");
        let known = |session: &str, owner: &str| {
            fs::create_dir_all(here.join("known")).unwrap();
            let head =
                format!("{{\"known\":1,\"session\":\"{session}\"{owner},\"record\":\"0\"}}\nm msg_1 0\n");
            fs::write(here.join("known").join(session), head).unwrap();
        };
        let claim = |session: &str, turn: usize, words: &str| {
            let turn = here.join("claims").join(session).join(turn.to_string());
            fs::create_dir_all(&turn).unwrap();
            fs::write(turn.join("identity"), format!("{words}\n")).unwrap();
        };
        let ask = |forget: Option<&Remembered>| {
            let script = match forget {
                Some(forget) => host::forget(&host.env, "me", forget),
                None => host::remembered(&host.env, "me"),
            };
            Remembered::from_answer(&host.ask(&script).unwrap()).unwrap()
        };
        fs::create_dir(&here).unwrap();
        assert!(ask(None).is_empty());
        let gone = host.id(1);
        for (session, owner) in [(&mine, ",\"owner\":\"me\""), (&theirs, ",\"owner\":\"you\""), (&old, "")] {
            known(session, owner);
        }
        claim(&mine, 7, &format!("{gone} 17 me"));
        // The last one counts.
        claim(&both, 9, &format!("{gone} 17 me"));
        claim(&both, 10, &format!("{gone} 18 you"));
        claim(&theirs, 1, &format!("{gone} 17 you"));
        claim(&old, 1, &format!("{gone} 17"));
        let told = ask(None);
        let of = |session: &String| vec![session.clone()];
        assert_eq!((&told.known, &told.claims), (&of(&mine), &of(&mine)), "{sh:?}");
        let all = [&mine, &both, &theirs, &old].map(Clone::clone).to_vec();
        let asked = Remembered { known: all.clone(), claims: all, more: false };
        // Somebody works with it by now: that run takes the next number.
        let run = Run { owner: "me".into(), session: mine.clone(), ..host.plain_run(&host.id(2)) };
        host.before("run", "while [ ! -e \"$own/go\" ]; do sleep 0.05; done");
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        assert!(here.join(format!("claims/{mine}/8/identity")).exists());
        assert!(ask(Some(&asked)).is_empty(), "{sh:?}");
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&run.id);
        let went = ask(Some(&asked));
        assert_eq!((&went.known, &went.claims), (&of(&mine), &of(&mine)), "{sh:?}");
        let left = |kind: &str| {
            let mut left: Vec<_> =
                fs::read_dir(here.join(kind)).unwrap().map(|e| e.unwrap().file_name()).collect();
            left.sort();
            left
        };
        assert_eq!(
            (left("known"), left("claims")),
            (
                vec![theirs.clone().into(), old.clone().into()],
                vec![both.clone().into(), theirs.clone().into(), old.clone().into()]
            )
        );
        // The next trip begins anew.
        let run = Run { id: host.id(3), ..run };
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        host.result(&run.id);
        assert!(here.join(format!("claims/{mine}/1/identity")).exists(), "{sh:?}");
    }
}

#[test]
fn a_home_of_which_nothing_is_there_keeps_nothing() {
    let host = Recorder::new(Sh::BusyBox);
    let answer = host.ask(&host::status(&host.env, &[], 16_384)).unwrap();
    assert_eq!(Statuses::from_answer(&answer), Ok(Statuses::default()));
    assert!(!host.home().join(".kugetsu").exists());
}

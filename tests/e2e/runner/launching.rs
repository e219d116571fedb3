//! A launch: once, whatever is repeated; with a reason where it cannot be.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::machine::which;
use crate::support::process::{process_state, until};
use crate::support::recorder::{PATIENCE, Recorder, SESSION};
use kugetsu::host::{self, AnswerError, HostEnv, Launch, Refusal, Run};
use std::fs;
use std::os::unix::fs::symlink;

/// The word and the words of a launch that was refused.
#[track_caller]
fn refusal(host: &Recorder, run: &Run, sent: &Launch) -> (Refusal, String) {
    match host.launch(run, sent).unwrap_err() {
        AnswerError::Refused { refusal, detail } => {
            assert_eq!(host.runs(&run.id), 0, "{refusal}: {detail}");
            (refusal, detail)
        }
        other => panic!("{other}"),
    }
}

fn sent(host: &Recorder) -> (Run, Launch) {
    let run = host.plain_run(&host.id(1));
    let sent = host.send(&run, b"prompt");
    (run, sent)
}

#[test]
fn a_second_launch_finds_the_first() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", "while [ ! -e \"$own/go\" ]; do sleep 0.05; done");
        let (run, sent) = sent(&host);
        let first = host.launch(&run, &sent).unwrap();
        let second = host.launch(&run, &sent).unwrap();
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&run.id);
        let third = host.launch(&run, &sent).unwrap();
        assert_eq!((first.before, second.before, third.before), (false, true, true));
        assert!(first.identity == second.identity && second.identity == third.identity);
        assert_eq!((host.runs(&run.id), host.runs(&format!("{}/import", run.id))), (1, 1));
    }
}

#[test]
fn a_second_runner_runs_nothing_even_without_a_launch() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("run", "while [ ! -e \"$own/go\" ]; do sleep 0.05; done");
        let (run, sent) = sent(&host);
        host.launch(&run, &sent).unwrap();
        // While the first one works, and after its end.
        assert!(!host.local.start(&host::run(&host.env, &run)).wait().unwrap().success(), "{sh:?}");
        fs::write(host.home().join("oc/go"), "").unwrap();
        host.result(&run.id);
        assert!(!host.local.start(&host::run(&host.env, &run)).wait().unwrap().success(), "{sh:?}");
        assert_eq!(host.runs(&run.id), 1, "{sh:?}");
    }
}

#[test]
fn ten_launches_at_once_are_one_run() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("import", "sleep 0.5");
        let (run, sent) = sent(&host);
        let launched: Vec<_> = std::thread::scope(|scope| {
            let launches: Vec<_> =
                (0..10).map(|_| scope.spawn(|| host.launch(&run, &sent).unwrap())).collect();
            launches.into_iter().map(|launch| launch.join().unwrap()).collect()
        });
        assert_eq!(launched.iter().filter(|launched| !launched.before).count(), 1, "{sh:?}");
        assert_eq!(launched.iter().map(|l| &l.identity).collect::<std::collections::HashSet<_>>().len(), 1);
        host.result(&run.id);
        assert_eq!((host.runs(&run.id), host.runs(&format!("{}/import", run.id))), (1, 1), "{sh:?}");
    }
}

#[test]
fn a_launch_that_was_killed_is_taken_up() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        host.before("import", "[ ! -e \"$own/first\" ] || return 0; echo >\"$own/first\"; exec sleep 300");
        let (run, sent) = sent(&host);
        let mut cut = host.local.start(&host::launch(&host.env, &run, &sent));
        until(
            PATIENCE,
            || if host.home().join("oc/first").exists() { Ok(()) } else { Err("no import".into()) },
        );
        cut.kill().unwrap();
        // Nobody waits for it yet: a launch that ended counts as ended all the same.
        until(PATIENCE, || if process_state(cut.id()) == Some('Z') { Ok(()) } else { Err("lives".into()) });
        assert!(!host.launch(&run, &sent).unwrap().before);
        cut.wait().unwrap();
        host.result(&run.id);
        assert_eq!(host.seen(&run.id, "stdin"), b"prompt", "{sh:?}");
        assert_eq!(host.runs(&run.id), 1);
    }
}

#[test]
fn a_failed_launch_may_be_repeated() {
    let host = Recorder::new(Sh::Dash);
    host.before("import", "exit 0");
    let (run, sent) = sent(&host);
    assert_eq!(refusal(&host, &run, &sent).0, Refusal::Import);
    host.before("import", "");
    assert!(!host.launch(&run, &sent).unwrap().before);
    host.result(&run.id);
    assert_eq!(host.runs(&run.id), 1);
}

#[test]
fn a_parcel_that_is_not_whole_is_refused() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let (run, sent) = sent(&host);
        let parcel = host.dispatch(&run.id).join("parcel");
        let whole = fs::read(&parcel).unwrap();
        fs::write(&parcel, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(refusal(&host, &run, &sent).0, Refusal::Parcel);
        let mut changed = whole.clone();
        changed[3] ^= 1;
        fs::write(&parcel, &changed).unwrap();
        assert_eq!(refusal(&host, &run, &sent).0, Refusal::Parcel);
        fs::remove_file(&parcel).unwrap();
        assert_eq!(refusal(&host, &run, &sent).0, Refusal::Parcel);
        fs::write(&parcel, &whole).unwrap();
        host.launch(&run, &sent).unwrap();
    }
}

#[test]
fn an_import_that_did_not_happen_is_no_import() {
    let host = Recorder::new(Sh::Dash);
    let (run, sent) = sent(&host);
    host.before("import", "echo 'Invalid session' >&2; exit 0");
    let (refused, detail) = refusal(&host, &run, &sent);
    assert!(refused == Refusal::Import && detail.contains("Invalid session"), "{refused}: {detail}");
    host.before("import", "echo 'Imported session: ses_another'; exit 0");
    assert_eq!(refusal(&host, &run, &sent).0, Refusal::Import);
    host.before("import", "");
    host.before("bun", "echo missing 2; exit");
    assert_eq!(refusal(&host, &run, &sent), (Refusal::Rows, "missing 2".into()));
}

#[test]
fn where_javascript_does_not_run_the_rows_are_counted_by_sql() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let (run, sent) = sent(&host);
        host.before("bun", "echo 'unknown option -e' >&2; exit 1");
        let more = Launch { parts: 5, ..sent.clone() };
        let (refused, detail) = refusal(&host, &run, &more);
        assert!(refused == Refusal::Rows && detail.contains("\"p\": 4"), "{detail}");
        host.before("db", "echo 'no such table' >&2; exit 1");
        assert!(refusal(&host, &run, &sent).1.contains("no such table"));
        host.before("db", "");
        host.launch(&run, &sent).unwrap();
    }
}

#[test]
fn a_directory_that_cannot_be_is_named() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        fs::write(host.home().join("file"), "").unwrap();
        let directory = host.home().join("file/below").to_str().unwrap().to_owned();
        let run = Run { directory, ..host.plain_run(&host.id(1)) };
        let sent = host.send(&run, b"x");
        let (refused, detail) = refusal(&host, &run, &sent);
        assert!(refused == Refusal::Directory && detail.contains("home/file"), "{refused}: {detail}");
        fs::create_dir(host.home().join("elsewhere")).unwrap();
        symlink(host.home().join("elsewhere"), host.home().join("work")).unwrap();
        let run = host.plain_run(&host.id(2));
        let sent = host.send(&run, b"x");
        let (refused, detail) = refusal(&host, &run, &sent);
        assert!(refused == Refusal::Moved && detail.ends_with("elsewhere"), "{refused}: {detail}");
    }
}

#[test]
fn a_dispatch_that_is_not_there_cannot_be_launched() {
    let host = Recorder::new(Sh::Dash);
    let (run, sent) = sent(&host);
    let other = Run { id: host.id(2), ..run };
    assert_eq!(refusal(&host, &other, &sent).0, Refusal::Gone);
}

#[test]
fn what_is_not_there_is_gone_only_where_it_was() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let (run, sent) = sent(&host);
        let account = || host::account(&host.ask(&host::open(&host.env, &host.id(2), "")).unwrap());
        let (here, again) = (account(), account());
        assert!(here.len() == 32 && here == again, "{sh:?} {here} {again}");
        let reasons = |account: &str| {
            let env = HostEnv { account: account.to_owned(), ..host.env.clone() };
            let other = Run { id: host.id(3), ..run.clone() };
            let launched = host.ask(&host::launch(&env, &other, &sent)).unwrap_err();
            let cleaned = host.ask(&host::clean(&env, &other.id, false)).map(|_| ());
            (launched.refusal(), cleaned.map_err(|error| error.refusal()))
        };
        let (gone, elsewhere) = (Some(Refusal::Gone), Some(Refusal::Elsewhere));
        assert_eq!(reasons(&here), (gone, Ok(())), "{sh:?}");
        // Where the host could not say which account it is.
        assert_eq!(reasons(""), (gone, Ok(())), "{sh:?}");
        assert_eq!(reasons("0011"), (elsewhere, Err(elsewhere)), "{sh:?}");
        fs::rename(host.home().join(".kugetsu"), host.home().join("away")).unwrap();
        assert_eq!(reasons(&here), (elsewhere, Err(elsewhere)), "{sh:?}");
    }
}

#[test]
fn the_agents_work_has_the_hosts_own_umask() {
    for umask in ["022", "002", "077"] {
        let mut host = Recorder::new(Sh::Dash);
        host.local.umask = umask;
        host.before("run", "echo work >made");
        let (run, sent) = sent(&host);
        host.launch(&run, &sent).unwrap();
        host.result(&run.id);
        assert_eq!(host.seen(&run.id, "umask"), format!("0{umask}\n").into_bytes());
        assert_eq!(host.seen(&format!("{}/import", run.id), "umask"), format!("0{umask}\n").into_bytes());
        let mode = |path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
        let mask = u32::from_str_radix(umask, 8).unwrap();
        assert_eq!(mode(host.home().join("work")), 0o777 & !mask);
        assert_eq!(mode(host.home().join("work/made")), 0o666 & !mask);
    }
}

/// The same host with 64 KiB for `~/.kugetsu`, in a mount namespace of its own, after `script`.
#[track_caller]
fn on_a_small_disk(host: &Recorder, script: &str) -> Recorder {
    let mut host = host.clone();
    let home = host.home().to_str().unwrap().to_owned();
    let dispatches = host.home().join(".kugetsu");
    fs::create_dir_all(&dispatches).unwrap();
    let shell = format!("mount -t tmpfs -o size=64k none '{home}/.kugetsu' && {script} && exec \"$@\"");
    let unshare = which("unshare").into_os_string();
    let user = if rustix::process::geteuid().is_root() { vec![] } else { vec!["-r".into()] };
    host.local.before = [vec![unshare, "-m".into()], user, ["sh", "-c"].map(Into::into).to_vec()].concat();
    host.local.before.extend([shell.into(), "sh".into()]);
    host
}

#[test]
fn a_full_disk_is_no_room_and_nothing_is_believed() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let (run, sent) = sent(&host);
        let parcel = host.dispatch(&run.id).join("parcel");
        let kept = host.home().join("parcel");
        fs::rename(&parcel, &kept).unwrap();
        let fill = "head -c 100000 /dev/zero 2>/dev/null";
        let dispatch = host.dispatch(&run.id).to_str().unwrap().to_owned();
        // Nothing at all can be written.
        let full = on_a_small_disk(
            &host,
            &format!("{{ {fill} >'{}/.kugetsu/full' 2>/dev/null; true; }}", host.home().display()),
        );
        let error = full.ask(&host::open(&host.env, &run.id, "")).unwrap_err();
        assert!(
            matches!(&error, AnswerError::Refused { refusal: Refusal::Room, .. }),
            "{sh:?} open: {error}"
        );
        // The parcel is there, and there is no room to claim, or to unpack.
        for left in ["", "rm .kugetsu/some && "] {
            let full = on_a_small_disk(
                &host,
                &format!(
                    "cd '{}' && mkdir -p '{dispatch}' && cp '{}' '{dispatch}/parcel' && head -c 4096 /dev/zero >.kugetsu/some && \
                     {{ {fill} >.kugetsu/full 2>/dev/null; true; }} && {left} cd /",
                    host.home().display(),
                    kept.display(),
                ),
            );
            let (refused, detail) = refusal(&full, &run, &sent);
            assert!(refused == Refusal::Room, "{sh:?} {left} {refused}: {detail}");
        }
    }
}

#[test]
fn the_recorder_knows_the_session() {
    let host = Recorder::new(Sh::Dash);
    let (run, sent) = sent(&host);
    host.launch(&run, &sent).unwrap();
    assert_eq!(
        host.seen(&format!("{}/import", run.id), "stdin"),
        format!("{{\"info\":{{\"id\":\"{SESSION}\"}},\"messages\":[]}}").into_bytes()
    );
}

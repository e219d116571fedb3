//! The store on real files.

use super::*;
use crate::disk::Lock;
use crate::issue::IssueRef;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const NOW: i64 = 1_795_170_275_999;
const KNOWN: &str = "github.com/shoko/kugetsu#14";

/// A home as the script left it.
fn script_home() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/script-home");
    fs::create_dir(home.path().join("sessions")).unwrap();
    fs::copy(from.join("index.json"), home.path().join("index.json")).unwrap();
    for file in fs::read_dir(from.join("sessions")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), home.path().join("sessions").join(file.file_name())).unwrap();
    }
    let store = Store::new(home.path());
    (home, store)
}

fn issue(number: u64) -> IssueRef {
    IssueRef::new("github.com", "shoko/kugetsu", number).unwrap()
}

fn session(id: &str) -> SessionFile {
    SessionFile::new(SessionKind::Forked, None, id.to_owned(), NOW)
}

fn strays(store: &Store) -> Vec<String> {
    store.strays(&store.index().unwrap()).unwrap().into_iter().map(|(name, _)| name).collect()
}

fn json_of(home: &Path, file: &str) -> Value {
    serde_json::from_slice(&fs::read(home.join(file)).unwrap()).unwrap()
}

fn write(path: &Path, text: &str) {
    crate::disk::write_atomic(path, text.as_bytes()).unwrap();
}

#[test]
fn a_home_of_the_script_is_taken_over_as_it_is() {
    let (home, store) = script_home();
    let before = fs::read(home.path().join("index.json")).unwrap();
    let index = store.index().unwrap();
    assert_eq!(index.base(), Some("ses_e07836e36ffeth5U8G1J1S36Fh"));
    let (name, base) = store.base(&index).unwrap().unwrap();
    assert_eq!((name.as_str(), base.kind, base.issue_ref), ("base.json", SessionKind::Base, None));
    let entries = store.entries(index.issues());
    let found: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.found {
            IndexedFile::Session(file) => (entry.issue, file.session.as_str(), file.state.as_deref()),
            IndexedFile::Missing => (entry.issue, "missing", None),
            IndexedFile::Unreadable(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(
        found,
        [
            (KNOWN, "ses_e07830f24ffeE339kfa49s4Iji", Some("used")),
            ("git.example.org/group/sub/tool#3", "ses_e0782d2acffe9s4foPwLtLVzi2", Some("idle")),
            ("github.com/shoko/gone#7", "missing", None),
        ]
    );
    assert_eq!(strays(&store), ["github.com-shoko-forgotten-2.json"]);
    assert_eq!(fs::read(home.path().join("index.json")).unwrap(), before, "reading changes nothing");
    assert!(!home.path().join("index.lock").exists());
}

#[test]
fn what_was_changed_is_still_the_scripts() {
    let (home, store) = script_home();
    let (_, file) =
        store.index().unwrap().find(&issue(14)).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let changed = store.change("t", &file, |session| {
        session.state = Some("idle".into());
        session.message = Some("go on".into());
    });
    assert_eq!(changed.unwrap().unwrap().message.as_deref(), Some("go on"));
    store.add("t", &issue(15), &session("ses_new")).unwrap();
    assert!(store.remove("t", "git.example.org/group/sub/tool#3").unwrap());
    assert!(!store.remove("t", "git.example.org/group/sub/tool#3").unwrap());
    // With each of the script's fields under its name, in its place, and of its kind.
    assert_eq!(
        json_of(home.path(), "index.json").to_string(),
        json!({"base": "ses_e07836e36ffeth5U8G1J1S36Fh", "issues": {
            KNOWN: "github.com-shoko-kugetsu-14.json", "github.com/shoko/gone#7": "github.com-shoko-gone-7.json",
            "github.com/shoko/kugetsu#15": "github.com-shoko-kugetsu-15.json"}, "format": 1})
        .to_string()
    );
    assert_eq!(
        json_of(home.path(), "sessions/github.com-shoko-kugetsu-14.json").to_string(),
        json!({"type": "forked", "issue_ref": KNOWN, "opencode_session_id": "ses_e07830f24ffeE339kfa49s4Iji",
            "created_at": "2026-03-30T12:05:11+02:00", "state": "idle", "message": "go on", "format": 1})
        .to_string()
    );
    let new = json_of(home.path(), "sessions/github.com-shoko-kugetsu-15.json");
    assert_eq!((&new["created_at"], &new["state"]), (&json!("2026-11-20T10:24:35Z"), &json!("idle")));
    assert!(!home.path().join("sessions/git.example.org-group-sub-tool-3.json").exists());
    assert_eq!(store.change("t", "none.json", |_| ()).unwrap(), None);
}

#[test]
fn an_empty_home_is_filled() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(&home.path().join("deep/.kugetsu"));
    assert_eq!(store.index().unwrap(), Index::default());
    assert!(strays(&store).is_empty());
    let base = SessionFile { kind: SessionKind::Base, ..session("ses_base") };
    store.set_base("t", &base).unwrap();
    store.add("t", &issue(1), &session("ses_1")).unwrap();
    let index = store.index().unwrap();
    assert_eq!(store.base(&index).unwrap(), Some(("base.json".to_owned(), base)));
    assert!(strays(&store).is_empty());
    store.remove_base("t").unwrap();
    let index = store.index().unwrap();
    assert_eq!((index.base(), store.base(&index).unwrap()), (None, None));
    assert!(store.read("base.json").unwrap().is_none());
}

#[test]
fn the_base_is_found_under_another_name_and_is_no_stray() {
    let (home, store) = script_home();
    let sessions = home.path().join("sessions");
    fs::rename(sessions.join("base.json"), sessions.join("ses_e078.json")).unwrap();
    let index = store.index().unwrap();
    assert_eq!(store.base(&index).unwrap().unwrap().0, "ses_e078.json");
    assert_eq!(strays(&store), ["github.com-shoko-forgotten-2.json"]);
    let all = ["ses_e078.json", "github.com-shoko-kugetsu-14.json", "github.com-shoko-forgotten-2.json"];
    assert_eq!(store.remove_strays("t", &all).unwrap(), ["github.com-shoko-forgotten-2.json"]);
    assert!(strays(&store).is_empty());
    for bad in ["{", "{\"format\": 2}"] {
        write(&sessions.join("x.json"), bad);
        assert_eq!(strays(&store), ["x.json"]);
        assert!(store.remove_strays("t", &["x.json"]).unwrap_err().to_string().contains("x.json"));
        fs::remove_file(sessions.join("x.json")).unwrap();
    }
    let next = SessionFile { kind: SessionKind::Base, ..session("ses_next") };
    store.set_base("t", &next).unwrap();
    let index = store.index().unwrap();
    assert_eq!(store.base(&index).unwrap().unwrap().1.session, "ses_next");
}

#[test]
fn a_second_session_for_an_issue_is_refused_and_a_stranger_is_not_written_over() {
    let (home, store) = script_home();
    let shouted = IssueRef::new("github.com", "Shoko/KUGETSU", 14).unwrap();
    let error = store.add("t", &shouted, &session("ses_x")).unwrap_err();
    assert!(matches!(error, IndexError::Known { issue } if issue == KNOWN));
    let stranger = fs::read(home.path().join("sessions/github.com-shoko-forgotten-2.json")).unwrap();
    let forgotten = IssueRef::new("github.com", "shoko/forgotten", 2).unwrap();
    assert_eq!(store.add("t", &forgotten, &session("ses_x")).unwrap(), "github.com-shoko-forgotten-2#2.json");
    assert_eq!(fs::read(home.path().join("sessions/github.com-shoko-forgotten-2.json")).unwrap(), stranger);
}

#[test]
fn what_is_damaged_or_newer_is_named_and_left() {
    let file = "github.com-shoko-kugetsu-14.json";
    for bad in ["", "{\"base\": \"ses_a\", \"iss", "[]", "{\"format\": 2}", "\u{0}\u{0}"] {
        let (home, store) = script_home();
        let (index, one) = (home.path().join("index.json"), home.path().join("sessions").join(file));
        write(&one, bad);
        let listed = store.index().unwrap();
        let entries = store.entries(listed.issues());
        assert!(
            matches!(&entries[0].found, IndexedFile::Unreadable(error) if error.to_string().contains(file)),
            "{bad:?}"
        );
        assert!(matches!(&entries[1].found, IndexedFile::Session(_)), "the others are there");
        let error = store.change("t", file, |session| session.message = None).unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
        write(&index, bad);
        for error in [
            store.index().unwrap_err(),
            store.add("t", &issue(99), &session("ses_x")).unwrap_err(),
            store.set_base("t", &session("ses_x")).unwrap_err(),
            store.remove("t", KNOWN).unwrap_err(),
        ] {
            assert!(error.to_string().contains("index.json"), "{error}");
            assert_eq!(
                matches!(error, IndexError::Newer { version: 2, .. }),
                bad.contains("format"),
                "{error:?}"
            );
        }
        assert_eq!(fs::read_to_string(&index).unwrap(), bad);
        assert_eq!(fs::read_to_string(&one).unwrap(), bad);
        assert!(!home.path().join("sessions/github.com-shoko-kugetsu-99.json").exists());
    }
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let (home, store) = script_home();
    let before = fs::read(home.path().join("index.json")).unwrap();
    let error = store.update("t", |index| {
        index.set_base(None);
        Err::<(), _>(IndexError::Known { issue: "x".into() })
    });
    assert!(error.is_err());
    store.update("t", |index| Ok::<_, IndexError>(index.base().is_some())).unwrap();
    assert_eq!(fs::read(home.path().join("index.json")).unwrap(), before);
}

#[test]
fn a_disk_that_says_no_loses_nothing() {
    let (home, store) = script_home();
    fs::remove_file(home.path().join("index.json")).unwrap();
    fs::create_dir(home.path().join("index.json")).unwrap();
    assert!(matches!(store.index(), Err(IndexError::Disk(_))));
    assert!(matches!(store.add("t", &issue(1), &session("ses_x")), Err(IndexError::Disk(_))));
    assert!(matches!(Store::new(Path::new("/proc/kugetsu")).remove("t", "x"), Err(IndexError::Disk(_))));
}

/// The kernel's lock is between open files, and so threads that open their own stand for processes here.
#[test]
fn twenty_at_once_lose_nothing() {
    let (_home, store) = script_home();
    std::thread::scope(|scope| {
        for number in 100..120 {
            let store = &store;
            scope.spawn(move || {
                store.add("t", &issue(number), &session(&format!("ses_{number}"))).unwrap();
                store.change("t", "github.com-shoko-kugetsu-14.json", |session| {
                    let said = session.message.take().unwrap_or_default();
                    session.message = Some(said + "x");
                })
            });
        }
    });
    let index = store.index().unwrap();
    assert_eq!(index.issues().count(), 23);
    for number in 100..120 {
        let (_, file) = index.find(&issue(number)).unwrap();
        assert_eq!(store.read(file).unwrap().unwrap().session, format!("ses_{number}"));
    }
    let counted = store.read("github.com-shoko-kugetsu-14.json").unwrap().unwrap();
    assert_eq!(counted.message.unwrap(), "x".repeat(20));
}

#[test]
fn twenty_starts_of_one_issue_make_one_session() {
    let (_home, store) = script_home();
    let added = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|n| {
                let store = &store;
                scope.spawn(move || store.add("t", &issue(1), &session(&format!("ses_{n}"))))
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).filter(Result::is_ok).count()
    });
    assert_eq!(added, 1);
}

/// Set for the processes that the next test starts.
const CHILD: &str = "KUGETSU_INDEX_CHILD";

#[test]
fn twenty_processes_at_once_lose_nothing() {
    if let Some(job) = std::env::var_os(CHILD) {
        let job = job.into_string().unwrap();
        let (number, home) = job.split_once(' ').unwrap();
        let number = number.parse().unwrap();
        Store::new(Path::new(home)).add("child", &issue(number), &session(&format!("ses_{number}"))).unwrap();
        return;
    }
    let (home, store) = script_home();
    let children: Vec<_> = (200..220)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "index::tests::twenty_processes_at_once_lose_nothing"])
                .env(CHILD, format!("{number} {}", home.path().display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let index = store.index().unwrap();
    assert_eq!(index.issues().count(), 23);
    assert!((200..220).all(|number| index.find(&issue(number)).is_some()));
    assert_eq!(Lock::holder(&home.path().join("index.lock")).unwrap().task, "child".into());
}

#[test]
fn what_is_missing_or_no_file_is_told() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let found = |name: &'static str| store.entries([("x", name)].into_iter()).remove(0).found;
    assert!(matches!(found("a.json"), IndexedFile::Missing), "there is no directory");
    crate::disk::private_dir(&store.path_of("a.json")).unwrap();
    assert!(
        matches!(found("a.json"), IndexedFile::Unreadable(error) if error.to_string().contains("a.json"))
    );
    assert!(matches!(found("b.json"), IndexedFile::Missing));
    fs::remove_dir_all(home.path().join("sessions")).unwrap();
    write(&home.path().join("sessions"), "");
    assert!(matches!(found("a.json"), IndexedFile::Unreadable(_)), "no directory");
}

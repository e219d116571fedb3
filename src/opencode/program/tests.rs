use super::*;
use crate::disk::write_atomic;
use std::io::{BufRead as _, BufReader};
use std::process::Command as StdCommand;
use tempfile::TempDir;

/// A directory with a fake opencode: a shell script.
struct Fake {
    dir: TempDir,
}

impl Fake {
    fn new(body: &str) -> Self {
        let fake = Self { dir: tempfile::tempdir().unwrap() };
        fake.become_script(body);
        fake
    }

    /// install(1) writes the script: a descriptor of ours, open for writing in a child that another test is just
    /// forking, would make the system refuse to run it (ETXTBSY).
    fn become_script(&self, body: &str) {
        let text = self.path("text");
        write_atomic(&text, format!("#!/bin/sh\n{body}\n").as_bytes()).unwrap();
        let installed =
            StdCommand::new("install").args(["-m", "755"]).args([text, self.path("opencode")]).status();
        assert!(installed.expect("install is missing: apt-get install coreutils").success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self) -> Program {
        Program::at(self.path("opencode"))
    }
}

#[test]
fn the_program_is_the_named_one_or_the_first_in_path_or_in_the_home() {
    let fake = Fake::new("");
    let other = Fake::new("");
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join(".opencode/bin");
    crate::disk::private_dir(&bin).unwrap();
    let path =
        std::env::join_paths(["relative".as_ref(), home.path(), fake.dir.path(), other.dir.path()]).unwrap();
    let found = |from: Surroundings<'_>| Program::locate(from).map(|program| program.path);
    let everywhere = Surroundings { home: Some(home.path()), path: Some(&path), ..Surroundings::default() };
    assert_eq!(found(everywhere).unwrap(), fake.path("opencode"));
    let named = other.path("opencode");
    let explicit = Surroundings { opencode: Some(named.as_os_str()), ..everywhere };
    assert_eq!(found(explicit).unwrap(), named);
    let wrong = Surroundings { opencode: Some(home.path().as_os_str()), ..everywhere };
    assert!(matches!(found(wrong), Err(ProgramError::NotExecutable { .. })));
    let no_path = Surroundings { path: None, ..everywhere };
    assert!(matches!(found(no_path), Err(ProgramError::NotFound)));
    write_atomic(&bin.join("opencode"), b"not executable").unwrap();
    assert!(matches!(found(no_path), Err(ProgramError::NotFound)));
    fs::rename(&named, bin.join("opencode")).unwrap();
    assert_eq!(found(no_path).unwrap(), bin.join("opencode"));
}

#[tokio::test]
async fn a_version_is_asked_for_once_per_program() {
    let fake = Fake::new(r#"echo asked >>"$(dirname "$0")/asked"; echo 1.18.33"#);
    let cache = fake.path("version.json");
    let asked = || fs::read_to_string(fake.path("asked")).unwrap().lines().count();
    let expected = Version { major: 1, minor: 18, patch: 33 };
    for _ in 0..3 {
        assert_eq!(fake.program().version(Some(&cache)).await.unwrap(), expected);
    }
    assert_eq!(asked(), 1);
    assert_eq!(fake.program().version(None).await.unwrap(), expected);
    assert_eq!(asked(), 2);
    // Of the same size.
    fake.become_script(r#"echo asked >>"$(dirname "$0")/asked"; echo 1.18.34"#);
    assert_eq!(fake.program().version(Some(&cache)).await.unwrap().patch, 34);
    write_atomic(&cache, b"{").unwrap();
    assert_eq!(fake.program().version(Some(&cache)).await.unwrap().patch, 34);
    assert_eq!(asked(), 4);
}

#[tokio::test]
async fn a_version_managers_shim_is_asked_every_time() {
    let fake = Fake::new(r#"echo 1.3.2"#);
    fs::rename(fake.path("opencode"), fake.path("mise")).unwrap();
    std::os::unix::fs::symlink(fake.path("mise"), fake.path("opencode")).unwrap();
    fake.program().version(Some(&fake.path("cache"))).await.unwrap();
    assert!(!fake.path("cache").exists());
}

#[tokio::test]
async fn versions_that_are_none_or_not_ours_are_refused_remembered_or_not() {
    let fake = Fake::new("echo v2.0.1-beta");
    for _ in 0..2 {
        let error = fake.program().version(Some(&fake.path("cache"))).await.unwrap_err();
        assert!(
            matches!(error, ProgramError::UnsupportedVersion { version: Version { major: 2, .. }, .. }),
            "{error}"
        );
    }
    fake.become_script("echo hello");
    assert!(matches!(fake.program().version(None).await, Err(ProgramError::NoVersion { .. })));
    fake.become_script("printf '\\033[91mno\\033[0m memory\\n' >&2; exit 3");
    let error = fake.program().version(None).await.unwrap_err().to_string();
    assert_eq!(error, "opencode --version failed (exit status: 3): no memory");
    let gone = Program::at(fake.path("gone")).version(None).await;
    assert!(matches!(gone, Err(ProgramError::Start { .. })));
}

#[tokio::test]
async fn an_export_is_a_private_file_and_stdin_is_empty() {
    // `cat` would wait for ever on a terminal or an open pipe.
    let fake = Fake::new(r#"cat; head -c 300000 /dev/zero; echo "$@ $OPENCODE_DISABLE_AUTOUPDATE""#);
    let into = fake.path("out.json");
    fake.program().export("ses_1aB", &into).await.unwrap();
    let bytes = fs::read(&into).unwrap();
    assert!(bytes.ends_with(b"\0export ses_1aB 1\n"));
    assert_eq!(fs::metadata(&into).unwrap().permissions().mode() & 0o777, 0o600);
    // What stands there is never overwritten.
    // Other makers of ids use more than letters and digits.
    let other = fake.program().export("ses_a-b_c", &fake.path("other.json")).await;
    assert!(other.is_ok(), "{other:?}");
    let again = fake.program().export("ses_1aB", &into).await;
    assert!(matches!(again, Err(ProgramError::Disk(DiskError::Other { .. }))));
    assert_eq!(fs::read(&into).unwrap(), bytes);
}

#[tokio::test]
async fn a_failed_export_leaves_no_file() {
    let fake =
        Fake::new(r#"echo "Exporting session: $2" >&2; echo "Error: Session not found: $2" >&2; exit 1"#);
    let into = fake.path("out.json");
    let unknown = fake.program().export("ses_x", &into).await;
    assert!(matches!(unknown, Err(ProgramError::UnknownSession { .. })));
    for id in ["", "ses_", "--help", "ses_1 2", "ses_../x"] {
        assert!(
            matches!(fake.program().export(id, &into).await, Err(ProgramError::UnknownSession { .. })),
            "{id}"
        );
    }
    fake.become_script("echo half; echo 'disk I/O error' >&2; kill -9 $$");
    let error = fake.program().export("ses_x", &into).await.unwrap_err().to_string();
    assert_eq!(error, "opencode export failed (signal: 9 (SIGKILL)): disk I/O error");
    fake.become_script("exit 0");
    assert!(matches!(fake.program().export("ses_x", &into).await, Err(ProgramError::Failed { .. })));
    assert!(!into.exists());
}

#[tokio::test]
async fn a_cut_export_that_exits_zero_is_handed_over() {
    let fake = Fake::new(r#"printf '{"info":{'; echo warning >&2; exit 0"#);
    fake.program().export("ses_x", &fake.path("out.json")).await.unwrap();
    assert_eq!(fs::read(fake.path("out.json")).unwrap(), br#"{"info":{"#);
}

#[tokio::test]
async fn an_export_that_nobody_waits_for_is_killed_with_its_children_and_leaves_no_file() {
    let fake = Fake::new(
        r#"sleep 1000 & echo "$$ $!" >"$(dirname "$0")/pids"; echo >"$(dirname "$0")/ready"; wait"#,
    );
    let ready = fake.path("ready");
    assert!(StdCommand::new("mkfifo").arg(&ready).status().unwrap().success());
    let (program, into) = (fake.program(), fake.path("out.json"));
    let opened = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(fs::File::open(ready).unwrap()).read_line(&mut line).unwrap();
    });
    tokio::select! {
        ended = program.export("ses_x", &into) => panic!("{ended:?}"),
        started = opened => started.unwrap(),
    }
    assert!(!into.exists());
    let pids = fs::read_to_string(fake.path("pids")).unwrap();
    for pid in pids.split_whitespace() {
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        // Gone, or a zombie that init has still to collect.
        let state = || fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
        let alive = || {
            let state = state();
            rustix::process::test_kill_process(pid).is_ok()
                && !state.contains(") Z ")
                && !state.contains(") X ")
        };
        while alive() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_import_is_believed_by_its_own_words_only() {
    let fake =
        Fake::new(r#"pwd >seen; echo "$PWD $@" >>seen; printf '\033[1mImported session: ses_1\033[0m\n'"#);
    let target = fake.path("my project");
    crate::disk::private_dir(&target).unwrap();
    let file = fake.path("in.json");
    fake.program().import(&file, &target, "ses_1").await.unwrap();
    let seen = fs::read_to_string(target.join("seen")).unwrap();
    let target_name = target.to_str().unwrap();
    assert_eq!(seen, format!("{target_name}\n{target_name} import {}\n", file.display()));

    // The line of another session, and of one whose id only begins alike.
    for said in ["Imported session: ses_12", "Imported session: ses_2", "File not found", ""] {
        fake.become_script(&format!("echo '{said}'"));
        let error = fake.program().import(&file, &target, "ses_1").await.unwrap_err();
        assert_eq!(error.to_string(), format!("opencode did not import ses_1 (exit status: 0): {said}"));
    }
    // As 1.3 and 1.14 fail, and as 1.18 does.
    for (script, expected) in [
        (
            "echo 'File not found: x'; echo 'Database migration complete.' >&2",
            "exit status: 0): File not found: x",
        ),
        (
            "echo Importing; echo 'Error: File not found: x' >&2; exit 1",
            "exit status: 1): Error: File not found: x",
        ),
    ] {
        fake.become_script(script);
        let error = fake.program().import(&file, &target, "ses_1").await.unwrap_err();
        assert_eq!(error.to_string(), format!("opencode did not import ses_1 ({expected}"));
    }
    let nowhere = fake.program().import(&file, &fake.path("nowhere"), "ses_1").await;
    assert!(matches!(nowhere, Err(ProgramError::NotADirectory { .. })));
}

#[tokio::test]
async fn the_database_is_computed_and_asked_for_only_if_it_is_not_there() {
    let fake = Fake::new(r#"echo "$(dirname "$0")/asked.db""#);
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join(".local/share/opencode");
    crate::disk::private_dir(&data).unwrap();
    let plain = Surroundings { home: Some(home.path()), ..Surroundings::default() };
    assert_eq!(fake.program().db_path(plain).await.unwrap(), fake.path("asked.db"));
    for name in ["opencode.db", "other.db"] {
        write_atomic(&data.join(name), b"").unwrap();
    }
    let elsewhere = home.path().join(".local/share");
    for (from, expected) in [
        (plain, data.join("opencode.db")),
        (Surroundings { database: Some("other.db".as_ref()), ..plain }, data.join("other.db")),
        (Surroundings { database: Some(data.join("other.db").as_os_str()), ..plain }, data.join("other.db")),
        (
            Surroundings { home: None, data_home: Some(elsewhere.as_os_str()), ..plain },
            data.join("opencode.db"),
        ),
        (Surroundings { database: Some("none.db".as_ref()), ..plain }, fake.path("asked.db")),
    ] {
        assert_eq!(fake.program().db_path(from).await.unwrap(), expected);
    }
    fake.become_script("echo 'database is locked' >&2; exit 1");
    let error = fake.program().db_path(Surroundings::default()).await.unwrap_err().to_string();
    assert_eq!(error, "opencode db path failed (exit status: 1): database is locked");
}

//! The probe: looks, finds, and changes nothing.

use super::SHELLS;
use crate::support::local::Sh;
use crate::support::machine::which;
use crate::support::recorder::{Recorder, listing};
use kugetsu::host::{self, AnswerError, Facts};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[track_caller]
fn facts(host: &Recorder, opencode: &str, directory: &str) -> Facts {
    Facts::from_answer(&host.ask(&host::probe(&host.env, opencode, directory)).unwrap()).unwrap()
}

/// Puts an `opencode` that the recorder is into a directory of its own below the home.
fn install(host: &Recorder, directory: &str) -> PathBuf {
    let directory = host.home().join(directory);
    fs::create_dir_all(&directory).unwrap();
    let program = directory.join("opencode");
    symlink(host.home().join("oc/opencode"), &program).unwrap();
    program
}

fn found(host: &Recorder) -> Option<PathBuf> {
    facts(host, "", "~").opencode.map(PathBuf::from)
}

#[test]
fn the_probe_changes_nothing_and_knows_the_time() {
    for sh in SHELLS {
        let host = Recorder::new(sh);
        let program = install(&host, ".opencode/bin");
        fs::create_dir_all(host.home().join(".config/opencode/agents")).unwrap();
        fs::write(host.home().join(".config/opencode/agents/a.md"), "").unwrap();
        let before = listing(host.home());
        let facts = facts(&host, "", "~/x/y");
        assert_eq!(before, listing(host.home()));
        assert_eq!((facts.system.as_str(), facts.opencode.as_deref()), ("Linux", program.to_str()));
        assert!(facts.writable && facts.gzip, "{facts:?}");
        let df = std::process::Command::new("df")
            .args(["-k", "--output=avail"])
            .arg(host.home())
            .output()
            .unwrap();
        let free =
            String::from_utf8(df.stdout).unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
                * 1024;
        // Others write on the same disk meanwhile.
        assert!(facts.free.kugetsu.unwrap().abs_diff(free) < free / 10 + (1 << 30), "{free} {facts:?}");
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let ago = now - facts.clock_ms.unwrap();
        assert!((-1001..2000).contains(&ago), "{ago} ms");
    }
}

#[test]
fn a_data_directory_that_is_no_path_from_the_root_is_looked_for_where_opencode_would() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        for odd in ["~/oc", "data", ".", "../x"] {
            host.env.variables.insert("XDG_DATA_HOME".into(), odd.into());
            assert!(facts(&host, "", "~").free.database.is_some(), "{sh:?} {odd}");
        }
    }
}

#[test]
fn opencode_is_found_wherever_it_is_usually_put() {
    for place in [".opencode/bin", ".local/bin", "bin", ".bun/bin", ".npm-global/bin"] {
        let host = Recorder::new(Sh::Dash);
        let program = install(&host, place);
        assert_eq!(found(&host).as_deref(), Some(program.as_path()));
        fs::remove_file(&program).unwrap();
        fs::write(&program, "not to be executed").unwrap();
        assert_eq!(found(&host), None);
    }
}

#[test]
fn opencode_is_found_by_the_entrys_path() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        let program = install(&host, "some where");
        for named in [program.to_str().unwrap(), "~/some where/opencode", "some where/opencode"] {
            assert_eq!(facts(&host, named, "~").opencode.as_deref(), program.to_str());
        }
        for wrong in ["~/nowhere/opencode", "nowhere", "~/some where", "cd", "echo"] {
            let found = facts(&host, wrong, "~").opencode;
            assert!(
                found.as_deref().is_none_or(|found| found.ends_with("bin/echo")),
                "{sh:?} {wrong}: {found:?}"
            );
        }
        // A name is looked for where the entry's own PATH says, and that harms no script.
        let renamed = program.with_file_name("opencode-next");
        fs::rename(&program, &renamed).unwrap();
        let own = program.parent().unwrap().to_str().unwrap().to_owned();
        host.env.variables.insert("PATH".into(), own.clone());
        let seen = facts(&host, "opencode-next", "~");
        assert_eq!(seen.opencode.as_deref(), renamed.to_str());
        host.env.path = seen.path;
        let run = kugetsu::host::Run { program: seen.opencode.unwrap(), ..host.plain_run(&host.id(1)) };
        let sent = host.send(&run, b"x");
        host.launch(&run, &sent).unwrap();
        let result = host.result(&run.id);
        assert!(result.exported && result.size > 0, "{result:?}");
        // An entry's NODE_PATH is no PATH.
        host.env = kugetsu::host::HostEnv::default();
        host.env.variables.insert("NODE_PATH".into(), "/x".into());
        assert!(facts(&host, "", "~").path.contains(":"));
    }
}

#[test]
fn opencode_is_found_by_what_a_login_shell_searches() {
    let profiles = [
        ("bash", ".profile", "PATH=\"$HOME/only here:$PATH\"\nexport PATH\n"),
        ("bash", ".bash_profile", "export PATH=\"$HOME/only here:$PATH\"\n"),
        ("dash", ".profile", "PATH=\"$HOME/only here:$PATH\"; export PATH\n"),
        ("zsh", ".zprofile", "path=(\"$HOME/only here\" $path)\n"),
        ("fish", ".config/fish/config.fish", "set -gx PATH \"$HOME/only here\" $PATH\n"),
        ("tcsh", ".cshrc", "setenv PATH \"${HOME}/only here:${PATH}\"\n"),
    ];
    for (shell, file, text) in profiles {
        let mut host = Recorder::new(Sh::Dash);
        let program = install(&host, "only here");
        host.local.environment.insert("SHELL".into(), which(shell).into());
        assert_eq!(found(&host), None, "{shell}");
        let file = host.home().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        assert_eq!(found(&host).as_deref(), Some(program.as_path()), "{shell}");
        // A login says many things.
        let chatter = "echo Welcome; echo PATH=/nowhere; echo 'home 2f'; printf 'the end: '\n";
        fs::write(&file, format!("{text}{chatter}")).unwrap();
        assert_eq!(found(&host).as_deref(), Some(program.as_path()), "{shell}");
    }
}

#[test]
fn a_login_shell_that_fails_or_hangs_is_done_without() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        host.local.environment.insert("SHELL".into(), which("bash").into());
        let program = install(&host, "bin");
        let profile = host.home().join(".profile");
        fs::write(&profile, "exit 1\n").unwrap();
        assert_eq!(found(&host).as_deref(), Some(program.as_path()));
        for hanging in ["sleep 1000\n", "while :; do read x </dev/zero; done\n", "sleep 1000 & exit 1\n"] {
            fs::write(&profile, hanging).unwrap();
            let started = Instant::now();
            assert_eq!(found(&host).as_deref(), Some(program.as_path()));
            assert!(started.elapsed() < Duration::from_secs(60), "{sh:?} {hanging} {:?}", started.elapsed());
        }
    }
}

#[test]
fn directories_are_what_the_kernel_says() {
    for (sh, name) in SHELLS.into_iter().zip(["home", "my home's \"x\"\n", "-n $(touch x)\\"]) {
        let mut host = Recorder::with_home(sh, name);
        // The environment may have variables by the names of the script's own.
        for (name, value) in [("blocked", "/etc"), ("rest", "/etc"), ("up", "1")] {
            host.local.environment.insert(name.into(), value.into());
        }
        let home = host.home().to_str().unwrap().to_owned();
        fs::create_dir_all(host.home().join("real/inner")).unwrap();
        symlink("real", host.home().join("link")).unwrap();
        symlink("nowhere", host.home().join("dangling")).unwrap();
        fs::write(host.home().join("file"), "").unwrap();
        for (asked, there) in [
            ("~", String::new()),
            ("~/", String::new()),
            ("~/new", "/new".into()),
            ("~/new/", "/new".into()),
            ("~/new//a/./b/", "/new/a/b".into()),
            ("~/new/../other", "/other".into()),
            ("~/real/new/../../other", "/other".into()),
            ("~/new/x/../../../other", "/../other".into()),
            ("new", "/new".into()),
            ("./new", "/new".into()),
            ("real/..", String::new()),
            ("link", "/real".into()),
            ("link/inner/new", "/real/inner/new".into()),
            ("link/new/", "/real/new".into()),
        ] {
            let facts = facts(&host, "", asked);
            let expected = match there.strip_prefix("/..") {
                Some(beside) => format!("{}{beside}", host.home().parent().unwrap().display()),
                None => format!("{home}{there}"),
            };
            assert_eq!(facts.directory, expected, "{sh:?} {asked}");
            assert_eq!((facts.blocked, facts.readonly), (None, None));
        }
        assert_eq!(facts(&host, "", "/").directory, "/");
        assert_eq!(facts(&host, "", "/..").directory, "/");
        assert_eq!(facts(&host, "", &format!("{home}/real/")).directory, format!("{home}/real"));
        for blocked in ["file", "file/x/y", "dangling/x"] {
            let first = blocked.split('/').next().unwrap();
            assert_eq!(facts(&host, "", blocked).blocked, Some(format!("{home}/{first}")));
        }
    }
}

#[test]
fn a_directory_that_may_not_be_entered_is_named_and_not_replaced() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        let home = host.home().to_str().unwrap().to_owned();
        fs::create_dir_all(host.home().join("closed/inner")).unwrap();
        fs::create_dir_all(host.home().join("read")).unwrap();
        fs::set_permissions(host.home().join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(host.home().join("read"), fs::Permissions::from_mode(0o555)).unwrap();
        if rustix::process::geteuid().is_root() {
            // Nothing is closed to root.
            for path in [host.home(), host.home().parent().unwrap()] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            let setpriv = ["--reuid=65534", "--regid=65534", "--clear-groups"];
            host.local.before =
                std::iter::once(which("setpriv").into()).chain(setpriv.map(Into::into)).collect();
        }
        for (asked, readonly) in
            [("closed", "closed"), ("closed/inner", "closed"), ("closed/new", "closed"), ("read/new", "read")]
        {
            let facts = facts(&host, "", asked);
            assert_eq!(facts.readonly, Some(format!("{home}/{readonly}")), "{sh:?} {asked}");
            assert_eq!(facts.directory, format!("{home}/{asked}"));
        }
        assert_eq!(facts(&host, "", "read").readonly, None);
        fs::set_permissions(host.home().join("closed"), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_directory_whose_name_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let host = Recorder::new(Sh::Dash);
    let latin = host.home().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&latin).unwrap();
    symlink(&latin, host.home().join("link")).unwrap();
    let answer = host.ask(&host::probe(&host.env, "", "link")).unwrap();
    let error = Facts::from_answer(&answer).unwrap_err();
    assert!(matches!(error, AnswerError::NotUtf8 { what: "directory", .. }), "{error}");
}

#[test]
fn the_fingerprint_changes_with_what_it_stands_for_and_with_nothing_else() {
    for sh in SHELLS {
        let mut host = Recorder::new(sh);
        let program = install(&host, "bin");
        let write = |host: &Recorder, file: &str, text: &str| {
            let file = host.home().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(&host, "dotfiles/agents/mine.md", "one");
        write(&host, "dotfiles/config.json", "one");
        write(&host, ".config/opencode/opencode.json", "one");
        symlink(host.home().join("dotfiles/agents"), host.home().join(".config/opencode/agents")).unwrap();
        symlink(host.home().join("dotfiles/config.json"), host.home().join(".config/opencode/config.json"))
            .unwrap();
        let print = |host: &Recorder| facts(host, "", "~/app/deep").fingerprint;
        let mut last = print(&host);
        write(&host, "app/deep/notes.md", "a file of the project");
        write(&host, ".config/opencode/node_modules/x/index.js", "x");
        write(&host, ".local/share/opencode/log/x.log", "x");
        assert_eq!(last, print(&host), "{sh:?}");
        for (file, text) in [
            (".config/opencode/opencode.json", "two"),
            (".config/opencode/agent/new one.md", "an agent"),
            ("dotfiles/agents/mine.md", "two"),
            ("dotfiles/config.json", "two"),
            (".cache/opencode/models.json", "models"),
            (".local/share/opencode/auth.json", "key 1"),
            (".local/share/opencode/auth.json", "key 2"),
            (".opencode/agents/x.md", "x"),
            ("app/opencode.json", "{}"),
            ("app/deep/.opencode/agent/y.md", "y"),
        ] {
            write(&host, file, text);
            let now = print(&host);
            assert_ne!(last, now, "{sh:?} {file}");
            assert_eq!(now, print(&host), "{sh:?} {file}");
            last = now;
        }
        for value in ["{}", "{\"model\":\"x/y\"}"] {
            host.env.variables.insert("OPENCODE_CONFIG_CONTENT".into(), value.into());
            let now = print(&host);
            assert_ne!(std::mem::replace(&mut last, now.clone()), now, "{sh:?} {value}");
        }
        host.env
            .variables
            .insert("XDG_CONFIG_HOME".into(), host.home().join("other").to_str().unwrap().into());
        last = print(&host);
        write(&host, "other/opencode/opencode.json", "x");
        let now = print(&host);
        assert_ne!(last, now);
        last = now;
        fs::remove_file(&program).unwrap();
        fs::write(&program, "another").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(last, print(&host));
    }
}

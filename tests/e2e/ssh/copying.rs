//! SCP both ways.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// 5 MB that no compression and no line discipline would leave alone.
fn noise() -> Vec<u8> {
    let mut state = 1u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(5_000_003)
    .collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn five_megabytes_go_there_and_back_unchanged() {
    for shell in ["/usr/bin/bash", "/usr/bin/fish", "/usr/bin/tcsh"] {
        let lab = Lab::with(|o| o.login_shell = shell.into());
        let mut pi = lab.connect();
        let (there, back) = (lab.home.path().join("there"), lab.home.path().join("back"));
        std::fs::write(&there, noise()).unwrap();
        std::fs::create_dir(lab.host.path().join("in")).unwrap();
        let mut sent = Vec::new();
        pi.upload(&there, "in/file.bin", &mut |n| sent.push(n)).unwrap();
        let on_host = lab.host.path().join("in/file.bin");
        assert!(std::fs::read(&on_host).unwrap() == noise());
        assert_eq!(mode(&on_host), 0o600);
        assert!(sent.is_sorted() && sent.last() == Some(&5_000_003));
        let mut got = 0;
        assert_eq!(pi.download("in/file.bin", &back, 5_000_003, &mut |n| got = n).unwrap(), 5_000_003);
        assert!(std::fs::read(&back).unwrap() == noise());
        assert_eq!((mode(&back), got), (0o600, 5_000_003));
        assert_eq!(lab.sshd.connections(), 1);
    }
}

#[test]
fn a_login_shell_that_goes_elsewhere_does_not_take_the_file_along() {
    let start_ups = [
        ("dash", ""),
        ("bash", ".bashrc"),
        ("zsh", ".zshenv"),
        ("fish", ".config/fish/config.fish"),
        ("tcsh", ".tcshrc"),
    ];
    for (shell, start_up) in start_ups {
        let host = tempfile::Builder::new().prefix("a home ").tempdir().unwrap();
        let lab = Lab::with(|o| {
            o.home = host.path().to_owned();
            o.login_shell = format!("/usr/bin/{shell}").into();
            // By this, bash knows that sshd has started it, and reads its file.
            o.env.push(("SSH_CLIENT".into(), "127.0.0.1 1 1".into()));
            o.env.push(("SHLVL".into(), "0".into()));
        });
        if !start_up.is_empty() {
            append(&host.path().join(start_up), "mkdir -p elsewhere\ncd elsewhere\n");
        }
        let mut pi = lab.connect();
        let (there, back) = (lab.home.path().join("there"), lab.home.path().join("back"));
        std::fs::write(&there, "x").unwrap();
        std::fs::create_dir(host.path().join("in")).unwrap();
        pi.upload(&there, "in/file", &mut |_| {}).unwrap();
        assert_eq!(std::fs::read(host.path().join("in/file")).unwrap(), b"x", "{shell}");
        assert_eq!(pi.download("in/file", &back, 1, &mut |_| {}).unwrap(), 1, "{shell}");
        assert_eq!(host.path().join("elsewhere").exists(), !start_up.is_empty(), "{shell}");
    }
}

#[test]
fn an_empty_file_travels_too() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let (there, back) = (lab.home.path().join("there"), lab.home.path().join("back"));
    std::fs::write(&there, "").unwrap();
    pi.upload(&there, "empty", &mut |_| {}).unwrap();
    assert_eq!(pi.download("empty", &back, 0, &mut |_| {}).unwrap(), 0);
    assert_eq!(std::fs::read(&back).unwrap(), b"");
}

#[test]
fn what_is_over_the_limit_is_refused_and_leaves_nothing() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    std::fs::write(lab.host.path().join("big"), vec![b'x'; 3_000_000]).unwrap();
    let local = lab.home.path().join("local");
    let result = pi.download("big", &local, 2_999_999, &mut |_| {});
    assert!(matches!(result, Err(TransportError::TooLarge { limit: 2_999_999 })), "{result:?}");
    assert!(!local.exists());
    assert_eq!(run(&mut pi, "echo on\n").stdout, b"on\n");
}

#[test]
fn refusals_carry_the_hosts_words() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let local = lab.home.path().join("local");
    std::fs::write(&local, b"C0644 4 evil\nevil\0").unwrap();
    let detail = refused(pi.upload(&local, "missing/dir/file", &mut |_| {}));
    assert!(detail.contains("No such file or directory"), "{detail}");
    assert!(std::fs::read_dir(lab.host.path()).unwrap().next().is_none(), "data was taken for commands");
    std::fs::create_dir(lab.host.path().join("taken")).unwrap();
    std::fs::create_dir(lab.host.path().join("taken/taken")).unwrap();
    let detail = refused(pi.upload(&local, "taken", &mut |_| {}));
    assert!(detail.contains("directory"), "{detail}");
    let fresh = lab.home.path().join("fresh");
    let detail = refused(pi.download("nothing", &fresh, 10, &mut |_| {}));
    assert!(detail.contains("No such file or directory") && !fresh.exists(), "{detail}");
    for bad in ["-r", "a b", "$(x)", "a/..", ""] {
        refused(pi.upload(&local, bad, &mut |_| {}));
    }
    let result = pi.download("taken", &local, 10, &mut |_| {});
    assert!(result.is_err() && local.exists(), "an existing file was overwritten");
    assert_eq!(run(&mut pi, "echo on\n").stdout, b"on\n");
}

#[test]
fn a_full_or_read_only_target_is_said() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let local = lab.home.path().join("local");
    std::fs::write(&local, noise()).unwrap();
    // /dev/full takes nothing: every write to it is "no space left"; /proc can be written by nobody.
    let detail = refused(pi.upload(&local, "/dev/full", &mut |_| {}));
    assert!(detail.contains("No space left"), "{detail}");
    refused(pi.upload(&local, "/proc/kugetsu-test", &mut |_| {}));
    assert_eq!(run(&mut pi, "echo on\n").stdout, b"on\n");
}

#[test]
fn a_host_without_scp_is_told_apart() {
    for shell in ["/usr/bin/dash", "/usr/bin/fish", "/usr/bin/tcsh"] {
        let bin = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/sh", bin.path().join("sh")).unwrap();
        let lab = Lab::with(|o| {
            o.path = bin.path().display().to_string();
            o.login_shell = shell.into();
        });
        let mut pi = lab.connect();
        let local = lab.home.path().join("local");
        std::fs::write(&local, "x").unwrap();
        let detail = without_scp(pi.upload(&local, "file", &mut |_| {}));
        assert!(detail.contains("there is no scp"), "{shell}: {detail}");
        let detail = without_scp(pi.download("file", &lab.home.path().join("new"), 10, &mut |_| {}));
        assert!(detail.contains("there is no scp"), "{shell}: {detail}");
    }
}

#[test]
fn a_login_shell_that_talks_is_told_apart() {
    let lab = Lab::with(|o| o.login_shell = "/usr/bin/fish".into());
    std::fs::create_dir_all(lab.host.path().join(".config/fish")).unwrap();
    std::fs::write(lab.host.path().join(".config/fish/config.fish"), "echo Welcome\n").unwrap();
    let mut pi = lab.connect();
    let local = lab.home.path().join("local");
    std::fs::write(&local, "x").unwrap();
    let detail = without_scp(pi.upload(&local, "file", &mut |_| {}));
    assert!(detail.contains("Welcome"), "{detail}");
}

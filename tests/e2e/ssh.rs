//! The SSH room against a real sshd.

use crate::support::sshd::{Sshd, SshdOptions};
use std::process::Command;

#[test]
fn openssh_itself_runs_a_command_there() {
    let host = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut sshd = Sshd::start(SshdOptions::new(host.path()));
    sshd.client_config(home.path(), "pi");
    for _ in 0..2 {
        let output = Command::new("ssh")
            .arg("-F")
            .arg(home.path().join(".ssh/config"))
            .args(["-o", "BatchMode=yes", "pi", "echo $HOME; env"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().next(), host.path().to_str());
        sshd.restart();
    }
}

//! What answers there is no friend.

use super::*;
use crate::support::process::install_program;
use std::io::Write as _;
use std::net::TcpListener;

#[test]
fn what_is_no_sshd_is_told_apart_and_its_words_are_tamed() {
    let lab = Lab::new();
    for greeting in ["", "HTTP/1.1 400 Bad\r\n\r\n", "SSH-2.0-\x1b[31mred\r\n"] {
        let fake = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target { port: Some(fake.local_addr().unwrap().port()), ..lab.target() };
        let server = std::thread::spawn(move || {
            let (mut stream, _) = fake.accept().unwrap();
            let _ = stream.write_all(greeting.as_bytes());
        });
        let error = failure(&target);
        server.join().unwrap();
        assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
}

#[test]
fn a_refused_command_carries_no_escape_sequences() {
    let lab = Lab::with(|o| o.login_shell = "/usr/bin/bash".into());
    let bin = lab.host.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(lab.host.path().join(".bashrc"), format!("PATH={}\n", bin.display())).unwrap();
    install_program(&bin.join("scp"), b"#!/bin/sh\nprintf '\\001scp: \\033[2Jno\\007 room\\n'\n");
    let local = lab.home.path().join("local");
    std::fs::write(&local, "x").unwrap();
    let detail = refused(lab.connect().upload(&local, "file", &mut |_| {}));
    assert!(detail.ends_with(": no room"), "{detail}");
}

//! The SSH room against a real sshd.
#![allow(clippy::disallowed_methods, reason = "the files of a test are private by their directory")]

mod copying;
mod hostile;
mod login;
mod running;

use crate::support::sshd::{Sshd, SshdOptions};
use kugetsu::ssh::{Asker, Connection, HostKeyQuestion, NoAsker, Target, connect};
use kugetsu::transport::ConnectError;
use kugetsu::transport::{Output, Script, Transport as _, TransportError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A simulated host, and a home that can log in to it as `pi`.
struct Lab {
    sshd: Sshd,
    host: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SshdOptions)) -> Self {
        let (host, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut options = SshdOptions::new(host.path());
        change(&mut options);
        let sshd = Sshd::start(options);
        sshd.client_config(home.path(), "pi");
        Self { sshd, host, home }
    }

    /// The alias of `~/.ssh/config`.
    fn target(&self) -> Target {
        Target {
            name: "pi".into(),
            destination: "pi".into(),
            port: None,
            identity_file: None,
            home: self.home.path().to_owned(),
            agent_socket: None,
        }
    }

    /// By address, with nothing in `~/.ssh` but what the test puts there.
    fn bare_target(&self) -> Target {
        std::fs::remove_dir_all(self.ssh_dir()).unwrap();
        Target {
            destination: format!("{}@127.0.0.1", self.sshd.user()),
            port: Some(self.sshd.port()),
            ..self.target()
        }
    }

    fn ssh_dir(&self) -> PathBuf {
        self.home.path().join(".ssh")
    }

    fn known_hosts(&self) -> PathBuf {
        self.ssh_dir().join("known_hosts")
    }

    /// One known_hosts line for this host.
    fn known_line(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}\n", self.sshd.port(), self.sshd.host_key(kind))
    }

    fn connect(&self) -> Connection {
        connect(&self.target(), &NoAsker, PATIENCE).unwrap()
    }

    fn fails(&self) -> ConnectError {
        failure(&self.target())
    }
}

fn failure(target: &Target) -> ConnectError {
    connect(target, &NoAsker, PATIENCE).err().expect("a refusal")
}

fn run(connection: &mut Connection, script: &str) -> Output {
    connection.run(&Script::new(script, &[]), 1 << 20, PATIENCE).unwrap()
}

/// Trusts every host key, knows one passphrase, and notes what it was asked.
struct Obliging {
    passphrase: &'static str,
    asked: Mutex<Vec<HostKeyQuestion>>,
}

impl Obliging {
    fn new(passphrase: &'static str) -> Self {
        Self { passphrase, asked: Mutex::default() }
    }
}

impl Asker for Obliging {
    fn may_ask(&self) -> bool {
        true
    }

    fn trust_host_key(&self, question: &HostKeyQuestion) -> bool {
        self.asked.lock().unwrap().push(question.clone());
        true
    }

    fn passphrase(&self, _: &Path) -> Option<String> {
        Some(self.passphrase.to_owned())
    }
}

fn append(path: &Path, text: &str) {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, old + text).unwrap();
}

fn refused(result: Result<impl Sized, TransportError>) -> String {
    match result.err().expect("a refusal") {
        TransportError::Refused { detail } => detail,
        other => panic!("{other:?}"),
    }
}

fn without_scp(result: Result<impl Sized, TransportError>) -> String {
    match result.err().expect("a refusal") {
        TransportError::NoScp { detail } => detail,
        other => panic!("{other:?}"),
    }
}

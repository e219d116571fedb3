//! ProxyCommand and ProxyJump: a child whose standard streams are the connection.

use super::config::{Settings, Way, config_file};
use super::target::Target;
use crate::text::plain_end;
use rustix::net::{RecvFlags, recv};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// The child; killed and reaped when dropped.
pub(super) struct Proxy {
    child: Child,
    stderr: File,
    /// What to call it in an error.
    pub via: String,
}

impl Proxy {
    /// Starts what `settings` ask for; unless it `may_ask`, a jump host that needs an answer fails. `None` for a direct way.
    pub(super) fn start(
        settings: &Settings,
        target: &Target,
        may_ask: bool,
    ) -> std::io::Result<Option<(UnixStream, Self)>> {
        let (mut command, via) = match &settings.way {
            Way::Direct => return Ok(None),
            Way::Command(text) => {
                // As ssh does: the user's shell, which makes way for the command.
                let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
                let mut command = Command::new(shell);
                command.arg("-c").arg(format!("exec {text}"));
                (command, "ProxyCommand".to_owned())
            }
            Way::Jump(hosts) => (jump(hosts, settings, target, may_ask), format!("the jump host {hosts}")),
        };
        match &target.agent_socket {
            Some(socket) => command.env("SSH_AUTH_SOCK", socket),
            None => command.env_remove("SSH_AUTH_SOCK"),
        };
        let (ours, theirs) = UnixStream::pair()?;
        let stderr = tempfile::tempfile()?;
        let child = command
            .env("HOME", &target.home)
            .stdin(OwnedFd::from(theirs.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::from(stderr.try_clone()?))
            .spawn()?;
        Ok(Some((ours, Self { child, stderr, via })))
    }

    /// Whether it had ended, and its last words on standard error. It has ended now. `stream` is our end of the connection.
    pub(super) fn end(&mut self, stream: &impl AsFd) -> (bool, String) {
        let ended = matches!(recv(stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((_, 0)));
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut text = Vec::new();
        let length = self.stderr.metadata().map_or(0, |m| m.len());
        let from = SeekFrom::Start(length.saturating_sub(4096));
        let _ = self.stderr.seek(from).and_then(|_| self.stderr.read_to_end(&mut text));
        (ended, plain_end(&String::from_utf8_lossy(&text)))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ssh -W`: the last jump host is asked to pass us on, those before it lead to it.
fn jump(hosts: &str, settings: &Settings, target: &Target, may_ask: bool) -> Command {
    let mut command = Command::new("ssh");
    command.args(config_file(&target.home));
    if !may_ask {
        command.arg("-oBatchMode=yes");
    }
    let last = match hosts.rsplit_once(',') {
        Some((before, last)) => {
            command.arg("-J").arg(before);
            last
        }
        None => hosts,
    };
    let host =
        if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() };
    let uri = if last.starts_with("ssh://") { last.to_owned() } else { format!("ssh://{last}") };
    command.arg("-W").arg(format!("{host}:{}", settings.port)).arg("--").arg(uri);
    command
}

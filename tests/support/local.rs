//! A host without SSH: scripts run in a shell of this machine, with a HOME and an environment of their own.

use super::machine::which;
use kugetsu::transport::{Output, Script, Transport, TransportError};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// As the real transport has it.
const STDERR_LIMIT: u64 = 64 * 1024;

/// Which `sh` a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sh {
    /// Debian's.
    Dash,
    /// That of Fedora and, in an old version, of macOS.
    Bash,
    /// Alpine's and OpenWrt's, with BusyBox's own head, tail, od, gzip, …
    BusyBox,
}

/// A simulated host of which nothing but the shell is there.
#[derive(Debug, Clone)]
pub struct Local {
    /// Its HOME.
    pub home: PathBuf,
    /// The whole environment of its scripts.
    pub environment: BTreeMap<OsString, OsString>,
    /// The umask that scripts find.
    pub umask: &'static str,
    /// What stands before the shell: `setsid`, `unshare -m`.
    pub before: Vec<OsString>,
    shell: Vec<PathBuf>,
}

impl Local {
    /// A host with its home at `home`; `tools` is an empty directory for its programs.
    pub fn new(sh: Sh, home: &Path, tools: &Path) -> Self {
        super::times::count_home(home);
        let shell = match sh {
            Sh::Dash => vec![which("dash")],
            Sh::Bash => vec![which("bash"), "--posix".into()],
            Sh::BusyBox => vec![which("busybox"), "sh".into()],
        };
        let path = if sh == Sh::BusyBox {
            let installed = Command::new(which("busybox")).args(["--install", "-s"]).arg(tools).status();
            assert!(installed.unwrap().success());
            // Debian builds BusyBox without it; Alpine does not.
            if !tools.join("cksum").exists() {
                symlink(which("cksum"), tools.join("cksum")).unwrap();
            }
            tools.as_os_str().to_owned()
        } else {
            symlink(&shell[0], tools.join("sh")).unwrap();
            format!("{}:/usr/bin:/bin", tools.display()).into()
        };
        let environment =
            [("HOME", home.as_os_str().to_owned()), ("PATH", path), ("SHELL", "/bin/sh".into())]
                .map(|(name, value)| (name.into(), value));
        Self {
            home: home.to_owned(),
            environment: environment.into(),
            umask: "022",
            before: Vec::new(),
            shell,
        }
    }

    /// Starts a script; its output is a pipe.
    pub fn start(&self, script: &Script) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask \"$0\" && exec \"$@\"", self.umask]).args(&self.before).args(&self.shell);
        command.arg("-s").env_clear().envs(&self.environment).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, text) = (child.stdin.take().unwrap(), script.text().to_owned());
        // A shell that ends early does not read it all.
        std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
        child
    }

    fn remote(&self, remote: &str) -> Result<PathBuf, TransportError> {
        let safe = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        let parts = |part: &str| !matches!(part, "" | "." | "..");
        if remote.starts_with('-') || !remote.chars().all(safe) || !remote.split('/').all(parts) {
            return Err(TransportError::Refused { detail: format!("{remote:?} is no path to copy") });
        }
        Ok(self.home.join(remote))
    }
}

/// As a shell says it.
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Hands over what comes until the end; the child is then waited for, or left alone where `sink` broke.
fn follow(
    mut child: Child,
    patience: Duration,
    sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Option<(i32, Vec<u8>)>, TransportError> {
    let mut errors = child.stderr.take().unwrap();
    let words = std::thread::spawn(move || {
        let mut words = Vec::new();
        let _ = errors.by_ref().take(STDERR_LIMIT).read_to_end(&mut words);
        let _ = std::io::copy(&mut errors, &mut std::io::sink());
        words
    });
    let (tell, pieces) = sync_channel(1);
    let mut stdout: ChildStdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        // Dropped, and thereby closed, when nobody listens any more.
        while let Ok(n) = stdout.read(&mut piece) {
            if n == 0 || tell.send(piece[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    loop {
        match pieces.recv_timeout(patience) {
            Ok(piece) if sink(&piece).is_break() => {
                std::thread::spawn(move || child.wait());
                return Ok(None);
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if let Some(counts) = super::times::count() {
                    super::times::count_to_its_end(&child, &counts);
                }
                let status = child.wait().unwrap();
                return Ok(Some((code(status), words.join().unwrap())));
            }
            Err(RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                let detail = format!("nothing was heard for {patience:?}");
                return Err(TransportError::Lost { during: "running a script".to_owned(), detail });
            }
        }
    }
}

impl Transport for Local {
    fn run(&mut self, script: &Script, limit: usize, patience: Duration) -> Result<Output, TransportError> {
        let mut stdout = Vec::new();
        let ended = follow(self.start(script), patience, &mut |piece| {
            if stdout.len() + piece.len() > limit {
                return ControlFlow::Break(());
            }
            stdout.extend_from_slice(piece);
            ControlFlow::Continue(())
        })?;
        match ended {
            Some((status, stderr)) => Ok(Output { status, stdout, stderr }),
            None => Err(TransportError::TooLarge { limit: limit as u64 }),
        }
    }

    fn stream(
        &mut self,
        script: &Script,
        patience: Duration,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Option<i32>, TransportError> {
        Ok(follow(self.start(script), patience, sink)?.map(|(status, _)| status))
    }

    fn upload(
        &mut self,
        local: &Path,
        remote: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TransportError> {
        let to = self.remote(remote)?;
        let refused = |e: std::io::Error| TransportError::Refused { detail: e.to_string() };
        let copied = fs::copy(local, &to).map_err(refused)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).map_err(refused)?;
        progress(copied);
        Ok(())
    }

    fn download(
        &mut self,
        remote: &str,
        local: &Path,
        limit: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, TransportError> {
        let at_host = |e: std::io::Error| TransportError::Refused { detail: e.to_string() };
        let at_home = |source| TransportError::Local { path: local.to_owned(), source };
        let mut from = File::open(self.remote(remote)?).map_err(at_host)?;
        if from.metadata().map_err(at_host)?.len() > limit {
            return Err(TransportError::TooLarge { limit });
        }
        let mut to = File::options().write(true).create_new(true).mode(0o600).open(local).map_err(at_home)?;
        let size = std::io::copy(&mut from, &mut to).map_err(at_home)?;
        to.sync_all().map_err(at_home)?;
        progress(size);
        Ok(size)
    }
}

//! Programs that a test runs: output into files, an end that can be waited for, no survivors.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The longest that a program may take when a test names no limit of its own. No wait is given up earlier: limits that tests
/// name are those of a quiet machine, and several tests run at a time.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
    /// From the start to the end.
    pub elapsed: Duration,
}

impl Finished {
    /// The exit status, or 128 + n where a signal ended it, as a shell would say.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Itself, if it exited with 0.
    ///
    /// # Panics
    /// With everything that it printed, if it did not.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        self.expect_code(0)
    }

    /// Itself, if it exited with `code`.
    ///
    /// # Panics
    /// With everything that it printed, if it did not.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(
            self.code() == code,
            "exit status {} where {code} was expected\n--- stdout\n{}\n--- stderr\n{}",
            self.code(),
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as one JSON document.
    ///
    /// # Panics
    /// With everything that it printed, where that is something else.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("stdout is not JSON ({error})\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }
}

/// A program that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    name: String,
    ended: Receiver<io::Result<ExitStatus>>,
    over: bool,
    started: Instant,
    stdout: File,
    stderr: File,
}

impl Running {
    /// Starts `command` with `stdin` as its standard input (none: `/dev/null`).
    ///
    /// Standard output is a file because opencode's is cut when it is a pipe.
    pub fn start(mut command: Command, stdin: Option<&[u8]>) -> Self {
        let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        command.stdin(stdin.map_or_else(Stdio::null, |bytes| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            file.rewind().unwrap();
            file.into()
        }));
        command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        let name = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let pid = child.id();
        let (tell, ended) = channel();
        let counts = super::times::count();
        std::thread::spawn(move || {
            if let Some(counts) = counts {
                super::times::count_to_its_end(&child, &counts);
            }
            let _ = tell.send(child.wait());
        });
        Self { pid, name, ended, over: false, started, stdout, stderr }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal, by name: `INT`, `TERM`, `KILL`, `STOP`.
    pub fn signal(&self, name: &str) {
        signal(name, &[self.pid]);
    }

    /// What it has printed so far.
    pub fn stdout_so_far(&self) -> String {
        contents(&self.stdout)
    }

    /// What it has said on standard error so far.
    pub fn stderr_so_far(&self) -> String {
        contents(&self.stderr)
    }

    /// Waits until what it printed (stdout, stderr) satisfies `enough`.
    ///
    /// # Panics
    /// After `limit`, with all that it printed.
    #[track_caller]
    pub fn wait_for_output(&self, limit: Duration, enough: impl Fn(&str, &str) -> bool) {
        until(limit, || {
            let (out, err) = (self.stdout_so_far(), self.stderr_so_far());
            if enough(&out, &err) { Ok(()) } else { Err(format!("{} printed only\n{out}\n{err}", self.name)) }
        });
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// After `limit`, or [`PATIENCE`] if that is longer (it is killed then), with all that it printed.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Finished {
        let limit = limit.max(PATIENCE);
        match self.ended.recv_timeout(limit) {
            Ok(status) => {
                self.over = true;
                Finished {
                    status: status.expect("a child can be waited for"),
                    stdout: self.stdout_so_far(),
                    stderr: self.stderr_so_far(),
                    elapsed: self.started.elapsed(),
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!(
                "{} did not end within {limit:?}\n--- stdout\n{}\n--- stderr\n{}",
                self.name,
                self.stdout_so_far(),
                self.stderr_so_far()
            ),
        }
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        // A zombie whose end nobody has taken yet still has an entry in /proc.
        !self.over && process_state(self.pid).is_some_and(|state| state != 'Z')
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.over && self.ended.try_recv().is_err() {
            self.signal("KILL");
        }
    }
}

/// Puts a program at `path`. A process of its own writes it: a file that is open for writing here would be open for a
/// moment in whatever another test is just starting, too, and could not be executed.
#[track_caller]
pub fn install_program(path: &Path, content: &[u8]) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"]).arg(path);
    Running::start(command, Some(content)).wait(PATIENCE).expect_success();
}

/// Polls `check` until it is content, and returns what it found.
///
/// # Panics
/// After `limit`, or [`PATIENCE`] if that is longer, with the last complaint.
#[track_caller]
pub fn until<T>(limit: Duration, mut check: impl FnMut() -> Result<T, String>) -> T {
    let limit = limit.max(PATIENCE);
    let end = Instant::now() + limit;
    loop {
        match check() {
            Ok(found) => return found,
            Err(complaint) => assert!(Instant::now() < end, "after {limit:?}: {complaint}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The state letter of a process (`R`, `S`, `Z`, …); `None` where there is none of that id.
pub fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The processes whose environment says that `home` is their HOME.
pub fn living_in(home: &Path) -> Vec<u32> {
    let wanted = format!("HOME={}", home.display()).into_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if pid != std::process::id() && environment.split(|byte| *byte == 0).any(|pair| pair == wanted) {
            found.push(pid);
        }
    }
    found
}

/// Kills all that lives in `home`, and what that starts meanwhile.
pub fn clear_out(home: &Path) {
    for _ in 0..50 {
        let pids = living_in(home);
        if pids.is_empty() {
            return;
        }
        signal("KILL", &pids);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The shell's own `kill`: the program of that name is missing on a bare Debian.
fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(ToString::to_string);
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" \"$@\"", name])
        .args(pids)
        .stderr(Stdio::null())
        .status();
}

/// Read by position: the file's offset is shared with the child that writes it.
fn contents(file: &File) -> String {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

//! A real, unprivileged, private sshd on a free loopback port: a simulated host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "test support: a fault here ends the test, and its files are private by their directory"
)]

use super::process::install_program;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// In the environment of every process that a host's sshd starts, so that its leftovers can be found.
const MARK: &str = "KUGETSU_TEST_SSHD";
/// How long sshd may take to start or a process to die on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the simulated host is like.
#[derive(Debug, Clone)]
pub struct SshdOptions {
    /// The home directory there; must exist.
    pub home: PathBuf,
    /// The user's login shell there.
    pub login_shell: PathBuf,
    /// `PATH` there.
    pub path: String,
    /// Further environment there.
    pub env: Vec<(String, String)>,
    /// Further lines of sshd_config.
    pub config: Vec<String>,
    /// Host keys, as `ssh-keygen -t` names them.
    pub host_keys: Vec<&'static str>,
}

impl SshdOptions {
    /// A host with `/bin/sh` as login shell and the usual `PATH`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            login_shell: "/bin/sh".into(),
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            env: Vec::new(),
            config: Vec::new(),
            host_keys: vec!["ed25519", "ecdsa"],
        }
    }
}

/// A running sshd. On drop it and every process that was started through it are killed.
pub struct Sshd {
    dir: tempfile::TempDir,
    program: PathBuf,
    user: String,
    port: u16,
    child: Option<Child>,
}

impl Sshd {
    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// Where sshd is missing or does not start; its log is part of the message.
    pub fn start(options: SshdOptions) -> Self {
        super::times::making(|| Self::make(options))
    }

    fn make(options: SshdOptions) -> Self {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd"]
            .iter()
            .map(PathBuf::from)
            .find(|p| p.exists())
            .expect("sshd is missing: apt-get install openssh-server");
        let dir = tempfile::Builder::new().prefix("kugetsu-sshd-").tempdir().unwrap();
        super::times::count_home(dir.path());
        if fs::metadata("/proc/self").unwrap().uid() == 0 && !Path::new("/run/sshd").exists() {
            // Started by root, sshd insists on its privilege separation directory. Another test may be faster.
            let _ = fs::create_dir("/run/sshd");
        }
        for kind in &options.host_keys {
            keygen(kind, &dir.path().join(format!("host_{kind}")));
        }
        keygen("ed25519", &dir.path().join("user"));
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized_keys")).unwrap();
        write_wrapper(dir.path(), &options);
        write_config(dir.path(), &options);
        let user = text_of(Command::new("id").arg("-un"));
        let mut sshd = Self { dir, program, user, port: 0, child: None };
        // A port that was free a moment ago may be taken by the time sshd binds it.
        while sshd.child.is_none() {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            sshd.port = free.local_addr().unwrap().port();
            drop(free);
            sshd.listen();
        }
        sshd
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user to log in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The private key that opens it.
    pub fn user_key(&self) -> PathBuf {
        self.dir.path().join("user")
    }

    /// The keys that may log in, one per line; for tests that add or take away one.
    pub fn authorized_keys(&self) -> PathBuf {
        self.dir.path().join("authorized_keys")
    }

    /// The public half of one host key: `type base64`.
    pub fn host_key(&self, kind: &str) -> String {
        let line = fs::read_to_string(self.dir.path().join(format!("host_{kind}.pub"))).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// What it logged so far (LogLevel VERBOSE).
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// How many TCP connections it has accepted.
    pub fn connections(&self) -> usize {
        self.log().lines().filter(|line| line.starts_with("Connection from ")).count()
    }

    /// Makes `home` able to log in: `home/.ssh/known_hosts` gets this host's ed25519 key, and
    /// `home/.ssh/id_<alias>` is the private key (0600), whose path is returned. A `Host <alias>` block
    /// is added to `home/.ssh/config`. Several hosts may share one home.
    pub fn client_config(&self, home: &Path, alias: &str) -> PathBuf {
        let ssh = home.join(".ssh");
        if !ssh.exists() {
            fs::create_dir_all(&ssh).unwrap();
            fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700)).unwrap();
        }
        append(
            &ssh.join("known_hosts"),
            &format!("[127.0.0.1]:{} {}\n", self.port, self.host_key("ed25519")),
        );
        let identity = ssh.join(format!("id_{alias}"));
        fs::copy(self.user_key(), &identity).unwrap();
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).unwrap();
        append(
            &ssh.join("config"),
            &format!(
                "Host {alias}\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n",
                self.port,
                self.user,
                identity.display(),
                ssh.join("known_hosts").display(),
            ),
        );
        identity
    }

    /// Kills the listener and every connection, as a host that goes down; what runs detached there lives on.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let mut connections = descendants(child.id());
        connections.retain(|pid| name_of(*pid).is_some_and(|name| name.starts_with("sshd")));
        let _ = child.kill();
        let _ = child.wait();
        kill_and_wait(&connections);
    }

    /// Kills the connections that stand; new ones are still taken.
    pub fn cut(&self) {
        let Some(child) = &self.child else { return };
        let mut connections = descendants(child.id());
        connections.retain(|pid| name_of(*pid).is_some_and(|name| name.starts_with("sshd")));
        kill_and_wait(&connections);
    }

    /// Up again after [`Sshd::stop`], on the same port with the same keys.
    ///
    /// # Panics
    /// Where the port was taken in between.
    pub fn restart(&mut self) {
        self.stop();
        self.listen();
        assert!(self.child.is_some(), "port {} was taken while sshd was down", self.port);
    }

    /// As [`Sshd::restart`], and from then on everybody is let in and nothing is started for them, as by a host that is out
    /// of processes; or all is as it was.
    pub fn restart_starting_nothing(&mut self, nothing: bool) {
        let path = self.dir.path().join("sshd_config");
        let config = fs::read_to_string(&path).unwrap().replace("MaxSessions 0\n", "");
        fs::write(&path, if nothing { config + "MaxSessions 0\n" } else { config }).unwrap();
        self.restart();
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Leaves `child` empty if the port is taken.
    fn listen(&mut self) {
        let before = self.log().len();
        let mut child = Command::new(&self.program)
            .arg("-D")
            .arg("-f")
            .arg(self.dir.path().join("sshd_config"))
            .arg("-E")
            .arg(self.log_path())
            .arg("-p")
            .arg(self.port.to_string())
            .env(MARK, self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        loop {
            let log = self.log();
            let new = log.get(before..).unwrap_or_default();
            if new.contains("Server listening on") {
                self.child = Some(child);
                return;
            }
            if let Some(status) = child.try_wait().unwrap() {
                if self.log().contains("Address already in use") {
                    return;
                }
                panic!("sshd ended with {status}:\n{}", self.log());
            }
            if started.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                panic!("sshd does not listen:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of sshd on port {}:\n{}---", self.port, self.log());
        }
        self.stop();
        let mark = format!("{MARK}={}", self.dir.path().display());
        let left = processes().into_iter().filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|env| env.split(|b| *b == 0).any(|entry| entry == mark.as_bytes()))
        });
        kill_and_wait(&left.collect());
    }
}

/// Makes a key without a passphrase at `path`, and `path.pub`.
pub fn keygen(kind: &str, path: &Path) {
    keygen_locked(kind, path, "");
}

/// Makes a key locked by `passphrase` at `path`, and `path.pub`.
pub fn keygen_locked(kind: &str, path: &Path, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-C", "kugetsu-test", "-N", passphrase, "-t", kind, "-f"]).arg(path);
    text_of(&mut command);
}

/// Standard output of a command that has to succeed.
fn text_of(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e} (apt-get install openssh-client openssh-server)"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The host's HOME, shell and environment are not those of the user who runs the tests, so every command goes
/// through a script that puts them in place.
fn write_wrapper(dir: &Path, options: &SshdOptions) {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let home = quoted(options.home.to_str().unwrap());
    let mut script = format!("#!/bin/sh\ncd {home} || exit 1\nset --");
    for (name, value) in &options.env {
        script.push_str(&format!(" {}", quoted(&format!("{name}={value}"))));
    }
    script.push_str(&format!(
        "\nset -- env -i HOME={home} PATH={path} SHELL={shell} USER=\"$USER\" LOGNAME=\"$USER\" \\\n  \
         SSH_CLIENT=\"$SSH_CLIENT\" SSH_CONNECTION=\"$SSH_CONNECTION\" {MARK}={mark} \"$@\" {shell}\n\
         [ -n \"$SSH_ORIGINAL_COMMAND\" ] || exec \"$@\" -l\n\
         exec \"$@\" -c \"$SSH_ORIGINAL_COMMAND\"\n",
        path = quoted(&options.path),
        shell = quoted(options.login_shell.to_str().unwrap()),
        mark = quoted(dir.to_str().unwrap()),
    ));
    install_program(&dir.join("wrapper"), script.as_bytes());
}

fn write_config(dir: &Path, options: &SshdOptions) {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut lines = options.config.clone();
    lines.extend(options.host_keys.iter().map(|kind| format!("HostKey {}", at(&format!("host_{kind}")))));
    lines.extend([
        "ListenAddress 127.0.0.1".into(),
        format!("PidFile {}", at("pid")),
        format!("AuthorizedKeysFile {}", at("authorized_keys")),
        format!("ForceCommand {}", at("wrapper")),
        "StrictModes no".into(),
        "UsePAM no".into(),
        "UseDNS no".into(),
        "PermitRootLogin yes".into(),
        "PasswordAuthentication no".into(),
        "KbdInteractiveAuthentication no".into(),
        "Subsystem sftp /usr/lib/openssh/sftp-server".into(),
        // The shell of the password file runs the wrapper: it must not read the start-up files of whoever tests.
        format!("SetEnv HOME={}", dir.display()),
        "LogLevel VERBOSE".into(),
    ]);
    // Of this the last one counts, and not the first.
    if !options.config.iter().any(|line| line.starts_with("MaxStartups")) {
        lines.push("MaxStartups 100".into());
    }
    fs::write(dir.join("sshd_config"), lines.join("\n") + "\n").unwrap();
}

fn processes() -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn name_of(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok()
}

/// State letter and parent of a process that exists.
fn state_of(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields begin after the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn descendants(root: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> =
        processes().into_iter().filter_map(|pid| Some((pid, state_of(pid)?.1))).collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let size = found.len();
        found.extend(
            parents
                .iter()
                .filter(|(_, parent)| found.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if found.len() == size {
            found.remove(&root);
            return found;
        }
    }
}

fn kill_and_wait(pids: &BTreeSet<u32>) {
    if pids.is_empty() {
        return;
    }
    let _ = Command::new("kill")
        .arg("-KILL")
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
    let started = Instant::now();
    // A zombie whose parent is gone waits for whoever adopts it: dead is dead.
    while pids.iter().any(|pid| state_of(*pid).is_some_and(|(state, _)| state != 'Z')) {
        assert!(started.elapsed() < PATIENCE, "{pids:?} outlive SIGKILL");
        std::thread::sleep(Duration::from_millis(2));
    }
}

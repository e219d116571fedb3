//! The machine that kugetsu runs on.

use super::host::Host;
use super::machine::{Machine, which};
use super::model::Model;
use super::opencode::Release;
use super::process::{Finished, PATIENCE, Running};
use super::proxy::Proxy;
use serde_json::{Map, Value, json};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A machine with kugetsu and a hosts.json.
#[derive(Debug)]
pub struct Home {
    /// The machine itself.
    pub machine: Machine,
    kugetsu: PathBuf,
    hosts: Map<String, Value>,
}

impl Home {
    /// A home that runs `kugetsu`: `env!("CARGO_BIN_EXE_kugetsu")` where cargo sets that.
    ///
    /// # Panics
    /// Where there is no such program.
    pub fn start(kugetsu: impl Into<PathBuf>, release: Release, model: &Model) -> Self {
        let kugetsu = kugetsu.into();
        assert!(kugetsu.exists(), "{} is not built: run cargo build", kugetsu.display());
        let mut machine = Machine::start("home", release, model);
        let state = machine.home().join(".kugetsu").display().to_string();
        machine.set_env("KUGETSU_HOME", state);
        keep_ssh_at_home(&machine);
        Self { machine, kugetsu, hosts: Map::new() }
    }

    /// `KUGETSU_HOME`.
    pub fn state(&self) -> PathBuf {
        self.machine.home().join(".kugetsu")
    }

    /// The hosts.json that [`Home::add_host`] writes.
    pub fn hosts_path(&self) -> PathBuf {
        self.machine.home().join(".config/opencode/hosts.json")
    }

    /// Makes `host` known as `name`: in hosts.json, with `further` fields (`{"agent": "plan"}`), in
    /// known_hosts, and as an ssh alias.
    pub fn add_host(&mut self, name: &str, host: &Host, further: Value) {
        self.add(name, host, host.sshd.port(), further);
    }

    /// As [`Home::add_host`], through `proxy`; for the ssh alias, too.
    pub fn add_host_behind(&mut self, name: &str, host: &Host, proxy: &Proxy, further: Value) {
        let ssh = self.machine.home().join(".ssh");
        // ssh takes the first value that it finds: this block comes before the one with sshd's own port.
        append(&ssh.join("config"), &format!("Host {name}\n  Port {}\n", proxy.port()));
        let key = host.sshd.host_key("ed25519");
        append(&ssh.join("known_hosts"), &format!("[127.0.0.1]:{} {key}\n", proxy.port()));
        self.add(name, host, proxy.port(), further);
    }

    /// Replaces hosts.json by any text.
    pub fn write_hosts(&self, text: &str) {
        fs::write(self.hosts_path(), text).unwrap();
    }

    /// Runs `kugetsu ARGS` in HOME to its end, standard input empty.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn kugetsu(&self, args: &[&str]) -> Finished {
        self.spawn(args).wait(PATIENCE)
    }

    /// As [`Home::kugetsu`], with `stdin` as its standard input.
    #[track_caller]
    pub fn kugetsu_reading(&self, stdin: &[u8], args: &[&str]) -> Finished {
        self.spawn_in(self.machine.home(), Some(stdin), args).wait(PATIENCE)
    }

    /// Starts `kugetsu ARGS` in HOME, standard input empty.
    pub fn spawn(&self, args: &[&str]) -> Running {
        self.spawn_in(self.machine.home(), None, args)
    }

    /// Starts `kugetsu ARGS` in `dir` with `stdin` as its standard input.
    pub fn spawn_in(&self, dir: &Path, stdin: Option<&[u8]>, args: &[&str]) -> Running {
        let mut command = self.machine.command(self.kugetsu.to_str().unwrap(), dir);
        command.args(args);
        Running::start(command, stdin)
    }

    fn add(&mut self, name: &str, host: &Host, port: u16, further: Value) {
        let identity = host.sshd.client_config(self.machine.home(), name);
        let mut entry = json!({
            "host": format!("{}@127.0.0.1", host.sshd.user()), "port": port, "identity_file": identity,
        });
        let Value::Object(further) = further else { panic!("the fields of a host are an object") };
        entry.as_object_mut().unwrap().extend(further);
        self.hosts.insert(name.to_owned(), entry);
        self.write_hosts(&serde_json::to_string_pretty(&self.hosts).unwrap());
    }
}

/// OpenSSH takes `~` from the password database and not from HOME: without this, `ssh -G` would tell
/// of the configuration of whoever runs the tests.
fn keep_ssh_at_home(machine: &Machine) {
    let ssh = machine.home().join(".ssh");
    DirBuilder::new().mode(0o700).create(&ssh).unwrap();
    let at = |name: &str| ssh.join(name).display().to_string();
    append(&ssh.join("config"), "");
    append(
        &ssh.join("config.home"),
        &format!("Include {}\nHost *\n  UserKnownHostsFile {}\n", at("config"), at("known_hosts")),
    );
    for program in ["ssh", "scp", "sftp"] {
        let with = format!("-F '{}'", at("config.home"));
        let by = if program == "ssh" { String::new() } else { format!("-S '{}'", which("ssh").display()) };
        let script = format!("#!/bin/sh\nexec {} {with} {by} \"$@\"\n", which(program).display());
        machine.install_script(program, &script);
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

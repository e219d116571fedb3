//! Host keys, user keys, agents, ways through.

use super::*;
use crate::support::proxy::{After, Proxy, ProxyOptions};
use crate::support::sshd::{keygen, keygen_locked};
use std::process::{Child, Command, Stdio};

#[test]
fn a_key_that_the_host_does_not_know_is_refused_with_what_was_tried() {
    let lab = Lab::new();
    let stranger = lab.home.path().join("stranger");
    keygen("ed25519", &stranger);
    let mut target = lab.bare_target();
    append(&lab.known_hosts(), &lab.known_line("ed25519"));
    target.identity_file = Some(stranger.clone());
    match failure(&target) {
        ConnectError::Auth { tried, methods, user, .. } => {
            assert_eq!(tried, [stranger.display().to_string()]);
            assert_eq!((methods.as_str(), user.as_str()), ("publickey", lab.sshd.user()));
        }
        other => panic!("{other:?}"),
    }
    target.identity_file = Some(lab.home.path().join("nowhere"));
    assert!(matches!(failure(&target), ConnectError::KeyUnreadable { .. }));
    target.identity_file = Some(lab.sshd.user_key());
    connect(&target, &NoAsker, PATIENCE).unwrap();
}

#[test]
fn rsa_and_ecdsa_keys_open_it_too() {
    let lab = Lab::with(|o| o.host_keys = vec!["ed25519", "rsa"]);
    let mut target = lab.bare_target();
    append(&lab.known_hosts(), &lab.known_line("rsa"));
    for kind in ["rsa", "ecdsa"] {
        let key = lab.home.path().join(kind);
        keygen(kind, &key);
        append(&lab.sshd.authorized_keys(), &std::fs::read_to_string(key.with_extension("pub")).unwrap());
        target.identity_file = Some(key);
        connect(&target, &NoAsker, PATIENCE).unwrap();
    }
}

#[test]
fn an_unknown_host_key_is_refused_or_asked_about_and_kept() {
    let lab = Lab::new();
    let mut target = lab.bare_target();
    target.identity_file = Some(lab.sshd.user_key());
    let error = failure(&target);
    let ConnectError::HostKeyUnknown { key, file, .. } = &error else { panic!("{error:?}") };
    assert_eq!(file, &lab.known_hosts());
    assert!(key.contains(" SHA256:"), "{key}");
    assert_eq!(error.hint("ssh pi").unwrap(), "log in once, and compare the key: ssh pi");
    assert!(!lab.ssh_dir().exists());

    let asker = Obliging::new("");
    connect(&target, &asker, PATIENCE).unwrap();
    assert_eq!(asker.asked.lock().unwrap().len(), 1);
    assert!(key.ends_with(&asker.asked.lock().unwrap()[0].fingerprint));
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(lab.known_hosts()).unwrap().permissions().mode() & 0o777, 0o600);
    connect(&target, &NoAsker, PATIENCE).unwrap();
    // What we wrote, OpenSSH finds.
    let name = format!("[127.0.0.1]:{}", lab.sshd.port());
    let found = Command::new("ssh-keygen").args(["-F", &name, "-f"]).arg(lab.known_hosts()).output().unwrap();
    assert!(found.status.success());
}

#[test]
fn hashed_names_are_found_and_kept_hashed_where_ssh_is_set_so() {
    let lab = Lab::new();
    append(&lab.ssh_dir().join("config"), "HashKnownHosts yes\n");
    std::fs::write(lab.known_hosts(), "").unwrap();
    connect(&lab.target(), &Obliging::new(""), PATIENCE).unwrap();
    let text = std::fs::read_to_string(lab.known_hosts()).unwrap();
    assert!(text.starts_with("|1|") && text.lines().count() == 1, "{text}");
    lab.connect();
}

#[test]
fn a_host_known_by_one_type_of_key_shows_that_one() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let lab = Lab::with(|o| o.host_keys = vec!["ed25519", "ecdsa", "rsa"]);
        std::fs::write(lab.known_hosts(), lab.known_line(kind)).unwrap();
        lab.connect();
    }
}

#[test]
fn a_changed_host_key_is_refused_whoever_is_asked() {
    let (lab, other) = (Lab::new(), Lab::new());
    let name = format!("[127.0.0.1]:{}", lab.sshd.port());
    std::fs::write(lab.known_hosts(), format!("# first\n{name} {}\n", other.sshd.host_key("ed25519")))
        .unwrap();
    let asker = Obliging::new("");
    let error = connect(&lab.target(), &asker, PATIENCE).err().unwrap();
    assert!(asker.asked.lock().unwrap().is_empty());
    assert!(!error.retryable());
    let known_hosts = lab.known_hosts();
    let command = format!("ssh-keygen -R '{name}' -f {}", known_hosts.display());
    assert!(error.hint("ssh pi").unwrap().ends_with(&command));
    assert!(matches!(error, ConnectError::HostKeyChanged { line: 2, .. }), "{error:?}");
    std::fs::write(&known_hosts, format!("@revoked * {}\n", lab.sshd.host_key("ed25519"))).unwrap();
    append(&known_hosts, &lab.known_line("ed25519"));
    assert!(matches!(lab.fails(), ConnectError::HostKeyRevoked { line: 1, .. }));
    // The same by ssh's configuration, which refuses all where the list cannot be read.
    std::fs::write(&known_hosts, lab.known_line("ed25519")).unwrap();
    append(&lab.ssh_dir().join("config"), "Host *\n  RevokedHostKeys ~/.ssh/revoked\n");
    assert!(matches!(lab.fails(), ConnectError::Config { detail, .. } if detail.contains("RevokedHostKeys")));
    let revoked = lab.ssh_dir().join("revoked");
    std::fs::write(&revoked, other.sshd.host_key("ed25519")).unwrap();
    lab.connect();
    std::fs::write(&revoked, format!("\n{}\n", lab.sshd.host_key("ed25519"))).unwrap();
    assert!(matches!(lab.fails(), ConnectError::HostKeyRevoked { line: 2, .. }));
}

#[test]
fn a_host_that_is_down_or_has_no_address_is_told_apart() {
    let mut lab = Lab::new();
    lab.sshd.stop();
    assert!(matches!(lab.fails(), ConnectError::Refused { port, .. } if port == lab.sshd.port()));
    let target = Target { destination: "nobody@kugetsu.invalid".into(), ..lab.target() };
    assert!(matches!(failure(&target), ConnectError::Resolve { .. }));
    let target = Target { destination: "-oProxyCommand=touch /tmp/x".into(), ..lab.target() };
    assert!(matches!(failure(&target), ConnectError::Config { .. }));
}

#[test]
fn a_proxy_command_and_a_jump_host_carry_the_connection() {
    let (lab, jump) = (Lab::new(), Lab::with(|o| o.config.push("AllowTcpForwarding yes".into())));
    let config = lab.ssh_dir().join("config");
    let direct = std::fs::read_to_string(&config).unwrap();
    jump.sshd.client_config(lab.home.path(), "gate");
    let with_gate = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("Match originalhost pi\n  ProxyJump gate\n{with_gate}")).unwrap();
    let mut pi = lab.connect();
    assert_eq!(run(&mut pi, "echo through\n").stdout, b"through\n");
    assert_eq!(jump.sshd.connections(), 1);
    drop(pi);

    let pass = format!("ssh -F {} -W %h:%p gate", config.display());
    std::fs::write(&config, format!("Match originalhost pi\n  ProxyCommand {pass}\n{with_gate}")).unwrap();
    let mut pi = lab.connect();
    assert_eq!(run(&mut pi, "echo through\n").stdout, b"through\n");
    assert_eq!(jump.sshd.connections(), 2);

    let failing = "echo the gate is shut >&2; exit 1";
    std::fs::write(&config, format!("Match originalhost pi\n  ProxyCommand sh -c '{failing}'\n{direct}"))
        .unwrap();
    match lab.fails() {
        ConnectError::Proxy { detail, .. } => assert_eq!(detail, "the gate is shut"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_fails_behind_a_proxy_is_told_apart_from_it() {
    let lab = Lab::new();
    let config = lab.ssh_dir().join("config");
    let direct = std::fs::read_to_string(&config).unwrap();
    let fails = |command: &str| {
        let proxy = lab.home.path().join("proxy");
        std::fs::write(&proxy, format!("{command}\n")).unwrap();
        let proxied = format!("Host pi\n  ProxyCommand sh {}\n{direct}", proxy.display());
        std::fs::write(&config, proxied).unwrap();
        connect(&lab.target(), &NoAsker, Duration::from_secs(1)).err().unwrap()
    };
    let error = fails("exec sleep 60");
    assert!(matches!(error, ConnectError::TimedOut { seconds: 1, .. }), "{error:?}");
    let error = fails("echo 'no route' >&2; exec sleep 60").to_string();
    assert!(error.contains("ProxyCommand") && error.contains("1 s; it says: no route"), "{error}");
    let error = fails("echo SSH-2.0-none; echo; exec cat");
    assert!(matches!(error, ConnectError::Handshake { .. } | ConnectError::TimedOut { .. }), "{error:?}");
    let error = fails("exit 0").to_string();
    assert!(error.contains("it ended without a word"), "{error}");
}

#[test]
fn a_jump_host_asks_nobody_where_nobody_may_be_asked() {
    let lab = Lab::new();
    let config = lab.ssh_dir().join("config");
    let direct = std::fs::read_to_string(&config).unwrap();
    // The jump's own ssh says how it was called.
    let gate = "Match originalhost gate\n  ProxyCommand sh -c 'tr \\\\0 \\\\n </proc/$PPID/cmdline >&2'\n";
    std::fs::write(&config, format!("Host pi\n  ProxyJump gate\n{gate}{direct}")).unwrap();
    let told = |asker: &dyn Asker| {
        let error = connect(&lab.target(), asker, PATIENCE).err().unwrap().to_string();
        assert!(error.contains(" -W "), "{error}");
        error.contains("BatchMode=yes")
    };
    assert!(told(&NoAsker) && !told(&Obliging::new("")));
}

/// An ssh-agent of our own.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(dir: &Path) -> Self {
        let socket = dir.join("agent");
        let child =
            Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let started = std::time::Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(started.elapsed() < PATIENCE, "ssh-agent does not answer");
            std::thread::sleep(Duration::from_millis(2));
        }
        Self { child, socket }
    }

    fn add(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        let done =
            add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn keys_of_the_agent_open_it_unless_only_named_ones_may() {
    let lab = Lab::new();
    let agent = Agent::start(lab.home.path());
    let stranger = lab.home.path().join("stranger");
    keygen("ed25519", &stranger);
    agent.add(&stranger);
    let mut target = lab.bare_target();
    append(&lab.known_hosts(), &lab.known_line("ed25519"));
    target.agent_socket = Some(agent.socket.clone());
    match failure(&target) {
        ConnectError::Auth { tried, .. } => assert_eq!(tried, ["agent: 1 key"]),
        other => panic!("{other:?}"),
    }
    agent.add(&lab.sshd.user_key());
    connect(&target, &NoAsker, PATIENCE).unwrap();

    let config = lab.ssh_dir().join("config");
    append(&config, "IdentitiesOnly yes\nIdentityFile ~/named.pub\n");
    match failure(&target) {
        ConnectError::Auth { tried, .. } => assert!(tried.is_empty(), "{tried:?}"),
        other => panic!("{other:?}"),
    }
    // A public key is enough to name one of the agent's.
    std::fs::copy(lab.sshd.user_key().with_extension("pub"), lab.home.path().join("named.pub")).unwrap();
    connect(&target, &NoAsker, PATIENCE).unwrap();
}

#[test]
fn a_locked_key_is_asked_for_or_named() {
    let lab = Lab::new();
    let key = lab.home.path().join("locked key");
    keygen_locked("ed25519", &key, "open sesame");
    let public = std::fs::read_to_string(lab.home.path().join("locked key.pub")).unwrap();
    append(&lab.sshd.authorized_keys(), &public);
    let mut target = lab.bare_target();
    append(&lab.known_hosts(), &lab.known_line("ed25519"));
    target.identity_file = Some(key.clone());
    let error = failure(&target);
    assert!(matches!(&error, ConnectError::KeyLocked { path, .. } if *path == key), "{error:?}");
    assert!(error.hint("ssh pi").unwrap().ends_with(&format!(" '{}'", key.display())));
    let wrong = connect(&target, &Obliging::new("wrong"), PATIENCE).err().unwrap();
    assert!(matches!(wrong, ConnectError::Auth { .. }), "{wrong:?}");
    connect(&target, &Obliging::new("open sesame"), PATIENCE).unwrap();
}

/// Knows the passphrase of one key.
struct Forgetful<'a>(&'a Path);

impl Asker for Forgetful<'_> {
    fn may_ask(&self) -> bool {
        true
    }

    fn trust_host_key(&self, _: &HostKeyQuestion) -> bool {
        false
    }

    fn passphrase(&self, key: &Path) -> Option<String> {
        (key == self.0).then(|| "open sesame".to_owned())
    }
}

#[test]
fn a_passphrase_that_is_not_told_leaves_the_other_keys() {
    let lab = Lab::new();
    let [first, second] = ["first", "second"].map(|name| lab.home.path().join(name));
    for key in [&first, &second] {
        keygen_locked("ed25519", key, "open sesame");
    }
    append(&lab.sshd.authorized_keys(), &std::fs::read_to_string(second.with_extension("pub")).unwrap());
    let mut target = lab.bare_target();
    append(&lab.known_hosts(), &lab.known_line("ed25519"));
    append(&lab.ssh_dir().join("config"), &format!("IdentityFile {}\n", second.display()));
    target.identity_file = Some(first.clone());
    connect(&target, &Forgetful(&second), PATIENCE).unwrap();
    // Where no other does, it may have been that one.
    std::fs::write(lab.sshd.authorized_keys(), "").unwrap();
    let error = connect(&target, &Forgetful(&second), PATIENCE).err().unwrap();
    assert!(matches!(&error, ConnectError::KeyLocked { path, .. } if *path == first), "{error:?}");
}

/// Through a line that can be cut, with whatever keys `~/.ssh` holds besides the right one.
fn cut_off_in_each_place(lab: &Lab, target: &Target, proxy: &Proxy) -> usize {
    append(&lab.known_hosts(), &format!("[127.0.0.1]:{} {}\n", proxy.port(), lab.sshd.host_key("ed25519")));
    let before = proxy.stats();
    connect(target, &NoAsker, PATIENCE).unwrap();
    let whole = proxy.stats().down - before.down;
    let mut lost = 0;
    for bytes in (1..whole).step_by(67) {
        proxy.cut_after(After::Down(proxy.stats().down + bytes));
        if let Err(error) = connect(target, &NoAsker, PATIENCE) {
            assert!(error.retryable(), "after {bytes} of {whole} bytes: {error}");
            lost += 1;
        }
        proxy.mend();
    }
    lost
}

#[test]
fn a_connection_that_is_lost_before_the_login_is_worth_another_try() {
    let lab = Lab::new();
    let proxy = Proxy::start(lab.sshd.port(), ProxyOptions::default());
    let mut target = lab.bare_target();
    target.port = Some(proxy.port());
    target.identity_file = Some(lab.sshd.user_key());
    let lost = cut_off_in_each_place(&lab, &target, &proxy);
    assert!(lost > 20, "{lost}");
}

#[test]
fn so_is_one_of_who_has_other_keys_than_the_right_one() {
    let lab = Lab::new();
    let proxy = Proxy::start(lab.sshd.port(), ProxyOptions::default());
    let agent = Agent::start(lab.home.path());
    let stranger = lab.home.path().join("stranger");
    keygen("ed25519", &stranger);
    agent.add(&stranger);
    agent.add(&lab.sshd.user_key());
    let mut target = lab.bare_target();
    target.port = Some(proxy.port());
    target.agent_socket = Some(agent.socket.clone());
    append(&lab.known_hosts(), "");
    keygen("ed25519", &lab.ssh_dir().join("id_ed25519"));
    keygen("rsa", &lab.ssh_dir().join("id_rsa"));
    let lost = cut_off_in_each_place(&lab, &target, &proxy);
    assert!(lost > 20, "{lost}");
}

#[test]
fn a_host_that_hangs_up_on_many_keys_is_said_to() {
    let lab = Lab::with(|o| o.config.push("MaxAuthTries 6".into()));
    let agent = Agent::start(lab.home.path());
    for n in 0..6 {
        let stranger = lab.home.path().join(format!("stranger{n}"));
        keygen("ed25519", &stranger);
        agent.add(&stranger);
    }
    let mut target = lab.bare_target();
    append(&lab.known_hosts(), &lab.known_line("ed25519"));
    target.agent_socket = Some(agent.socket.clone());
    match failure(&target) {
        ConnectError::Auth { tried, closed, .. } => {
            assert_eq!((tried.as_slice(), closed), (["agent: 6 keys".to_owned()].as_slice(), true));
        }
        other => panic!("{other:?}"),
    }
}

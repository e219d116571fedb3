//! What ssh's own configuration says about a host, as `ssh -G` tells it.

use super::target::Target;
use crate::text::plain_bytes;
use crate::transport::ConnectError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How to reach and to enter a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Name or address to connect to.
    pub host: String,
    pub port: u16,
    pub user: String,
    /// Key files, in the order they are offered; they need not exist.
    pub identities: Vec<PathBuf>,
    /// Offer only what `identities` names, even if the agent holds more.
    pub identities_only: bool,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    pub way: Way,
    /// Files with known keys; the first of the user's is where new ones go.
    pub user_known_hosts: Vec<PathBuf>,
    pub global_known_hosts: Vec<PathBuf>,
    /// Files with keys that are to be refused.
    pub revoked_host_keys: Vec<PathBuf>,
    /// The name under which the host's key is known.
    pub host_key_alias: Option<String>,
    /// `StrictHostKeyChecking yes`: nobody is asked about an unknown key. (`no` is not honoured.)
    pub never_ask: bool,
    pub hash_known_hosts: bool,
    pub connect_timeout: Option<Duration>,
}

/// How the bytes get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// TCP.
    Direct,
    /// A command for the user's shell, tokens filled in.
    Command(String),
    /// Jump hosts, comma-separated, the last one nearest to the host.
    Jump(String),
}

/// Asks `ssh -G`; where there is no ssh, reads `user@address` and takes ssh's defaults.
pub(super) fn resolve(target: &Target) -> Result<Settings, ConnectError> {
    let wrong = |detail: String| ConnectError::Config { name: target.name.clone(), detail };
    let destination = Destination::parse(&target.destination).map_err(wrong)?;
    let mut command = Command::new("ssh");
    command.arg("-G").args(config_file(&target.home)).env("HOME", &target.home).env("LC_ALL", "C");
    if let Some(port) = target.port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(key) = &target.identity_file {
        command.arg("-i").arg(key);
    }
    let answer = match command.arg("--").arg(&target.destination).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => return Err(wrong(format!("ssh -G says: {}", plain_bytes(&output.stderr)))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => defaults(target, &destination),
        Err(e) => return Err(wrong(format!("ssh cannot be asked for its configuration: {e}"))),
    };
    let settings = parse(&answer, target, passwd_home().as_deref()).map_err(wrong)?;
    // ProxyCommand goes to a shell, with these filled in; ssh refuses the same characters.
    if [&settings.host, &settings.user].iter().any(|word| !is_harmless(word)) {
        return Err(wrong("ssh's configuration gives a host or user with forbidden characters".into()));
    }
    Ok(settings)
}

/// OpenSSH looks into the home directory of the password file, not into `$HOME`: where they differ, it is told.
/// `/dev/null`, because `$HOME` has no configuration then.
pub(super) fn config_file(home: &Path) -> Vec<PathBuf> {
    if passwd_home().is_none_or(|passwd| passwd == home) {
        return Vec::new();
    }
    let own = home.join(".ssh/config");
    vec!["-F".into(), if own.exists() { own } else { "/dev/null".into() }]
}

/// The home directory that /etc/passwd has for us; `None` for users from elsewhere.
fn passwd_home() -> Option<PathBuf> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid))?;
    line.split(':').nth(5).map(PathBuf::from)
}

/// A destination in its parts, as far as it says.
#[derive(Debug, PartialEq, Eq)]
struct Destination {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Destination {
    /// `[user@]host` or `ssh://[user@]host[:port]`. The error is a clause for the user.
    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('-') || !text.chars().all(|c| !c.is_control() && !c.is_whitespace()) {
            return Err("its address begins with - or holds blanks or control characters".into());
        }
        let (rest, uri) = text.strip_prefix("ssh://").map_or((text, false), |rest| (rest, true));
        let rest = if uri { rest.trim_end_matches('/') } else { rest };
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let (host, port) = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
            Some((host, tail)) => (host, tail.strip_prefix(':')),
            None if uri => host.rsplit_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
            None => (host, None),
        };
        let port = match port {
            Some(port) => Some(port.parse().map_err(|_| "its port is not a number up to 65535".to_owned())?),
            None => None,
        };
        if host.starts_with('-') || !is_harmless(host) || user.is_some_and(|user| !is_harmless(user)) {
            return Err("its address is empty or holds characters that no host or user has".into());
        }
        Ok(Self { user: user.map(str::to_owned), host: host.to_owned(), port })
    }
}

fn is_harmless(word: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || "'`\"$\\;&<>|(){}".contains(c);
    !word.is_empty() && !word.starts_with('-') && !word.contains(bad)
}

/// What ssh would answer without any configuration.
fn defaults(target: &Target, destination: &Destination) -> String {
    let user = destination.user.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_default();
    let port = target.port.or(destination.port).unwrap_or(22);
    let mut lines = format!(
        "hostname {}\nuser {user}\nport {port}\nuserknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\n\
         globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n",
        destination.host
    );
    match &target.identity_file {
        Some(key) => lines.push_str(&format!("identityfile {}\n", key.display())),
        None => {
            for kind in ["rsa", "ecdsa", "ed25519"] {
                lines.push_str(&format!("identityfile ~/.ssh/id_{kind}\n"));
            }
        }
    }
    lines
}

/// Reads the answer of `ssh -G`. `passwd` is the home directory that ssh put into its default paths.
fn parse(answer: &str, target: &Target, passwd: Option<&Path>) -> Result<Settings, String> {
    let mut all: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in answer.lines() {
        if let Some((key, value)) = line.trim().split_once(' ') {
            all.entry(key).or_default().push(value.trim());
        }
    }
    let one = |key: &str| all.get(key).and_then(|values| values.first()).copied();
    // Some releases print `none` for what is not set.
    let set = |key: &str| one(key).filter(|value| !value.eq_ignore_ascii_case("none"));
    let yes = |key: &str| matches!(one(key), Some("yes" | "true"));

    let host = one("hostname").ok_or("ssh -G names no host")?.to_owned();
    let user = one("user").ok_or("no user is known to log in as")?.to_owned();
    let port: u16 = one("port").and_then(|port| port.parse().ok()).ok_or("ssh -G names no port")?;
    if yes("proxyusefdpass") {
        return Err("its ProxyUseFdpass is not supported".into());
    }
    let port_text = port.to_string();
    let tokens = Tokens {
        home: &target.home,
        host: &host,
        original: &target.destination,
        port: &port_text,
        user: &user,
    };
    let path = |text: &str| {
        let path = tokens.path(text);
        match passwd.and_then(|passwd| path.strip_prefix(passwd.join(".ssh")).ok()) {
            Some(rest) => target.home.join(".ssh").join(rest),
            None => path,
        }
    };
    let files = |key: &str| -> Vec<PathBuf> {
        set(key).map(paths).unwrap_or_default().iter().map(|p| path(p)).collect()
    };
    let agent = match one("identityagent") {
        None | Some("SSH_AUTH_SOCK") => target.agent_socket.clone(),
        Some("none") => None,
        Some(value) => match value.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Some(name) => std::env::var_os(name).map(PathBuf::from),
            None => Some(path(value)),
        },
    };
    let way = match (set("proxyjump"), set("proxycommand")) {
        (Some(jump), _) => Way::Jump(jump.to_owned()),
        (None, Some(command)) => Way::Command(tokens.fill(command)),
        (None, None) => Way::Direct,
    };
    Ok(Settings {
        identities: all.get("identityfile").into_iter().flatten().map(|text| path(text)).collect(),
        identities_only: yes("identitiesonly"),
        agent,
        way,
        user_known_hosts: files("userknownhostsfile"),
        global_known_hosts: files("globalknownhostsfile"),
        revoked_host_keys: files("revokedhostkeys"),
        host_key_alias: set("hostkeyalias").map(str::to_owned),
        never_ask: yes("stricthostkeychecking"),
        hash_known_hosts: yes("hashknownhosts"),
        connect_timeout: set("connecttimeout")
            .and_then(|s| s.parse().ok())
            .filter(|s| *s > 0)
            .map(Duration::from_secs),
        port,
        host,
        user,
    })
}

/// `ssh -G` puts several paths on one line and quotes none: what does not begin like a path belongs to the one before.
fn paths(line: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match all.last_mut() {
            Some(last) if !word.starts_with(['/', '~', '%', '$']) => last.push_str(&format!(" {word}")),
            _ => all.push(word.to_owned()),
        }
    }
    all
}

/// What ssh_config(5) calls TOKENS, as far as they mean something here.
struct Tokens<'a> {
    home: &'a Path,
    host: &'a str,
    original: &'a str,
    port: &'a str,
    user: &'a str,
}

impl Tokens<'_> {
    fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                filled.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => filled.push('%'),
                Some('h') => filled.push_str(self.host),
                Some('n') => filled.push_str(self.original.rsplit('@').next().unwrap_or(self.original)),
                Some('p') => filled.push_str(self.port),
                Some('r') => filled.push_str(self.user),
                Some('u') => filled.push_str(&std::env::var("USER").unwrap_or_default()),
                Some('d') => filled.push_str(&self.home.to_string_lossy()),
                other => filled.extend(['%'].into_iter().chain(other)),
            }
        }
        filled
    }

    /// Tokens, `~/` and `${NAME}` filled in.
    fn path(&self, text: &str) -> PathBuf {
        let mut text = self.fill(text);
        while let Some((before, rest)) = text.split_once("${") {
            let Some((name, after)) = rest.split_once('}') else { break };
            text = format!("{before}{}{after}", std::env::var(name).unwrap_or_default().replace("${", ""));
        }
        match text.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(destination: &str) -> Target {
        Target {
            name: "pi".into(),
            destination: destination.into(),
            port: None,
            identity_file: None,
            home: "/h".into(),
            agent_socket: Some("/agent".into()),
        }
    }

    #[test]
    fn the_answer_of_openssh_9_is_read() {
        let answer = "host pi\nuser me\nhostname 10.0.0.9\nport 2222\nidentitiesonly yes\nhashknownhosts yes\n\
            stricthostkeychecking true\nidentityfile ~/a b/%h\nidentityfile /k/%r%%\nproxycommand nc %h %p\n\
            userknownhostsfile /root/.ssh/known_hosts /a b/kh\nglobalknownhostsfile /etc/ssh/ssh_known_hosts\n\
            hostkeyalias vault\nrevokedhostkeys ~/.ssh/revoked\nconnecttimeout 7\nproxyusefdpass no\n";
        let got = parse(answer, &target("pi"), Some(Path::new("/root"))).unwrap();
        let expected = Settings {
            host: "10.0.0.9".into(),
            port: 2222,
            user: "me".into(),
            identities: vec!["/h/a b/10.0.0.9".into(), "/k/me%".into()],
            identities_only: true,
            agent: Some("/agent".into()),
            way: Way::Command("nc 10.0.0.9 2222".into()),
            user_known_hosts: vec!["/h/.ssh/known_hosts".into(), "/a b/kh".into()],
            global_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into()],
            revoked_host_keys: vec!["/h/.ssh/revoked".into()],
            host_key_alias: Some("vault".into()),
            never_ask: true,
            hash_known_hosts: true,
            connect_timeout: Some(Duration::from_secs(7)),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn none_means_not_set_and_a_jump_goes_before_a_command() {
        let base = "hostname h\nuser u\nport 22\nconnecttimeout none\n";
        let parse = |more: &str| parse(&format!("{base}{more}"), &target("h"), None).unwrap();
        assert_eq!(parse("proxyjump none\nproxycommand none\n").way, Way::Direct);
        assert_eq!(parse("proxyjump a,b:22\nproxycommand x\n").way, Way::Jump("a,b:22".into()));
        assert_eq!(parse("identityagent none\n").agent, None);
        assert_eq!(parse("identityagent ~/a.sock\n").agent, Some("/h/a.sock".into()));
        assert_eq!(parse("").connect_timeout, None);
    }

    #[test]
    fn without_ssh_the_defaults_hold() {
        let target = target("me@example.org");
        let answer = defaults(&target, &Destination::parse(&target.destination).unwrap());
        let got = parse(&answer, &target, None).unwrap();
        assert_eq!((got.user.as_str(), got.host.as_str(), got.port), ("me", "example.org", 22));
        assert!(got.identities.contains(&"/h/.ssh/id_ed25519".into()));
        assert_eq!(got.user_known_hosts[0], Path::new("/h/.ssh/known_hosts"));
    }

    #[test]
    fn destinations() {
        let parts = |text: &str| {
            let d = Destination::parse(text).unwrap();
            (d.user.unwrap_or_default(), d.host, d.port)
        };
        assert_eq!(parts("pi"), (String::new(), "pi".into(), None));
        assert_eq!(parts("a@b@c"), ("a@b".into(), "c".into(), None));
        assert_eq!(parts("ssh://me@h:2222/"), ("me".into(), "h".into(), Some(2222)));
        assert_eq!(parts("me@[::1]:22"), ("me".into(), "::1".into(), Some(22)));
        assert_eq!(parts("me@fe80::1"), ("me".into(), "fe80::1".into(), None));
        for bad in
            ["", "-oProxyCommand=x", "me@-x", "a b", "a\n", "$(x)", "me@", "@h", "ssh://h:99999", "a;b"]
        {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_parsers(text in any::<String>(), answer in "([a-z]{1,20} [ -~]{0,30}\n){0,8}") {
            if let Ok(destination) = Destination::parse(&text) {
                prop_assert!(!destination.host.starts_with('-') && !text.starts_with('-'));
            }
            let _ = parse(&answer, &target("h"), None);
            let _ = parse(&format!("hostname h\nuser u\nport 22\n{answer}"), &target("h"), None).unwrap();
        }
    }
}

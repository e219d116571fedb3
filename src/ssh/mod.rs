//! SSH to a host, with libssh2: the only folder that uses the `ssh2` crate.
//!
//! [`connect`] finds out how the host is reached (`config`), gets there (`wire`, `proxy`), checks
//! who answers (`known_hosts`) and logs in (`auth`, `keys`). [`Connection`] then implements
//! [`crate::transport::Transport`] (`connection`, `copy`).

mod alias;
mod auth;
mod config;
mod connection;
mod copy;
mod keys;
mod known_hosts;
mod proxy;
mod target;
mod wire;

pub use alias::hostname;
pub use connection::Connection;
pub use target::{Asker, HostKeyQuestion, NoAsker, Target};

use crate::transport::{ConnectError, Output, Script, Transport, TransportError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use config::Settings;
use known_hosts::{KnownHosts, Names, Verdict};
use ssh2::{ErrorCode, MethodType, Session};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// libssh2's code for a wait that took too long.
const TIMED_OUT: ErrorCode = ErrorCode::Session(-9);

/// Connects to a host, checks its key and logs in.
///
/// `patience` bounds the way there and each answer of the host; the user's `ConnectTimeout` may shorten it.
///
/// # Errors
/// By phase; see [`ConnectError`].
pub fn connect(target: &Target, asker: &dyn Asker, patience: Duration) -> Result<Connection, ConnectError> {
    let settings = config::resolve(target)?;
    let patience = settings.connect_timeout.map_or(patience, |own| own.min(patience));
    let handshake_fault = |detail: String| ConnectError::Handshake { name: target.name.clone(), detail };
    let mut session = Session::new().map_err(|e| handshake_fault(e.to_string()))?;
    session.set_timeout(connection::millis(patience));
    // Most of what goes over a line that has seen the session before is scripts and their answers.
    session.set_compress(true);

    let mut known = KnownHosts::load(settings.user_known_hosts.iter().chain(&settings.global_known_hosts));
    for file in &settings.revoked_host_keys {
        known.revoke(file).map_err(|detail| ConnectError::Config { name: target.name.clone(), detail })?;
    }
    let names = Names::new(&settings.host, settings.port, settings.host_key_alias.as_deref());
    prefer_known_types(&session, &known.key_types(&names));

    let (polled, mut proxy) = wire::attach(&mut session, &settings, target, patience, asker.may_ask())?;
    if let Err(e) = session.handshake() {
        let (name, seconds) = (target.name.clone(), patience.as_secs());
        let timed_out = e.code() == TIMED_OUT;
        // A proxy that works on has led somewhere: what failed lies behind it.
        let (via, ended, words) = proxy.as_mut().map_or_else(Default::default, |proxy| {
            let (ended, words) = proxy.end(&polled);
            (proxy.via.clone(), ended, words)
        });
        let by_proxy = match (ended, words.is_empty()) {
            (true, true) => Some("it ended without a word".to_owned()),
            (true, false) => Some(words),
            (false, false) if timed_out => Some(format!("no answer within {seconds} s; it says: {words}")),
            (false, _) => None,
        };
        let greeting = session.banner_bytes().map(crate::text::plain_bytes);
        return Err(match by_proxy {
            Some(detail) => ConnectError::Proxy { name, via, detail },
            None if greeting.as_deref().is_some_and(is_full) => {
                ConnectError::Full { name, said: greeting.unwrap_or_default() }
            }
            None if timed_out => {
                ConnectError::TimedOut { name, during: "waiting for its SSH greeting", seconds }
            }
            None => handshake_fault(match greeting {
                Some(greeting) => format!("{}, by {greeting}", e.message()),
                None => format!("{}: what answers there closed the connection or is no sshd", e.message()),
            }),
        });
    }
    check_host_key(&session, &settings, &known, &names, target, asker)?;
    auth::log_in(&session, &settings, target, asker)?;
    Ok(Connection::new(session, polled, proxy))
}

/// Whether an sshd said this in place of its greeting because it is busy: it has `MaxStartups` connections before their
/// login, or punishes this machine for some seconds (`PerSourcePenalties`).
fn is_full(greeting: &str) -> bool {
    ["Exceeded MaxStartups", "Not allowed at this time"].iter().any(|said| greeting.starts_with(said))
}

/// Finds out whether there is such a host by its name alone; nothing is connected to.
///
/// # Errors
/// [`ConnectError::Config`], [`ConnectError::Resolve`].
pub fn look_up(target: &Target) -> Result<(), ConnectError> {
    let settings = config::resolve(target)?;
    match settings.way {
        config::Way::Direct => wire::addresses(&settings, target).map(drop),
        // The name may mean something to the proxy only.
        config::Way::Command(_) | config::Way::Jump(_) => Ok(()),
    }
}

/// A host that is known by one type of key must show that one, whatever libssh2 likes best.
fn prefer_known_types(session: &Session, known: &[&str]) {
    let Ok(supported) = session.supported_algs(MethodType::HostKey) else { return };
    let is_known = |method: &str| {
        let kind = if method.starts_with("rsa-sha2-") { "ssh-rsa" } else { method };
        known.contains(&kind)
    };
    let (first, rest): (Vec<&str>, Vec<&str>) = supported.iter().partition(|method| is_known(method));
    if !first.is_empty() {
        // Refused only for names that libssh2 itself did not give us.
        let _ = session.method_pref(MethodType::HostKey, &[first, rest].concat().join(","));
    }
}

fn check_host_key(
    session: &Session,
    settings: &Settings,
    known: &KnownHosts,
    names: &Names,
    target: &Target,
    asker: &dyn Asker,
) -> Result<(), ConnectError> {
    let name = target.name.clone();
    let (Some((key, _)), Some(digest)) = (session.host_key(), session.host_key_hash(ssh2::HashType::Sha256))
    else {
        return Err(ConnectError::Handshake { name, detail: "it showed no host key".into() });
    };
    let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(digest));
    let key_type = crate::text::plain_bytes(keys::key_type(key).unwrap_or("unknown").as_bytes());
    match known.judge(names, key) {
        Verdict::Known => return Ok(()),
        Verdict::Revoked { file, line } => {
            return Err(ConnectError::HostKeyRevoked { name, fingerprint, file: file.to_owned(), line });
        }
        Verdict::Changed { file, line, known_as } => {
            let (key, file) = (format!("{key_type} {fingerprint}"), file.to_owned());
            return Err(ConnectError::HostKeyChanged { name, known_as, key, file, line });
        }
        Verdict::Unknown => {}
    }
    let file = settings
        .user_known_hosts
        .first()
        .cloned()
        .unwrap_or_else(|| target.home.join(".ssh").join("known_hosts"));
    let address = settings.host.clone();
    let question = HostKeyQuestion { name, address, port: settings.port, key_type, fingerprint, file };
    if settings.never_ask || !asker.trust_host_key(&question) {
        let HostKeyQuestion { name, address, port, key_type, fingerprint, file } = question;
        let key = format!("{key_type} {fingerprint}");
        return Err(ConnectError::HostKeyUnknown { name, address, port, key, file });
    }
    known_hosts::append(&question.file, names, key, settings.hash_known_hosts).map_err(|source| {
        ConnectError::KnownHosts { name: question.name.clone(), file: question.file.clone(), source }
    })
}

impl Transport for Connection {
    fn run(&mut self, script: &Script, limit: usize, patience: Duration) -> Result<Output, TransportError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = self.feed(script, patience, &mut stderr, &mut |chunk| {
            if stdout.len() + chunk.len() > limit {
                return ControlFlow::Break(());
            }
            stdout.extend_from_slice(chunk);
            ControlFlow::Continue(())
        })?;
        match status {
            Some(status) => Ok(Output { status, stdout, stderr }),
            None => Err(TransportError::TooLarge { limit: u64::try_from(limit).unwrap_or(u64::MAX) }),
        }
    }

    fn stream(
        &mut self,
        script: &Script,
        patience: Duration,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Option<i32>, TransportError> {
        self.feed(script, patience, &mut Vec::new(), sink)
    }

    fn upload(
        &mut self,
        local: &Path,
        remote: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TransportError> {
        copy::upload(self, local, remote, progress)
    }

    fn download(
        &mut self,
        remote: &str,
        local: &Path,
        limit: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, TransportError> {
        copy::download(self, remote, local, limit, progress)
    }
}

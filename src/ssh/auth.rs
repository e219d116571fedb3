//! Logging in with public keys, in the order of ssh, with as few questions to the host as can be.
//!
//! The host is not asked which methods it accepts until all keys were refused: it saves a round trip.

use super::config::Settings;
use super::keys::KeyFile;
use super::target::{Asker, Target};
use crate::transport::ConnectError;
use ssh2::{Agent, ErrorCode, PublicKey, Session};
use std::path::PathBuf;

/// How often a passphrase may be mistyped.
const PASSPHRASES: usize = 3;
/// libssh2's codes for what is wrong with a key rather than with the connection: a file or passphrase (-16), a
/// refusal (-18), no signature (-19), a method (-33) or an algorithm (-51) that is not supported, an agent that is
/// out of order (-42), a passphrase (-48).
const KEY_FAULTS: [i32; 7] = [-16, -18, -19, -33, -42, -48, -51];
/// How many keys a host takes before it hangs up (OpenSSH's MaxAuthTries, where nobody set it).
const MOST_KEYS: usize = 6;

/// Logs in, or says what was tried.
pub(super) fn log_in(
    session: &Session,
    settings: &Settings,
    target: &Target,
    asker: &dyn Asker,
) -> Result<(), ConnectError> {
    let mut attempt = Attempt {
        session,
        user: &settings.user,
        count: 0,
        agent_keys: 0,
        tried: Vec::new(),
        offered: Vec::new(),
        locked: None,
    };
    let explicit = target.identity_file.as_ref().map(|path| {
        let (name, path) = (target.name.clone(), path.clone());
        KeyFile::read(&path).map_err(|detail| ConnectError::KeyUnreadable { name, path, detail })
    });
    let explicit = explicit.transpose()?;
    let mut unreadable = String::new();
    let mut files: Vec<KeyFile> = Vec::new();
    for path in settings.identities.iter().filter(|path| target.identity_file.as_ref() != Some(path)) {
        match KeyFile::read(path) {
            Ok(key) => files.push(key),
            // The usual names are tried whether they exist or not.
            Err(_) if !path.exists() => {}
            Err(detail) => unreadable.push_str(&format!("; {}: {detail}", path.display())),
        }
    }
    let agent = settings.agent.as_ref().and_then(|socket| open_agent(session, socket));
    let (agent, in_agent) = agent.map_or((None, Vec::new()), |(agent, keys)| (Some(agent), keys));

    let outcome = (|| {
        // Keys that are named and that the agent holds; then the entry's own key, ahead of what else the agent
        // holds, because a host gives up after a few keys.
        if let Some(agent) = &agent {
            for file in explicit.iter().chain(&files) {
                if let Some(key) = in_agent.iter().find(|key| file.public.as_deref() == Some(key.blob())) {
                    attempt.agent_key(agent, key)?;
                }
            }
        }
        for file in explicit.iter().filter(|file| !file.locked) {
            attempt.file(file, None)?;
        }
        if let Some(agent) = agent.as_ref().filter(|_| !settings.identities_only) {
            for key in &in_agent {
                attempt.agent_key(agent, key)?;
            }
        }
        for file in files.iter().filter(|file| !file.locked) {
            attempt.file(file, None)?;
        }
        // libssh2 cannot ask whether a key would do before it is unlocked; so nobody is asked before need.
        for file in explicit.iter().chain(&files).filter(|file| file.locked) {
            attempt.locked_file(file, asker)?;
        }
        Err(attempt.locked.take().map_or(LoginStop::OutOfKeys, LoginStop::Locked))
    })();
    drop(agent);

    let closed = match outcome {
        Ok(()) | Err(LoginStop::LoggedIn) => return Ok(()),
        Err(LoginStop::Locked(path)) => {
            return Err(ConnectError::KeyLocked { name: target.name.clone(), path });
        }
        Err(LoginStop::OutOfKeys) => false,
        Err(LoginStop::Cut) => true,
    };
    let methods = match session.auth_methods(&settings.user) {
        Ok(methods) => methods.to_owned(),
        Err(_) if session.authenticated() => return Ok(()),
        // A host hangs up on who has tried many keys. Before that, the line was cut.
        Err(_) if attempt.count < MOST_KEYS => {
            let (name, user, keys) = (target.name.clone(), settings.user.clone(), attempt.count);
            return Err(ConnectError::Lost { name, user, tried: attempt.tried, keys });
        }
        Err(_) => String::new(),
    };
    Err(ConnectError::Auth {
        name: target.name.clone(),
        user: settings.user.clone(),
        tried: attempt.tried,
        methods: crate::text::plain_bytes(methods.as_bytes()),
        closed,
        detail: unreadable,
    })
}

/// Why no further key is tried.
enum LoginStop {
    LoggedIn,
    OutOfKeys,
    Locked(PathBuf),
    Cut,
}

struct Attempt<'a> {
    session: &'a Session,
    user: &'a str,
    /// Keys that were offered, and those of the agent among them.
    count: usize,
    agent_keys: usize,
    tried: Vec<String>,
    offered: Vec<Vec<u8>>,
    /// The first key whose passphrase nobody told.
    locked: Option<PathBuf>,
}

impl Attempt<'_> {
    fn agent_key(&mut self, agent: &Agent, key: &PublicKey) -> Result<(), LoginStop> {
        if self.offered.iter().any(|blob| blob == key.blob()) {
            return Ok(());
        }
        self.offered.push(key.blob().to_vec());
        self.agent_keys += 1;
        self.tried.retain(|t| !t.starts_with("agent: "));
        self.tried.push(match self.agent_keys {
            1 => "agent: 1 key".into(),
            n => format!("agent: {n} keys"),
        });
        self.count += 1;
        settled(agent.userauth(self.user, key)).map(drop)
    }

    /// `Ok(false)`: the key could not be used or was refused.
    fn file(&mut self, file: &KeyFile, passphrase: Option<&str>) -> Result<bool, LoginStop> {
        let Some(private) = &file.private else { return Ok(false) };
        if file.public.as_ref().is_some_and(|public| self.offered.contains(public)) {
            return Ok(false);
        }
        let name = file.path.display().to_string();
        if !self.tried.contains(&name) {
            self.tried.push(name);
        }
        self.count += 1;
        settled(self.session.userauth_pubkey_memory(self.user, None, private, passphrase))
    }

    fn locked_file(&mut self, file: &KeyFile, asker: &dyn Asker) -> Result<(), LoginStop> {
        if file.public.as_ref().is_some_and(|public| self.offered.contains(public)) {
            return Ok(());
        }
        for _ in 0..PASSPHRASES {
            let Some(passphrase) = asker.passphrase(&file.path) else {
                // Another key may do.
                self.locked.get_or_insert_with(|| file.path.clone());
                return Ok(());
            };
            self.file(file, Some(&passphrase))?;
        }
        Ok(())
    }
}

fn settled(result: Result<(), ssh2::Error>) -> Result<bool, LoginStop> {
    match result {
        Ok(()) => Err(LoginStop::LoggedIn),
        Err(e) => match e.code() {
            // No answer came: libssh2 takes a lost connection for a key that has no signature.
            ErrorCode::Session(-19) if e.message().starts_with("Waiting for ") => Err(LoginStop::Cut),
            ErrorCode::Session(code) if KEY_FAULTS.contains(&code) => Ok(false),
            _ => Err(LoginStop::Cut),
        },
    }
}

/// The agent and its keys; `None` where nobody listens on the socket.
fn open_agent(session: &Session, socket: &std::path::Path) -> Option<(Agent, Vec<PublicKey>)> {
    let mut agent = session.agent().ok()?;
    agent.set_identity_path(socket).ok()?;
    agent.connect().ok()?;
    agent.list_identities().ok()?;
    let keys = agent.identities().ok()?;
    Some((agent, keys))
}

//! Where to connect, and who may be asked on the way.

use crate::hosts::HostEntry;
use std::path::{Path, PathBuf};

/// A host to connect to, and the user's own side of it.
#[derive(Debug, Clone)]
pub struct Target {
    /// What the user calls it; errors name it so.
    pub name: String,
    /// What `ssh` would be given: `user@address`, an address, an alias.
    pub destination: String,
    /// Port, where it is not ssh's own choice for this host.
    pub port: Option<u16>,
    /// A key to offer before others.
    pub identity_file: Option<PathBuf>,
    /// The user's home directory (`$HOME`), in which `.ssh` is looked for.
    pub home: PathBuf,
    /// The agent (`$SSH_AUTH_SOCK`).
    pub agent_socket: Option<PathBuf>,
}

impl Target {
    /// The host of `entry`, for the user whose `$HOME` and `$SSH_AUTH_SOCK` these are.
    pub fn new(entry: &HostEntry, home: &Path, agent_socket: Option<PathBuf>) -> Self {
        Self {
            name: entry.name.clone(),
            destination: entry.host.clone(),
            port: entry.port,
            identity_file: entry.identity_file.clone(),
            home: home.to_owned(),
            agent_socket,
        }
    }
}

/// A host key that nobody vouched for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeyQuestion {
    /// The host as the user calls it.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…`, as ssh prints it.
    pub fingerprint: String,
    /// The file that the key will be added to.
    pub file: PathBuf,
}

/// Somebody who can answer while a connection is made.
pub trait Asker {
    /// Whether anybody is there: the ssh of a jump host asks by itself.
    fn may_ask(&self) -> bool;

    /// Whether the key is really that host's. If so, it is added to known_hosts.
    fn trust_host_key(&self, question: &HostKeyQuestion) -> bool;

    /// The passphrase of a private key; `None` if nobody can or will tell.
    fn passphrase(&self, key: &Path) -> Option<String>;
}

/// Nobody: what is unknown is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAsker;

impl Asker for NoAsker {
    fn may_ask(&self) -> bool {
        false
    }

    fn trust_host_key(&self, _: &HostKeyQuestion) -> bool {
        false
    }

    fn passphrase(&self, _: &Path) -> Option<String> {
        None
    }
}

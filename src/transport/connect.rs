//! Why no connection came about, by phase.

use crate::text::quoted;
use std::path::PathBuf;

/// Why no connection came about. Texts name the host as the user calls it; what others said is without control characters.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum ConnectError {
    #[error("{name}: {detail}")]
    Config { name: String, detail: String },
    #[error("{name}: no address is known for {address} ({detail})")]
    Resolve { name: String, address: String, detail: String },
    #[error("{name}: connection refused on port {port}: no sshd is listening there")]
    Refused { name: String, port: u16 },
    #[error("{name}: no answer within {seconds} s while {during}")]
    TimedOut {
        name: String,
        /// What was being done, as a gerund.
        during: &'static str,
        seconds: u64,
    },
    #[error("{name}: not reachable ({detail})")]
    Unreachable { name: String, detail: String },
    #[error("{name}: the way through {via} failed ({detail})")]
    Proxy {
        name: String,
        /// "ProxyCommand" or the jump host.
        via: String,
        detail: String,
    },
    /// What answered does not speak SSH, or not with us.
    #[error("{name}: the SSH handshake failed ({detail})")]
    Handshake {
        name: String,
        /// libssh2's words, and the software that answered where it is known.
        detail: String,
    },
    /// The host has as many connections before their login as it takes, or takes none from here for a while.
    #[error("{name}: the host takes no more connections for now ({said})")]
    Full {
        name: String,
        /// What it said in place of a greeting.
        said: String,
    },
    /// The connection was lost before anybody was let in.
    #[error(
        "{name}: the connection was lost during the login{}",
        if tried.len() > 1 { format!(", after these keys: {}", tried.join(", ")) } else { String::new() }
    )]
    Lost {
        name: String,
        /// What was offered by then, as in [`ConnectError::Auth`].
        tried: Vec<String>,
        user: String,
        /// How many keys that were: a host may hang up on who has tried many.
        keys: usize,
    },
    /// The host's key is in no known_hosts file, and nobody vouched for it.
    #[error("{name}: its host key is not known: {key} (looked for in {})", file.display())]
    HostKeyUnknown {
        name: String,
        /// Address that ssh would be given.
        address: String,
        port: u16,
        /// Type and fingerprint: `ssh-ed25519 SHA256:…`
        key: String,
        /// Where the key would be kept.
        file: PathBuf,
    },
    /// Another key is known for this host: always refused.
    #[error(
        "{name}: its host key is not the one that is known: it shows {key}, {}:{line} says otherwise; \
         it was set up anew, or someone is in between",
        file.display()
    )]
    HostKeyChanged {
        name: String,
        /// As known_hosts spells it: `host` or `[host]:port`.
        known_as: String,
        /// Type and fingerprint of the key that was shown: `ssh-ed25519 SHA256:…`
        key: String,
        /// The file that knows another key.
        file: PathBuf,
        line: usize,
    },
    #[error("{name}: its host key {fingerprint} is revoked ({}:{line})", file.display())]
    HostKeyRevoked {
        name: String,
        /// `SHA256:…`
        fingerprint: String,
        /// The file that revokes it.
        file: PathBuf,
        line: usize,
    },
    #[error("{name}: the host key cannot be kept in {}: {source}", file.display())]
    KnownHosts { name: String, file: PathBuf, source: std::io::Error },
    /// No key that we have opens it.
    #[error(
        "{name}: {user} is not let in (offered: {}; the host accepts: {}{}{detail})",
        if tried.is_empty() { "no key was found".into() } else { tried.join(", ") },
        if methods.is_empty() { "unknown" } else { methods.as_str() },
        if *closed { "; it closed the connection after these" } else { "" }
    )]
    Auth {
        name: String,
        user: String,
        /// What was offered: key files, `agent: N keys`.
        tried: Vec<String>,
        /// The methods that the host names, comma-separated; empty if it did not say.
        methods: String,
        /// It hung up, as hosts do on who has tried many keys.
        closed: bool,
        /// Further words, beginning with `; `, or nothing.
        detail: String,
    },
    /// A key needs its passphrase, and nobody could be asked.
    #[error("{name}: the key {} is locked by a passphrase", path.display())]
    KeyLocked { name: String, path: PathBuf },
    /// The key that the host's entry names cannot be read.
    #[error("{name}: the key {} cannot be used: {detail}", path.display())]
    KeyUnreadable { name: String, path: PathBuf, detail: String },
}

impl ConnectError {
    /// Whether the same command may work later with nothing changed here.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Proxy { .. }
            | Self::Handshake { .. }
            | Self::Full { .. }
            | Self::Lost { .. } => true,
            Self::Config { .. }
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyRevoked { .. }
            | Self::KnownHosts { .. }
            | Self::Auth { .. }
            | Self::KeyLocked { .. }
            | Self::KeyUnreadable { .. } => false,
        }
    }

    /// What to type next. `ssh` is the command by which the user reaches the host without kugetsu.
    pub fn hint(&self, ssh: &str) -> Option<String> {
        Some(match self {
            Self::HostKeyUnknown { .. } => format!("log in once, and compare the key: {ssh}"),
            Self::HostKeyChanged { known_as, file, .. } => format!(
                "if it was set up anew, forget the old key: ssh-keygen -R {} -f {}",
                quoted(known_as),
                quoted(&file.to_string_lossy())
            ),
            Self::KeyLocked { path, .. } => {
                format!("unlock it for an hour: ssh-add -t 1h {}", quoted(&path.to_string_lossy()))
            }
            Self::KeyUnreadable { path, .. } => {
                format!("look at it: ls -l {}", quoted(&path.to_string_lossy()))
            }
            Self::Resolve { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Auth { .. }
            | Self::Proxy { .. }
            | Self::Handshake { .. }
            | Self::Full { .. }
            | Self::Lost { .. } => format!("see how far ssh itself gets: {ssh} -v true"),
            Self::Config { .. } | Self::HostKeyRevoked { .. } | Self::KnownHosts { .. } => return None,
        })
    }
}

//! What can go wrong on a connection that stood.

use std::path::PathBuf;

/// Why a call on a connection that stood did not go through.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The connection is gone or silent. Says nothing about what runs on the host.
    #[error("the connection was lost while {during} ({detail})")]
    Lost {
        /// What was being done, as a gerund: "sending session.json".
        during: String,
        /// The transport's own words, control characters stripped.
        detail: String,
    },
    /// The host let us in and would not start anything: it may be out of processes or sessions for a while.
    #[error("the host would start nothing ({detail})")]
    Denied {
        /// The transport's own words, control characters stripped.
        detail: String,
    },
    /// The host answered and said no (no such file, no space, no permission).
    #[error("{detail}")]
    Refused {
        /// The host's own words, control characters stripped.
        detail: String,
    },
    /// No file can be copied to or from the host: it has no scp, or its login shell talks in between.
    #[error("{detail}")]
    NoScp {
        /// What it said instead, control characters stripped.
        detail: String,
    },
    /// More came than the caller allowed.
    #[error("more than {limit} bytes came back")]
    TooLarge {
        /// The bound that was given, in bytes.
        limit: u64,
    },
    /// A file on this machine could not be read or written.
    #[error("{}: {source}", path.display())]
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl TransportError {
    /// Whether another connection may do what this one did not.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Denied { .. })
    }
}

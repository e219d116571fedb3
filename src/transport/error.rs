//! What can go wrong on a connection that stood.

use std::path::PathBuf;

/// Why a call on a connection that stood did not go through. `detail` is what the other side, or the transport, said, without control characters.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum TransportError {
    /// The connection is gone or silent. Says nothing about what runs on the host.
    #[error("the connection was lost while {during} ({detail})")]
    Lost {
        /// What was being done, as a gerund: "sending session.json".
        during: String,
        detail: String,
    },
    /// The host let us in and would not start anything: it may be out of processes or sessions for a while.
    #[error("the host would start nothing ({detail})")]
    Denied { detail: String },
    /// The host answered and said no (no such file, no space, no permission).
    #[error("{detail}")]
    Refused { detail: String },
    /// No file can be copied to or from the host: it has no scp, or its login shell talks in between.
    #[error("{detail}")]
    NoScp { detail: String },
    #[error("more than {limit} bytes came back")]
    TooLarge { limit: u64 },
    #[error("{}: {source}", path.display())]
    Local { path: PathBuf, source: std::io::Error },
}

impl TransportError {
    /// Whether another connection may do what this one did not.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Denied { .. })
    }
}

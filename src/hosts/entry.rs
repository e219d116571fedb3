//! One host, as hosts.json describes it.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is known of a host before it is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostEntry {
    /// The name it is called by; the only thing of it that a model ever sees.
    pub name: String,
    /// `user@address`, an address, or an ssh alias.
    pub host: String,
    /// TCP port, where it is not ssh's own default for this host.
    pub port: Option<u16>,
    /// Private key to offer, `~/` resolved.
    pub identity_file: Option<PathBuf>,
    /// Agent of the run there.
    pub agent: Option<String>,
    /// `provider/model` of the run there; checked to hold a `/`.
    pub model: Option<String>,
    /// Variant of the model.
    pub variant: Option<String>,
    /// Directory there; absolute, `~/…`, or relative to the home directory.
    pub directory: Option<String>,
    /// Path of opencode there; `~/` allowed.
    pub opencode: Option<String>,
    /// Environment of the run there; names checked to be `[A-Za-z_][A-Za-z0-9_]*`.
    pub env: BTreeMap<String, String>,
    /// opencode permission rules for the run there.
    pub permission: serde_json::Map<String, serde_json::Value>,
    /// The file that it was read from; `None` for an ssh alias.
    pub source: Option<PathBuf>,
}

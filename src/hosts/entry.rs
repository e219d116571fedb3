//! One host, as hosts.json describes it.

use crate::text::quoted;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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
    /// The host itself ends a run that takes longer.
    pub run_timeout: Option<Duration>,
    /// The file that it was read from; `None` for an ssh alias.
    pub source: Option<PathBuf>,
    /// The plugin among whose options it stands, where the file is opencode's configuration.
    pub plugin: Option<String>,
    /// The file came with a project, whose author need not be this user.
    pub is_project: bool,
}

impl HostEntry {
    /// The command by which ssh reaches it; a command to be run there may follow. ssh knows nothing of hosts.json.
    pub(crate) fn ssh(&self) -> String {
        let mut command = "ssh".to_owned();
        if let Some(port) = self.port {
            command.push_str(&format!(" -p {port}"));
        }
        if let Some(key) = &self.identity_file {
            command.push_str(&format!(" -i {}", quoted(&key.to_string_lossy())));
        }
        format!("{command} {}", quoted(&self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_told_what_only_hosts_json_says() {
        let alias = HostEntry { name: "pi".into(), host: "pi".into(), ..HostEntry::default() };
        assert_eq!(alias.ssh(), "ssh pi");
        let key = Some(PathBuf::from("/home/me/my key"));
        let entry = HostEntry { host: "me@10.0.0.7".into(), port: Some(2222), identity_file: key, ..alias };
        assert_eq!(entry.ssh(), "ssh -p 2222 -i '/home/me/my key' me@10.0.0.7");
    }
}

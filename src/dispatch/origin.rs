//! Whose word a trip's host is.

use crate::hosts::{is_address, is_path, is_variable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the host of a trip was found when the trip began. By its name alone, another machine could be meant later: a
/// project's file changes with every pull, and is not read in another directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostOrigin {
    /// In no file: an alias that ssh knows.
    Alias,
    /// In a file of the user's.
    User,
    /// In a project's file, which the user had allowed.
    Project(ProjectHost),
}

/// What it takes to reach a project's host again, as the file said it when the trip began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in the host's entry")]
pub struct ProjectHost {
    pub file: String,
    pub host: String,
    pub port: Option<u16>,
    pub identity_file: Option<String>,
    pub opencode: Option<String>,
    pub env: BTreeMap<String, String>,
}

impl ProjectHost {
    /// Whether a file of hosts can have said this: the names of variables stand in a script's header, where a shell reads them.
    pub(super) fn is_sound(&self) -> bool {
        let paths = [Some(&self.file), self.identity_file.as_ref(), self.opencode.as_ref()];
        is_address(&self.host)
            && self.port != Some(0)
            && paths.into_iter().flatten().all(|path| is_path(path))
            && self.env.iter().all(|(name, value)| is_variable(name) && !value.contains('\0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_it_on_disk_stay() {
        for (origin, text) in [
            (HostOrigin::Alias, r#""alias""#),
            (HostOrigin::User, r#""user""#),
            (
                HostOrigin::Project(ProjectHost {
                    file: "/p/hosts.json".into(),
                    host: "me@pi".into(),
                    port: Some(22),
                    identity_file: None,
                    opencode: None,
                    env: [("A".to_owned(), "b".to_owned())].into(),
                }),
                r#"{"project":{"file":"/p/hosts.json","host":"me@pi","port":22,"identity_file":null,"opencode":null,"env":{"A":"b"}}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&origin).unwrap(), text);
            assert_eq!(serde_json::from_str::<HostOrigin>(text).unwrap(), origin);
        }
    }
}

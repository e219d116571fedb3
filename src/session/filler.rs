//! What the copy of a session is completed with.

use super::setting::{Model, Setting};
use serde::{Deserialize, Serialize};

/// The agent of a session of which nothing says who worked on it: opencode's own default.
const AGENT: &str = "build";

/// What is filled in where a session itself does not say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filler {
    pub directory: String,
    pub agent: String,
    /// The model, where any is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
}

impl Filler {
    /// The filler of a session: of the settings the first that says something counts.
    pub(crate) fn of(directory: &str, settings: &[&Setting]) -> Self {
        let agent = settings.iter().find_map(|setting| setting.agent.clone());
        Self {
            directory: directory.to_owned(),
            agent: agent.unwrap_or_else(|| AGENT.to_owned()),
            model: settings.iter().find_map(|setting| setting.model.clone()),
        }
    }
}

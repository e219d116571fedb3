//! What preparing changed, so that it can be put back.

use crate::session::raw::{Object, present};
use crate::session::{Clock, ExportError, Filler, Raw};
use crate::transfer::paths::Paths;
use serde::{Deserialize, Serialize};

/// All that preparing took out of the session, and what it takes to understand what comes back.
///
/// In each group a field of `None` was not there at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    pub(crate) session: String,
    /// What stood on its last user message.
    pub(crate) last_user: Option<FormerUser>,
    /// The tool calls that were given an end.
    pub(crate) settled: Vec<PartOf>,
    pub(crate) added: Vec<PartOf>,
    /// How open calls were ended.
    #[serde(rename = "told", default, skip_serializing_if = "Option::is_none")]
    pub(crate) settled_with: Option<SettledWith>,
    /// The session's own record and todos, as they were at home.
    #[serde(rename = "departed")]
    pub(crate) sent: SentRecord,
    /// The host's clock, where ids and times of the copy are the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<Clock>,
    /// The directories, where paths of the copy are the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paths: Option<Paths>,
    /// What the copy was completed with, where home's rows lack what `opencode import` insists on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filled: Option<Filler>,
}

impl Baseline {
    /// The parts that were added to this message.
    pub(crate) fn added_to<'a>(&'a self, message: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        self.added.iter().filter(move |added| added.message == message).map(|added| added.part.as_str())
    }

    pub(crate) fn record(&self) -> Result<Object<'_>, ExportError> {
        Object::parse(self.sent.info.get()).map_err(ExportError::from)
    }
}

/// How the calls that were open when the session left were ended, in the copy and, on return, at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettledWith {
    /// What they were told.
    pub(crate) error: String,
    /// The call that asked for the hand-off, and what it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hand_off: Option<(String, String)>,
    /// When, in milliseconds since the epoch by home's clock.
    pub(crate) now_ms: i64,
}

/// What home had when the session left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentRecord {
    pub(crate) info: Raw,
    /// Its todos, where they are known: `[{"content", "status", "priority"}]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) todos: Option<Raw>,
    /// The newest `time.created` of its messages, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest_ms: Option<i64>,
}

/// What stood on the last user message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FormerUser {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<Raw>,
    /// `model`: `{"providerID", "modelID", "variant"}`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Raw>,
    /// `variant`, where opencode 1.3 keeps it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<Raw>,
}

/// The id of a part, and of its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartOf {
    pub(crate) message: String,
    pub(crate) part: String,
}

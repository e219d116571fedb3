//! What preparing changed, so that it can be put back.

use crate::session::Raw;
use serde::{Deserialize, Deserializer, Serialize};

/// The format of [`Undo`] that this release writes.
pub const UNDO_VERSION: u32 = 1;

/// Everything that stood in the session before it was prepared and does not stand in the outgoing copy.
///
/// In each group a field of `None` was not there at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// [`UNDO_VERSION`].
    pub version: u32,
    /// The session's id.
    pub session: String,
    /// What stood in the session's own record.
    pub info: FormerInfo,
    /// What stood on its last user message.
    pub last_user: Option<FormerUser>,
    /// The tool calls that were given an end.
    pub settled: Vec<SettledPart>,
    /// The messages that were given an end.
    pub completed: Vec<CompletedMessage>,
    /// The parts that were added.
    pub added: Vec<AddedPart>,
}

/// What stood in the session's own record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerInfo {
    /// `directory`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub directory: Option<Raw>,
    /// `path`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub path: Option<Raw>,
    /// `agent`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub agent: Option<Raw>,
    /// `model`: `{"id", "providerID", "variant"}`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub model: Option<Raw>,
}

/// What stood on the last user message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerUser {
    /// The message's id.
    pub id: String,
    /// `agent`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub agent: Option<Raw>,
    /// `model`: `{"providerID", "modelID", "variant"}`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub model: Option<Raw>,
    /// `variant`, where opencode 1.3 keeps it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub variant: Option<Raw>,
}

/// A tool call that was given an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledPart {
    /// Its message.
    pub message: String,
    /// Its own id.
    pub part: String,
    /// Its `state` before.
    pub state: Raw,
}

/// An assistant message that was given an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedMessage {
    /// Its id.
    pub message: String,
    /// Whether it was given a `finish` beside its `time.completed`.
    pub finish: bool,
}

/// A part that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedPart {
    /// Its message.
    pub message: String,
    /// Its own id.
    pub part: String,
}

/// Keeps a `null` that stood there apart from nothing at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Raw>, D::Error> {
    Raw::deserialize(deserializer).map(Some)
}

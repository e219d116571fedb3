//! Why a file is not a usable export.

/// What is wrong with a file that should be an export. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file ends before the JSON does. opencode cuts what it writes into a pipe and exits 0.
    #[error("the session file is cut: it ends after {offset} bytes, in the middle of the JSON")]
    Cut { offset: u64 },
    #[error("the session file is not JSON at byte {offset}: {what}")]
    NotJson {
        offset: u64,
        /// What the parser said; our own words or serde_json's, never the file's.
        what: String,
    },
    #[error("the session file is not an opencode export: {what}")]
    NotAnExport { what: String },
    /// A message or part that says it belongs to another session or message.
    #[error("the session file is not sound: {item} does not belong to {owner}")]
    Stray {
        /// The id of what is astray; of a safe shape.
        item: String,
        owner: String,
    },
    #[error("the session file is not sound: the id {id} occurs twice")]
    Duplicate { id: String },
    #[error("the session file is nested deeper than {limit} levels at byte {offset}")]
    TooDeep { offset: u64, limit: usize },
    /// One message, or the session's own record, is larger than is held in memory.
    #[error("the session file has a message of more than {limit} bytes at byte {offset}")]
    TooLarge { offset: u64, limit: usize },
    /// `opencode import` refuses what stands there, and nothing can be filled in for it.
    #[error("opencode cannot import {item}: {what}")]
    Incomplete {
        /// The id of the session, message or part; of a safe shape.
        item: String,
        what: &'static str,
    },
    #[error("the session file could not be read: {0}")]
    Io(#[from] std::io::Error),
}

impl ExportError {
    pub(crate) fn not_an_export(what: impl Into<String>) -> Self {
        Self::NotAnExport { what: what.into() }
    }
}

/// serde_json's complaint about a value that the reader had found sound.
impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        let what = format!("a field is not of the kind that opencode writes ({:?})", error.classify());
        Self::NotAnExport { what }
    }
}

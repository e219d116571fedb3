//! SESSION, wherever one is asked for.

use super::context::Context;
use super::error::CliError;
use crate::issue::IssueRef;
use crate::session::is_session_id;

/// A session that exists, by whatever name it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// opencode's id.
    pub(super) session: String,
    /// The issue that it belongs to.
    pub(super) issue: Option<String>,
    /// The file in `sessions/` that says so.
    pub(super) file: Option<String>,
}

/// The session that `text` means, in any of the forms of a SESSION.
pub(super) fn resolve(_context: &Context, text: &str) -> Result<Resolved, CliError> {
    if is_session_id(text) {
        return Ok(Resolved { session: text.to_owned(), issue: None, file: None });
    }
    Err(CliError::failed("resolve", "being written"))
}

/// The issue that `text` means, whether it has a session or not.
pub(super) fn issue(_context: &Context, _text: &str) -> Result<IssueRef, CliError> {
    Err(CliError::failed("resolve", "being written"))
}

//! SESSION, wherever one is asked for.

use super::error::CliError;
use crate::session::is_session_id;

/// Reads a session's id.
pub(super) fn parse(text: &str) -> Result<String, CliError> {
    if is_session_id(text) {
        return Ok(text.to_owned());
    }
    Err(CliError::usage(
        format!("{:?} is not a session", crate::text::plain(text)),
        "give an opencode session id, as ses_…; list them: opencode session list",
    ))
}

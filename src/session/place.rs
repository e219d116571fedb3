//! Where a session works, in its own record.

use super::raw::Object;

/// Gives the session's record another directory, absolute.
///
/// Outside any repository, `path` is the directory without its leading slash; inside one, opencode 1.18 sets it at import.
pub(crate) fn move_to(info: &mut Object<'_>, directory: &str) -> Result<(), serde_json::Error> {
    info.set("directory", directory)?;
    if info.get("path").is_some() {
        info.set("path", directory.trim_start_matches('/'))?;
    }
    Ok(())
}

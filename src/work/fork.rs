//! A session is copied, to be worked on apart from its original.

use super::copying::{Copying, copied};
use super::destroy::delete;
use super::held::SessionHold;
use super::{Bench, WorkError};
use crate::opencode::Database;
use std::future::Future;
use std::path::Path;

/// Copies `session` in its directory; returns the copy's id. The original, which the user calls `name`, is only read:
/// somebody may work on it meanwhile. If `stop` comes first, no copy is made.
///
/// # Errors
/// [`WorkError::SessionLost`], [`WorkError::Undone`], [`WorkError::Interrupted`]; a copy that could not be made is
/// removed again.
pub(crate) async fn fork(
    bench: &Bench,
    session: &str,
    name: &str,
    stop: impl Future<Output = ()>,
) -> Result<String, WorkError> {
    let lost = || WorkError::SessionLost { name: name.to_owned(), session: session.to_owned() };
    let database = Database::open(&bench.database)?;
    let row = database.session(session)?.ok_or_else(lost)?;
    if database.is_undone(session)? {
        return Err(WorkError::Undone { session: session.to_owned() });
    }
    let directory = Path::new(&row.directory);
    if !directory.is_dir() {
        return Err(WorkError::NoDirectory { path: directory.to_owned() });
    }
    let (title, command) = (title(&row.title), format!("fork {name}"));
    let copying = Copying { original: session, title: &title, directory, command: &command };
    let (copy, _held) = copied(bench, &copying, stop).await?;
    Ok(copy)
}

/// Removes a copy again, where what it was made for came to nothing.
///
/// # Errors
/// [`WorkError::Busy`]; opencode does not delete it.
pub(crate) async fn unfork(bench: &Bench, copy: &str) -> Result<(), WorkError> {
    let mut held = SessionHold::take_free(&bench.kugetsu_home, copy, copy, "fork")?;
    delete(bench, copy).await?;
    held.forget();
    Ok(())
}

/// The title of a copy, as opencode's own forks have them.
fn title(original: &str) -> String {
    let counted = original.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (fork #"));
    match counted.and_then(|(title, number)| Some((title, number.parse::<u64>().ok()?))) {
        Some((title, number)) => format!("{title} (fork #{})", number.saturating_add(1)),
        None => format!("{original} (fork #1)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_copies_are_counted() {
        assert_eq!(title("Fix the login"), "Fix the login (fork #1)");
        assert_eq!(title("Fix the login (fork #9)"), "Fix the login (fork #10)");
        assert_eq!(title("Odd (fork #x)"), "Odd (fork #x) (fork #1)");
    }
}

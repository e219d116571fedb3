//! A session is copied, to be worked on apart from its original.

use super::make::copied;
use super::{Bench, RunFiles, WorkError};
use crate::clock;
use crate::opencode::Database;
use crate::session::new_session_id;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Makes a copy of `session` with ids of its own, in the same directory; its id. `name` is what the user calls the
/// original, which is only read: somebody may work on it, here or elsewhere.
///
/// # Errors
/// [`WorkError::SessionLost`], [`WorkError::Undone`]; a copy that could not be made is removed again.
pub async fn fork(bench: &Bench, session: &str, name: &str) -> Result<String, WorkError> {
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
    let copy = new_session_id(clock::now_ms(), &mut || RandomState::new().hash_one(0));
    let files = RunFiles::new(&bench.kugetsu_home, &copy);
    files.make()?;
    let made = copied(bench, session, &copy, &title(&row.title), directory, files.directory()).await;
    for file in ["base.json", "copy.json"] {
        // What is left of them is of no use to anybody.
        let _ = std::fs::remove_file(files.directory().join(file));
    }
    let _ = std::fs::remove_dir(files.directory());
    if made.is_err() {
        // opencode imports row by row, so a part of it may be there.
        let _ = bench.program.delete(&copy).await;
    }
    made.map(|()| copy)
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

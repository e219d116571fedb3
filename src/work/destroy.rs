//! kugetsu forgets a session.

use super::held::SessionHold;
use super::{Bench, RunFiles, WorkError};
use crate::disk::{self, Lock, session_lock};
use crate::opencode::{Database, ProgramError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DestroyTarget {
    /// The issue as the index has it; `None` for the base.
    pub(crate) issue: Option<String>,
    /// Its session; `None` if the file that names it is not there.
    pub(crate) session: Option<String>,
}

impl DestroyTarget {
    pub(crate) fn name(&self) -> &str {
        self.issue.as_deref().unwrap_or("the base")
    }
}

/// Refuses a session that could not be forgotten now.
///
/// # Errors
/// [`WorkError::Busy`], [`WorkError::Away`].
pub(crate) fn check_free(bench: &Bench, target: &DestroyTarget) -> Result<(), WorkError> {
    let Some(session) = &target.session else { return Ok(()) };
    let lock = session_lock(&bench.kugetsu_home, session);
    if Lock::is_held(&lock) {
        return Err(WorkError::Busy { name: target.name().to_owned(), by: Lock::busy(&lock) });
    }
    bench.check_here(session, target.name())
}

/// Removes kugetsu's record of a session. With `session_too` opencode removes the session before: while the record is
/// there, the command can be given again. True if opencode removed it.
///
/// # Errors
/// [`WorkError::Busy`], [`WorkError::Away`]: nothing was done.
pub(crate) async fn destroy(
    bench: &Bench,
    target: &DestroyTarget,
    session_too: bool,
) -> Result<bool, WorkError> {
    let mut held = None;
    let mut removed = false;
    if let Some(session) = &target.session {
        let mut lock = SessionHold::take_free(&bench.kugetsu_home, session, target.name(), "destroy")?;
        bench.check_here(session, target.name())?;
        if session_too {
            removed = delete(bench, session).await?;
        }
        lock.forget();
        held = Some(lock);
    }
    match &target.issue {
        Some(issue) => bench.index.remove("destroy", issue).map(drop)?,
        None => bench.index.remove_base("destroy")?,
    }
    if let Some(session) = &target.session {
        // A session that is forgotten is not taken up again.
        disk::remove(&RunFiles::new(&bench.kugetsu_home, session).prompt())?;
    }
    drop(held);
    Ok(removed)
}

/// Removes a session from opencode; true if it was there.
pub(super) async fn delete(bench: &Bench, session: &str) -> Result<bool, WorkError> {
    let is_there = || Database::open(&bench.database)?.contains(session);
    if !is_there()? {
        return Ok(false);
    }
    bench.program.delete(session).await?;
    if is_there()? {
        return Err(ProgramError::NotDeleted { id: session.to_owned() }.into());
    }
    Ok(true)
}

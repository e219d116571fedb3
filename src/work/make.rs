//! An issue's session is made: a copy of the base.

use super::copying::{Copying, copied};
use super::destroy::delete;
use super::{Bench, WorkError};
use crate::clock;
use crate::disk::{Lock, private_dir, session_lock};
use crate::index::{IndexError, SessionFile, SessionKind};
use crate::issue::IssueRef;
use crate::opencode::Database;
use std::future::Future;
use std::path::Path;

/// Makes the session of an issue that has none. Returns its id, and the name of its file in the index. If `stop` comes
/// first, no session is made.
///
/// # Errors
/// [`WorkError::Started`] if it has one; [`WorkError::NoBase`], [`WorkError::BaseLost`], [`WorkError::Undone`],
/// [`WorkError::Interrupted`]. Nothing is recorded then.
pub(crate) async fn make(
    bench: &Bench,
    issue: &IssueRef,
    directory: &Path,
    stop: impl Future<Output = ()>,
) -> Result<(String, String), WorkError> {
    let name = issue.to_string();
    let started = || WorkError::Started { issue: name.clone() };
    // Two that start one issue at once: one makes it, the other is told.
    let locks = bench.kugetsu_home.join("locks");
    private_dir(&locks)?;
    let path = session_lock(&bench.kugetsu_home, &format!("issue-{}", issue.file_name()));
    let Some(_lock) = Lock::try_exclusive(&path, format!("start {name}"))? else {
        return Err(WorkError::Busy { name, by: Lock::busy(&path) });
    };
    let index = bench.index.index()?;
    if index.find(issue).is_some() {
        return Err(started());
    }
    let base = index.base().ok_or(WorkError::NoBase)?.to_owned();
    let database = Database::open(&bench.database)?;
    if database.session(&base)?.is_none() {
        return Err(WorkError::BaseLost { session: base });
    }
    if database.is_undone(&base)? {
        return Err(WorkError::Undone { session: base });
    }
    let command = format!("start {name}");
    let copying = Copying { original: &base, title: &name, directory, command: &command };
    let (session, _held) = copied(bench, &copying, stop).await?;
    let mut file =
        SessionFile::new(SessionKind::Forked, Some(name.clone()), session.clone(), clock::now_ms());
    file.directory = Some(directory.display().to_string());
    match bench.index.add(&command, issue, &file) {
        Ok(file) => Ok((session, file)),
        Err(error) => {
            // Nobody would ever find it. Where it cannot be removed, it does no harm.
            let _ = delete(bench, &session).await;
            Err(match error {
                IndexError::Known { .. } => started(),
                error => error.into(),
            })
        }
    }
}

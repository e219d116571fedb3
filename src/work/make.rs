//! An issue's session is made: a copy of the base, with ids of its own. Needs no model and no terminal.

use super::{Bench, RunFiles, WorkError};
use crate::clock;
use crate::disk::{DiskError, Lock, private_dir, session_lock};
use crate::index::{IndexError, Kind, SessionFile};
use crate::issue::IssueRef;
use crate::opencode::Database;
use crate::session::{CopySpec, copy, new_session_id, scan};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Makes the session of an issue that has none; its id, and the name of its file in the index.
///
/// # Errors
/// [`WorkError::Started`] if it has one; [`WorkError::NoBase`], [`WorkError::BaseLost`]. Nothing is recorded then.
pub async fn make(bench: &Bench, issue: &IssueRef, directory: &Path) -> Result<(String, String), WorkError> {
    let name = issue.to_string();
    let started = || WorkError::Started { issue: name.clone() };
    // Two that start one issue at once: one makes it, the other is told.
    let locks = bench.kugetsu_home.join("locks");
    private_dir(&locks)?;
    let path = session_lock(&bench.kugetsu_home, &format!("issue-{}", issue.file_name()));
    let Some(_lock) = Lock::try_exclusive(&path, &format!("start {name}"))? else {
        return Err(WorkError::Busy { name, by: Lock::held_by(&path) });
    };
    let index = bench.index.index()?;
    if index.find(issue).is_some() {
        return Err(started());
    }
    let base = index.base().ok_or(WorkError::NoBase)?.to_owned();
    if Database::open(&bench.database)?.session(&base)?.is_none() {
        return Err(WorkError::BaseLost { session: base });
    }
    let mut random = || RandomState::new().hash_one(0);
    let session = new_session_id(clock::now_ms(), &mut random);
    let files = RunFiles::new(&bench.kugetsu_home, &session);
    files.make()?;
    let copied = copied(bench, &base, &session, &name, directory, files.directory()).await;
    for file in ["base.json", "copy.json"] {
        // What is left of a copy that failed is of no use to anybody.
        let _ = std::fs::remove_file(files.directory().join(file));
    }
    if copied.is_err() {
        // opencode imports row by row, so a part of it may be there; where nothing is, nothing is deleted.
        let _ = bench.program.delete(&session).await;
        let _ = std::fs::remove_dir(files.directory());
    }
    copied?;
    let mut file = SessionFile::new(Kind::Forked, Some(name.clone()), session.clone(), clock::now_ms());
    file.directory = Some(directory.display().to_string());
    match bench.index.add(&format!("start {name}"), issue, &file) {
        Ok(file) => Ok((session, file)),
        Err(error) => {
            // Nobody would ever find it. Where it cannot be removed, it does no harm.
            let _ = bench.program.delete(&session).await;
            let _ = std::fs::remove_dir(files.directory());
            Err(match error {
                IndexError::Known { .. } => started(),
                error => error.into(),
            })
        }
    }
}

pub(super) async fn copied(
    bench: &Bench,
    base: &str,
    session: &str,
    title: &str,
    directory: &Path,
    room: &Path,
) -> Result<(), WorkError> {
    let (export, import) = (room.join("base.json"), room.join("copy.json"));
    bench.program.export(base, &export).await?;
    let open = || File::open(&export).map_err(|source| DiskError::at(&export, source));
    let scan = scan(open()?)?;
    let spec = CopySpec {
        session: session.to_owned(),
        title: title.to_owned(),
        directory: Some(directory.display().to_string()),
        now_ms: clock::now_ms(),
    };
    let mut random = || RandomState::new().hash_one(0);
    let ids = copy(open()?, RunFiles::fresh(&import)?, &scan, &spec, &mut random)?;
    bench.program.import(&import, directory, session).await?;
    let fresh = |id: &str| ids.get(id).unwrap_or(id).to_owned();
    let wanted: Vec<(String, Vec<String>)> = scan
        .outline
        .iter()
        .map(|message| (fresh(message.id()), message.parts().map(fresh).collect()))
        .collect();
    let database = Database::open(&bench.database)?;
    let missing = database.missing(session, &wanted)?.len();
    match database.session(session)? {
        Some(_) if missing == 0 => Ok(()),
        _ => Err(WorkError::RowsMissing(missing)),
    }
}

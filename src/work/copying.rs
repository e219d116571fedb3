//! A session is copied in opencode, with ids of its own: whole, or not at all. Needs no model and no terminal.

use super::destroy::delete;
use super::held::SessionHold;
use super::{Bench, RunFiles, WorkError};
use crate::clock;
use crate::disk::DiskError;
use crate::opencode::{Database, ProgramError, scan_export, unreadable};
use crate::session::{CopySpec, copy, new_session_id};
use std::fs::File;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

pub(super) struct Copying<'a> {
    pub(super) original: &'a str,
    pub(super) title: &'a str,
    pub(super) directory: &'a Path,
    pub(super) command: &'a str,
}

/// Copies a session. Returns the copy's id, and its lock, which keeps others away until it is dropped.
///
/// # Errors
/// [`WorkError::Interrupted`] where `stop` came first. Nothing of the copy is left then, or after any other error.
pub(super) async fn copied(
    bench: &Bench,
    copying: &Copying<'_>,
    stop: impl Future<Output = ()>,
) -> Result<(String, SessionHold), WorkError> {
    let session = new_session_id(clock::now_ms(), &mut || RandomState::new().hash_one(0));
    // Locked before it exists: `prune` removes what no issue has and nobody holds.
    let held = SessionHold::take_free(&bench.kugetsu_home, &session, &session, copying.command)?;
    let files = RunFiles::new(&bench.kugetsu_home, &session);
    files.make()?;
    let made = tokio::select! {
        biased;
        made = import(bench, copying, &session, files.directory()) => made,
        () = stop => Err(WorkError::Interrupted { left: None }),
    };
    for file in ["base.json", "copy.json"] {
        // What is left of them is of no use to anybody.
        let _ = std::fs::remove_file(files.directory().join(file));
    }
    let _ = std::fs::remove_dir(files.directory());
    let Err(error) = made else { return Ok((session, held)) };
    // opencode imports row by row, so a part of it may be there.
    let deleted = delete(bench, &session).await;
    Err(match error {
        WorkError::Interrupted { .. } => WorkError::Interrupted { left: deleted.is_err().then_some(session) },
        error => error,
    })
}

/// Rows that cannot be read make opencode say that there is no such session, or less.
fn explained(bench: &Bench, copying: &Copying<'_>, error: ProgramError) -> WorkError {
    let is_told = matches!(error, ProgramError::UnknownSession { .. } | ProgramError::Failed { .. });
    let found = is_told.then(|| unreadable(&bench.database, copying.original, clock::now_ms())).flatten();
    found.map_or_else(|| error.into(), WorkError::Unreadable)
}

async fn import(bench: &Bench, copying: &Copying<'_>, session: &str, room: &Path) -> Result<(), WorkError> {
    let (export, import) = (room.join("base.json"), room.join("copy.json"));
    bench
        .program
        .export(copying.original, &export)
        .await
        .map_err(|error| explained(bench, copying, error))?;
    let open = || File::open(&export).map_err(|source| DiskError::at(&export, source));
    let scan = scan_export(&export, copying.original)?;
    let spec = CopySpec {
        session: session.to_owned(),
        title: copying.title.to_owned(),
        directory: Some(copying.directory.display().to_string()),
        now_ms: clock::now_ms(),
    };
    let mut random = || RandomState::new().hash_one(0);
    let ids = copy(open()?, RunFiles::fresh(&import)?, &scan, &spec, &mut random)?;
    bench.program.import(&import, copying.directory, session).await?;
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

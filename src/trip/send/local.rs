//! What this machine knows of the session, and its export.

use crate::clock;
use crate::disk;
use crate::dispatch::Step;
use crate::opencode::{Database, ProgramError, scan_export, unreadable};
use crate::session::{ExportError, Scan};
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::send::plan::Own;
use crate::trip::steps::Steps;
use crate::trip::tools::{Tools, blocking};
use std::path::Path;

/// What the local database says of the session.
pub(crate) struct Local {
    pub(crate) title: String,
    pub(crate) own: Own,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// What opencode's database says of the session, in a moment and without opencode.
pub(crate) fn local(tools: &Tools, session: &str) -> Result<Local, TripError> {
    let unknown = || TripError::UnknownSession { session: session.to_owned() };
    if !crate::session::is_session_id(session) {
        return Err(unknown());
    }
    let database = Database::open(&tools.database)?;
    let row = database.session(session).map_err(|error| explained(tools, session, error.into()))?;
    let row = row.ok_or_else(unknown)?;
    check_undone(&database, session)?;
    let setting = row.setting();
    Ok(Local {
        title: row.title,
        own: Own { directory: row.directory, setting },
        messages: row.messages,
        bytes: row.bytes,
    })
}

/// Refuses a session of which prompts are undone: what was to be kept of them is not for a trip to decide.
pub(crate) fn check_undone(database: &Database, session: &str) -> Result<(), TripError> {
    match database.is_undone(session)? {
        true => Err(TripError::Undone { session: session.to_owned() }),
        false => Ok(()),
    }
}

/// Rows that cannot be read make opencode say that there is no such session, or less.
fn explained(tools: &Tools, session: &str, error: TripError) -> TripError {
    match error {
        TripError::Program(ProgramError::UnknownSession { .. } | ProgramError::Failed { .. })
        | TripError::Database(_) => {
            unreadable(&tools.database, session, clock::now_ms()).map_or(error, TripError::Unreadable)
        }
        error => error,
    }
}

/// Has opencode export the session, and finds the file whole.
pub(crate) async fn export(
    tools: &Tools,
    steps: &Steps<'_>,
    session: &str,
    into: &Path,
) -> Result<Scan, TripError> {
    steps.begin(Step::Export)?;
    let cache = tools.kugetsu_home.join("cache");
    disk::private_dir(&cache)?;
    tools.program.version(Some(&cache.join("opencode.json"))).await?;
    let exported = tools.program.export(session, into).await;
    exported.map_err(|error| explained(tools, session, error.into()))?;
    let (path, id) = (into.to_owned(), session.to_owned());
    let scanned = blocking(move || Ok(scan_export(&path, &id))).await?;
    let scan = scanned.map_err(|source| TripError::Export { session: session.to_owned(), source })?;
    if scan.id != session {
        let source = ExportError::not_an_export("it is the export of another session");
        return Err(TripError::Export { session: session.to_owned(), source });
    }
    steps.done(Step::Export)?;
    tools.tell(News::Exported { messages: scan.outline.len() });
    Ok(scan)
}

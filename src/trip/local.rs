//! What this machine knows of the session, and its export.

use super::plan::{Own, Request};
use super::{News, Tools, TripError, blocking};
use crate::disk::{self, DiskError};
use crate::dispatch::Step;
use crate::opencode::Database;
use crate::session::{Model, Scan, Setting, scan};
use std::fs::File;
use std::path::Path;

/// What the local database says of the session.
pub(super) struct Local {
    pub(super) title: String,
    pub(super) own: Own,
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

/// What opencode's database says of the session, in a moment and without opencode.
pub(super) fn local(tools: &Tools, session: &str) -> Result<Local, TripError> {
    let unknown = || TripError::UnknownSession { session: session.to_owned() };
    if !crate::session::is_session_id(session) {
        return Err(unknown());
    }
    let database = Database::open(&tools.database)?;
    let row = database.session(session)?.ok_or_else(unknown)?;
    let last = row.last_user.as_ref();
    let model = last.and_then(|user| {
        let (provider, id) = (user.provider.clone()?, user.model.clone()?);
        Some(Model { provider, id, variant: None }.with_variant(user.variant.clone()))
    });
    let setting = Setting { agent: last.and_then(|user| user.agent.clone()).or(row.agent), model };
    Ok(Local {
        title: row.title,
        own: Own { directory: row.directory, setting },
        messages: row.messages,
        bytes: row.bytes,
    })
}

impl Request {
    /// Has opencode export the session, and finds the file whole.
    pub(super) async fn export(&self, tools: &Tools, into: &Path) -> Result<Scan, TripError> {
        tools.tell(News::Began(Step::Export));
        let cache = tools.kugetsu_home.join("cache");
        disk::private_dir(&cache)?;
        tools.program.version(Some(&cache.join("opencode.json"))).await?;
        tools.program.export(&self.session, into).await?;
        let path = into.to_owned();
        let file = File::open(&path).map_err(|source| DiskError::at(&path, source))?;
        let scanned = blocking(move || Ok(scan(file))).await?;
        let unusable = |source| TripError::Export { session: self.session.clone(), source };
        let scan = scanned.map_err(unusable)?;
        if scan.id != self.session {
            return Err(TripError::UnknownSession { session: self.session.clone() });
        }
        tools.tell(News::Exported { messages: scan.outline.len() });
        Ok(scan)
    }
}

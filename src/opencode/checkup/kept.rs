//! What a repair keeps of what was there before.

use super::report::Result;
use crate::opencode::database::strings;
use crate::opencode::fingerprint::{self, Fingerprint};
use crate::opencode::undo_log::{self, End, Line, Table, Writer};
use crate::session::ending::set_time;
use crate::session::raw::Object;
use rusqlite::Connection;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

pub(super) struct KeptRows {
    pub(super) log: Writer,
    rows: HashSet<String>,
    former: BTreeMap<String, Option<Fingerprint>>,
}

impl KeptRows {
    /// Begins the undo log of a session.
    pub(super) fn begin(undo_log: &Path, session: &str) -> Result<Self> {
        Ok(Self { log: Writer::create(undo_log, session)?, rows: HashSet::new(), former: BTreeMap::new() })
    }

    /// Keeps how a session looks, before anything of it is changed.
    pub(super) fn session(&mut self, connection: &Connection, session: &str) -> Result<()> {
        self.former.insert(session.to_owned(), fingerprint::take(connection, session)?);
        Ok(())
    }

    /// Keeps a row as it stands, once.
    pub(super) fn row(&mut self, connection: &Connection, table: Table, id: &str) -> Result<()> {
        if self.rows.insert(id.to_owned())
            && let Some(columns) = undo_log::row(connection, table, id)?
        {
            self.log.line(&Line::Row { table, columns })?;
        }
        Ok(())
    }

    /// Writes the undo log, whole.
    pub(super) fn finish(self, connection: &Connection) -> Result<()> {
        let mut after = BTreeMap::new();
        for session in self.former.keys() {
            after.insert(session.clone(), fingerprint::take(connection, session)?);
        }
        let end = End { former: self.former, after, loose: true };
        Ok(self.log.finish(end)?)
    }
}

pub(super) fn parts_of(connection: &Connection, message: &str) -> rusqlite::Result<Vec<String>> {
    strings(connection, "SELECT id FROM part WHERE message_id = ?1", [message])
}

/// A message with another time.
pub(super) fn with_time(data: &str, which: &str, ms: i64) -> Option<String> {
    let mut info = Object::parse(data).ok()?;
    set_time(&mut info, which, ms).ok()?;
    serde_json::to_string(&info).ok()
}

//! Making the changes, one by one, and looking afterwards whether they are there.

use super::super::fingerprint::{self, Field, Fingerprint};
use super::super::schema::Schema;
use super::super::undo_log::{self, Line, Table, Writer};
use super::super::writer::Stop;
use super::error::ApplyError;
use super::record::{self, HomeColumns};
use super::rows::{self, MessageRow, PartRow};
use crate::session::{Change, NewSession};
use rusqlite::{Connection, OptionalExtension as _, Params};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// What comes home, and where to.
#[derive(Debug, Clone, Copy)]
pub struct ApplyInput<'a> {
    /// The changes: a file of [`Change`](crate::session::Change)s. It is read twice.
    pub file: &'a Path,
    /// The session that was away. Others may be made as its sub-agents or beside it, in its directory and its project.
    pub session: &'a str,
    /// What it looked like when it left. `None` where nothing of the session itself may change: all that came home
    /// goes into sessions of its own.
    pub sent: Option<&'a Fingerprint>,
    /// Where to write how all was before, for [`undo`](crate::opencode::undo); it is written before anything becomes true.
    pub undo_log: &'a Path,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// It had been done before, and nothing was changed now.
    pub already: bool,
    /// What changed on the host and here as well, and stays as it is here: `title`, `todos`, …
    pub kept: Vec<&'static str>,
    /// What this opencode's database has no column for: `cost`, `agent`, …
    pub not_carried: Vec<&'static str>,
}

/// A session that something came home to.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// What it looked like before; `None` for a session that was made.
    pub(super) former: Option<Fingerprint>,
    /// The messages that came home, in the order of the file.
    pub(super) messages: Vec<Message>,
    /// Something of it was changed.
    pub(super) changed: bool,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    /// It was not there.
    pub(super) new: bool,
}

/// The changes of one transaction.
pub(super) struct Application<'c> {
    pub(super) connection: &'c Connection,
    pub(super) schema: &'c Schema,
    pub(super) input: &'c ApplyInput<'c>,
    home: HomeColumns,
    /// What the session looked like before the first change.
    pub(super) now: Fingerprint,
    log: Writer,
    touched: BTreeMap<String, Touched>,
    /// The ids that came home; each comes once.
    seen: HashSet<String>,
    pub(super) applied: Applied,
}

pub(super) type Done = Result<(), Stop<ApplyError>>;

impl<'c> Application<'c> {
    pub(super) fn begin(
        connection: &'c Connection,
        schema: &'c Schema,
        input: &'c ApplyInput<'c>,
        now: Fingerprint,
    ) -> Result<Self, Stop<ApplyError>> {
        let home = HomeColumns::of(connection, schema, input.session)?;
        let log = Writer::create(input.undo_log, input.session)?;
        let mut touched = BTreeMap::new();
        if input.sent.is_some() {
            let session = Touched { former: Some(now.clone()), ..Touched::default() };
            touched.insert(input.session.to_owned(), session);
        }
        let (seen, applied) = (HashSet::new(), Applied::default());
        Ok(Self { connection, schema, input, home, now, log, touched, seen, applied })
    }

    pub(super) fn make(&mut self, op: Change<'_>) -> Done {
        match op {
            Change::Session(new) => self.session(&new),
            Change::Patch(patch) => self.patch(&patch),
            Change::Message(message) => self.message(rows::message(message.info)?),
            Change::Part(part) => self.part(rows::part(part)?),
            Change::Todos(todos) => self.todos(&todos),
        }
    }

    /// Looks whether a change is there.
    pub(super) fn check(&self, op: Change<'_>) -> Done {
        let (id, is_there) = match op {
            Change::Session(new) => {
                let is_new =
                    self.touched.get(new.id.as_ref()).is_some_and(|touched| touched.former.is_none());
                let is_there = match is_new {
                    true => record::is_made(self.connection, self.schema, &self.home, &new)?,
                    false => self
                        .parent_of(&new.id)?
                        .is_some_and(|parent| parent.as_deref() == new.parent.as_deref()),
                };
                (new.id.into_owned(), is_there)
            }
            Change::Patch(patch) => {
                let wanted = self.wanted(&patch)?;
                (
                    patch.session.to_string(),
                    record::missing(self.connection, &patch.session, &wanted)?.is_empty(),
                )
            }
            Change::Message(message) => {
                let row = rows::message(message.info)?;
                let is_there = self.exists("SELECT 1 FROM message WHERE id = ?1 AND session_id = ?2 AND time_created = ?3 AND data = ?4", (&row.id, &row.session, row.created, &row.data))?;
                (row.id, is_there)
            }
            Change::Part(part) => {
                let row = rows::part(part)?;
                let is_there = self.exists(
                    "SELECT 1 FROM part WHERE id = ?1 AND session_id = ?2 AND message_id = ?3 AND data = ?4",
                    (&row.id, &row.session, &row.message, &row.data),
                )?;
                (row.id, is_there)
            }
            Change::Todos(todos) => {
                let kept = self.is_kept(&todos.session, Field::Todos);
                let same = kept || self.todos_of(&todos.session)? == rows::todos(todos.todos)?;
                (todos.session.to_string(), same)
            }
        };
        if is_there { Ok(()) } else { Err(ApplyError::Mismatch { id }.into()) }
    }

    /// The sessions that were touched, the undo log without its end, and what was done.
    pub(super) fn end(mut self) -> Result<(BTreeMap<String, Touched>, Writer, Applied), Stop<ApplyError>> {
        for (session, touched) in &self.touched {
            if !touched.changed || touched.former.is_none() {
                continue;
            }
            // As import does: lists of sessions go by it.
            if let Some(columns) = undo_log::record(self.connection, session, &["time_updated"])? {
                self.log.line(&Line::Record { session: session.clone(), columns })?;
            }
            self.connection
                .prepare_cached("UPDATE session SET time_updated = ?2 WHERE id = ?1")?
                .execute((session, self.input.now_ms))?;
        }
        Ok((self.touched, self.log, self.applied))
    }

    pub(super) fn keep(&mut self, line: &Line) -> Done {
        Ok(self.log.line(line)?)
    }

    fn exists(&self, query: &str, parameters: impl Params) -> rusqlite::Result<bool> {
        self.connection.prepare_cached(query)?.exists(parameters)
    }

    /// The parent of a session that is there.
    fn parent_of(&self, session: &str) -> rusqlite::Result<Option<Option<String>>> {
        let mut parent = self.connection.prepare_cached("SELECT parent_id FROM session WHERE id = ?1")?;
        parent.query_row([session], |row| row.get(0)).optional()
    }

    /// Makes sure that a session may be changed: the one that was away, one that was made, or a sub-agent's.
    pub(super) fn touch(&mut self, session: &str) -> Result<&mut Touched, Stop<ApplyError>> {
        rows::session_id(session)?;
        if !self.touched.contains_key(session) {
            let stray = || ApplyError::Stray { id: session.to_owned() };
            let is_below = self.input.sent.is_some()
                && self.exists(
                    "WITH RECURSIVE above(id) AS (SELECT parent_id FROM session WHERE id = ?1
                       UNION SELECT parent_id FROM session JOIN above USING (id))
                     SELECT 1 FROM above WHERE id = ?2",
                    (session, self.input.session),
                )?;
            if !is_below {
                return Err(stray().into());
            }
            let former = fingerprint::take(self.connection, session)?;
            self.touched.insert(session.to_owned(), Touched { former, ..Touched::default() });
        }
        let stray = || ApplyError::Stray { id: session.to_owned() }.into();
        self.touched.get_mut(session).ok_or_else(stray)
    }

    fn session(&mut self, new: &NewSession<'_>) -> Done {
        let id = rows::session_id(&new.id)?.to_owned();
        let parent = new.parent.as_deref();
        match self.parent_of(&id)? {
            Some(there) if there.as_deref() == parent => return Ok(()),
            Some(_) => return Err(ApplyError::Conflict { id }.into()),
            None => {}
        }
        if let Some(parent) = parent {
            self.touch(parent)?;
        }
        self.applied.lack(record::insert(self.connection, self.schema, &self.home, new)?);
        self.keep(&Line::Made { table: Table::Session, id: id.clone() })?;
        self.touched.insert(id, Touched { changed: true, ..Touched::default() });
        Ok(())
    }

    fn message(&mut self, row: MessageRow) -> Done {
        self.once(&row.id)?;
        self.touch(&row.session)?;
        let mut found = self.connection.prepare_cached(
            "SELECT session_id, time_created = ?2 AND data = ?3 FROM message WHERE id = ?1",
        )?;
        let found: Option<(String, bool)> = found
            .query_row((&row.id, row.created, &row.data), |found| Ok((found.get(0)?, found.get(1)?)))
            .optional()?;
        let new = match found {
            None => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO message(id, session_id, time_created, time_updated, data)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute((&row.id, &row.session, row.created, self.input.now_ms, &row.data))?;
                self.keep(&Line::Made { table: Table::Message, id: row.id.clone() })?;
                true
            }
            Some((session, _)) if session != row.session => {
                return Err(ApplyError::Conflict { id: row.id }.into());
            }
            Some((_, true)) => {
                self.touch(&row.session)?.messages.push(Message { id: row.id, new: false });
                return Ok(());
            }
            Some((_, false)) => {
                self.keep_row(Table::Message, &row.id)?;
                self.connection
                    .prepare_cached(
                        "UPDATE message SET time_created = ?2, time_updated = ?3, data = ?4 WHERE id = ?1",
                    )?
                    .execute((&row.id, row.created, self.input.now_ms, &row.data))?;
                false
            }
        };
        let touched = self.touch(&row.session)?;
        touched.changed = true;
        touched.messages.push(Message { id: row.id, new });
        Ok(())
    }

    fn part(&mut self, row: PartRow) -> Done {
        self.once(&row.id)?;
        self.touch(&row.session)?;
        if !self
            .exists("SELECT 1 FROM message WHERE id = ?1 AND session_id = ?2", (&row.message, &row.session))?
        {
            return Err(ApplyError::Stray { id: row.id }.into());
        }
        let mut found = self.connection.prepare_cached(
            "SELECT session_id = ?2 AND message_id = ?3, data = ?4 FROM part WHERE id = ?1",
        )?;
        let found: Option<(bool, bool)> = found
            .query_row((&row.id, &row.session, &row.message, &row.data), |found| {
                Ok((found.get(0)?, found.get(1)?))
            })
            .optional()?;
        match found {
            None => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO part(id, message_id, session_id, time_created, time_updated, data)
                         VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
                    )?
                    .execute((&row.id, &row.message, &row.session, self.input.now_ms, &row.data))?;
                self.keep(&Line::Made { table: Table::Part, id: row.id })?;
            }
            Some((false, _)) => return Err(ApplyError::Conflict { id: row.id }.into()),
            Some((true, true)) => return Ok(()),
            Some((true, false)) => {
                self.keep_row(Table::Part, &row.id)?;
                self.connection
                    .prepare_cached("UPDATE part SET time_updated = ?2, data = ?3 WHERE id = ?1")?
                    .execute((&row.id, self.input.now_ms, &row.data))?;
            }
        }
        self.touch(&row.session)?.changed = true;
        Ok(())
    }

    pub(super) fn once(&mut self, id: &str) -> Done {
        if self.seen.insert(id.to_owned()) {
            Ok(())
        } else {
            Err(ApplyError::Twice { id: id.to_owned() }.into())
        }
    }

    fn keep_row(&mut self, table: Table, id: &str) -> Done {
        match undo_log::row(self.connection, table, id)? {
            Some(columns) => self.keep(&Line::Row { table, columns }),
            None => Err(ApplyError::Mismatch { id: id.to_owned() }.into()),
        }
    }
}

impl Applied {
    pub(super) fn keep(&mut self, name: &'static str) {
        if !self.kept.contains(&name) {
            self.kept.push(name);
        }
    }

    pub(super) fn lack(&mut self, names: impl IntoIterator<Item = &'static str>) {
        for name in names {
            if !self.not_carried.contains(&name) {
                self.not_carried.push(name);
            }
        }
    }
}

//! Changes apart from messages: fields of a session's own record, and its todos.

use super::super::fingerprint::{Field, TODOS};
use super::super::undo_log::{self, Line};
use super::change::{Application, Done};
use super::error::ApplyError;
use super::record;
use super::rows::{self, Todo};
use crate::session::{Patch, Todos};

impl Application<'_> {
    /// Whether a field of the session that was away was changed here meanwhile.
    pub(super) fn is_kept(&self, session: &str, field: Field) -> bool {
        session == self.input.session && self.input.sent.is_some_and(|sent| sent.differs_in(field, &self.now))
    }

    /// The columns that a patch sets, those of fields that stay as they are here left out.
    pub(super) fn wanted(&self, patch: &Patch<'_>) -> Result<Vec<record::Cell>, ApplyError> {
        let mut cells = record::of_patch(patch)?;
        cells
            .retain(|cell| self.schema.session.has(cell.column) && !self.is_kept(&patch.session, cell.field));
        Ok(cells)
    }

    pub(super) fn patch(&mut self, patch: &Patch<'_>) -> Done {
        self.once(&format!("the record of {}", patch.session))?;
        self.touch(&patch.session)?;
        let (cells, lacking): (Vec<_>, Vec<_>) =
            record::of_patch(patch)?.into_iter().partition(|cell| self.schema.session.has(cell.column));
        self.applied.lack(lacking.iter().map(|cell| cell.field.name()));
        let mut missing = record::missing(self.connection, &patch.session, &cells)?;
        missing.retain(|cell| {
            let is_kept = self.is_kept(&patch.session, cell.field);
            if is_kept {
                self.applied.keep(cell.field.name());
            }
            !is_kept
        });
        let names: Vec<&str> = missing.iter().map(|cell| cell.column).collect();
        if names.is_empty() {
            return Ok(());
        }
        let session = patch.session.to_string();
        if let Some(columns) = undo_log::record(self.connection, &session, &names)? {
            self.keep(&Line::Record { session: session.clone(), columns })?;
        }
        record::set(self.connection, &session, &missing)?;
        self.touch(&session)?.changed = true;
        Ok(())
    }

    pub(super) fn todos_of(&self, session: &str) -> rusqlite::Result<Vec<Todo>> {
        let mut query = self.connection.prepare_cached(TODOS)?;
        let todo = |row: &rusqlite::Row<'_>| {
            Ok(Todo { content: row.get(0)?, status: row.get(1)?, priority: row.get(2)? })
        };
        query.query_map([session], todo)?.collect()
    }

    pub(super) fn todos(&mut self, todos: &Todos<'_>) -> Done {
        let new = rows::todos(todos.todos)?;
        let session = todos.session.to_string();
        self.once(&format!("the list of {session}"))?;
        self.touch(&session)?;
        if self.todos_of(&session)? == new {
            return Ok(());
        }
        if self.is_kept(&session, Field::Todos) {
            self.applied.keep(Field::Todos.name());
            return Ok(());
        }
        let former = undo_log::todos(self.connection, &session)?;
        self.keep(&Line::Todos { session: session.clone(), rows: former })?;
        self.connection.prepare_cached("DELETE FROM todo WHERE session_id = ?1")?.execute([&session])?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO todo(session_id, position, content, status, priority, time_created, time_updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?;
        for (position, todo) in new.iter().enumerate() {
            let now = self.input.now_ms;
            insert.execute((&session, position, &todo.content, &todo.status, &todo.priority, now))?;
        }
        drop(insert);
        self.touch(&session)?.changed = true;
        Ok(())
    }
}

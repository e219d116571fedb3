//! A session that was deleted here while it was away is put back as it left, so that the work has somewhere to go.

use crate::disk::{self, DiskError};
use crate::opencode::Fingerprint;
use crate::opencode::apply::{self, ApplyInput};
use crate::session::{Change, Outline, Raw, Todos, complete, scan};
use crate::trip::error::TripError;
use crate::trip::fetch::apply::{ReturnedWork, open};
use crate::trip::observer::News;
use crate::trip::sent_state::SentState;
use crate::trip::tools::{Tools, blocking};

impl ReturnedWork {
    /// Puts the session back if it was deleted at home: what comes home is written as a change of it.
    pub(crate) async fn restore_if_deleted(&mut self, tools: &Tools) -> Result<(), TripError> {
        if self.database(tools)?.contains(&self.session)? {
            return Ok(());
        }
        let outline = self.left().clone();
        tools.tell(News::Critical(true));
        let restored = self.restore(tools, outline).await;
        tools.tell(News::Critical(false));
        self.sent_state = restored?;
        tools
            .tell(News::Warning("the session was deleted here meanwhile; it is back, as it left".to_owned()));
        Ok(())
    }

    async fn restore(&self, tools: &Tools, outline: Outline) -> Result<SentState, TripError> {
        self.import_again(tools).await?;
        self.restore_todos(tools).await?;
        // Else a kill before the work is there would make it look like a session that has moved on.
        let sent = SentState { fingerprint: self.looks(tools)?, outline };
        sent.write(&self.files.sent_state)?;
        Ok(sent)
    }

    /// Imports the session as it left, with what import insists on.
    async fn import_again(&self, tools: &Tools) -> Result<(), TripError> {
        let (export, fit) = (self.files.export.clone(), self.files.export.with_extension("fit"));
        let (from, to, session) = (export, fit.clone(), self.session.clone());
        blocking(move || {
            disk::remove(&to)?;
            let unusable = |source| TripError::Export { session: session.clone(), source };
            let left = scan(open(&from)?).map_err(unusable)?;
            complete(open(&from)?, disk::create_new_private(&to)?, &left).map_err(unusable)
        })
        .await?;
        let imported = tools.program.import(&fit, &self.directory, &self.session).await;
        disk::remove(&fit)?;
        if let Err(error) = imported {
            // opencode imports row by row; where it keeps what there is of it, the next try goes on from there.
            let _ = tools.program.delete(&self.session).await;
            return Err(error.into());
        }
        Ok(())
    }

    fn looks(&self, tools: &Tools) -> Result<Fingerprint, TripError> {
        let unknown = || TripError::UnknownSession { session: self.session.clone() };
        self.database(tools)?.fingerprint(&self.session)?.ok_or_else(unknown)
    }

    /// Restores the todos of before the trip: an export has none.
    async fn restore_todos(&self, tools: &Tools) -> Result<(), TripError> {
        let todos = self.undo.sent.todos.clone();
        let Some(todos) = todos.filter(|todos| todos.get() != "[]") else { return Ok(()) };
        let now = self.looks(tools)?;
        // Apart from the undo log of the trip, which tells how all was before the work came.
        let (file, before) =
            (self.files.change_set.with_extension("todos"), self.files.undo_log.with_extension("todos"));
        let (session, database, now_ms) = (self.session.clone(), tools.database.clone(), self.arrived_ms);
        let put = blocking(move || {
            disk::remove(&before)?;
            write(&file, &session, &todos)?;
            let input =
                ApplyInput { file: &file, session: &session, sent: Some(&now), undo_log: &before, now_ms };
            let put = apply::apply(&database, &input);
            disk::remove(&before)?;
            disk::remove(&file)?;
            Ok(put)
        });
        match put.await? {
            Err(error) if error.falls_back() => {
                tools.tell(News::Warning(format!("its todos could not be put back: {error}")));
                Ok(())
            }
            put => put.map(drop).map_err(|error| self.refused(error)),
        }
    }
}

fn write(path: &std::path::Path, session: &str, todos: &Raw) -> Result<(), TripError> {
    disk::remove(path)?;
    let mut file = disk::create_new_private(path)?;
    let todos = serde_json::from_str(todos.get()).map_err(|error| DiskError::at(path, error.into()))?;
    let op = Change::Todos(Todos { session: session.into(), todos });
    op.write(&mut file).map_err(|source| DiskError::at(path, source).into())
}

//! A session that was deleted here while it was away is put back as it left, so that the work has somewhere to go.

use super::arrive::{Arriving, remove};
use super::departed::Departed;
use super::{News, Tools, TripError, blocking};
use crate::disk::{self, DiskError};
use crate::opencode::Fingerprint;
use crate::opencode::arrival::{self, Arrival, ArrivalError};
use crate::session::{Op, Raw, Todos};

impl Arriving {
    /// Whether the session is not here any more. Where the schema is not known, applying does not tell.
    pub(super) fn is_gone(&self, tools: &Tools, error: &ArrivalError) -> Result<bool, TripError> {
        Ok(match error {
            ArrivalError::Gone { .. } => true,
            error => error.falls_back() && !self.database(tools)?.contains(&self.session)?,
        })
    }

    /// Puts it back where it was deleted here. What is to stand beside it is written as a change of what is here, too.
    pub(super) async fn be_there(&self, tools: &Tools) -> Result<(), TripError> {
        let Some(departed) = self.departed.as_ref().filter(|_| self.files.export.exists()) else {
            return Ok(());
        };
        if !self.database(tools)?.contains(&self.session)? {
            self.restore(tools, departed).await?;
        }
        Ok(())
    }

    /// Puts it back; what it looks like now.
    pub(super) async fn restore(&self, tools: &Tools, departed: &Departed) -> Result<Fingerprint, TripError> {
        tools.program.import(&self.files.export, &self.directory, &self.session).await?;
        self.restore_todos(tools).await?;
        let fingerprint = self.looks(tools)?;
        // Else a kill before the work is there would make it look like a session that has moved on.
        let departed = Departed { fingerprint: fingerprint.clone(), outline: departed.outline.clone() };
        departed.write(&self.files.departed)?;
        tools
            .tell(News::Warning("the session was deleted here meanwhile; it is back, as it left".to_owned()));
        Ok(fingerprint)
    }

    fn looks(&self, tools: &Tools) -> Result<Fingerprint, TripError> {
        let unknown = || TripError::UnknownSession { session: self.session.clone() };
        self.database(tools)?.fingerprint(&self.session)?.ok_or_else(unknown)
    }

    /// An export has no todos: those of before the trip are put behind it.
    async fn restore_todos(&self, tools: &Tools) -> Result<(), TripError> {
        let todos = self.undo.departed.as_ref().and_then(|departed| departed.todos.clone());
        let Some(todos) = todos.filter(|todos| todos.get() != "[]") else { return Ok(()) };
        let now = self.looks(tools)?;
        // Apart from the image of the trip, which tells how all was before the work came.
        let (file, before) =
            (self.files.arrival.with_extension("todos"), self.files.before.with_extension("todos"));
        let (session, database, now_ms) = (self.session.clone(), tools.database.clone(), self.arrived_ms);
        let put = blocking(move || {
            remove(&before)?;
            write(&file, &session, &todos)?;
            let arrival =
                Arrival { file: &file, session: &session, departed: Some(&now), before: &before, now_ms };
            let put = arrival::apply(&database, &arrival);
            remove(&before)?;
            remove(&file)?;
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
    remove(path)?;
    let mut file = disk::create_new_private(path)?;
    let todos = serde_json::from_str(todos.get()).map_err(|error| DiskError::at(path, error.into()))?;
    let op = Op::Todos(Todos { session: session.into(), todos });
    op.write(&mut file).map_err(|source| DiskError::at(path, source).into())
}

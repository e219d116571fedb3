//! What the verbs about trips have in common: what a trip is made with and shown by, and how it is taken up.

use super::conclude::{interrupted, near, over, to_be_taken_up};
use super::context::Context;
use super::error::CliError;
use super::host;
use super::interrupt::interruptible;
use super::progress::Progress;
use crate::dispatch::Record;
use crate::trip::{Tools, Trip, TripError};
use std::sync::Arc;

pub(super) struct Trips<'c> {
    pub(super) tools: Tools,
    context: &'c Context,
    progress: Arc<Progress>,
}

impl<'c> Trips<'c> {
    pub(super) async fn new(context: &'c Context) -> Result<Self, CliError> {
        let progress = Arc::new(Progress::new(&context.ui));
        let tools = context.tools(Arc::clone(&progress)).await?;
        Ok(Self { tools, context, progress })
    }

    /// Shows `work` on the dispatch `id` until it ends.
    ///
    /// # Errors
    /// The user interrupted it.
    pub(super) async fn attend<T>(&self, id: &str, work: impl Future<Output = T>) -> Result<T, CliError> {
        let done = interruptible(&self.progress, work).await;
        self.progress.clear();
        done.ok_or_else(|| interrupted(self.context, id))
    }

    /// Takes up the trip of a record, wherever it stopped, and does `work` on it. `verb` is what others are told.
    pub(super) async fn take_up(
        &self,
        record: &Record,
        verb: &str,
        work: impl AsyncFnOnce(&mut Trip) -> Result<(), TripError>,
    ) -> Result<Trip, CliError> {
        let (host, nearest) = host::of(self.context, &self.context.hosts()?, record)?;
        let mut trip = Trip::resume(&self.tools, &record.id, host, verb)?;
        // Another kugetsu may just have ended it.
        over(trip.record())?;
        let done = self.attend(&record.id, work(&mut trip)).await?;
        done.map_err(|error| to_be_taken_up(near(error, nearest), self.context, &record.id))?;
        Ok(trip)
    }
}

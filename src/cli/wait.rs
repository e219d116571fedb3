//! `kugetsu wait`

use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::interruptible;
use super::progress::Progress;
use super::remote::{complete, conclude, interrupted, to_be_taken_up};
use super::session;
use crate::dispatch::{self, Dispatch, State};
use crate::trip::{Trip, TripError};
use clap::Args;
use std::sync::Arc;
use std::time::Duration;

/// Waits for a run on a host and brings its session home
#[derive(Args)]
pub(super) struct WaitArgs {
    /// A session, by any of its names ('#14', user/repo#14, ses_…), or a dispatch
    #[arg(value_name = "SESSION|DISPATCH")]
    what: String,
    /// How long to wait, as 90s or 2h; the run itself goes on
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
}

pub(super) async fn run(arguments: WaitArgs, context: &Context) -> Result<Exit, CliError> {
    let found = find(context, &arguments.what)?;
    let record = &found.record;
    if let State::Failed { step, message } = &record.state {
        return Err(CliError::failed(step.name(), format!("the trip to {} failed: {message}", record.host)));
    }
    let progress = Arc::new(Progress::new(&context.ui));
    let tools = context.tools(Arc::clone(&progress)).await?;
    let (host, _) = context.host(&record.host)?;
    let mut trip = Trip::resume(&tools, &record.id, host)?;
    let waited = interruptible(&progress, complete(&tools, &mut trip, arguments.timeout)).await;
    progress.clear();
    let waited = waited.ok_or_else(|| interrupted(context, &progress))?;
    waited.map_err(|error| to_be_taken_up(error, context, &progress))?;
    Ok(conclude(context, trip.record(), &trip.report()))
}

/// The dispatch that is meant: by its id, or the one that has the session away, or its newest.
fn find(context: &Context, what: &str) -> Result<Dispatch, CliError> {
    let store = context.store();
    let unknown = || TripError::UnknownDispatch(crate::text::plain(what));
    let found = if dispatch::is_id(what) {
        store.open(what)
    } else {
        let session = session::resolve(context, what)?.session;
        match store.away(&session) {
            Ok(None) => store.newest_of(&session),
            away => away,
        }
    };
    Ok(found.map_err(TripError::from)?.ok_or_else(unknown)?)
}

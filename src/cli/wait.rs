//! `kugetsu wait`

use super::conclude::{conclude, interrupted, near, over, to_be_taken_up};
use super::context::Context;
use super::dispatches::find;
use super::error::{CliError, Exit};
use super::host;
use super::interrupt::interruptible;
use super::progress::Progress;
use super::remote::complete;
use crate::trip::Trip;
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
    over(record)?;
    let progress = Arc::new(Progress::new(&context.ui));
    let tools = context.tools(Arc::clone(&progress)).await?;
    let (host, nearest) = host::of(context, record)?;
    let mut trip = Trip::resume(&tools, &record.id, host, "wait")?;
    // Another kugetsu may just have ended it.
    over(trip.record())?;
    let waited = interruptible(&progress, complete(&tools, &mut trip, arguments.timeout)).await;
    progress.clear();
    let waited = waited.ok_or_else(|| interrupted(context, &progress))?;
    waited.map_err(|error| to_be_taken_up(near(error, nearest), context, &progress))?;
    Ok(conclude(context, trip.record(), &trip.report()))
}

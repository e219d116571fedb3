//! `kugetsu wait`

use super::conclude::{conclude, over};
use super::context::Context;
use super::dispatches::find;
use super::error::{CliError, Exit};
use super::remote::complete;
use super::trips::Trips;
use crate::trip::Trip;
use clap::Args;
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
    over(&found.record)?;
    let trips = Trips::new(context).await?;
    let work = async |trip: &mut Trip| complete(&trips.tools, trip, arguments.timeout).await;
    let trip = trips.take_up(&found.record, "wait", work).await?;
    Ok(conclude(context, trip.record(), &trip.report()))
}

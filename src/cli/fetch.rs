//! `kugetsu fetch`

use super::conclude::{conclude, missing, near, over};
use super::context::Context;
use super::dispatches::find;
use super::error::{CliError, Exit};
use super::host;
use super::trips::Trips;
use crate::dispatch::Dispatch;
use crate::trip::{Snapshot, Trip, TripReport, snapshot};
use clap::Args;
use serde::Serialize;

/// Brings a session home whose run on a host is over, without waiting
///
/// A run that was cancelled, or cut short when the host went down, leaves what it did until then; that comes home. While the
/// run goes on it is refused. A trip that was cut short before its run began goes on to that first, as with `wait`.
#[derive(Args)]
pub(super) struct FetchArgs {
    /// A session, by any of its names ('#14', user/repo#14, ses_…), or a dispatch
    #[arg(value_name = "SESSION|DISPATCH")]
    what: String,
    /// While it runs: make what is there now a session of its own here; the run goes on
    #[arg(long)]
    snapshot: bool,
}

#[derive(Serialize)]
struct Copied<'a> {
    #[serde(flatten)]
    report: &'a TripReport,
    /// The session that holds what was there.
    snapshot: &'a str,
}

pub(super) async fn run(arguments: FetchArgs, context: &Context) -> Result<Exit, CliError> {
    let found = find(context, &arguments.what)?;
    let record = &found.record;
    over(record)?;
    let trips = Trips::new(context).await?;
    let tools = &trips.tools;
    if arguments.snapshot {
        let (host, nearest) = host::of(context, &context.hosts()?, record)?;
        let taken = trips.attend(&record.id, snapshot(tools, &found, host)).await?;
        let taken = taken.map_err(|error| missing(near(error, nearest), record))?;
        return Ok(show(context, &found, taken));
    }
    let work = async |trip: &mut Trip| trip.fetch_home(tools).await;
    let trip = trips.take_up(record, "fetch", work).await?;
    Ok(conclude(context, trip.record(), &trip.report()))
}

fn show(context: &Context, found: &Dispatch, taken: Snapshot) -> Exit {
    let ui = &context.ui;
    ui.done(&format!("what is on {} now is the session {} here", found.record.host, taken.session));
    ui.note(&format!("  look at it: opencode -s {}", taken.session));
    let report = TripReport { reply: taken.reply, ..TripReport::of(found) };
    ui.reply(&Copied { report: &report, snapshot: &taken.session }, report.reply.as_deref());
    Exit::Done
}

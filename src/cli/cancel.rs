//! `kugetsu cancel`

use super::conclude::{missing, near};
use super::context::Context;
use super::dispatches::find;
use super::error::{CliError, Exit};
use super::host;
use super::trips::Trips;
use crate::disk::Busy;
use crate::dispatch::Record;
use crate::text::plain;
use crate::trip::{Ended, TripError, cancel};
use clap::Args;

/// Ends a run on a host, with all that it started; the session stays there until it is fetched
///
/// A trip that has not begun there never will.
#[derive(Args)]
pub(super) struct CancelArgs {
    /// A session, by any of its names ('#14', user/repo#14, ses_…), or a dispatch
    #[arg(value_name = "SESSION|DISPATCH")]
    what: String,
}

/// A session that another kugetsu is only sending has no run that could be ended: that kugetsu is.
fn refused(error: TripError, record: &Record) -> CliError {
    let sender = match &error {
        TripError::Busy { by: Busy::Held(Some(holder)), .. } if record.is_unlaunched() => Some(holder.pid),
        _ => None,
    };
    let mut error = missing(error, record);
    if let Some(pid) = sender {
        error.hint = Some(format!(
            "it is being sent: press Ctrl-C where that runs, or type kill {pid}, and then the same again"
        ));
    }
    error
}

pub(super) async fn run(arguments: CancelArgs, context: &Context) -> Result<Exit, CliError> {
    let found = find(context, &arguments.what)?;
    let record = &found.record;
    let trips = Trips::new(context).await?;
    let (host, nearest) = host::to_reach(context, &context.hosts()?, record)?;
    let cancelled = trips.attend(&record.id, cancel(&trips.tools, &record.id, host)).await?;
    let cancelled = cancelled.map_err(|error| refused(near(error, nearest), record))?;
    let (ui, report) = (&context.ui, &cancelled.report);
    let (host, dispatch) = (&report.host, &report.dispatch);
    let bring = format!("  bring the session home: kugetsu fetch {dispatch}");
    match &cancelled.ended {
        Ended::Run => {
            ui.done(&format!("nothing of the run is left on {host}"));
            ui.note(&bring);
        }
        Ended::TheirRun { by } => {
            ui.done(&format!("nothing of the run is left on {host}"));
            ui.note(&format!("  the session is brought home by {}", plain(&by.to_string())));
        }
        Ended::ByItself => {
            ui.done(&format!("the run on {host} had ended by itself"));
            ui.note(&bring);
        }
        Ended::Unlaunched => ui.done("the trip is called off; nothing ran, and the session never left"),
    }
    if ui.json {
        ui.document(report);
    }
    Ok(Exit::Done)
}

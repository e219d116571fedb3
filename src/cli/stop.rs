//! `kugetsu stop`

use super::context::Context;
use super::error::{CliError, Exit};
use super::session;
use super::work::RunTarget;
use crate::text::quoted;
use crate::work::{self, Stopped, WorkError};
use clap::Args;
use serde_json::json;

/// Ends a run on this machine, with all that it started
#[derive(Args)]
pub(super) struct StopArgs {
    /// The session: an issue, or an opencode session id (ses_…)
    #[arg(value_name = "ISSUE")]
    session: String,
}

pub(super) async fn run(arguments: StopArgs, context: &Context) -> Result<Exit, CliError> {
    let RunTarget { name, session, file } = RunTarget::of(session::resolve(context, &arguments.session)?);
    let bench = context.bench().await?;
    let stopped = match work::stop(&bench, &session, &name, file.as_deref()) {
        Err(WorkError::NothingRuns { .. }) => return Err(nothing_runs(context, &session, name)?),
        stopped => stopped?,
    };
    let ui = &context.ui;
    ui.done(&match stopped {
        Stopped::Run => format!("the run in {name} is ended, with all that it started"),
        Stopped::Remains => format!("what an earlier run in {name} had left is ended"),
    });
    if ui.json {
        let issue = file.is_some().then_some(name);
        ui.document(&json!({ "session": session, "issue": issue, "state": "idle" }));
    }
    Ok(Exit::Done)
}

/// Nothing of it runs on this machine; on a host, maybe.
fn nothing_runs(context: &Context, session: &str, name: String) -> Result<CliError, CliError> {
    let Some(away) = context.store().away(session)? else {
        return Ok(WorkError::NothingRuns { name }.into());
    };
    let hint = format!("end its run there: kugetsu cancel {}", quoted(&name));
    let message = format!("{name} is on {}, and nothing of it runs here", away.record.host);
    Ok(CliError::new(Exit::Refused, "lock", message).with_hint(hint))
}

//! `kugetsu continue`

use super::away;
use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::told_to_stop;
use super::work::{RunTarget, WorkArgs, how, work, work_with};
use super::{message, session};
use clap::Args;

/// Works on a message in an issue's session
#[derive(Args)]
pub(super) struct ContinueArgs {
    /// The session: an issue, or an opencode session id (ses_…)
    #[arg(value_name = "ISSUE")]
    session: String,
    /// What to do; `-`, or nothing with something piped in, reads it from standard input
    message: Option<String>,
    /// Work on a copy, which becomes a session of its own
    #[arg(long, conflicts_with = "force")]
    fork: bool,
    /// Go on here although a host holds it; what that host has becomes a session of its own once it is fetched
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    work: WorkArgs,
}

pub(super) async fn run(arguments: ContinueArgs, context: &Context) -> Result<Exit, CliError> {
    let found = session::resolve(context, &arguments.session)?;
    let words = message::read(arguments.message.as_deref())?;
    let bench = context.bench_to_work().await?;
    if arguments.fork {
        let original = RunTarget::of(found);
        // What is wrong is found before the copy is made, which would be left behind.
        let (directory, setting) = how(context, &bench, &original, &arguments.work).await?;
        let session = crate::work::fork(&bench, &original.session, &original.name, told_to_stop()).await?;
        context.ui.done(&format!("a copy of {}: {session}", original.name));
        let target = RunTarget { name: session.clone(), session, file: None };
        return work_with(context, &bench, target, words, arguments.work, directory, setting).await;
    }
    away::check(context, &found, &arguments.session, None, arguments.force)?;
    work(context, &bench, RunTarget::of(found), words, arguments.work).await
}

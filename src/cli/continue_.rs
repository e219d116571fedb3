//! `kugetsu continue`

use super::context::Context;
use super::error::{CliError, Exit};
use super::work::{Target, WorkArgs, work};
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
    #[command(flatten)]
    work: WorkArgs,
}

pub(super) async fn run(arguments: ContinueArgs, context: &Context) -> Result<Exit, CliError> {
    let target = Target::of(session::resolve(context, &arguments.session)?);
    let words = message::read(arguments.message.as_deref())?;
    let bench = context.bench().await?;
    work(context, &bench, target, words, arguments.work).await
}

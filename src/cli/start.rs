//! `kugetsu start`

use super::context::Context;
use super::error::{CliError, Exit};
use super::work::{Target, WorkArgs, directory, work};
use super::{message, session};
use crate::work as local;
use clap::Args;
use std::path::Path;

/// Makes an issue's session from the base, and works on a message in it
#[derive(Args)]
pub(super) struct StartArgs {
    /// The issue: #14, user/repo#14, instance/user/repo#14, or its URL
    issue: String,
    /// What to do first; `-`, or nothing with something piped in, reads it from standard input
    message: Option<String>,
    #[command(flatten)]
    work: WorkArgs,
}

pub(super) async fn run(arguments: StartArgs, context: &Context) -> Result<Exit, CliError> {
    let issue = session::issue(context, &arguments.issue)?;
    // Read before anything is made: bad words should not leave a session behind.
    let given = arguments.message.is_some() || message::is_piped();
    let words = if given { Some(message::read(arguments.message.as_deref())?) } else { None };
    let directory = directory(context, arguments.work.dir.as_deref().unwrap_or(Path::new(".")))?;
    let bench = context.bench().await?;
    let (session, file) = local::make(&bench, &issue, &directory).await?;
    let name = issue.to_string();
    context.ui.note(&format!("{} {name} has a session: {session}", context.ui.good("✓")));
    let target = Target { name, session, file: Some(file) };
    match words {
        Some(words) => work(context, &bench, target, words, arguments.work).await,
        None => Ok(Exit::Done),
    }
}

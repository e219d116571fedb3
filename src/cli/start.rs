//! `kugetsu start`

use super::away;
use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::told_to_stop;
use super::session::ToStart;
use super::work::{RunTarget, WorkArgs, directory, setting, tell_idle, work_with};
use super::{message, session};
use crate::opencode::Database;
use crate::session::Setting;
use crate::text::quoted;
use crate::work::{self as local, Bench, WorkError};
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
    let issue = match session::to_start(context, &arguments.issue)? {
        ToStart::New(issue) => issue,
        ToStart::Started(found) => {
            // Where it is says more than that it was started.
            away::check(context, &found, &arguments.issue, None, false)?;
            return Err(WorkError::Started { issue: found.issue.unwrap_or(found.session) }.into());
        }
    };
    // What is wrong is found before anything is made: it should not leave a session behind.
    let words = message::read_if_given(arguments.message.as_deref())?;
    if let (None, Some(flag)) = (&words, arguments.work.about_a_run()) {
        return Err(CliError::usage(
            format!("without a message nothing is run, and {flag} is about a run"),
            format!("add the message: kugetsu start {} \"…\"", quoted(&arguments.issue)),
        ));
    }
    let directory = directory(context, arguments.work.dir.as_deref().unwrap_or(Path::new(".")))?;
    let bench = context.bench_to_work().await?;
    let begun = match words {
        Some(words) => Some((words, known_setting(&bench, &directory, &arguments.work).await?)),
        None => None,
    };
    let (session, file) = local::make(&bench, &issue, &directory, told_to_stop()).await?;
    let name = issue.to_string();
    context.ui.done(&format!("{name} has a session: {session}"));
    let target = RunTarget { name, session, file: Some(file) };
    match begun {
        Some((words, setting)) => {
            work_with(context, &bench, target, words, arguments.work, directory, setting).await
        }
        None => {
            tell_idle(context, &target);
            Ok(Exit::Done)
        }
    }
}

/// What the copy of the base is going to be run with. A base that is not there is refused when it is to be copied.
async fn known_setting(bench: &Bench, directory: &Path, given: &WorkArgs) -> Result<Setting, CliError> {
    let index = bench.index.index()?;
    let base = match index.base() {
        Some(base) => Database::open(&bench.database)?.session(base)?,
        None => None,
    };
    setting(bench, &base.map(|row| row.setting()).unwrap_or_default(), directory, given).await
}

//! `kugetsu resume`

use super::away;
use super::context::Context;
use super::error::{CliError, Exit};
use super::message;
use super::output::ask;
use super::session::{self, Resolved};
use super::work::{RunTarget, WorkArgs, work};
use crate::index::IndexedFile;
use crate::opencode::Database;
use crate::work::{RunFiles, WorkState, state_of, unfinished};
use clap::Args;
use std::collections::HashSet;
use std::io::IsTerminal as _;

/// Takes up a session whose run was cut short
#[derive(Args)]
pub(super) struct ResumeArgs {
    /// The issue; without one, those that were left are offered
    issue: Option<String>,
    /// What to do instead of what was being done; `-`, or nothing with something piped in, reads it from standard input
    message: Option<String>,
    #[command(flatten)]
    work: WorkArgs,
}

pub(super) async fn run(arguments: ResumeArgs, context: &Context) -> Result<Exit, CliError> {
    let bench = context.bench_to_work().await?;
    let found = match &arguments.issue {
        Some(issue) => session::resolve(context, issue)?,
        None => pick(context, &left(context, &bench.database)?)?,
    };
    let called = arguments.issue.as_deref().or(found.issue.as_deref()).unwrap_or(&found.session);
    // The ways out that it names are those of `continue`.
    away::check(context, &found, called, None, false)?;
    let target = RunTarget::of(found);
    let files = RunFiles::new(&bench.kugetsu_home, &target.session);
    let words = match message::read_if_given(arguments.message.as_deref())? {
        Some(words) => words,
        // What came to its end is not done once more.
        None if !is_left(context, &bench.database, &target)? => {
            let message = format!("{} was not left in the middle of a run", target.name);
            return Err(CliError::new(Exit::Refused, "resolve", message)
                .with_hint(format!("say what to do now: kugetsu continue '{}' \"…\"", target.name)));
        }
        None => std::fs::read(files.prompt()).map_err(|_| {
            let message = format!("nothing was being done in {} that could be taken up", target.name);
            CliError::new(Exit::Refused, "resolve", message)
                .with_hint(format!("say what to do: kugetsu continue '{}' \"…\"", target.name))
        })?,
    };
    work(context, &bench, target, words, arguments.work).await
}

/// Whether the session's run was cut short, or goes on (which is refused later, by its lock).
fn is_left(context: &Context, database: &std::path::Path, target: &RunTarget) -> Result<bool, CliError> {
    let Some(name) = &target.file else {
        // No file tells of it; its message is there until a run has come to its end.
        return Ok(RunFiles::new(context.kugetsu_home(), &target.session).prompt().exists());
    };
    let file = context.index().read(name)?;
    let recorded = file.and_then(|file| file.state);
    let exists = Database::open(database)?.session(&target.session)?.is_some();
    let state = state_of(context.kugetsu_home(), &target.session, recorded.as_deref(), exists);
    Ok(matches!(state, WorkState::Left | WorkState::Used))
}

/// The sessions whose run was cut short.
fn left(context: &Context, database: &std::path::Path) -> Result<Vec<Resolved>, CliError> {
    let store = context.index();
    let index = store.index()?;
    let database = Database::open(database)?;
    let (mut left, mut of_issues) = (Vec::new(), HashSet::new());
    for entry in store.entries(index.issues()) {
        let IndexedFile::Session(file) = entry.found else { continue };
        let exists = database.session(&file.session)?.is_some();
        if state_of(context.kugetsu_home(), &file.session, file.state.as_deref(), exists) == WorkState::Left {
            let (issue, name) = (entry.issue.to_owned(), entry.file.to_owned());
            left.push(Resolved { session: file.session.clone(), issue: Some(issue), file: Some(name) });
        }
        of_issues.insert(file.session);
    }
    // Of other sessions only the message tells, which is there until a run has come to its end.
    for session in unfinished(context.kugetsu_home())?.into_iter().filter(|one| !of_issues.contains(one)) {
        let (used, exists) = (Some(WorkState::Used.name()), database.session(&session)?.is_some());
        if state_of(context.kugetsu_home(), &session, used, exists) == WorkState::Left {
            left.push(Resolved { session, issue: None, file: None });
        }
    }
    Ok(left)
}

/// Lets the user choose one.
fn pick(context: &Context, left: &[Resolved]) -> Result<Resolved, CliError> {
    let names = || left.iter().map(|one| one.issue.as_deref().unwrap_or(&one.session));
    if left.is_empty() {
        return Err(CliError::new(Exit::Refused, "resolve", "no session was left in the middle of its work"));
    }
    if !(std::io::stdin().is_terminal() && context.ui.live) {
        let names: Vec<String> = names().map(|name| format!("'{name}'")).collect();
        return Err(CliError::usage("which one?", format!("kugetsu resume {}", names.join(" | "))));
    }
    for (number, name) in names().enumerate() {
        context.ui.line(&format!("{:>3}  {name}", number + 1));
    }
    let number = ask("Which one? ").parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let chosen = number.and_then(|number| left.get(number)).cloned();
    chosen.ok_or_else(|| CliError::usage("none was chosen", "type the number before it"))
}

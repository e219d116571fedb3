//! `kugetsu destroy`

use super::context::Context;
use super::error::{CliError, Exit};
use super::output::ask;
use super::session;
use crate::text::plain;
use crate::work::{self, DestroyTarget, WorkError};
use clap::Args;
use serde_json::json;
use std::io::IsTerminal as _;

/// Removes an issue's session from kugetsu; opencode keeps it
#[derive(Args)]
pub(super) struct DestroyArgs {
    /// The issue
    #[arg(required_unless_present = "base", conflicts_with = "base")]
    issue: Option<String>,
    /// The base session, from which new ones are copied
    #[arg(long)]
    base: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Remove the session from opencode, too, with all that was said in it
    #[arg(long)]
    session_too: bool,
}

pub(super) async fn run(arguments: DestroyArgs, context: &Context) -> Result<Exit, CliError> {
    let ui = &context.ui;
    let target = match &arguments.issue {
        Some(issue) => of_issue(context, issue)?,
        None => of_base(context)?,
    };
    let bench = context.bench().await?;
    // Who would be refused anyway need not be asked.
    work::check_free(&bench, &target)?;
    if !arguments.yes {
        confirm(context, &target, arguments.session_too)?;
    }
    let session_removed = work::destroy(&bench, &target, arguments.session_too).await?;
    let session = target.session.as_deref();
    if ui.json {
        let issue = &target.issue;
        ui.document(&json!({
            "issue": issue, "session": session, "removed": true, "session_removed": session_removed,
        }));
    }
    let kept = match session {
        Some(_) if session_removed => "; opencode has removed its session".to_owned(),
        Some(session) if !arguments.session_too => format!("; opencode keeps {session}"),
        _ => String::new(),
    };
    ui.done(&format!("kugetsu has forgotten {}{kept}", plain(target.name())));
    Ok(Exit::Done)
}

fn of_issue(context: &Context, text: &str) -> Result<DestroyTarget, CliError> {
    let (issue, file) = session::listed(context, text)?;
    let Some(file) = file else {
        return Err(CliError::new(Exit::Refused, "resolve", format!("{issue} has no session"))
            .with_hint("see what there is: kugetsu list"));
    };
    let session = context.index().read(&file)?.map(|file| file.session);
    Ok(DestroyTarget { issue: Some(issue), session })
}

fn of_base(context: &Context) -> Result<DestroyTarget, CliError> {
    let index = context.index().index()?;
    let session = index.base().ok_or(WorkError::NoBase)?;
    Ok(DestroyTarget { issue: None, session: Some(session.to_owned()) })
}

/// Asks whoever sits at the terminal.
fn confirm(context: &Context, target: &DestroyTarget, session_too: bool) -> Result<(), CliError> {
    let ui = &context.ui;
    let name = plain(target.name());
    if !(std::io::stdin().is_terminal() && ui.live) {
        let message = format!("nobody can be asked whether to destroy {name}");
        return Err(CliError::new(Exit::Refused, "confirm", message).with_hint("say that it is meant: -y"));
    }
    let session = target.session.as_deref().unwrap_or("that is not known");
    ui.wrapped("", &format!("kugetsu is to forget {name} (session {session})."));
    ui.wrapped(
        "",
        match session_too {
            true => "opencode is to remove the session, too, with all that was said in it.",
            false => "The session stays in opencode.",
        },
    );
    if matches!(ask("Do it? (y/n) ").as_str(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(CliError::new(Exit::Refused, "confirm", format!("{name} stays as it was")))
}

//! `kugetsu remote`

use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::interruptible;
use super::message;
use super::progress::{Progress, short};
use super::session::{self, Resolved};
use crate::clock;
use crate::dispatch::{Mode, Record, State};
use crate::hosts::HostEntry;
use crate::index::timestamp;
use crate::session::Model;
use crate::text::{plain, quoted};
use crate::transport::ConnectError;
use crate::trip::{DryRun, Report, Request, Tools, Trip, TripError};
use crate::work::WorkError;
use clap::{Args, ValueEnum};
use indicatif::HumanBytes;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Sends a session to a host and has a message worked on there
#[derive(Args)]
pub(super) struct RemoteArgs {
    /// A name from hosts.json, or any alias that ssh knows
    host: String,
    /// The session: '#14' or 14, user/repo#14, instance/user/repo#14, an issue's URL, or ses_…
    session: Option<String>,
    /// What to do there; `-`, or nothing with something piped in, reads it from standard input
    message: Option<String>,
    /// Wait for the run and bring the session home
    #[arg(long, conflicts_with = "mode")]
    round_trip: bool,
    /// one-way leaves the session there, round-trip brings it home
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    /// With a round trip: return after the launch; `kugetsu wait` brings it home
    #[arg(long)]
    detach: bool,
    /// Directory to work in there; `~/` is the home directory there
    #[arg(long, value_name = "DIR")]
    dir: Option<String>,
    /// Agent to run as there
    #[arg(long)]
    agent: Option<String>,
    /// Model to run with there
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<Model>,
    /// Variant of the model
    #[arg(long)]
    variant: Option<String>,
    /// How long to wait for the run, as 90s or 2h; the run itself goes on
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Allow there what would ask, short of what is denied
    #[arg(long)]
    auto: bool,
    /// Send the message alone, without the paragraph about the host
    #[arg(long)]
    bare: bool,
    /// Make the issue's session from the base first; nothing is run here
    #[arg(long, conflicts_with = "dry_run")]
    start: bool,
    /// Look at the host and say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArg {
    OneWay,
    RoundTrip,
}

pub(super) async fn run(arguments: RemoteArgs, context: &Context) -> Result<Exit, CliError> {
    let Some(session) = &arguments.session else {
        return Err(CliError::usage(
            format!("no session after the host {}", plain(&arguments.host)),
            format!(
                "an unquoted #14 is a comment to the shell and never gets here: kugetsu remote {} '#14' \"…\", or 14",
                quoted(&plain(&arguments.host))
            ),
        ));
    };
    let (host, nearest) = context.host(&arguments.host)?;
    // Read before anything is made: bad words should not leave a session behind.
    let message = message::read(arguments.message.as_deref())?;
    let resolved = match arguments.start {
        true => start(context, session).await?,
        false => session::resolve(context, session)?,
    };
    let mode = match arguments.mode {
        Some(ModeArg::RoundTrip) => Mode::RoundTrip,
        _ if arguments.round_trip => Mode::RoundTrip,
        _ => Mode::OneWay,
    };
    let request = Request {
        message,
        host,
        session: resolved.session.clone(),
        issue: resolved.issue.clone(),
        mode,
        directory: arguments.dir,
        agent: arguments.agent,
        model: arguments.model,
        variant: arguments.variant,
        auto: arguments.auto,
        bare: arguments.bare,
    };
    let progress = Arc::new(Progress::new(&context.ui));
    let tools = context.tools(Arc::clone(&progress)).await?;
    // An issue's session that opencode lost is another matter than an id that was mistyped.
    let unknown = |error| match (unknown_host(error, &request.host, nearest.clone()), &request.issue) {
        (TripError::UnknownSession { session }, Some(issue)) => {
            WorkError::SessionLost { name: issue.clone(), session }.into()
        }
        (error, _) => to_be_taken_up(error, context, &progress),
    };
    if arguments.dry_run {
        let dry = interruptible(&progress, request.dry_run(&tools)).await;
        progress.clear();
        let dry = dry.ok_or_else(|| interrupted(context, &progress))?.map_err(unknown)?;
        show_dry(context, &request, &dry);
        return Ok(Exit::Done);
    }
    let stays = mode == Mode::OneWay || arguments.detach;
    let work = async {
        let mut trip = request.launch(&tools).await?;
        if let Some(file) = &resolved.file {
            note(context, file, &request.message);
        }
        if !stays {
            complete(&tools, &mut trip, arguments.timeout).await?;
        }
        Ok::<_, TripError>(trip)
    };
    let trip = interruptible(&progress, work).await;
    progress.clear();
    let trip = trip.ok_or_else(|| interrupted(context, &progress))?;
    let trip = trip.map_err(unknown)?;
    Ok(conclude(context, trip.record(), &trip.report()))
}

/// Makes the session of an issue, to be worked on elsewhere.
async fn start(context: &Context, text: &str) -> Result<Resolved, CliError> {
    let issue = session::issue(context, text)?;
    let bench = context.bench().await?;
    let directory = super::work::directory(context, Path::new("."))?;
    let (session, file) = crate::work::make(&bench, &issue, &directory).await?;
    context.ui.note(&format!("{} {issue} has a session: {session}", context.ui.good("✓")));
    Ok(Resolved { session, issue: Some(issue.to_string()), file: Some(file) })
}

/// Writes down in the index what the session is at. A run that was left here is taken over by the trip.
fn note(context: &Context, file: &str, message: &[u8]) {
    let noted = context.index().change("remote", file, |file| {
        file.state = Some("idle".to_owned());
        file.last_activity = Some(timestamp(clock::now_ms()));
        file.message = Some(plain(&String::from_utf8_lossy(message)));
    });
    if let Err(error) = noted {
        context.ui.note(&format!("the session's record could not be written: {error}"));
    }
}

/// Waits for a trip's run and brings the session home.
pub(super) async fn complete(
    tools: &Tools,
    trip: &mut Trip,
    patience: Option<Duration>,
) -> Result<(), TripError> {
    trip.follow(tools, patience).await?;
    trip.bring_home(tools).await
}

/// A name that neither hosts.json nor ssh know is more likely mistyped than unreachable.
fn unknown_host(error: TripError, host: &HostEntry, nearest: Option<String>) -> TripError {
    match error {
        TripError::Connect { source: ConnectError::Resolve { .. }, .. } if host.source.is_none() => {
            TripError::UnknownHost { name: host.name.clone(), nearest }
        }
        error => error,
    }
}

/// Whoever's session is still away after an error is told how to go on, where the error itself does not say it.
pub(super) fn to_be_taken_up(error: TripError, context: &Context, progress: &Progress) -> CliError {
    let ends = matches!(error, TripError::Lost { .. } | TripError::Diverged { .. });
    let mut error = CliError::from(error);
    let away = record(context, progress).filter(Record::is_away);
    if let (None, false, Some(away)) = (&error.hint, ends, away) {
        error.hint = Some(format!("try again to bring it home: kugetsu wait {}", away.id));
    }
    error
}

fn record(context: &Context, progress: &Progress) -> Option<Record> {
    let found = context.store().open(&progress.dispatch()?).ok()??;
    Some(found.record)
}

/// What an interruption leaves, as the record tells it.
pub(super) fn interrupted(context: &Context, progress: &Progress) -> CliError {
    let record = record(context, progress);
    let mut error = CliError::new(Exit::Interrupted, "interrupted", "interrupted");
    let (safe, hint) = match record {
        Some(record) if record.state == State::Finished => (
            format!("what was done on {} is kept, and the session here is as it was", record.host),
            Some(format!("bring it home: kugetsu wait {}", record.id)),
        ),
        Some(record) if record.is_away() => (
            format!("the run on {} goes on, and the session here is as it was", record.host),
            Some(format!("wait for it and bring it home: kugetsu wait {}", record.id)),
        ),
        Some(record) if record.ended_ms.is_some() => ("the session is home".to_owned(), None),
        Some(record) => (
            format!("nothing runs on {}, and the session here is as it was", record.host),
            Some("type it again".to_owned()),
        ),
        None => ("nothing was done".to_owned(), None),
    };
    error.safe = Some(safe);
    error.hint = hint;
    error.retryable = true;
    error
}

/// The end of a trip: what came of it, and the answer.
pub(super) fn conclude(context: &Context, record: &Record, report: &Report) -> Exit {
    let ui = &context.ui;
    if let Some(trouble) = &report.run.error {
        let text = format!("the run on {} did not do its work: {}", report.host, plain(trouble));
        ui.wrapped(&format!("{} ", ui.bad("✗")), &text);
    }
    let exit = if report.run.ok == Some(false) { Exit::RunFailed } else { Exit::Done };
    match report.new_messages {
        _ if ui.quiet => {}
        Some(new) => {
            let took = record.ended_ms.unwrap_or_else(clock::now_ms).saturating_sub(record.created_ms);
            let took = short(Duration::from_millis(took.max(0).unsigned_abs()));
            let plural = if new == 1 { "" } else { "s" };
            let text = format!("home: {new} new message{plural}, {took}; agent and model as before");
            ui.wrapped(&format!("{} ", ui.good("✓")), &text);
        }
        None => {
            let text = format!("on {} since now; it works on without us", report.host);
            ui.wrapped(&format!("{} ", ui.good("✓")), &text);
            ui.wrapped("  ", &format!("bring it home: kugetsu wait {}", report.dispatch));
        }
    }
    if ui.json {
        ui.document(report);
    } else if let Some(reply) = &report.reply {
        ui.note("");
        ui.answer(reply);
    }
    exit
}

#[derive(Serialize)]
struct DryDocument<'a> {
    session: &'a str,
    issue: Option<&'a str>,
    title: &'a str,
    host: &'a str,
    mode: &'a str,
    messages: u64,
    bytes: u64,
    directory: &'a str,
    agent: Option<&'a str>,
    model: Option<String>,
    variant: Option<&'a str>,
    opencode: &'a str,
    opencode_version: &'a str,
    prompt: String,
}

fn show_dry(context: &Context, request: &Request, dry: &DryRun) {
    let model = dry.setting.model.as_ref();
    let document = DryDocument {
        session: &request.session,
        issue: request.issue.as_deref(),
        title: &dry.title,
        host: &request.host.name,
        mode: request.mode.name(),
        messages: dry.messages,
        bytes: dry.bytes,
        directory: &dry.directory,
        agent: dry.setting.agent.as_deref(),
        model: model.map(ToString::to_string),
        variant: model.and_then(|model| model.variant.as_deref()),
        opencode: &dry.opencode.1,
        opencode_version: &dry.opencode.0,
        prompt: String::from_utf8_lossy(&dry.prompt).into_owned(),
    };
    if context.ui.json {
        return context.ui.document(&document);
    }
    let unset = "opencode's default";
    let issue = document.issue.map(|issue| format!("{} ", session::short(issue))).unwrap_or_default();
    let text = format!(
        "{}{} → {} ({}), nothing done yet\n\
         session    {}, {} messages, {}\n\
         directory  {}\n\
         agent      {}\n\
         model      {}{}\n\
         opencode   {} at {}\n\n{}\n",
        issue,
        plain(document.title),
        document.host,
        document.mode,
        document.session,
        document.messages,
        HumanBytes(document.bytes),
        plain(document.directory),
        document.agent.map_or(unset.to_owned(), plain),
        document.model.as_deref().map_or(unset.to_owned(), plain),
        document.variant.map(|variant| format!(", {}", plain(variant))).unwrap_or_default(),
        plain(document.opencode_version),
        plain(document.opencode),
        document.prompt,
    );
    context.ui.answer(&text);
}

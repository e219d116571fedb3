//! `kugetsu remote`

use super::away;
use super::conclude::{conclude, near, to_be_taken_up, write_down};
use super::context::Context;
use super::error::{CliError, Exit};
use super::host;
use super::interrupt::told_to_stop;
use super::session::{self, Resolved, ToStart};
use super::trips::Trips;
use super::{dry, message};
use crate::clock;
use crate::dispatch::{Dispatch, Mode, State, new_id};
use crate::hosts::HostEntry;
use crate::index::timestamp;
use crate::session::Model;
use crate::text::{plain, quoted};
use crate::transport::ConnectError;
use crate::trip::{Request, Tools, Trip, TripError};
use crate::work::WorkError;
use clap::{Args, ValueEnum};
use std::path::Path;
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
    /// How long it may take until the run begins, and then how long to wait for it, as 90s or 2h; the run itself goes on
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// How long the run may take, as 90s or 2h: the host ends it then
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    run_timeout: Option<Duration>,
    /// Allow there what would ask, short of what is denied
    #[arg(long)]
    auto: bool,
    /// Send the message alone, without the paragraph about the host
    #[arg(long)]
    bare: bool,
    /// Leave paths of the session's directory as they are, in what the model there reads
    #[arg(long)]
    keep_paths: bool,
    /// Make the issue's session from the base first; nothing is run here
    #[arg(long, conflicts_with = "dry_run")]
    start: bool,
    /// Send a copy, which becomes a session of its own; the original stays here
    #[arg(long, conflicts_with_all = ["start", "via_home", "force"])]
    fork: bool,
    /// Where another host has the session and its run there is over: bring it home first
    #[arg(long, conflicts_with_all = ["start", "force"])]
    via_home: bool,
    /// Send it although a host holds it; what that host has becomes a session of its own once it is fetched
    #[arg(long)]
    force: bool,
    /// Look at the host and say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Where the session comes from that goes to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From here; by force, although a host holds it.
    Here { force: bool },
    /// It is made from the base first, unless that was done and nothing since.
    Base { force: bool },
    /// From the host that has it: it is brought home first.
    Host,
    /// A copy is made, wherever the original is.
    Copy,
    /// It only would be copied.
    Anywhere,
}

impl RemoteArgs {
    fn source(&self) -> Source {
        match *self {
            Self { dry_run: true, fork: true, .. } => Source::Anywhere,
            // Looking changes nothing, here or on another host.
            Self { dry_run: true, .. } => Source::Here { force: false },
            Self { start: true, force, .. } => Source::Base { force },
            Self { fork: true, .. } => Source::Copy,
            Self { via_home: true, .. } => Source::Host,
            Self { force, .. } => Source::Here { force },
        }
    }
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
    let (host, nearest) = host::find(context, &arguments.host)?;
    let source = arguments.source();
    // Read before anything is made: bad words should not leave a session behind.
    let message = message::read(arguments.message.as_deref())?;
    if matches!(source, Source::Base { .. } | Source::Copy) {
        // Nor should a mistyped host.
        known_host(context, &host, nearest.as_deref())?;
    }
    let found = match source {
        Source::Base { .. } => start(context, session, &host.name).await?,
        _ => session::resolve(context, session)?,
    };
    let trips = Trips::new(context).await?;
    let tools = &trips.tools;
    let away = |force| away::check(context, &found, session, Some(&host.name), force);
    match source {
        Source::Here { force } | Source::Base { force } => away(force)?,
        Source::Host => {
            bring_home(context, &trips, &found.session, &host.name).await?;
            away(false)?;
        }
        Source::Copy | Source::Anywhere => {}
    }
    let sent = match source {
        Source::Copy => fork(context, &found).await?,
        _ => found,
    };
    let mode = match arguments.mode {
        Some(ModeArg::RoundTrip) => Mode::RoundTrip,
        _ if arguments.round_trip => Mode::RoundTrip,
        _ => Mode::OneWay,
    };
    let stays = mode == Mode::OneWay || arguments.detach;
    let request = Request {
        id: new_id(clock::now_ms()),
        message,
        host,
        session: sent.session.clone(),
        issue: sent.issue.clone(),
        mode,
        directory: arguments.dir,
        agent: arguments.agent,
        model: arguments.model,
        variant: arguments.variant,
        auto: arguments.auto,
        bare: arguments.bare,
        keep_paths: arguments.keep_paths,
        force: arguments.force,
        run_timeout: arguments.run_timeout,
        patience: arguments.timeout,
    };
    // An issue's session that opencode lost is another matter than an id that was mistyped.
    let unknown = |error| match (near(error, nearest.clone()), &request.issue) {
        (TripError::UnknownSession { session }, Some(issue)) => {
            WorkError::SessionLost { name: issue.clone(), session }.into()
        }
        (error, _) => to_be_taken_up(error, context, &request.id),
    };
    if arguments.dry_run {
        let dry = trips.attend(&request.id, request.dry_run(tools)).await?.map_err(unknown)?;
        dry::show(context, &request, &dry);
        return Ok(Exit::Done);
    }
    let work = async {
        let mut trip = request.launch(tools).await?;
        if let Some(file) = &sent.file {
            note(context, file, &request.message);
        }
        if !stays {
            complete(tools, &mut trip, arguments.timeout).await?;
        }
        Ok::<_, TripError>(trip)
    };
    let failed = match trips.attend(&request.id, work).await {
        Ok(Ok(trip)) => return Ok(conclude(context, trip.record(), &trip.report())),
        Ok(Err(error)) => unknown(error),
        Err(interrupted) => interrupted,
    };
    if source == Source::Copy {
        take_back(context, &request.session).await;
    }
    Err(failed)
}

/// The session of an issue, to be worked on elsewhere: a new one, or one that was told nothing yet, as an attempt that
/// did not get to its host leaves it.
async fn start(context: &Context, text: &str, host: &str) -> Result<Resolved, CliError> {
    let issue = match session::to_start(context, text)? {
        ToStart::New(issue) => issue,
        ToStart::Started(found) if is_fresh(context, &found)? => return Ok(found),
        ToStart::Started(found) => {
            away::check(context, &found, text, Some(host), false)?;
            return Err(started(found.issue.unwrap_or(found.session), text, host));
        }
    };
    let bench = context.bench_to_work().await?;
    let directory = super::work::directory(context, Path::new("."))?;
    let made = crate::work::make(&bench, &issue, &directory, told_to_stop()).await;
    let (session, file) = made.map_err(|error| match error {
        WorkError::Started { issue } => started(issue, text, host),
        error => error.into(),
    })?;
    context.ui.done(&format!("{issue} has a session: {session}"));
    Ok(Resolved { session, issue: Some(issue.to_string()), file: Some(file) })
}

/// Refuses an issue whose session is at work already; the ways out go on with that.
fn started(issue: String, called: &str, host: &str) -> CliError {
    let (called, host) = (quoted(called), quoted(host));
    let ways = vec![
        ("send it there", format!("kugetsu remote {host} {called} \"…\"")),
        ("go on with it here", format!("kugetsu continue {called} \"…\"")),
    ];
    CliError { hint: None, ways, ..WorkError::Started { issue }.into() }
}

/// Whether nothing was said in an issue's session since it was made, here or on a host.
fn is_fresh(context: &Context, found: &Resolved) -> Result<bool, CliError> {
    let Some(name) = &found.file else { return Ok(false) };
    let is_fresh = context.index().read(name)?.is_some_and(|file| file.is_fresh());
    let trips = context.store().of(&found.session)?;
    // Where it is not known whether a run began, nobody has written the message down.
    Ok(is_fresh && trips.iter().all(|trip| trip.record.launched_ms.is_none()))
}

/// Makes the copy that goes in the session's place.
async fn fork(context: &Context, original: &Resolved) -> Result<Resolved, CliError> {
    let bench = context.bench_to_work().await?;
    let name = original.issue.as_deref().unwrap_or(&original.session);
    let session = crate::work::fork(&bench, &original.session, name, told_to_stop()).await?;
    context.ui.done(&format!("a copy of {name}: {session}"));
    Ok(Resolved { session, issue: None, file: None })
}

/// Removes a copy whose trip came to nothing, since the same words make another one. One that can be gone on with stays.
async fn take_back(context: &Context, copy: &str) {
    let came_to_nothing = |dispatch: &Dispatch| matches!(dispatch.record.state, State::Failed { .. });
    if !context.store().of(copy).is_ok_and(|all| all.iter().all(came_to_nothing)) {
        return;
    }
    let removed = async {
        let bench = context.bench().await?;
        Ok::<_, CliError>(crate::work::unfork(&bench, copy).await?)
    };
    match removed.await {
        Ok(()) => context.ui.note("  the copy is removed again"),
        Err(error) => context.ui.note(&format!("  the copy {copy} is not removed again: {}", error.message)),
    }
}

/// Brings a session home that another host than `to` has.
async fn bring_home(context: &Context, trips: &Trips<'_>, session: &str, to: &str) -> Result<(), CliError> {
    let Some(away) = context.store().away(session)? else { return Ok(()) };
    let work = async |trip: &mut Trip| trip.fetch_home(&trips.tools).await;
    trips.take_up(&away.record, "fetch", work).await?;
    context.ui.done(&format!("home from {}, and on to {to}", away.record.host));
    Ok(())
}

/// Writes down in the index what the session is at. A run that was left here is taken over by the trip.
fn note(context: &Context, file: &str, message: &[u8]) {
    write_down(context, file, |file| {
        file.state = Some("idle".to_owned());
        file.last_activity = Some(timestamp(clock::now_ms()));
        file.message = Some(plain(&String::from_utf8_lossy(message)));
        file.trouble = None;
    });
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

/// Refuses a name that neither hosts.json nor ssh know: it is more likely mistyped than unreachable.
fn known_host(context: &Context, host: &HostEntry, nearest: Option<&str>) -> Result<(), TripError> {
    if host.source.is_none() && matches!(context.look_up(host), Err(ConnectError::Resolve { .. })) {
        let (name, nearest) = (host.name.clone(), nearest.map(str::to_owned));
        return Err(TripError::UnknownHost { name, nearest });
    }
    // Whatever else is wrong is told where it is connected to.
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Verb};
    use clap::Parser as _;

    #[test]
    fn flags_say_where_the_session_comes_from() {
        let source = |flags: &str| {
            let line = ["kugetsu", "remote", "pi", "14", "go on"].into_iter().chain(flags.split_whitespace());
            let Ok(Cli { verb: Verb::Remote(arguments), .. }) = Cli::try_parse_from(line) else { panic!() };
            arguments.source()
        };
        for (flags, expected) in [
            ("", Source::Here { force: false }),
            ("--force", Source::Here { force: true }),
            ("--start", Source::Base { force: false }),
            ("--start --force", Source::Base { force: true }),
            ("--fork", Source::Copy),
            ("--via-home", Source::Host),
            ("--dry-run", Source::Here { force: false }),
            ("--dry-run --force", Source::Here { force: false }),
            ("--dry-run --via-home", Source::Here { force: false }),
            ("--dry-run --fork", Source::Anywhere),
        ] {
            assert_eq!(source(flags), expected, "{flags}");
        }
    }
}

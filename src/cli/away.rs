//! What is said of a session that a host holds, and the ways out.

use super::context::Context;
use super::error::{CliError, Exit};
use super::heading::short;
use super::session::Resolved;
use crate::clock;
use crate::disk;
use crate::dispatch::{Record, State};
use crate::text::{quoted, span};
use crate::trip::TripError;
use std::time::Duration;

const STOP: &str = "stop it there";
const COPY_GOES: &str = "send a copy";
const COPY_HERE: &str = "work on a copy here";

/// What the user wants to do with a session that may be away.
pub(super) struct Wanted<'a> {
    pub(super) found: &'a Resolved,
    /// What they called it.
    pub(super) called: &'a str,
    /// The command up to the session, as `kugetsu remote pi`.
    pub(super) command: String,
    /// The host that it is to go to.
    pub(super) to: Option<&'a str>,
}

/// Refuses a session that a host holds. `force`: the user goes on all the same; here, the host's trip is let go.
pub(super) fn check(context: &Context, wanted: &Wanted<'_>, force: bool) -> Result<(), CliError> {
    let session = &wanted.found.session;
    let Some(away) = context.store().away(session)? else { return Ok(()) };
    let refused = refusal(&away.record, wanted);
    let _lock = match disk::take_session(context.kugetsu_home(), session, "force")? {
        Ok(lock) if force => lock,
        Ok(_) => return Err(refused),
        // Who follows it is who to ask, and brings it home.
        Err(by) => {
            let mut error = CliError::from(TripError::Busy { session: session.clone(), by });
            let ways = refused.ways.into_iter();
            error.ways = ways.filter(|(what, _)| [STOP, COPY_GOES, COPY_HERE].contains(what)).collect();
            return Err(error);
        }
    };
    // Read again under the lock: it may just have come home.
    let Some(mut away) = context.store().away(session)? else { return Ok(()) };
    // A trip lets it go itself, once its own run has begun: until then nothing has changed.
    if wanted.to.is_none() {
        away.record.is_abandoned = true;
        away.save()?;
    }
    let host = &away.record.host;
    context.ui.note(&format!(
        "what {host} has of it is left there; it can still be fetched: kugetsu fetch {}",
        away.record.id
    ));
    Ok(())
}

fn refusal(record: &Record, wanted: &Wanted<'_>) -> CliError {
    let name = wanted
        .found
        .issue
        .as_deref()
        .map_or_else(|| format!("session {}", record.session), |issue| short(issue).to_owned());
    let since = record.launched_ms.unwrap_or(record.created_ms);
    let age = span(Duration::from_millis(clock::now_ms().saturating_sub(since).max(0).unsigned_abs()));
    let (how, over) = match &record.state {
        State::Launched { .. } | State::Running { .. } => ("its run goes on, as far as is known", false),
        State::Finished => ("its run has ended", true),
        State::Lost { .. } => ("its run is lost", true),
        State::Cancelled { .. } => ("its run was cancelled", true),
        _ => ("whether its run began is not known", false),
    };
    let (called, command) = (quoted(wanted.called), &wanted.command);
    let mut ways = if over {
        vec![("bring it home", format!("kugetsu fetch {called}"))]
    } else {
        vec![
            ("wait for it and bring it home", format!("kugetsu wait {called}")),
            (STOP, format!("kugetsu cancel {called}")),
        ]
    };
    if wanted.to.is_some_and(|to| to != record.host) {
        ways.push(("bring it home once it has ended, and go", format!("{command} {called} --via-home …")));
    }
    let copy = if wanted.to.is_some() { COPY_GOES } else { COPY_HERE };
    ways.push((copy, format!("{command} {called} --fork …")));
    ways.push(("go on here all the same", format!("{command} {called} --force …")));
    let message = format!("{name} is on {} since {age}: {how}", record.host);
    CliError { ways, ..CliError::new(Exit::Refused, "lock", message) }
}

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

/// Refuses a session that a host holds. `called` is the user's name for it; `to` is the host that it is to go to, `None`
/// where the user wants to work on it here. With `force` nothing is refused, and a trip whose session is wanted here is abandoned.
pub(super) fn check(
    context: &Context,
    found: &Resolved,
    called: &str,
    to: Option<&str>,
    force: bool,
) -> Result<(), CliError> {
    let session = &found.session;
    let Some(away) = context.store().away(session)? else { return Ok(()) };
    let refused = refusal(&away.record, found, called, to);
    let _lock = match disk::take_session(context.kugetsu_home(), session, "force")? {
        Ok(lock) if force => lock,
        Ok(_) => return Err(refused),
        // Whoever follows the trip also brings the session home.
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
    if to.is_none() {
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

fn refusal(record: &Record, found: &Resolved, called: &str, to: Option<&str>) -> CliError {
    let name = match &found.issue {
        Some(issue) => short(issue).to_owned(),
        None => format!("session {}", record.session),
    };
    let since = record.launched_ms.unwrap_or(record.created_ms);
    let age = span(Duration::from_millis(clock::now_ms().saturating_sub(since).max(0).unsigned_abs()));
    let (how, over) = match &record.state {
        State::Launched { .. } | State::Running { .. } => ("its run goes on, as far as is known", false),
        State::Finished => ("its run has ended", true),
        State::Lost { .. } => ("its run is lost", true),
        State::Cancelled { .. } => ("its run was cancelled", true),
        _ => ("whether its run began is not known", false),
    };
    let called = quoted(called);
    let command = match to {
        Some(to) => format!("kugetsu remote {}", quoted(to)),
        None => "kugetsu continue".to_owned(),
    };
    let mut ways = if over {
        vec![("bring it home", format!("kugetsu fetch {called}"))]
    } else {
        vec![
            ("wait for it and bring it home", format!("kugetsu wait {called}")),
            (STOP, format!("kugetsu cancel {called}")),
        ]
    };
    if to.is_some_and(|to| to != record.host) {
        ways.push(("bring it home once it has ended, and go", format!("{command} {called} --via-home …")));
    }
    let copy = if to.is_some() { COPY_GOES } else { COPY_HERE };
    ways.push((copy, format!("{command} {called} --fork …")));
    ways.push(("go on here all the same", format!("{command} {called} --force …")));
    let message = format!("{name} is on {} since {age}: {how}", record.host);
    CliError { ways, ..CliError::new(Exit::Refused, "lock", message) }
}

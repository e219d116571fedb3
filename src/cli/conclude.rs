//! How a trip ends for whoever asked for it: what came of it, or what is safe and what to type next.

use super::context::Context;
use super::error::{CliError, Exit};
use crate::clock;
use crate::dispatch::{Record, State};
use crate::index::{IndexError, SessionFile, moment, timestamp};
use crate::text::{plain, quoted, span};
use crate::trip::{TripError, TripReport};
use std::time::Duration;

/// Refuses a trip that is over and did not come home.
pub(super) fn over(record: &Record) -> Result<(), CliError> {
    match &record.state {
        State::Failed { step, message } => {
            let message = format!("the trip to {} failed: {message}", record.host);
            Err(CliError::failed(step.name(), message))
        }
        State::Cancelled { launched: false } => {
            let message = format!("the trip to {} was cancelled before anything ran there", record.host);
            Err(CliError::failed("launch", message))
        }
        _ => Ok(()),
    }
}

/// Tells how to go on after an error that leaves a session away, if the error itself does not say it.
pub(super) fn to_be_taken_up(error: TripError, context: &Context, id: &str) -> CliError {
    let ends = matches!(error, TripError::Lost { .. } | TripError::Diverged { .. });
    // What these hint at comes before it is tried again.
    let keeps = matches!(error, TripError::Home { .. } | TripError::Apply { .. } | TripError::Program(_));
    let Some(record) = record(context, id) else { return CliError::from(error) };
    let mut error = missing(error, &record);
    if ends {
        return error;
    }
    let id = &record.id;
    if record.is_away() {
        let again = format!("try again to bring it home: kugetsu wait {id}");
        error.hint = match error.hint {
            None => Some(again),
            Some(hint) if keeps => Some(format!("{hint}; {again}")),
            hint => hint,
        };
    } else if error.hint.is_none() && record.is_unlaunched() {
        error.hint = Some(format!("go on with it: kugetsu wait {id}"));
    }
    error
}

/// Nobody can wait for what is not on its host any more: that needs other ways out.
pub(super) fn missing(error: TripError, record: &Record) -> CliError {
    let (Record { session, host, .. }, name) = (record, quoted(&record.host));
    let gone = matches!(error, TripError::NotOnHost { .. }) && record.is_away();
    // It had an address before: the network may be down.
    let unheard_of = matches!(error, TripError::UnknownHost { .. }) && record.is_on_host;
    let mut error = CliError::from(error);
    if unheard_of {
        (error.exit, error.retryable) = (Exit::Unreachable, true);
    }
    if gone {
        error.hint =
            Some(format!("see whether {host} still leads to the machine and account that it was sent to"));
        error.ways = vec![
            ("go on here without what was done there", format!("kugetsu continue {session} --force …")),
            ("send it anew", format!("kugetsu remote {name} {session} --force …")),
            ("work on a copy here", format!("kugetsu continue {session} --fork …")),
        ];
    }
    error
}

/// Adds the nearest name that is known to the error of an unknown host.
pub(super) fn near(error: TripError, nearest: Option<String>) -> TripError {
    match error {
        TripError::UnknownHost { name, .. } => TripError::UnknownHost { name, nearest },
        error => error,
    }
}

/// The record of a dispatch, which need not have got that far.
fn record(context: &Context, id: &str) -> Option<Record> {
    Some(context.store().open(id).ok()??.record)
}

/// What an interruption leaves, as the record of the dispatch `id` tells it.
pub(super) fn interrupted(context: &Context, id: &str) -> CliError {
    let mut error = CliError::new(Exit::Interrupted, "interrupted", "interrupted");
    let (safe, ways) = match record(context, id) {
        Some(Record { state: State::Home { .. }, .. }) => ("the session is home".to_owned(), vec![]),
        Some(Record { state: State::Finished, host, id, .. }) => (
            format!("what was done on {host} is kept, and the session here is as it was"),
            vec![("bring it home", format!("kugetsu fetch {id}"))],
        ),
        Some(record) if record.is_away() => (
            match record.state {
                State::Uploaded => format!(
                    "whether the run on {} began is not known; the session here is as it was",
                    record.host
                ),
                _ => format!("the run on {} goes on, and the session here is as it was", record.host),
            },
            vec![
                ("end it there", format!("kugetsu cancel {}", record.id)),
                ("wait for it and bring it home", format!("kugetsu wait {}", record.id)),
            ],
        ),
        Some(record) if record.is_unlaunched() => (
            format!("nothing runs on {}, and the session here is as it was", record.host),
            vec![("go on with it", format!("kugetsu wait {}", record.id))],
        ),
        Some(record) => {
            (format!("nothing runs on {}, and the session here is as it was", record.host), vec![])
        }
        None => {
            error.hint = Some("type it again".to_owned());
            ("nothing was done".to_owned(), vec![])
        }
    };
    error.safe = Some(safe);
    error.ways = ways;
    error.retryable = true;
    error
}

/// The end of a trip: what came of it, and the answer.
pub(super) fn conclude(context: &Context, record: &Record, report: &TripReport) -> Exit {
    let ui = &context.ui;
    note(context, record, report);
    if let Some(trouble) = &report.run.error {
        ui.run_failed(&format!("the run on {} did not do its work: {}", report.host, plain(trouble)));
    }
    let exit = if report.run.ok == Some(false) { Exit::RunFailed } else { Exit::Done };
    match report.new_messages {
        Some(new) => {
            let took = record.ended_ms.unwrap_or_else(clock::now_ms).saturating_sub(record.created_ms);
            let took = span(Duration::from_millis(took.max(0).unsigned_abs()));
            let plural = if new == 1 { "" } else { "s" };
            let older = record.older_changed;
            ui.done(&format!(
                "home: {new} new message{plural}, {older} older changed, {took}; agent and model as before"
            ));
        }
        None => {
            ui.done(&format!("on {} since now; it works on without us", report.host));
            ui.note(&format!("  bring it home: kugetsu wait {}", report.dispatch));
        }
    }
    ui.reply(report, report.reply.as_deref());
    exit
}

/// Writes down in the index how the run went, unless something was done with the session since it came home.
fn note(context: &Context, record: &Record, report: &TripReport) {
    let (Some(issue), Some(ended_ms), Some(_)) = (&record.issue, record.ended_ms, report.new_messages) else {
        return;
    };
    let index = match context.index().index() {
        Ok(index) => index,
        Err(error) => return not_written(context, &error),
    };
    let Some((_, file)) = index.spelled(issue) else { return };
    write_down(context, file, |file| {
        let since = file.last_activity.as_deref().and_then(moment);
        if file.session == record.session && since.is_none_or(|since| since <= ended_ms) {
            file.last_activity = Some(timestamp(ended_ms));
            file.trouble = report.run.error.as_deref().map(plain);
        }
    });
}

/// Changes what the index says of a session. That it cannot is no reason to fail: the trip itself is elsewhere.
pub(super) fn write_down(context: &Context, file: &str, change: impl FnOnce(&mut SessionFile)) {
    if let Err(error) = context.index().change("remote", file, change) {
        not_written(context, &error);
    }
}

fn not_written(context: &Context, error: &IndexError) {
    context.ui.note(&format!("the session's record could not be written: {error}"));
}

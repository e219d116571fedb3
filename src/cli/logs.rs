//! `kugetsu logs`

use super::context::Context;
use super::dispatches;
use super::error::{CliError, Exit};
use super::host;
use super::interrupt::told_to_stop;
use super::lines::{lines, said_aside};
use super::progress::Progress;
use super::session::{self, Resolved};
use crate::disk::{Lock, session_lock};
use crate::dispatch::{self, Dispatch};
use crate::events::Event;
use crate::index::timestamp;
use crate::text::plain_bytes;
use crate::trip::{Listener, OnEvent, message};
use crate::work::{LogReader, log_path};
use clap::Args;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// How often a log that is followed is looked at.
const TICK: Duration = Duration::from_millis(150);

/// Shows what the runs of a session printed, here or on a host
///
/// Of a session: those here, or, where it last went to a host, the one there. A run on a host is shown from its first event
/// on; at its end, what it said on standard error. Of a run here that did not do its work, its log says why.
#[derive(Args)]
pub(super) struct LogsArgs {
    /// The session: '#14', an issue's address, or ses_…; or a dispatch
    #[arg(value_name = "SESSION|DISPATCH")]
    what: String,
    /// Go on showing it until the run ends, or until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long)]
    lines: Option<usize>,
}

#[derive(Serialize)]
struct Document<'a> {
    session: &'a str,
    issue: Option<&'a str>,
    dispatch: Option<&'a str>,
    lines: &'a VecDeque<String>,
}

/// Lines, and no more than so many of the last.
#[derive(Default)]
struct Last {
    lines: VecDeque<String>,
    most: Option<usize>,
}

impl Last {
    fn push(&mut self, line: String) {
        self.lines.push_back(line);
        if self.most.is_some_and(|most| self.lines.len() > most) {
            self.lines.pop_front();
        }
    }
}

pub(super) async fn run(arguments: LogsArgs, context: &Context) -> Result<Exit, CliError> {
    if arguments.follow && context.ui.json {
        return Err(CliError::usage(
            "--json is one document, and --follow has no end",
            "leave one of them out",
        ));
    }
    let shown = async {
        if dispatch::is_id(&arguments.what) {
            let dispatch = dispatches::find(context, &arguments.what)?;
            return there(&arguments, context, dispatch).await;
        }
        let session = session::resolve_id(context, &arguments.what)?;
        match last_on_a_host(context, &session)? {
            Some(dispatch) => there(&arguments, context, dispatch).await,
            None => here(&arguments, context, &session).await,
        }
    };
    if !arguments.follow {
        return shown.await;
    }
    tokio::select! {
        biased;
        () = told_to_stop() => Ok(Exit::Done),
        shown = shown => shown,
    }
}

/// The dispatch that the session's last run was, if that was one on a host.
fn last_on_a_host(context: &Context, session: &str) -> Result<Option<Dispatch>, CliError> {
    let Some(dispatch) = dispatches::of(context, session)? else { return Ok(None) };
    let record = &dispatch.record;
    if record.is_away() && !record.is_abandoned {
        return Ok(Some(dispatch));
    }
    let Some(launched_ms) = record.launched_ms else { return Ok(None) };
    let written = std::fs::metadata(log_path(context.kugetsu_home(), session));
    let written =
        written.and_then(|log| log.modified()).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let newer = written.is_none_or(|written| u128::from(launched_ms.unsigned_abs()) > written.as_millis());
    Ok(newer.then_some(dispatch))
}

/// Shows a run on a host.
async fn there(arguments: &LogsArgs, context: &Context, dispatch: Dispatch) -> Result<Exit, CliError> {
    let record = dispatch.record.clone();
    let Some(launched_ms) = record.launched_ms.or(record.is_away().then_some(record.created_ms)) else {
        let message = format!("nothing of the dispatch {} ran on {} yet", record.id, record.host);
        return Err(CliError::failed("resolve", message));
    };
    let tools = context.tools(Arc::new(Progress::new(&context.ui))).await?;
    let (host, _) = host::to_reach(context, &context.hosts()?, &record)?;
    let last = Arc::new(Mutex::new(Last { most: arguments.lines, ..Last::default() }));
    let keep = |text: &str| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        text.lines().for_each(|line| last.push(line.to_owned()));
    };
    let words = message(&dispatch).map(|words| plain_bytes(&words)).unwrap_or_default();
    keep(&format!("{} {} > {words}", timestamp(launched_ms), record.host));
    let kept = Arc::clone(&last);
    let hear: OnEvent = Arc::new(move |event: &Event| {
        let mut last = kept.lock().unwrap_or_else(PoisonError::into_inner);
        lines(event).lines().for_each(|line| last.push(line.to_owned()));
    });
    let mut listener = Listener::new(dispatch, host);
    let heard = listener.listen(&tools, false, &hear).await;
    let goes_on = heard.as_ref().is_ok_and(|heard| heard.goes_on);
    if let (Ok(heard), false) = (&heard, goes_on && arguments.follow) {
        keep(&said_aside(&heard.stderr));
    }
    let all = std::mem::take(&mut last.lock().unwrap_or_else(PoisonError::into_inner).lines);
    if context.ui.json {
        if heard.is_ok() {
            context.ui.document(&Document {
                session: &record.session,
                issue: record.issue.as_deref(),
                dispatch: Some(&record.id),
                lines: &all,
            });
        }
        heard?;
        return Ok(Exit::Done);
    }
    let shown = context.ui.lines(all);
    heard?;
    if !shown || !arguments.follow || !goes_on {
        return Ok(Exit::Done);
    }
    let ui = context.ui.clone();
    let hear: OnEvent = Arc::new(move |event: &Event| {
        // Nobody may be reading any more; then the next signal ends it.
        ui.lines(lines(event).lines().map(str::to_owned));
    });
    let heard = listener.listen(&tools, true, &hear).await?;
    context.ui.lines(said_aside(&heard.stderr).lines().map(str::to_owned));
    Ok(Exit::Done)
}

/// Shows the runs on this machine.
async fn here(arguments: &LogsArgs, context: &Context, session: &str) -> Result<Exit, CliError> {
    let lock = session_lock(context.kugetsu_home(), session);
    let mut reader = LogReader::new(&log_path(context.kugetsu_home(), session));
    let found = || session::resolve(context, &arguments.what);
    let mut last = Last { most: arguments.lines, ..Last::default() };
    let is_there = reader.read(|line| last.push(line))?;
    let begins = arguments.follow && Lock::is_held(&lock);
    if !is_there && !begins {
        return Err(nothing(&found()?));
    }
    if !arguments.follow && arguments.lines != Some(0) {
        reader.rest().into_iter().for_each(|line| last.push(line));
    }
    if context.ui.json {
        context.ui.document(&Document {
            session,
            issue: found()?.issue.as_deref(),
            dispatch: None,
            lines: &last.lines,
        });
        return Ok(Exit::Done);
    }
    if context.ui.lines(last.lines) && arguments.follow {
        follow(context, reader, &lock).await?;
    }
    Ok(Exit::Done)
}

/// Shows what is added until nobody runs or moves the session, or nobody reads.
async fn follow(context: &Context, mut reader: LogReader, lock: &std::path::Path) -> Result<(), CliError> {
    loop {
        // What was written before the lock was free is read after.
        let over = !Lock::is_held(lock);
        let mut lines = Vec::new();
        reader.read(|line| lines.push(line))?;
        if over {
            lines.extend(reader.rest());
        }
        if !context.ui.lines(lines) || over {
            return Ok(());
        }
        tokio::time::sleep(TICK).await;
    }
}

fn nothing(found: &Resolved) -> CliError {
    let name = found.issue.as_deref().unwrap_or(&found.session);
    CliError::failed("resolve", format!("no run of {name} has printed anything"))
        .with_hint(format!("begin one: kugetsu continue '{name}' \"…\""))
}

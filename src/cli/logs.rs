//! `kugetsu logs`

use super::context::Context;
use super::error::{CliError, Exit};
use super::session::{self, Resolved};
use crate::disk::{Lock, session_lock};
use crate::dispatch;
use crate::work::{LogReader, log_path};
use clap::Args;
use serde::Serialize;
use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often a log that is followed is looked at.
const TICK: Duration = Duration::from_millis(150);

/// Shows what the runs of a session printed here
#[derive(Args)]
pub(super) struct LogsArgs {
    /// The session: '#14', an issue's address, or ses_…
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
    lines: &'a VecDeque<String>,
}

pub(super) async fn run(arguments: LogsArgs, context: &Context) -> Result<Exit, CliError> {
    if dispatch::is_id(&arguments.what) {
        return Err(CliError::usage(
            "what a dispatch printed is on its host, and is not fetched from there yet",
            format!("see how its run ended: kugetsu wait {}", arguments.what),
        ));
    }
    if arguments.follow && context.ui.json {
        return Err(CliError::usage(
            "--json is one document, and --follow has no end",
            "leave one of them out",
        ));
    }
    let found = session::resolve(context, &arguments.what)?;
    let lock = session_lock(context.kugetsu_home(), &found.session);
    let mut reader = LogReader::new(&log_path(context.kugetsu_home(), &found.session));
    let mut last = VecDeque::new();
    let is_there = reader.read(|line| {
        last.push_back(line);
        if arguments.lines.is_some_and(|lines| last.len() > lines) {
            last.pop_front();
        }
    })?;
    let begins = arguments.follow && Lock::is_held(&lock);
    if !is_there && !begins {
        return Err(nothing(context, &found));
    }
    if !arguments.follow && arguments.lines != Some(0) {
        last.extend(reader.rest());
        if arguments.lines.is_some_and(|lines| last.len() > lines) {
            last.pop_front();
        }
    }
    if context.ui.json {
        context.ui.document(&Document {
            session: &found.session,
            issue: found.issue.as_deref(),
            lines: &last,
        });
        return Ok(Exit::Done);
    }
    if show(last).is_err() || !arguments.follow {
        return Ok(Exit::Done);
    }
    // Where a signal cannot be waited for, it ends the process as it always did.
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let stop = async {
        let (Ok(mut int), Ok(mut term)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = int.recv() => (),
            _ = term.recv() => (),
        }
    };
    tokio::select! {
        biased;
        () = stop => Ok(Exit::Done),
        followed = follow(reader, &lock) => followed.map(|()| Exit::Done),
    }
}

/// Shows what is added until nobody runs or moves the session, or nobody reads.
async fn follow(mut reader: LogReader, lock: &std::path::Path) -> Result<(), CliError> {
    loop {
        // What was written before the lock was free is read after.
        let over = !Lock::is_held(lock);
        let mut lines = Vec::new();
        reader.read(|line| lines.push(line))?;
        if over {
            lines.extend(reader.rest());
        }
        if show(lines).is_err() || over {
            return Ok(());
        }
        tokio::time::sleep(TICK).await;
    }
}

fn show(lines: impl IntoIterator<Item = String>) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// There is no log; where it might be instead.
fn nothing(context: &Context, found: &Resolved) -> CliError {
    let name = found.issue.as_deref().unwrap_or(&found.session);
    let away = context.store().away(&found.session).ok().flatten();
    let hint = match away {
        Some(away) => {
            format!("it is on {}; bring it home: kugetsu wait {}", away.record.host, away.record.id)
        }
        None => format!("begin one: kugetsu continue '{name}' \"…\""),
    };
    let message = format!("no run of {name} on this machine has printed anything");
    CliError { hint: Some(hint), ..CliError::failed("resolve", message) }
}

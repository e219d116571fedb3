//! `kugetsu status`

use super::context::Context;
use super::dispatches::find;
use super::error::{CliError, Exit};
use super::heading::heading;
use super::host;
use crate::dispatch::{Dispatch, Record};
use crate::text::{plain, span};
use crate::trip::{TripStatus, statuses};
use clap::Args;
use console::{measure_text_width, truncate_str};
use std::time::Duration;

/// Shows where sessions are that went to hosts, and what is done there now
///
/// All hosts are asked at once; one that does not answer within 10 s is shown as such.
#[derive(Args)]
pub(super) struct StatusArgs {
    /// A session, by any of its names ('#14', user/repo#14, ses_…), or a dispatch
    #[arg(value_name = "SESSION|DISPATCH")]
    what: Option<String>,
}

pub(super) async fn run(arguments: StatusArgs, context: &Context) -> Result<Exit, CliError> {
    let ui = &context.ui;
    let one = arguments.what.is_some();
    let shown: Vec<Dispatch> = match &arguments.what {
        Some(what) => vec![find(context, what)?],
        None => {
            let mut all = Vec::new();
            for found in context.store().each()? {
                match found {
                    Ok(dispatch) => all.push(dispatch),
                    Err(error) => ui.wrapped("  ", &error.to_string()),
                }
            }
            // What is over is of interest only where its host still keeps something of it.
            all.retain(|dispatch| !dispatch.record.state.is_end() || dispatch.record.is_on_host);
            all
        }
    };
    let tools = context.tools_that_ask_nothing().await?;
    let hosts = context.hosts()?;
    let host_of = |record: &Record| {
        host::to_reach(context, &hosts, record).map(|(entry, _)| entry).map_err(|error| error.in_one_line())
    };
    let looks = statuses(&tools, &shown, host_of).await;
    if ui.json {
        match looks.first().filter(|_| one) {
            Some(look) => ui.document(look),
            None => ui.document(&looks),
        }
    } else if looks.is_empty() {
        ui.note("No session is on a host.");
    } else {
        let columns = ui.answer_columns();
        ui.answer(&looks.iter().map(|look| paragraph(look, columns)).collect::<String>());
    }
    Ok(Exit::Done)
}

/// A trip, in lines none of which is wider than `columns`.
fn paragraph(look: &TripStatus, columns: usize) -> String {
    let report = &look.report;
    let name = heading(report.issue.as_deref(), &look.title, &report.session);
    let mut lines = vec![format!("{name} → {}", report.host)];
    let mut state = report.state.to_owned();
    if let Some(ms) = look.running_ms {
        state.push_str(&format!(" for {}", span(Duration::from_millis(ms.unsigned_abs()))));
    }
    if let Some(tokens) = look.tokens.filter(|tokens| *tokens > 0) {
        state.push_str(&format!(", {tokens} tokens"));
    }
    lines.push(format!("  {state}"));
    if let Some(activity) = &look.activity {
        let since = look.for_seconds.unwrap_or_default();
        let stalled = if look.stalled == Some(true) { "stalled? " } else { "" };
        let age = format!(", {}", span(Duration::from_secs(since)));
        let room = columns.saturating_sub(4 + measure_text_width(stalled) + measure_text_width(&age));
        lines.push(format!("  ▸ {stalled}{}{age}", truncate_str(activity, room, "…")));
    }
    if let Some(trouble) = &look.trouble {
        lines.push(format!("  {} does not answer: {}", report.host, plain(trouble)));
    }
    if let Some(error) = &report.run.error {
        lines.push(format!("  ✗ {}", plain(error)));
    }
    lines.push(format!("  {}", report.dispatch));
    lines.iter().map(|line| format!("{}\n", truncate_str(line, columns, "…"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trip::TripReport;
    use crate::trip::report::RunReport;
    use proptest::prelude::*;

    fn status_of(title: &str, activity: &str, trouble: &str) -> TripStatus {
        TripStatus {
            report: TripReport {
                dispatch: "20261120-103015-4k2mtv7a".into(),
                session: "ses_1".into(),
                issue: Some("github.com/me/tool#14".into()),
                host: "pi".into(),
                mode: "one-way",
                state: "running",
                holder: "pi".into(),
                directory: None,
                agent: None,
                model: None,
                run: RunReport { ok: None, exit: None, error: Some(trouble.into()) },
                new_messages: None,
                refused: Vec::new(),
                reply: None,
                started: None,
                finished: None,
            },
            reachable: Some(false),
            trouble: Some(trouble.into()),
            activity: Some(plain(activity)),
            for_seconds: Some(3725),
            running_ms: Some(725_000),
            tokens: Some(12_345),
            stalled: Some(true),
            title: title.into(),
        }
    }

    #[test]
    fn what_goes_on_is_told_at_a_glance() {
        let text = paragraph(&status_of("Fix the login", "bash cargo test", "refused"), 80);
        for words in [
            "#14 Fix the login → pi",
            "running for 12 m 05 s, 12345 tokens",
            "▸ stalled? bash cargo test, 1 h 02 m",
        ] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_the_terminal(title: String, activity: String, trouble: String, columns in 20usize..120) {
            for line in paragraph(&status_of(&title, &activity, &trouble), columns).lines() {
                prop_assert!(measure_text_width(line) <= columns, "{columns}: {line:?}");
            }
        }
    }
}

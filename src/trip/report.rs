//! What scripts get to read of a trip; the fields are promised.

use crate::dispatch::{Dispatch, State};
use serde::Serialize;

/// A trip as `--json` shows it. Unknown is null.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TripReport {
    pub dispatch: String,
    pub session: String,
    pub issue: Option<String>,
    pub host: String,
    /// `one-way` or `round-trip`.
    pub mode: &'static str,
    pub state: &'static str,
    /// Who holds the session: `here`, or the host's name.
    pub holder: String,
    pub directory: Option<String>,
    pub agent: Option<String>,
    /// `provider/model` of the run.
    pub model: Option<String>,
    pub run: RunReport,
    /// Messages that came home.
    pub new_messages: Option<usize>,
    /// What the host changed in the session beyond its right; that is in a session of its own.
    pub refused: Vec<String>,
    /// The text of the last assistant message.
    pub reply: Option<String>,
    /// When the run was launched, RFC 3339 in UTC.
    pub started: Option<String>,
    /// When the trip ended, likewise.
    pub finished: Option<String>,
}

/// The agent's run, apart from the trip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunReport {
    /// It did its work; null while that is not known.
    pub ok: Option<bool>,
    pub exit: Option<i32>,
    /// Why it did not do its work.
    pub error: Option<String>,
}

impl TripReport {
    /// Of a dispatch as its record tells it, without the answer.
    pub(crate) fn of(dispatch: &Dispatch) -> Self {
        let record = &dispatch.record;
        let exit = record.result.as_ref().map(|result| result.status);
        let time = |ms: Option<i64>| {
            let since = std::time::Duration::from_millis(ms?.try_into().ok()?);
            Some(humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string())
        };
        let directory = record.sent.as_ref().map_or(&record.plan.directory, |sent| &sent.run.directory);
        Self {
            dispatch: record.id.clone(),
            session: record.session.clone(),
            issue: record.issue.clone(),
            host: record.host.clone(),
            mode: record.mode.name(),
            state: record.state.name(),
            holder: match record.is_away() && !record.is_abandoned {
                true => record.host.clone(),
                false => "here".to_owned(),
            },
            directory: Some(directory.clone()),
            agent: record.plan.setting.agent.clone(),
            model: record.plan.setting.model.as_ref().map(ToString::to_string),
            run: RunReport {
                ok: exit.map(|_| record.trouble.is_none()),
                exit,
                error: record.trouble.clone(),
            },
            new_messages: match record.state {
                State::Home { new_messages } => Some(new_messages),
                _ => None,
            },
            refused: record.refused.clone(),
            reply: None,
            started: time(record.launched_ms),
            finished: time(record.ended_ms),
        }
    }
}

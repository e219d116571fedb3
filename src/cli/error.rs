//! Errors as a person and a script get to read them.

use crate::disk::{Busy, DiskError, Task};
use crate::dispatch::StoreError;
use crate::hosts::HostsError;
use crate::index::IndexError;
use crate::opencode::{DatabaseError, ProgramError};
use crate::text::quoted;
use crate::trip::{FailureKind, TripError};
use crate::work::WorkError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::json;
use std::borrow::Cow;
use std::process::ExitCode;

/// Exit statuses; promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Failed,
    Usage,
    Unreachable,
    Refused,
    RunFailed,
    Running,
    Interrupted,
    Passed(i32),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Refused => 4,
            Exit::RunFailed => 5,
            Exit::Running => 6,
            Exit::Interrupted => 130,
            Exit::Passed(status) => u8::try_from(status).unwrap_or(1),
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct CliError {
    pub(super) exit: Exit,
    /// Where it happened: a step of a trip, or the verb's own word.
    pub(super) step: Cow<'static, str>,
    /// What happened, in one sentence.
    pub(super) message: String,
    /// What is safe now.
    pub(super) safe: Option<String>,
    /// What to do, or to type, next.
    pub(super) hint: Option<String>,
    /// Several ways out, each with what it does and the command.
    pub(super) ways: Vec<(&'static str, String)>,
    pub(super) retryable: bool,
}

impl CliError {
    pub(super) fn new(exit: Exit, step: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            exit,
            step: step.into(),
            message: message.into(),
            safe: None,
            hint: None,
            ways: Vec::new(),
            retryable: false,
        }
    }

    pub(super) fn failed(step: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, step, message)
    }

    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "arguments", message).with_hint(hint)
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A refusal of the argument parser, in its own words.
    pub(super) fn from_clap(error: &clap::Error) -> Self {
        let text = error.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        if message.ends_with(':') {
            // What is missing stands on lines of its own, up to the usage.
            let missing: Vec<&str> = lines.by_ref().take_while(|line| line.starts_with('<')).collect();
            message = format!("{message} {}", missing.join(", "));
        }
        let hint =
            text.lines().map(str::trim).find(|line| line.starts_with("tip:") || line.starts_with("Usage:"));
        let hint = hash_sign_hint(error).or(hint).map(str::to_owned);
        Self { hint, ..Self::new(Exit::Usage, "arguments", message) }
    }

    /// All of it in one line, where it is one of several things that are told.
    pub(super) fn in_one_line(&self) -> String {
        let ways = self.ways.iter().map(|(what, command)| format!("{what}: {command}"));
        let all = [self.message.clone()].into_iter().chain(self.safe.clone()).chain(self.hint.clone());
        all.chain(ways).collect::<Vec<_>>().join("; ")
    }

    /// The document that `--json` prints.
    pub(super) fn document(&self) -> serde_json::Value {
        let kind = match self.exit {
            Exit::Done | Exit::Failed | Exit::Passed(_) => "failed",
            Exit::Usage => "usage",
            Exit::Unreachable => "unreachable",
            Exit::Refused => "refused",
            Exit::RunFailed => "run",
            Exit::Running => "running",
            Exit::Interrupted => "interrupted",
        };
        let ways = self.ways.iter().map(|(what, command)| format!("{what}: {command}"));
        let all: Vec<String> = self.safe.iter().chain(&self.hint).cloned().chain(ways).collect();
        let hint = (!all.is_empty()).then(|| all.join("; "));
        let Self { step, message, retryable, .. } = self;
        json!({"error": {"kind": kind, "step": step, "message": message, "hint": hint, "retryable": retryable}})
    }
}

/// What to say where an issue is missing: the shell may have taken it away.
pub(super) fn hash_sign_hint(error: &clap::Error) -> Option<&'static str> {
    let missing = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) => missing,
        _ => return None,
    };
    let is_issue = |name: &String| name.contains("ISSUE") || name.contains("SESSION");
    missing
        .iter()
        .any(is_issue)
        .then_some("an unquoted #14 is a comment to the shell and never gets here: write '#14', or 14")
}

impl From<TripError> for CliError {
    fn from(error: TripError) -> Self {
        let safe = error.safe();
        let exit = match error.kind() {
            FailureKind::Failed => Exit::Failed,
            FailureKind::Usage => Exit::Usage,
            FailureKind::Unreachable => Exit::Unreachable,
            FailureKind::Refused => Exit::Refused,
            FailureKind::Running => Exit::Running,
        };
        let (step, message, retryable) = (error.step().name(), error.to_string(), error.retryable());
        let hint = match &error {
            TripError::Busy { session, by } => Some(way_out(session, by)),
            _ => error.hint(),
        };
        match error {
            // What is wrong on this machine is no matter of the step that met it.
            TripError::Disk(error) | TripError::Program(ProgramError::Disk(error)) => {
                Self { safe, ..error.into() }
            }
            TripError::Store(error) => Self { safe, ..error.into() },
            _ => Self { safe, hint, retryable, ..Self::new(exit, step, message) },
        }
    }
}

/// What to do about a session that opencode does not have.
pub(super) const LIST_SESSIONS: &str = "list the sessions: opencode session list";

/// What to do about a session that is in use.
fn way_out(name: &str, by: &Busy) -> String {
    let name = quoted(name);
    let task = match by {
        Busy::Held(holder) => holder.as_ref().map(|holder| &holder.task),
        Busy::Remains { .. } => return format!("end it: kugetsu stop {name}"),
    };
    match task {
        Some(Task::Run(_)) => format!("look at it: kugetsu logs {name} -f; end it: kugetsu stop {name}"),
        Some(Task::Trip(_)) => format!(
            "watch it: kugetsu logs {name} -f; see how it stands: kugetsu status {name}; end its run there: kugetsu cancel {name}"
        ),
        Some(Task::Other(_)) | None => "the same again once that has ended".to_owned(),
    }
}

impl From<WorkError> for CliError {
    fn from(error: WorkError) -> Self {
        let refused = |step: &'static str, hint: String| (Exit::Refused, step, Some(hint));
        let (exit, step, hint) = match &error {
            WorkError::Busy { name, by } => refused("lock", way_out(name, by)),
            WorkError::Away { dispatch, .. } => {
                refused("lock", format!("wait for it and bring it home: kugetsu wait {dispatch}"))
            }
            WorkError::NothingRuns { .. } => refused("lock", "see what runs: kugetsu list".to_owned()),
            WorkError::Started { issue } => {
                refused("resolve", format!("go on with it: kugetsu continue '{issue}' \"…\""))
            }
            WorkError::NoBase => refused("resolve", "make one: kugetsu init".to_owned()),
            WorkError::BaseLost { .. } => refused("resolve", "make another: kugetsu init --force".to_owned()),
            WorkError::NoSession { .. } => refused("resolve", LIST_SESSIONS.to_owned()),
            WorkError::SessionLost { name, .. } => {
                refused("resolve", format!("forget it, and start anew: kugetsu destroy '{name}'"))
            }
            WorkError::UnknownAgent { known, .. } => {
                refused("check", format!("choose one: --agent {}", known.join("|")))
            }
            WorkError::NoDirectory { .. } => {
                refused("check", "make it, or restore it from where it went".to_owned())
            }
            WorkError::Interrupted { left } => {
                let hint = match left {
                    Some(session) => format!("remove what there is of it: opencode session delete {session}"),
                    None => "nothing of it is left; type it again".to_owned(),
                };
                (Exit::Interrupted, "interrupted", Some(hint))
            }
            WorkError::Survived { .. } => {
                (Exit::Failed, "run", Some("end them by their numbers: kill -9 PID".to_owned()))
            }
            _ => (Exit::Failed, "run", None),
        };
        let message = error.to_string();
        let retryable = exit == Exit::Interrupted;
        match error {
            WorkError::Index(error) => error.into(),
            WorkError::Store(error) => error.into(),
            WorkError::Disk(error) => error.into(),
            WorkError::Program(ProgramError::Disk(error)) => error.into(),
            WorkError::Permission(error) => error.into(),
            WorkError::Database(error) => error.into(),
            WorkError::Unreadable(error) => TripError::Unreadable(error).into(),
            WorkError::Undone { session } => TripError::Undone { session }.into(),
            _ => Self { hint, retryable, ..Self::new(exit, step, message) },
        }
    }
}

impl From<HostsError> for CliError {
    fn from(error: HostsError) -> Self {
        let exit = match &error {
            HostsError::Allowed(_) => Exit::Failed,
            _ => Exit::Usage,
        };
        Self::new(exit, "hosts", error.to_string())
    }
}

impl From<ProgramError> for CliError {
    fn from(error: ProgramError) -> Self {
        let exit = match error {
            ProgramError::Disk(error) => return error.into(),
            ProgramError::UnsupportedVersion { .. } => Exit::Refused,
            _ => Exit::Failed,
        };
        Self { hint: error.cure().map(str::to_owned), ..Self::new(exit, "opencode", error.to_string()) }
    }
}

impl From<DatabaseError> for CliError {
    fn from(error: DatabaseError) -> Self {
        TripError::Database(error).into()
    }
}

impl From<DiskError> for CliError {
    fn from(error: DiskError) -> Self {
        Self { hint: error.cure().map(str::to_owned), ..Self::failed("disk", error.to_string()) }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let hint = match error {
            StoreError::Disk(error) => return error.into(),
            StoreError::Damaged { path, .. } => {
                let path = quoted(&path.display().to_string());
                format!("nothing was written over it; move it away to go on: mv {path} {path}.bad")
            }
            StoreError::Newer { .. } => "use that newer kugetsu".to_owned(),
        };
        Self::failed("dispatches", message).with_hint(hint)
    }
}

impl From<IndexError> for CliError {
    fn from(error: IndexError) -> Self {
        let (exit, hint) = match &error {
            IndexError::Disk(error) => (Exit::Failed, error.cure().map(str::to_owned)),
            IndexError::Damaged { path, .. } => {
                let path = quoted(&path.display().to_string());
                (
                    Exit::Failed,
                    Some(format!("see what is wrong with it, or move it away: mv {path} {path}.bad")),
                )
            }
            IndexError::Newer { .. } => (Exit::Failed, Some("use that newer kugetsu".to_owned())),
            IndexError::Busy { .. } => (Exit::Refused, Some("try again".to_owned())),
            IndexError::Known { .. } => (Exit::Refused, None),
        };
        let retryable = matches!(error, IndexError::Busy { .. });
        Self { hint, retryable, ..Self::new(exit, "index", error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_one_word_to_the_shell() {
        let damaged = StoreError::Damaged { path: "/my home/dispatch.json".into(), reason: "cut".into() };
        let error = CliError::from(TripError::from(damaged));
        let hint = error.hint.unwrap();
        assert!(hint.ends_with("mv '/my home/dispatch.json' '/my home/dispatch.json'.bad"), "{hint}");
        assert_eq!(error.step, "dispatches");
    }
}

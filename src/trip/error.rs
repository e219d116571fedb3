//! Why a trip did not go through, by phase: what happened, where, and what is safe.

use crate::disk::{Busy, DiskError};
use crate::dispatch::{Record, Step, StoreError};
use crate::host::{AnswerError, FramesError};
use crate::opencode::apply::ApplyError;
use crate::opencode::{DatabaseError, ProgramError, Unreadable};
use crate::session::ExportError;
use crate::text::plain;
use crate::transfer::{HomeError, PrepareError};
use crate::transport::ConnectError;
use crate::transport::TransportError;
use crate::trip::last_sync::ResendReason;
use std::path::PathBuf;

/// Whom to blame decides what to do about it: the exit status and whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Failed,
    /// What was asked for makes no sense.
    Usage,
    /// The host was not reached or did not let us in.
    Unreachable,
    /// Nothing was changed, because it would not be safe or possible.
    Refused,
    /// The run goes on, and was waited for as long as the user said.
    Running,
}

/// Why a trip did not go through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TripError {
    #[error("there is no session {session} in opencode's database here")]
    UnknownSession { session: String },
    #[error("no host is called {name:?}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    UnknownHost { name: String, nearest: Option<String> },
    #[error("{0}")]
    Message(&'static str),
    #[error("{0}")]
    Usage(String),
    #[error("kugetsu itself failed: {0}")]
    Broken(&'static str),
    #[error("session {session} is in use: {by}")]
    Busy { session: String, by: Busy },
    #[error("session {session} is on {host} (dispatch {dispatch}, {state})")]
    Away { session: String, host: String, dispatch: String, state: &'static str },
    #[error("the last words of session {session} are undone here")]
    Undone { session: String },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the message of the dispatch {dispatch} is not kept, so it cannot go on")]
    NoMessage { dispatch: String },
    #[error("another kugetsu works with this session on {host} (dispatch {dispatch}{since})")]
    RunsThere {
        host: String,
        dispatch: String,
        /// `, for 12 m`, or nothing where that is not known.
        since: String,
    },
    #[error("the dispatch {dispatch} is not on {host} any more")]
    NotOnHost { host: String, dispatch: String },
    #[error("the dispatch {dispatch} is over ({state})")]
    Over { dispatch: String, state: &'static str },
    #[error("{left} processes of the run on {host} did not end")]
    Survived { host: String, dispatch: String, left: u64 },
    #[error("there is no dispatch for {0:?}")]
    UnknownDispatch(String),
    #[error("the run on {host} has not ended")]
    StillRunning { host: String, dispatch: String },
    #[error("the run on {host} has not ended within {}", humantime::format_duration(*after))]
    TimedOut { host: String, dispatch: String, after: std::time::Duration },
    #[error("{host} could not be reached for {}: {why}", humantime::format_duration(*after))]
    OutOfReach {
        host: String,
        after: std::time::Duration,
        /// Why, at last.
        why: String,
        /// Something was begun there, as far as is known.
        begun: bool,
    },
    #[error(
        "{} within {}",
        if *known { format!("the run on {host} has not begun") } else { format!("it was not heard whether the run on {host} began") },
        humantime::format_duration(*after)
    )]
    NotBegun {
        host: String,
        dispatch: String,
        after: std::time::Duration,
        /// The host was not told to begin yet.
        known: bool,
    },
    #[error("{host}, {}: not done within {}", step.name(), humantime::format_duration(*after))]
    Slow { host: String, step: Step, after: std::time::Duration },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the export of {session} cannot be used: {source}")]
    Export { session: String, source: ExportError },
    #[error("the copy for {host} could not be made: {source}")]
    Prepare { host: String, source: PrepareError },
    #[error("{source}")]
    Connect {
        host: String,
        /// The command by which ssh itself reaches it.
        ssh: String,
        source: ConnectError,
    },
    #[error("{host}, {}: {source}", step.name())]
    Transport { host: String, step: Step, source: TransportError },
    #[error("whether the run on {host} was started is not known: {why}")]
    LaunchUnknown { host: String, dispatch: String, why: String },
    #[error("{host}, {}: {source}", step.name())]
    Script { host: String, step: Step, source: AnswerError },
    #[error("{host}: {what}")]
    Unfit { host: String, what: String, cure: String },
    #[error("{host}, wait: {source}")]
    Watch { host: String, source: FramesError },
    #[error("the run on {host} is gone without a result{}", if words.is_empty() { String::new() } else { format!(": {words}") })]
    Lost { host: String, dispatch: String, words: String },
    #[error("what came back from {host} cannot be used: {source}")]
    Home {
        host: String,
        source: HomeError,
        /// The file, which is kept.
        kept: PathBuf,
    },
    #[error("what came back from {host} is not whole: {what}")]
    Cut { host: String, what: String },
    #[error("{}; what came back is the session {copy}", parted(session, host, *undone, refused))]
    Diverged {
        session: String,
        host: String,
        /// The session that holds what left and what was done there.
        copy: String,
        /// Part of what left was undone there.
        undone: bool,
        /// What the host changed beyond its right, in words.
        refused: Vec<String>,
    },
    #[error("{}, and {why}", beyond(session, host, *messages))]
    HostDiverged {
        host: String,
        session: String,
        /// Messages there that are not here.
        messages: usize,
        why: DivergedReason,
    },
    #[error("what came back from {host} could not be brought into opencode's database: {source}")]
    Apply {
        host: String,
        source: Box<ApplyError>,
        /// What came back, which is kept.
        kept: PathBuf,
    },
    #[error(
        "opencode imported what came back from {host}, but {missing} of its messages and parts are not in the database"
    )]
    RowsMissing {
        host: String,
        missing: usize,
        /// What came back, which is kept.
        kept: PathBuf,
    },
}

/// What a host has of a session that home has not.
fn beyond(session: &str, host: &str, messages: usize) -> String {
    match messages {
        0 => format!("messages of {session} were changed on {host}"),
        more => format!("{more} messages of {session} on {host} are not here"),
    }
}

/// Why what came back is not in the session that left.
fn parted(session: &str, host: &str, undone: bool, refused: &[String]) -> String {
    if let Some(first) = refused.first() {
        let more = match refused.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return format!(
            "{host} changed what it may not change in {session} ({}{more}), which is as it was",
            plain(first)
        );
    }
    match undone {
        true => format!("on {host}, a part of what {session} had been was undone before it went on"),
        false => format!("{session} went on here while it was on {host}"),
    }
}

/// Why what somebody did on a host cannot come home with another trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DivergedReason {
    #[error("the session went on here as well")]
    BothChanged,
    #[error("the {0} there is another than on the last trip, by which they could be told")]
    TranslatedOtherwise(ResendReason),
    #[error("nothing is replaced there that home does not have")]
    NotReplaced,
}

impl TripError {
    /// The refusal of a session that a host holds.
    pub(crate) fn away(record: &Record) -> Self {
        Self::Away {
            session: record.session.clone(),
            host: record.host.clone(),
            dispatch: record.id.clone(),
            state: record.state.name(),
        }
    }

    /// The host has nothing of the dispatch any more.
    pub(crate) fn not_on_host(record: &Record) -> Self {
        Self::NotOnHost { host: record.host.clone(), dispatch: record.id.clone() }
    }

    /// What a script answered cannot be used.
    pub(crate) fn garbled(host: &str, step: Step) -> impl Fn(AnswerError) -> Self {
        move |source| Self::Script { host: host.to_owned(), step, source }
    }

    /// Whether another connection may do what this one did not.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.is_transient(),
            Self::Connect { source, .. } => source.retryable(),
            _ => false,
        }
    }

    /// Whether the host only takes no more connections for now.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Connect { source: ConnectError::Full { .. }, .. })
    }

    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::UnknownHost { .. } | Self::Message(_) | Self::Usage(_) | Self::UnknownDispatch(_) => {
                FailureKind::Usage
            }
            Self::Connect { .. }
            | Self::LaunchUnknown { .. }
            | Self::OutOfReach { .. }
            | Self::NotBegun { .. }
            | Self::Slow { .. } => FailureKind::Unreachable,
            Self::Transport { source, .. } if source.is_transient() => FailureKind::Unreachable,
            Self::UnknownSession { .. }
            | Self::Busy { .. }
            | Self::Away { .. }
            | Self::Undone { .. }
            | Self::Unreadable(_)
            | Self::RunsThere { .. }
            | Self::Over { .. }
            | Self::StillRunning { .. }
            | Self::Unfit { .. }
            | Self::HostDiverged { .. }
            | Self::Program(ProgramError::UnsupportedVersion { .. })
            | Self::Diverged { .. } => FailureKind::Refused,
            Self::TimedOut { .. } => FailureKind::Running,
            _ => FailureKind::Failed,
        }
    }

    pub(crate) fn step(&self) -> Step {
        match self {
            Self::UnknownSession { .. }
            | Self::UnknownHost { .. }
            | Self::Message(_)
            | Self::Usage(_)
            | Self::UnknownDispatch(_)
            | Self::Undone { .. }
            | Self::Database(_) => Step::Resolve,
            Self::Busy { .. } | Self::Away { .. } => Step::Lock,
            Self::NoMessage { .. } | Self::Disk(_) | Self::Store(_) | Self::Broken(_) => Step::Record,
            Self::Program(ProgramError::NotImported { .. } | ProgramError::NotADirectory { .. })
            | Self::Apply { .. }
            | Self::RowsMissing { .. } => Step::Import,
            Self::Program(_) | Self::Export { .. } | Self::Unreadable(_) => Step::Export,
            Self::Prepare { .. } => Step::Prepare,
            Self::Connect { .. } | Self::OutOfReach { .. } => Step::Connect,
            Self::Transport { step, .. } | Self::Script { step, .. } | Self::Slow { step, .. } => *step,
            Self::Unfit { .. } | Self::HostDiverged { .. } => Step::Probe,
            Self::LaunchUnknown { .. } | Self::NotBegun { .. } | Self::RunsThere { .. } => Step::Launch,
            Self::StillRunning { .. }
            | Self::TimedOut { .. }
            | Self::Watch { .. }
            | Self::Lost { .. }
            | Self::Over { .. }
            | Self::Survived { .. }
            | Self::NotOnHost { .. } => Step::Wait,
            Self::Cut { .. } => Step::Fetch,
            Self::Home { .. } | Self::Diverged { .. } => Step::Verify,
        }
    }

    /// Whether the same command may well work a little later.
    pub(crate) fn retryable(&self) -> bool {
        let may_pass = matches!(
            self,
            Self::LaunchUnknown { .. }
                | Self::OutOfReach { .. }
                | Self::Slow { .. }
                | Self::RunsThere { .. }
                | Self::Busy { .. }
                | Self::StillRunning { .. }
                | Self::TimedOut { .. }
                | Self::NotBegun { .. }
                | Self::Cut { .. }
        );
        may_pass || self.is_transient()
    }

    /// What is safe now, where that is not plain from the error itself.
    pub(crate) fn safe(&self) -> Option<String> {
        let here = "the session here is as it was";
        Some(match self {
            Self::LaunchUnknown { .. }
            | Self::NotBegun { known: false, .. }
            | Self::NotOnHost { .. }
            | Self::Export { .. }
            | Self::Prepare { .. }
            | Self::Program(_)
            | Self::Undone { .. }
            | Self::Unreadable(_) => here.to_owned(),
            Self::OutOfReach { host, begun: false, .. } | Self::NotBegun { host, .. } => {
                format!("nothing runs on {host}, and {here}")
            }
            Self::Transport { host, step, .. }
            | Self::Script { host, step, .. }
            | Self::Slow { host, step, .. }
                if *step <= Step::Launch =>
            {
                format!("nothing runs on {host}, and {here}")
            }
            Self::RunsThere { .. } => format!("nothing was changed there, and {here}"),
            Self::OutOfReach { .. } => format!("what was begun there goes on, and {here}"),
            Self::TimedOut { .. } | Self::StillRunning { .. } | Self::Watch { .. } | Self::Cut { .. } => {
                format!("the work stays on the host, and {here}")
            }
            Self::Transport { .. } | Self::Slow { .. } => {
                format!("what was done there stays there, and {here}")
            }
            Self::Unfit { host, .. } | Self::HostDiverged { host, .. } => {
                format!("nothing was started on {host}, and {here}")
            }
            // What is too large to be of use to anybody is not kept.
            Self::Home { host, kept, .. } if !kept.exists() => {
                format!("{here}; what came back is removed again, and stays on {host}")
            }
            Self::Home { kept, .. } | Self::Apply { kept, .. } | Self::RowsMissing { kept, .. } => {
                format!("{here}; what came back is kept in {}", kept.display())
            }
            _ => return None,
        })
    }
}

//! Why a trip did not go through, by phase: what happened, where, and what is safe.

use crate::disk::{Busy, DiskError};
use crate::dispatch::{Record, Step, StoreError};
use crate::host::{AnswerError, FramesError};
use crate::opencode::arrival::ArrivalError;
use crate::opencode::{DatabaseError, ProgramError, Unreadable};
use crate::prepare::{HomeError, PrepareError};
use crate::session::ExportError;
use crate::text::plain;
use crate::transport::ConnectError;
use crate::transport::TransportError;
use crate::trip::last_sync::Term;
use std::path::PathBuf;

/// Whom to blame decides what to do about it: the exit status and whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something failed.
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
pub enum TripError {
    /// No such session in the local database.
    #[error("there is no session {session} in opencode's database here")]
    UnknownSession {
        /// The id.
        session: String,
    },
    /// Neither hosts.json nor ssh know the host.
    #[error("no host is called {name:?}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    UnknownHost {
        /// As given.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// The message cannot be sent.
    #[error("{0}")]
    Message(&'static str),
    /// What was asked for cannot be put together.
    #[error("{0}")]
    Usage(String),
    /// Something that cannot be, was.
    #[error("kugetsu itself failed: {0}")]
    Broken(&'static str),
    /// Another kugetsu works on the session.
    #[error("session {session} is in use: {by}")]
    Busy {
        /// The session.
        session: String,
        /// Who or what works on it.
        by: Busy,
    },
    /// A host holds the session.
    #[error("session {session} is on {host} (dispatch {dispatch}, {state})")]
    Away {
        /// The session.
        session: String,
        /// Who holds it.
        host: String,
        /// The trip that took it there.
        dispatch: String,
        /// Where that stands.
        state: &'static str,
    },
    /// Prompts of the session are undone: the next one, here or there, makes opencode delete them for good.
    #[error("the last words of session {session} are undone here")]
    Undone {
        /// The session.
        session: String,
    },
    /// Rows of the session keep opencode from reading it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The trip was cut short before its launch, and what it was to say is not kept.
    #[error("the message of the dispatch {dispatch} is not kept, so it cannot go on")]
    NoMessage {
        /// The dispatch.
        dispatch: String,
    },
    /// Another kugetsu runs the session on the host.
    #[error("another kugetsu works with this session on {host} (dispatch {dispatch}{since})")]
    RunsThere {
        /// The host.
        host: String,
        /// Its dispatch.
        dispatch: String,
        /// `, for 12 m`, or nothing where that is not known.
        since: String,
    },
    /// The dispatch is not on its host any more.
    #[error("the dispatch {dispatch} is not on {host} any more")]
    NotThere {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
    },
    /// The trip is at its end: there is nothing to cancel.
    #[error("the dispatch {dispatch} is over ({state})")]
    Over {
        /// The dispatch.
        dispatch: String,
        /// How it ended.
        state: &'static str,
    },
    /// Something of a run that was cancelled is left.
    #[error("{left} processes of the run on {host} did not end")]
    Survived {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
        /// How many.
        left: u64,
    },
    /// No dispatch answers to this.
    #[error("there is no dispatch for {0:?}")]
    UnknownDispatch(String),
    /// The run goes on, so the session cannot come home now.
    #[error("the run on {host} has not ended")]
    StillRunning {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
    },
    /// The user's `--timeout` passed.
    #[error("the run on {host} has not ended within {}", humantime::format_duration(*after))]
    TimedOut {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
        /// The user's patience.
        after: std::time::Duration,
    },
    /// The host could not be reached for as long as was to be waited.
    #[error("{host} could not be reached for {}: {why}", humantime::format_duration(*after))]
    OutOfReach {
        /// The host.
        host: String,
        /// How long it was tried.
        after: std::time::Duration,
        /// Why, at last.
        why: String,
        /// Something was begun there, as far as is known.
        begun: bool,
    },
    /// The user's `--timeout` passed before a run began.
    #[error(
        "{} within {}",
        if *known { format!("the run on {host} has not begun") } else { format!("it was not heard whether the run on {host} began") },
        humantime::format_duration(*after)
    )]
    NotBegun {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
        /// The user's patience.
        after: std::time::Duration,
        /// The host was not told to begin yet.
        known: bool,
    },
    /// The host was heard of, and did not come to an end with what it was asked.
    #[error("{host}, {}: not done within {}", step.name(), humantime::format_duration(*after))]
    Slow {
        /// The host.
        host: String,
        /// What it was asked.
        step: Step,
        /// How long was waited.
        after: std::time::Duration,
    },
    /// A file or directory here.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A record here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local opencode.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The local opencode's database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The export is not what it should be.
    #[error("the export of {session} cannot be used: {source}")]
    Export {
        /// The session.
        session: String,
        /// Why.
        source: ExportError,
    },
    /// The outgoing copy could not be made.
    #[error("the copy for {host} could not be made: {source}")]
    Prepare {
        /// The host.
        host: String,
        /// Why.
        source: PrepareError,
    },
    /// No connection.
    #[error("{source}")]
    Connect {
        /// The host.
        host: String,
        /// The command by which ssh itself reaches it.
        ssh: String,
        /// Why.
        source: ConnectError,
    },
    /// The connection broke, or the host said no to a transfer.
    #[error("{host}, {}: {source}", step.name())]
    Transport {
        /// The host.
        host: String,
        /// The step.
        step: Step,
        /// Why.
        source: TransportError,
    },
    /// The launch did not say whether it took place.
    #[error("whether the run on {host} was started is not known: {why}")]
    LaunchUnknown {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
        /// What went wrong.
        why: String,
    },
    /// A script there failed.
    #[error("{host}, {}: {source}", step.name())]
    Script {
        /// The host.
        host: String,
        /// The step.
        step: Step,
        /// Why.
        source: AnswerError,
    },
    /// The host cannot do it.
    #[error("{host}: {what}")]
    Unfit {
        /// The host.
        host: String,
        /// What is missing or wrong there.
        what: String,
        /// What to do about it.
        cure: String,
    },
    /// What the watch said makes no sense.
    #[error("{host}, wait: {source}")]
    Watch {
        /// The host.
        host: String,
        /// Why.
        source: FramesError,
    },
    /// The runner is gone without a result.
    #[error("the run on {host} is gone without a result{}", if words.is_empty() { String::new() } else { format!(": {words}") })]
    Lost {
        /// The host.
        host: String,
        /// The dispatch.
        dispatch: String,
        /// Its last words.
        words: String,
    },
    /// What came back is not what it should be.
    #[error("what came back from {host} cannot be used: {source}")]
    Home {
        /// The host.
        host: String,
        /// Why.
        source: HomeError,
        /// The file, which is kept.
        kept: PathBuf,
    },
    /// What came back is not what the host said it sends.
    #[error("what came back from {host} is not whole: {what}")]
    Cut {
        /// The host.
        host: String,
        /// What differs.
        what: String,
    },
    /// The session went on here while it was away, or on another way there.
    #[error("{}; what came back is the session {copy}", parted(session, host, *undone, refused))]
    Diverged {
        /// The session.
        session: String,
        /// The host.
        host: String,
        /// The session that holds what left and what was done there.
        copy: String,
        /// Part of what left was undone there.
        undone: bool,
        /// What the host changed beyond its right, in words.
        refused: Vec<String>,
    },
    /// Somebody went on with the session on the host itself, and that cannot come home with another trip.
    #[error("{}, and {why}", beyond(session, host, *messages))]
    Apart {
        /// The host.
        host: String,
        /// The session.
        session: String,
        /// Messages there that are not here.
        messages: usize,
        /// Why it cannot.
        why: ApartReason,
    },
    /// What came back is sound, and could not be written into opencode's database.
    #[error("what came back from {host} could not be brought into opencode's database: {source}")]
    Arrival {
        /// The host.
        host: String,
        /// Why.
        source: Box<ArrivalError>,
        /// What came back, which is kept.
        kept: PathBuf,
    },
    /// opencode said that it imported, and rows are missing.
    #[error(
        "opencode imported what came back from {host}, but {missing} of its messages and parts are not in the database"
    )]
    RowsMissing {
        /// The host.
        host: String,
        /// How many.
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
pub enum ApartReason {
    /// Both sides went on with the session.
    #[error("the session went on here as well")]
    BothWentOn,
    /// This is another than on the last trip there.
    #[error("the {0} there is another than on the last trip, by which they could be told")]
    OtherTerms(Term),
    /// The session there was to be replaced.
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

    /// Whether another connection may do what this one did not.
    pub(crate) fn heals(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.heals(),
            Self::Connect { source, .. } => source.retryable(),
            _ => false,
        }
    }

    /// Whether the host only takes no more connections for now.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Connect { source: ConnectError::Full { .. }, .. })
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::UnknownHost { .. } | Self::Message(_) | Self::Usage(_) | Self::UnknownDispatch(_) => {
                Kind::Usage
            }
            Self::Connect { .. }
            | Self::LaunchUnknown { .. }
            | Self::OutOfReach { .. }
            | Self::NotBegun { .. }
            | Self::Slow { .. }
            | Self::Transport {
                source: TransportError::Lost { .. } | TransportError::Denied { .. }, ..
            } => Kind::Unreachable,
            Self::UnknownSession { .. }
            | Self::Busy { .. }
            | Self::Away { .. }
            | Self::Undone { .. }
            | Self::Unreadable(_)
            | Self::RunsThere { .. }
            | Self::Over { .. }
            | Self::StillRunning { .. }
            | Self::Unfit { .. }
            | Self::Apart { .. }
            | Self::Program(ProgramError::UnsupportedVersion { .. })
            | Self::Diverged { .. } => Kind::Refused,
            Self::TimedOut { .. } => Kind::Running,
            _ => Kind::Failed,
        }
    }

    /// The step it happened in.
    pub fn step(&self) -> Step {
        match self {
            Self::UnknownSession { .. }
            | Self::UnknownHost { .. }
            | Self::Message(_)
            | Self::Usage(_)
            | Self::UnknownDispatch(_)
            | Self::Undone { .. }
            | Self::Database(_) => Step::Resolve,
            Self::Busy { .. } | Self::Away { .. } => Step::Lock,
            Self::NoMessage { .. } => Step::Record,
            Self::RunsThere { .. } => Step::Launch,
            Self::OutOfReach { .. } => Step::Connect,
            Self::Disk(_) | Self::Store(_) | Self::Broken(_) => Step::Record,
            Self::Program(ProgramError::NotImported { .. } | ProgramError::NotADirectory { .. })
            | Self::Arrival { .. }
            | Self::RowsMissing { .. } => Step::Import,
            Self::Program(_) | Self::Export { .. } | Self::Unreadable(_) => Step::Export,
            Self::Prepare { .. } => Step::Prepare,
            Self::Connect { .. } => Step::Connect,
            Self::Transport { step, .. } | Self::Script { step, .. } | Self::Slow { step, .. } => *step,
            Self::Unfit { .. } | Self::Apart { .. } => Step::Probe,
            Self::LaunchUnknown { .. } | Self::NotBegun { .. } => Step::Launch,
            Self::StillRunning { .. }
            | Self::TimedOut { .. }
            | Self::Watch { .. }
            | Self::Lost { .. }
            | Self::Over { .. }
            | Self::Survived { .. }
            | Self::NotThere { .. } => Step::Wait,
            Self::Cut { .. } => Step::Fetch,
            Self::Home { .. } | Self::Diverged { .. } => Step::Verify,
        }
    }

    /// Whether the same command may well work a little later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Connect { source, .. } => source.retryable(),
            Self::LaunchUnknown { .. }
            | Self::OutOfReach { .. }
            | Self::Slow { .. }
            | Self::RunsThere { .. }
            | Self::Busy { .. }
            | Self::StillRunning { .. }
            | Self::TimedOut { .. }
            | Self::NotBegun { .. }
            | Self::Cut { .. } => true,
            Self::Transport { source, .. } => source.heals(),
            _ => false,
        }
    }

    /// What is safe now, where that is not plain from the error itself.
    pub fn safe(&self) -> Option<String> {
        let here = "the session here is as it was";
        match self {
            Self::LaunchUnknown { .. } | Self::NotBegun { known: false, .. } => Some(here.to_owned()),
            Self::OutOfReach { host, begun: false, .. } | Self::NotBegun { host, .. } => {
                Some(format!("nothing runs on {host}, and {here}"))
            }
            Self::NotThere { .. } => Some(here.to_owned()),
            Self::RunsThere { .. } => Some(format!("nothing was changed there, and {here}")),
            Self::OutOfReach { .. } => Some(format!("what was begun there goes on, and {here}")),
            Self::TimedOut { .. } | Self::StillRunning { .. } | Self::Watch { .. } | Self::Cut { .. } => {
                Some(format!("the work stays on the host, and {here}"))
            }
            Self::Transport { host, step, .. }
            | Self::Script { host, step, .. }
            | Self::Slow { host, step, .. }
                if *step <= Step::Launch =>
            {
                Some(format!("nothing runs on {host}, and {here}"))
            }
            Self::Transport { .. } | Self::Slow { .. } => {
                Some(format!("what was done there stays there, and {here}"))
            }
            Self::Unfit { host, .. } | Self::Apart { host, .. } => {
                Some(format!("nothing was started on {host}, and {here}"))
            }
            Self::Export { .. }
            | Self::Prepare { .. }
            | Self::Program(_)
            | Self::Undone { .. }
            | Self::Unreadable(_) => Some(here.to_owned()),
            // What is too large to be of use to anybody is not kept.
            Self::Home { host, kept, .. } if !kept.exists() => {
                Some(format!("{here}; what came back is removed again, and stays on {host}"))
            }
            Self::Home { kept, .. } | Self::Arrival { kept, .. } | Self::RowsMissing { kept, .. } => {
                Some(format!("{here}; what came back is kept in {}", kept.display()))
            }
            _ => None,
        }
    }
}

//! What is written down of a dispatch: `dispatch.json`, version 1.

use super::state::{State, Step};
use crate::events::Outcome;
use crate::host::{Launch, Run, RunResult};
use crate::prepare::Undo;
use crate::session::Setting;
use serde::{Deserialize, Serialize};

/// The format of `dispatch.json` that this kugetsu writes.
pub const VERSION: u32 = 1;

/// Whether the session stays on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It stays until it is fetched.
    OneWay,
    /// It comes home when its run ends.
    RoundTrip,
}

impl Mode {
    /// Its name, as on the command line and in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneWay => "one-way",
            Self::RoundTrip => "round-trip",
        }
    }
}

/// What was decided before anything was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The session's directory at home.
    pub home_directory: String,
    /// The directory on the host, as it was asked for.
    pub directory: String,
    /// Agent and model of the run.
    pub setting: Setting,
    /// Tools that ask are allowed, short of what is denied.
    pub auto: bool,
    /// The paragraph for the model is left out.
    pub bare: bool,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The runner's parameters.
    pub run: Run,
    /// The launch's parameters.
    pub launch: Launch,
    /// What the copy changed, to be put back at home.
    pub undo: Undo,
}

/// The record of one dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format's version.
    pub version: u32,
    /// Its id.
    pub id: String,
    /// The session.
    pub session: String,
    /// The session's title when it left.
    pub title: String,
    /// The issue it belongs to.
    pub issue: Option<String>,
    /// The host's name.
    pub host: String,
    /// One-way or round-trip.
    pub mode: Mode,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// When its run was launched.
    pub launched_ms: Option<i64>,
    /// When it came to its end.
    pub ended_ms: Option<i64>,
    /// What was decided.
    pub plan: Plan,
    /// What was sent.
    pub sent: Option<Sent>,
    /// Where it stands.
    pub state: State,
    /// The step that is being done now, or was when kugetsu ended.
    pub doing: Option<Step>,
    /// What the runner said at its end.
    pub result: Option<RunResult>,
    /// What its events said.
    pub outcome: Option<Outcome>,
    /// Why the agent's run did not do its work; `None` where it did, or is not known to have ended.
    pub trouble: Option<String>,
}

impl Record {
    /// Whether the host holds the session, or may hold it: a launch whose answer was never seen counts.
    pub fn is_away(&self) -> bool {
        self.state.is_away() || (self.doing == Some(Step::Launch) && self.state == State::Uploaded)
    }
}

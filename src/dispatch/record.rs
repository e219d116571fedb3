//! What is written down of a dispatch: `dispatch.json`, version 2.

use super::origin::HostOrigin;
use super::state::State;
use super::step::Step;
use crate::events::Outcome;
use crate::host::{Launch, Run, RunResult};
use crate::session::Setting;
use crate::transfer::Baseline;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The format of `dispatch.json`; it starts at 2, and no other is read.
pub const VERSION: u32 = 2;

/// Whether the session stays on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It stays until it is fetched.
    #[default]
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    /// Paths of the session's directory stay as they are.
    #[serde(default)]
    pub keep_paths: bool,
    /// It goes although a host holds the session.
    #[serde(default)]
    pub forced: bool,
    /// The host ends the run after so many seconds; 0: never.
    #[serde(default)]
    pub run_timeout: u64,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The runner's parameters.
    pub run: Run,
    /// The launch's parameters.
    pub launch: Launch,
    /// What the copy changed, to be put back at home.
    pub undo: Baseline,
    /// The host had more of the session than home: somebody had gone on with it there.
    #[serde(default, rename = "grown")]
    pub host_is_ahead: bool,
    /// The search path there, by which its scripts find programs; empty where it was not kept.
    #[serde(default)]
    pub path: String,
}

/// The record of one dispatch. Times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of the others say what they are")]
pub struct Record {
    pub version: u32,
    pub id: String,
    pub session: String,
    /// The session's title when it left.
    pub title: String,
    pub issue: Option<String>,
    /// The host's name.
    pub host: String,
    /// Where the host of that name was found; `None` where an earlier kugetsu made the record.
    #[serde(default)]
    pub origin: Option<HostOrigin>,
    pub mode: Mode,
    pub created_ms: i64,
    pub launched_ms: Option<i64>,
    /// When what came back had arrived. Times of new messages are made with it, so it stays what it was.
    #[serde(default)]
    pub arrived_ms: Option<i64>,
    /// What came back became this session, because home had changed, or what was sent was undone on the host.
    #[serde(default, rename = "apart")]
    pub fork: Option<String>,
    /// There is a fork because somebody undid on the host what was sent.
    #[serde(default)]
    pub undone: bool,
    /// There is a fork because of these changes, in words, which a host may not make.
    #[serde(default)]
    pub refused: Vec<String>,
    /// Messages that home had and that came back changed.
    #[serde(default)]
    pub older_changed: usize,
    pub ended_ms: Option<i64>,
    pub plan: Plan,
    pub sent: Option<Sent>,
    pub state: State,
    /// The steps that are being done now, or were when kugetsu ended. Some go on side by side.
    pub doing: BTreeSet<Step>,
    /// The host may still have a directory of it.
    #[serde(default, rename = "there")]
    pub is_on_host: bool,
    /// Which account of the host that is; empty where the host did not say.
    #[serde(default)]
    pub account: String,
    /// The user went on with the session here although the host holds it: nobody waits for it any more.
    #[serde(default, rename = "let_go")]
    pub is_abandoned: bool,
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
        self.state.is_away() || (self.state == State::Uploaded && self.doing.contains(&Step::Launch))
    }

    /// Whether it stopped before its host was told to launch anything.
    pub fn is_unlaunched(&self) -> bool {
        !self.is_away() && !self.state.is_end()
    }
}

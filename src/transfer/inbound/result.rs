//! What is known of a session that comes home.

use crate::session::message::{LONGEST_REPLY, Message};
use crate::session::{ExportError, Outline, Raw};
use crate::transfer::baseline::PartOf;
use crate::transfer::inbound::returned::ReturnedKind;
use crate::transfer::inbound::rights::Breach;
use std::collections::HashMap;

/// What home knows when a session comes back. The same again for the same trip gives the same file.
#[derive(Clone, Copy)]
pub(crate) struct MergeContext<'a> {
    /// When the file arrived, in milliseconds since the epoch; written down, so that a repeated step comes to the same times.
    pub now_ms: i64,
    /// When the run was launched, likewise.
    pub launched_ms: i64,
    /// Whether the host was ahead at the launch. If not, nothing new is older than the launch.
    pub host_is_ahead: bool,
    /// The sub-agents' sessions that home has, and those of their sub-agents.
    pub children: &'a [(String, Outline)],
    /// The `cost` and `tokens` that home has counted for each of these, as in a session's record.
    pub spent: &'a [(String, Raw)],
    pub rows: &'a LocalRows<'a>,
}

/// A message of a sub-agent's session at home, by the ids of both, as `opencode export` shapes it; `None` if home lacks it.
pub(crate) type LocalRows<'a> =
    dyn Fn(&str, &str) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> + 'a;

/// What comes home, beside what is in the change set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MergeResult {
    pub kind: ReturnedKind,
    /// The messages of the session itself that are new, with their parts, in the ids of home.
    pub new_messages: Outline,
    /// Parts that were added to messages that had left.
    pub late_parts: Vec<PartOf>,
    /// Messages and parts that left and differ now: the host changed them, or they were given an end.
    pub changed: usize,
    /// Messages that home had and that the host changed, sub-agents' included.
    pub older_changed: usize,
    /// Sessions of sub-agents that are new or went on.
    pub children: usize,
    /// The number of items in the longest list of todos.
    pub todos: usize,
    /// The sub-agents' sessions that home does not have, in the ids of home.
    pub sub_agents: Vec<(String, Outline)>,
    /// The text of the last new assistant message: its text parts, joined with newlines. `None` without any.
    pub reply: Option<String>,
    /// The last new assistant message.
    pub last_assistant: Option<LastAssistant>,
    /// The newest `time.created` of what is new, in milliseconds since the epoch by home's clock.
    pub newest_ms: Option<i64>,
    /// Whether the baseline's clock tells which id at home stands for which on the host. Then a later trip may build upon what
    /// the host has, with that clock made [`crate::session::Clock::later`]. If not, the host must get the session anew.
    pub keeps_ids: bool,
    /// If somebody undid the end of what left on the host, and went on: what the host still has of it, in the ids of home. Home
    /// has all of it, so that what comes is a session of its own.
    pub remaining: Option<Outline>,
    /// What the host changed and may not change. If there is any, nothing of what came is for the session itself.
    pub breaches: Vec<Breach>,
    /// The session's rules, or those of a new sub-agent, are others on the host. They stay there.
    pub has_other_rules: bool,
    /// The host counted more cost or tokens than its new messages say. The messages count.
    pub is_overcounted: bool,
    /// Rows of sub-agents' sessions in which the host has what it may not change. Those of home stay.
    pub kept_rows: usize,
    /// What the file does not hold and so does not come home, in words.
    pub not_carried: Vec<&'static str>,
}

/// How the agent's work ended. Texts are as they stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastAssistant {
    pub agent: Option<String>,
    /// What went wrong, if something did.
    pub error: Option<String>,
    /// Whether it came to an end at all; not so when the run was killed.
    pub completed: bool,
}

impl MergeResult {
    pub(crate) fn of(kind: ReturnedKind) -> Self {
        Self { kind, keeps_ids: true, ..Self::default() }
    }

    /// The late parts, by their messages.
    pub(crate) fn late_by_message(&self) -> HashMap<&str, Vec<&str>> {
        let mut late: HashMap<&str, Vec<&str>> = HashMap::new();
        for part in &self.late_parts {
            late.entry(&part.message).or_default().push(&part.part);
        }
        late
    }

    /// Adds what `left` to an outline, and all that came home.
    pub(crate) fn add_to(&self, all: &mut Outline, left: &Outline) -> Result<(), ExportError> {
        let late = self.late_by_message();
        for message in left.iter() {
            let more = late.get(message.id()).into_iter().flatten().copied();
            all.push_sorted(message.id(), message.parts().chain(more))?;
        }
        self.new_messages.iter().try_for_each(|message| all.push(message.id(), message.parts()))
    }

    /// Keeps what a new message says of how the work ended.
    pub(crate) fn note(&mut self, message: &Message<'_>) {
        let info = &message.info;
        if !info.is_assistant() {
            return;
        }
        self.reply = None;
        for said in message.parts.iter().filter_map(|part| part.said()) {
            let reply = match self.reply.take() {
                Some(before) => before + "\n" + &said,
                None => said,
            };
            // The session keeps all of it.
            let is_enough = reply.len() >= LONGEST_REPLY;
            self.reply = Some(reply);
            if is_enough {
                break;
            }
        }
        self.last_assistant = Some(LastAssistant {
            agent: info.agent().map(str::to_owned),
            error: info.error(),
            completed: info.time.is_completed(),
        });
    }
}

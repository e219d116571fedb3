//! What of a session a host still needs, found out before anything is sent.

use super::line::{Line, Unreached};
use super::memory::{self, Memory};
use super::sending::{Decision, Here, decide};
use super::{PATIENCE, Tools, TripError};
use crate::dispatch::Step;
use crate::host::{self, Held, Holds, HostEnv, Sending};
use crate::opencode::Database;
use crate::prepare::{Paths, messages_there};
use crate::session::{Clock, Outline};
use std::collections::HashSet;

/// What is sent.
pub(super) struct Share {
    pub(super) sending: Sending,
    /// Of a delta, the messages that are in it.
    pub(super) subset: Option<HashSet<String>>,
    /// Of a delta, the checksum of the host's list of what home has.
    pub(super) known: String,
    /// Messages and parts that the host has, as the launch compares them.
    pub(super) held: String,
    /// The host has more of the session than home.
    pub(super) grown: bool,
}

/// Asks the host what it has of the session, and decides what it needs.
///
/// # Errors
/// [`TripError::Apart`]: somebody went on with the session there, and here it went on, too, or the trip's terms are others.
pub(super) async fn share(
    tools: &Tools,
    line: &mut Line,
    (env, program): (&HostEnv, &str),
    (session, outline): (&str, &Outline),
    (clock, paths): (Option<Clock>, Option<&Paths>),
) -> Result<Share, TripError> {
    let host = line.host.name.clone();
    let memory = memory::recall(&tools.kugetsu_home, &host, session);
    let known = memory.as_ref().map(|memory| memory.known.as_str()).unwrap_or_default();
    let script = host::holds(env, program, session, known);
    let answer = line.ask_again(tools, Step::Probe, Unreached::GivenUp, (&script, PATIENCE)).await?;
    let garbled = |source| TripError::Script { host: host.clone(), step: Step::Probe, source };
    let holds = Holds::from_answer(&answer).map_err(garbled)?;
    let database = Database::open(&tools.database)?;
    let held_here = match memory {
        Some(memory) => {
            let stamp = database.stamp(session, memory.messages)?;
            Some(memory).filter(|memory| memory.holds(stamp.as_deref()))
        }
        None => None,
    };
    let differs = held_here.as_ref().and_then(|memory| memory.differs(clock, paths));
    // Why what is there cannot come home with this trip although home stood still.
    let stood_still = held_here.as_ref().is_some_and(|memory| memory.messages == outline.len());
    let differs_now = differs.filter(|_| stood_still);
    let unchanged = held_here.filter(|_| differs.is_none());
    // Those of a try that was given up are here as well, by their ids there.
    let there = messages_there(outline, clock.as_ref());
    let shared = holds.ids.iter().filter(|id| there.contains(*id)).count();
    let grown = shared < holds.ids.len();
    let here = Here {
        unchanged: unchanged.as_ref(),
        messages: outline.len(),
        shared,
        translated: clock.is_some(),
        moved: paths.is_some(),
    };
    let held = match holds.held {
        Held::Unknown => String::new(),
        _ => format!("{} {}", holds.messages, holds.parts),
    };
    match decide(&holds, here) {
        Decision::Send(Sending::Delta, known) => Ok(Share {
            sending: Sending::Delta,
            subset: Some(outline.iter().skip(known).map(|message| message.id().to_owned()).collect()),
            known: unchanged.map(|Memory { known, .. }| known).unwrap_or_default(),
            held,
            grown,
        }),
        Decision::Send(sending, _) => Ok(Share { sending, subset: None, known: String::new(), held, grown }),
        Decision::Apart(messages) => {
            Err(TripError::Apart { host, session: session.to_owned(), messages, differs: differs_now })
        }
    }
}

//! What of a session a host still needs, found out before anything is sent.

use crate::dispatch::Step;
use crate::host::{self, AnswerError, Holds, HostEnv, HostState, Page, Sending};
use crate::opencode::Database;
use crate::session::{Clock, Outline};
use crate::transfer::{Paths, messages_there};
use crate::trip::connection::{HostConnection, WhenUnreachable};
use crate::trip::error::{DivergedReason, TripError};
use crate::trip::last_sync;
use crate::trip::send::decision::{LocalState, SendPlan, decide};
use crate::trip::tools::{ANSWER, PATIENCE, Tools};
use std::collections::HashSet;

/// Messages that one answer names at most. An id has 64 characters at most there, and comes in hexadecimal.
const PAGE: usize = 20_000;
/// Messages of a session beyond which a host is not asked on.
const MOST: usize = 10_000_000;
const _: () = assert!(PAGE * 2 * 65 + 1024 <= ANSWER);

/// What is sent.
pub(crate) struct Delta {
    pub(crate) sending: Sending,
    /// Of a delta, the messages that are in it.
    pub(crate) subset: Option<HashSet<String>>,
    pub(crate) known: HostList,
    /// The host has more of the session than home.
    pub(crate) host_is_ahead: bool,
}

/// The host's list of what home got from there, and what it proves.
pub(crate) struct HostList {
    /// Its checksum, as home remembers it; or empty.
    pub(crate) list: String,
    /// Home holds all rows that are in it now; or nothing of the session was there.
    pub(crate) rows: bool,
    /// Home got the list of tasks that is in it; likewise.
    pub(crate) todos: bool,
}

/// Asks the host what it has of the session, and decides what it needs.
///
/// # Errors
/// [`TripError::HostDiverged`]: somebody went on with the session there, and here it went on, too, or the trip's terms are others.
pub(crate) async fn delta(
    tools: &Tools,
    connection: &mut HostConnection,
    (env, program): (&HostEnv, &str),
    (session, outline): (&str, &Outline),
    (clock, paths): (Option<Clock>, Option<&Paths>),
) -> Result<Delta, TripError> {
    let host = connection.host.name.clone();
    let database = Database::open(&tools.database)?;
    let last_sync = last_sync::recall(&tools.kugetsu_home, &host, session);
    let last_sync = last_sync.map(|last_sync| last_sync.after_restore(&database, session)).transpose()?;
    // The list tells what home once got; that home holds it, only as long as all of it is here.
    let current =
        last_sync.as_ref().map(|last_sync| last_sync.is_still_held(&database, session)).transpose()?;
    let is_still_held = current == Some(true);
    let asked = last_sync
        .as_ref()
        .filter(|_| is_still_held)
        .map(|last_sync| last_sync.known.as_str())
        .unwrap_or_default();
    // Rows left from a failed launch are at home too; on the host they have translated ids.
    let there = messages_there(outline, clock.as_ref());
    let (holds, shared) = compare(tools, connection, (env, program), (session, asked), there).await?;
    let whole = last_sync.as_ref().filter(|last_sync| is_still_held && last_sync.is_whole());
    let reason_to_resend = whole.and_then(|last_sync| last_sync.reason_to_resend(clock, paths));
    // Home stood still, and what is there cannot come home all the same: why.
    let stood_still = whole.is_some_and(|last_sync| last_sync.messages == outline.len());
    let differs_now = reason_to_resend.filter(|_| stood_still);
    let host_is_ahead = shared < holds.unlisted;
    let lacks_rows = current == Some(false);
    let here = LocalState {
        unchanged: whole.filter(|_| reason_to_resend.is_none()),
        lacks_rows,
        messages: outline.len(),
        shared,
        translated: clock.is_some(),
        moved: paths.is_some(),
    };
    let nothing_there = holds.held == HostState::None;
    let known = HostList {
        list: last_sync.as_ref().map(|last_sync| last_sync.known.clone()).unwrap_or_default(),
        rows: nothing_there || last_sync.as_ref().is_some_and(|last_sync| is_still_held && last_sync.rows),
        todos: nothing_there
            || last_sync.as_ref().is_some_and(|last_sync| last_sync.todos && last_sync.are_files_intact()),
    };
    match decide(&holds, here) {
        SendPlan::Send(Sending::Delta, former) => Ok(Delta {
            sending: Sending::Delta,
            subset: Some(outline.iter().skip(former).map(|message| message.id().to_owned()).collect()),
            known,
            host_is_ahead,
        }),
        SendPlan::Send(sending, _) => Ok(Delta { sending, subset: None, known, host_is_ahead }),
        SendPlan::Diverged(messages) if lacks_rows => Err(TripError::HostDiverged {
            host,
            session: session.to_owned(),
            messages,
            why: DivergedReason::NotReplaced,
        }),
        SendPlan::Diverged(messages) => {
            let why = differs_now.map_or(DivergedReason::BothChanged, DivergedReason::TranslatedOtherwise);
            Err(TripError::HostDiverged { host, session: session.to_owned(), messages, why })
        }
    }
}

/// What the host has of the session, and how many of its unlisted messages are among `here`. The host is asked page by page until
/// it named all: a message that it did not name may be anything.
async fn compare(
    tools: &Tools,
    connection: &mut HostConnection,
    (env, program): (&HostEnv, &str),
    (session, known): (&str, &str),
    mut here: HashSet<String>,
) -> Result<(Holds, usize), TripError> {
    let host = connection.host.name.clone();
    let garbled = TripError::garbled(&host, Step::Probe);
    let mut page = Page { skip: 0, most: PAGE };
    let (mut first, mut shared) = (None, 0);
    loop {
        let script = host::holds(env, program, session, known, page);
        let answer =
            connection.ask_again(tools, Step::Probe, WhenUnreachable::GiveUp, (&script, PATIENCE)).await?;
        let (holds, ids) = Holds::from_answer(&answer, page).map_err(&garbled)?;
        if *first.get_or_insert(holds) != holds {
            let moved = "somebody works with the session there: it changed while it was looked at";
            return Err(garbled(AnswerError::Garbled(moved.to_owned())));
        }
        // Each once: a host that names one twice has another beside it.
        shared += ids.iter().filter(|id| here.remove(**id)).count();
        page.skip += ids.len();
        if page.skip >= holds.unlisted {
            return Ok((holds, shared));
        }
        if page.skip > MOST {
            let many = format!("it says that it has {} messages of the session", holds.messages);
            return Err(garbled(AnswerError::Garbled(many)));
        }
    }
}

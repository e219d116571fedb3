//! What hosts remember of sessions, and whether home has any more use for it.

use crate::disk::{Lock, session_lock};
use crate::dispatch::{Dispatch, Step};
use crate::host::{self, HostEnv, Remembered};
use crate::opencode::Database;
use crate::transport::Script;
use crate::trip::connection::HostConnection;
use crate::trip::error::TripError;
use crate::trip::last_sync;
use crate::trip::prune::remains::{Remains, What};
use crate::trip::tools::{PATIENCE, Tools};
use std::collections::HashSet;

/// Which sessions still need what hosts remember of them.
pub(crate) struct UseOfSessions<'t> {
    tools: &'t Tools,
    /// Sessions of trips that are not at their end.
    under_way: HashSet<&'t str>,
    here: HashSet<String>,
    /// Sessions of which home remembers what some host has: its list is of use there.
    remembered: HashSet<String>,
}

impl<'t> UseOfSessions<'t> {
    /// Looks at what home has. `dispatches` are all that are recorded.
    ///
    /// # Errors
    /// opencode's database cannot be read.
    pub(crate) fn look(tools: &'t Tools, dispatches: &'t [Dispatch]) -> Result<Self, TripError> {
        let records = dispatches.iter().map(|dispatch| &dispatch.record);
        let under_way = records.filter(|record| !record.state.is_end());
        Ok(Self {
            tools,
            under_way: under_way.map(|record| record.session.as_str()).collect(),
            here: Database::open(&tools.database)?.sessions()?.into_keys().collect(),
            remembered: last_sync::sessions(&tools.kugetsu_home),
        })
    }

    /// What of this nobody here needs: a list by which no trip can go any more, and claims while no trip is under way.
    pub(crate) fn useless(&self, remembered: Remembered) -> Remembered {
        let Remembered { mut known, mut claims, more } = remembered;
        known.retain(|session| {
            let is_of_use = self.here.contains(session) && self.remembered.contains(session);
            !is_of_use && self.is_idle(session)
        });
        claims.retain(|session| self.is_idle(session));
        Remembered { known, claims, more }
    }

    fn is_idle(&self, session: &str) -> bool {
        let lock = session_lock(&self.tools.kugetsu_home, session);
        !self.under_way.contains(session) && !Lock::is_held(&lock)
    }
}

/// What the host remembers for this home.
pub(crate) async fn remembered(
    tools: &Tools,
    connection: &mut HostConnection,
    owner: &str,
) -> Result<Remembered, TripError> {
    ask(tools, connection, host::remembered(&HostEnv::default(), owner)).await
}

/// Has the host forget; gives what went.
pub(crate) async fn forget(
    tools: &Tools,
    connection: &mut HostConnection,
    owner: &str,
    remembered: &Remembered,
) -> Result<Remembered, TripError> {
    ask(tools, connection, host::forget(&HostEnv::default(), owner, remembered)).await
}

async fn ask(
    tools: &Tools,
    connection: &mut HostConnection,
    script: Script,
) -> Result<Remembered, TripError> {
    let answer = connection.ask(tools, Step::Clean, &script, PATIENCE).await?;
    Remembered::from_answer(&answer).map_err(TripError::garbled(&connection.host.name, Step::Clean))
}

/// Where it is, below `~/.kugetsu` on the host: the lists, then the claims.
pub(crate) fn places(remembered: &Remembered) -> impl Iterator<Item = String> {
    let place = |kind: &'static str| move |session: &String| format!("{kind}/{session}");
    remembered.known.iter().map(place("known")).chain(remembered.claims.iter().map(place("claims")))
}

/// One row for each of these.
pub(crate) fn rows(host: &str, remembered: &Remembered) -> Vec<Remains> {
    let why = |place: &str| match place.starts_with("known/") {
        true => "no trip can go by it any more",
        false => "no trip is under way with it",
    };
    let row = |place: String| Remains {
        host: host.to_owned(),
        why: why(&place).to_owned(),
        dispatch: place,
        what: What::Memory,
    };
    places(remembered).map(row).collect()
}

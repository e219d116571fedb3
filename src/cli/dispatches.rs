//! SESSION|DISPATCH, wherever a trip is asked for.

use super::context::Context;
use super::error::{CliError, Exit};
use super::session;
use crate::dispatch::{self, Dispatch};
use crate::text::{harmless, plain, quoted};
use crate::trip::TripError;

/// The dispatch that is meant: by its id, or the one that has the session away, or its newest.
pub(super) fn find(context: &Context, what: &str) -> Result<Dispatch, CliError> {
    if dispatch::is_id(what) {
        let found = context.store().open(what)?;
        return Ok(found.ok_or_else(|| TripError::UnknownDispatch(plain(what)))?);
    }
    let session = session::resolve_id(context, what)?;
    of(context, &session)?.ok_or_else(|| {
        let message = format!("{} has never been sent to a host", plain(what));
        let send = format!("kugetsu remote HOST {} MESSAGE", quoted(&harmless(what)));
        CliError { ways: vec![("send it to one", send)], ..CliError::new(Exit::Refused, "resolve", message) }
    })
}

/// The dispatch that has a session away, abandoned or not; else its newest.
pub(super) fn of(context: &Context, session: &str) -> Result<Option<Dispatch>, CliError> {
    let mut all = context.store().of(session)?;
    let waited_for = all.iter().rposition(|found| found.record.is_away() && !found.record.is_abandoned);
    let away = waited_for.or_else(|| all.iter().rposition(|found| found.record.is_away()));
    Ok(away.or_else(|| all.len().checked_sub(1)).map(|at| all.swap_remove(at)))
}

//! SESSION|DISPATCH, wherever a trip is asked for.

use super::context::Context;
use super::error::CliError;
use super::session;
use crate::dispatch::{self, Dispatch};
use crate::trip::TripError;

/// The dispatch that is meant: by its id, or the one that has the session away, or its newest.
pub(super) fn find(context: &Context, what: &str) -> Result<Dispatch, CliError> {
    let unknown = || TripError::UnknownDispatch(crate::text::plain(what));
    let found = if dispatch::is_id(what) {
        context.store().open(what).map_err(TripError::from)?
    } else {
        of(context, &session::resolve_id(context, what)?)?
    };
    Ok(found.ok_or_else(unknown)?)
}

/// The dispatch that has a session away, be it let go or not, or its newest.
pub(super) fn of(context: &Context, session: &str) -> Result<Option<Dispatch>, CliError> {
    let mut all = context.store().of(session).map_err(TripError::from)?;
    let waited_for = all.iter().rposition(|found| found.record.is_away() && !found.record.let_go);
    let away = waited_for.or_else(|| all.iter().rposition(|found| found.record.is_away()));
    Ok(away.or_else(|| all.len().checked_sub(1)).map(|at| all.swap_remove(at)))
}

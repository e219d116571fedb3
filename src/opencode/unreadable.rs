//! Why opencode cannot export a session that is there: it says that there is none.

use super::checkup::{CheckupTime, ProblemKind, check};
use std::path::Path;

/// Rows of a session keep opencode from reading it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("opencode cannot read session {session}: {broken}, the first is {first}")]
pub(crate) struct Unreadable {
    pub session: String,
    /// How many of its messages and parts cannot be read, in words.
    pub broken: String,
    pub first: String,
}

/// What keeps opencode from reading this session, by its rows. `None` where nothing is found.
pub(crate) fn unreadable(database: &Path, session: &str, now_ms: i64) -> Option<Unreadable> {
    // Whatever goes on in it does not matter for what cannot be read.
    let report = check(database, session, CheckupTime { now_ms, running: true }).ok()?;
    let broken = |kind| report.problems.iter().filter(move |p| p.kind == kind && p.session == session);
    let counted = |kind, what: &str| match broken(kind).count() {
        0 => None,
        1 => Some(format!("1 {what} cannot be read")),
        more => Some(format!("{more} {what}s cannot be read")),
    };
    let kinds = [(ProblemKind::BrokenMessage, "message"), (ProblemKind::BrokenPart, "part")];
    let all: Vec<String> = kinds.iter().filter_map(|(kind, what)| counted(*kind, what)).collect();
    let first = kinds.iter().find_map(|(kind, _)| broken(*kind).next())?;
    Some(Unreadable {
        session: session.to_owned(),
        broken: all.join(" and "),
        first: crate::text::plain(&first.id),
    })
}

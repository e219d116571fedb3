//! Looks at the rows of a session and its sub-agents for what opencode cannot cope with, and settles it.
//!
//! Kills leave tool calls and messages without an end. Clocks that were wrong, and tools that write into the database,
//! leave messages that opencode takes for newer than the next prompt, which it then does not answer; and rows that it
//! cannot read keep it from opening the session at all.

mod kept;
mod look;
mod order;
mod rename;
mod repair;
mod report;

pub(crate) use report::{CheckupError, CheckupReport, CheckupTime, Problem, ProblemKind};

use super::database::{connect, strings};
use super::schema::Schema;
use super::writer;
use look::Seen;
use report::Result;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Looks at a session and its sub-agents, and changes nothing.
pub(crate) fn check(
    database: &Path,
    session: &str,
    moment: CheckupTime,
) -> std::result::Result<CheckupReport, CheckupError> {
    let connection = connect(database)?;
    let look = || -> Result<CheckupReport> {
        // One transaction: all of it is of one moment.
        let snapshot = connection.unchecked_transaction()?;
        Ok(report(&look_at(&snapshot, database, session)?, moment))
    };
    look().map_err(|stop| stop.into_error(database))
}

/// As [`check`], and settles what can be settled, all of it or nothing. How it was before is written to `undo_log` first,
/// for [`undo`](super::undo); where nothing is wrong no undo log is made.
pub(crate) fn repair(
    database: &Path,
    session: &str,
    moment: CheckupTime,
    undo_log: &Path,
) -> std::result::Result<CheckupReport, CheckupError> {
    let mut connection = writer::open(database)?;
    let mut done = || -> Result<CheckupReport> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let seen = look_at(&transaction, database, session)?;
        let mut report = report(&seen, moment);
        if report.problems.is_empty() {
            return Ok(report);
        }
        let keep = repair::settle(&transaction, session, &seen, moment, undo_log)?;
        let left = self::report(&look_at(&transaction, database, session)?, moment).problems;
        for problem in &mut report.problems {
            problem.repaired = !left.iter().any(|l| (l.kind, &l.id) == (problem.kind, &problem.id));
        }
        // What is new was put there by the repair itself, which is then none.
        let is_new = |problem: &Problem| {
            !report.problems.iter().any(|p| (p.kind, &p.id) == (problem.kind, &problem.id))
        };
        if left.iter().any(is_new) || !report.problems.iter().any(|problem| problem.repaired) {
            report.problems.iter_mut().for_each(|problem| problem.repaired = false);
            return Ok(report);
        }
        keep.finish(&transaction)?;
        transaction.commit()?;
        report.changed = true;
        Ok(report)
    };
    done().map_err(|stop| stop.into_error(database))
}

/// A session and all its sub-agents, as they stand.
fn look_at(connection: &Connection, database: &Path, session: &str) -> Result<Vec<Seen>> {
    Schema::read(connection, database)??;
    let ids = strings(
        connection,
        "WITH RECURSIVE below(id) AS (SELECT id FROM session WHERE id = ?1
           UNION SELECT session.id FROM session JOIN below ON parent_id = below.id)
         SELECT id FROM below",
        [session],
    )?;
    if ids.is_empty() {
        return Err(CheckupError::UnknownSession { session: session.to_owned() }.into());
    }
    Ok(ids.into_iter().map(|id| look::at(connection, id)).collect::<rusqlite::Result<_>>()?)
}

fn report(seen: &[Seen], moment: CheckupTime) -> CheckupReport {
    let mut report = CheckupReport { sessions: seen.len(), ..CheckupReport::default() };
    for session in seen {
        report.messages += session.messages.len();
        report.parts += session.parts;
        let found = problems(session, moment).into_iter().map(|(kind, id)| Problem {
            kind,
            session: session.id.clone(),
            id,
            repaired: false,
        });
        report.problems.extend(found);
    }
    report.problems.sort_by_key(|problem| problem.kind);
    report
}

/// What is wrong with a session.
fn problems(session: &Seen, moment: CheckupTime) -> Vec<(ProblemKind, String)> {
    let mut found: Vec<(ProblemKind, String)> = Vec::new();
    let all = |kind, ids: &[String]| ids.iter().map(|id| (kind, id.clone())).collect::<Vec<_>>();
    let broken = session.messages.iter().filter(|message| message.broken);
    found.extend(broken.map(|message| (ProblemKind::BrokenMessage, message.id.clone())));
    found.extend(all(ProblemKind::BrokenPart, &session.broken_parts));
    found.extend(all(ProblemKind::PartWithoutMessage, &session.lone_parts));
    if !moment.running {
        found.extend(all(ProblemKind::OpenCall, &session.open_calls));
        let open = session.messages.iter().filter(|message| message.open);
        found.extend(open.map(|message| (ProblemKind::OpenMessage, message.id.clone())));
    }
    found.extend(order::problems(&session.messages, moment.now_ms));
    found
}

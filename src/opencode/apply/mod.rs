//! The home step: what came home is written into opencode's database in one transaction, all of it or nothing.
//!
//! `opencode import` only adds rows. Here rows that changed on the host are changed at home as well, the fields of the
//! session's own record likewise, and every row is read back before the transaction ends. As import does, this writes
//! the tables session, message, part and todo only; the event log of 1.14 and 1.18 tells of what was done here.

mod change;
mod error;
mod fields;
mod order;
mod record;
mod rows;

pub use change::{Applied, ApplyInput};
pub(crate) use error::ApplyError;

use super::database::{is_undone, unknown};
use super::fingerprint::{self, Fingerprint};
use super::schema::Schema;
use super::undo_log::{self, End, UndoLogError};
use super::writer::{self, Stop};
use change::Application;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes what came home, all of it or nothing. A second time changes nothing.
pub fn apply(database: &Path, input: &ApplyInput<'_>) -> Result<Applied, ApplyError> {
    apply_telling(database, input, &|| ())
}

/// As [`apply`]; `commits` is called when that is about to become true. Whoever breaks off before has changed nothing.
pub fn apply_telling(
    database: &Path,
    input: &ApplyInput<'_>,
    commits: &dyn Fn(),
) -> Result<Applied, ApplyError> {
    let mut connection = writer::open(database)?;
    apply_with(&mut connection, database, input, commits)
}

pub(super) fn apply_with(
    connection: &mut Connection,
    database: &Path,
    input: &ApplyInput<'_>,
    commits: &dyn Fn(),
) -> Result<Applied, ApplyError> {
    let known = match undo_log::read(input.undo_log, |_| Ok::<_, UndoLogError>(())) {
        Ok((_, end)) => Some(end),
        Err(UndoLogError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let done = || -> Result<Applied, Stop<ApplyError>> {
        // Immediate: what is compared now cannot be changed by another before it is written.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let schema = Schema::read(&transaction, database)??;
        let now = fingerprint::take(&transaction, input.session)?
            .ok_or_else(|| ApplyError::Gone { session: input.session.to_owned() })?;
        if let Some(end) = known.filter(|end| !end.after.is_empty())
            && is_done(&transaction, input, &now, &end)?
        {
            return Ok(Applied { already: true, ..Applied::default() });
        }
        // What comes behind prompts that were undone here would go with them at the next prompt.
        let is_undone = input.sent.is_some() && is_undone(&transaction, input.session)?;
        if is_undone || input.sent.is_some_and(|sent| !now.same_rows(sent)) {
            return Err(ApplyError::Diverged { session: input.session.to_owned() }.into());
        }
        write(transaction, &schema, input, now, commits)
    };
    done().map_err(|stop| match stop {
        // A rule of the schema that is not known forbids what all known ones allow.
        Stop::Sql(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            unknown(database, error.to_string()).into()
        }
        stop => stop.into_error(database),
    })
}

/// Whether an earlier application did it: the database is as that left it, or somebody went on since, and all rows
/// that it made are there. `end` is that of its undo log.
fn is_done(
    transaction: &Transaction<'_>,
    input: &ApplyInput<'_>,
    now: &Fingerprint,
    end: &End,
) -> Result<bool, Stop<ApplyError>> {
    let formerly = |session: &str| end.former.get(session).and_then(Option::as_ref);
    // An undo log of another trip tells nothing of this one.
    let is_of = |sent| formerly(input.session).is_some_and(|former| former.same_rows(sent));
    if !input.sent.is_none_or(is_of) {
        return Ok(false);
    }
    if let Some(Some(after)) = end.after.get(input.session)
        && after == now
        && formerly(input.session) != Some(now)
    {
        return Ok(true);
    }
    let mut as_left = true;
    for (session, after) in &end.after {
        let there = fingerprint::take(transaction, session)?;
        // That a session was made is proof enough; somebody may have gone on with it.
        as_left &= if formerly(session).is_some() { there == *after } else { there.is_some() };
    }
    Ok(as_left || is_made(transaction, input.undo_log)?)
}

/// Whether all rows that an undo log says were made are there. It is written before the rows are: where none was made,
/// nothing tells.
fn is_made(transaction: &Transaction<'_>, undo_log: &Path) -> Result<bool, Stop<ApplyError>> {
    let mut made = Vec::new();
    undo_log::read(undo_log, |line| -> Result<(), UndoLogError> {
        if let undo_log::Line::Made { table, id } = line {
            made.push((table, id));
        }
        Ok(())
    })
    .map_err(ApplyError::from)?;
    let mut is_made = !made.is_empty();
    for (table, id) in made {
        let query = format!("SELECT 1 FROM {} WHERE id = ?1", table.name());
        is_made &= transaction.prepare_cached(&query)?.exists([id])?;
    }
    Ok(is_made)
}

fn write(
    transaction: Transaction<'_>,
    schema: &Schema,
    input: &ApplyInput<'_>,
    now: Fingerprint,
    commits: &dyn Fn(),
) -> Result<Applied, Stop<ApplyError>> {
    let mut change = Application::begin(&transaction, schema, input, now)?;
    rows::each(input.file, |op| change.make(op))?;
    rows::each(input.file, |op| change.check(op))?;
    let (touched, log, applied) = change.end()?;
    let mut after = BTreeMap::new();
    let mut former = BTreeMap::new();
    for (session, touched) in touched {
        order::check(&transaction, &session, &touched)?;
        after.insert(session.clone(), fingerprint::take(&transaction, &session)?);
        former.insert(session, touched.former);
    }
    let end = End { former, after, loose: false };
    commits();
    log.finish(end)?;
    transaction.commit()?;
    Ok(applied)
}

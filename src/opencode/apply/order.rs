//! Whether the messages of a session stand in the order in which they came home.

use super::super::writer::Stop;
use super::change::Touched;
use super::error::ApplyError;
use rusqlite::Connection;

/// Looks at all messages of a session as opencode reads them: by time and id.
///
/// Those that came home must be there once, in the order of the file, and the new ones behind all that were there.
pub(super) fn check(
    connection: &Connection,
    session: &str,
    touched: &Touched,
) -> Result<(), Stop<ApplyError>> {
    let mut query = connection
        .prepare_cached("SELECT id FROM message WHERE session_id = ?1 ORDER BY time_created, id")?;
    let mut rows = query.query([session])?;
    let mut expected = touched.messages.iter().peekable();
    let mut new = touched.messages.iter().filter(|message| message.new).map(|message| message.id.as_str());
    let mut next_new = new.next();
    let mut seen_new = false;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if next_new == Some(id) {
            seen_new = true;
            next_new = new.next();
        } else if seen_new {
            return Err(out_of_order(id).into());
        }
        if expected.peek().is_some_and(|message| message.id == id) {
            expected.next();
        }
    }
    match expected.next() {
        Some(message) => Err(out_of_order(&message.id).into()),
        None => Ok(()),
    }
}

fn out_of_order(id: &str) -> ApplyError {
    ApplyError::OutOfOrder { id: id.to_owned() }
}

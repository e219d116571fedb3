//! A session is taken out of opencode for good.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::database::{PATIENCE, at};
use super::{Database, DatabaseError, Program};

/// The session and its sub-agents' sessions, and theirs; in opencode's own words, deleting a session means all of them.
const FAMILY: &str = "WITH RECURSIVE family(id) AS (
    SELECT ?1 UNION SELECT session.id FROM session JOIN family ON session.parent_id = family.id)";

/// Removes `session`, with its messages and its sub-agents' sessions, from `database`, which is `program`'s. True if it
/// was there.
///
/// opencode is asked first (`session delete`, since it may keep more of a session than rows). What it answers is not
/// believed; where the rows are still there, as with a release that has no such command, they are deleted in one
/// transaction.
///
/// # Errors
/// The database cannot be read or written. The session is then there as it was, or gone; never half.
pub async fn remove_session(
    program: &Program,
    database: &Path,
    session: &str,
) -> Result<bool, DatabaseError> {
    let is_there = || Ok::<_, DatabaseError>(Database::open(database)?.session(session)?.is_some());
    if !is_there()? {
        return Ok(false);
    }
    program.delete_session(session).await;
    if is_there()? {
        remove_rows(database, session).map_err(|source| at(database, source))?;
    }
    Ok(true)
}

fn remove_rows(database: &Path, session: &str) -> rusqlite::Result<()> {
    let mut connection = Connection::open(database)?;
    connection.busy_timeout(PATIENCE)?;
    // All that belongs to a session goes with its row.
    connection.pragma_update(None, "foreign_keys", true)?;
    let rows = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    rows.execute(&format!("{FAMILY} DELETE FROM session WHERE id IN (SELECT id FROM family)"), [session])?;
    rows.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMAS: [&str; 3] = [
        include_str!("../../tests/fixtures/schema-1.3.2.sql"),
        include_str!("../../tests/fixtures/schema-1.14.41.sql"),
        include_str!("../../tests/fixtures/schema-1.18.33.sql"),
    ];

    #[test]
    fn a_family_goes_and_others_stay() {
        for schema in SCHEMAS {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("opencode.db");
            let database = Connection::open(&path).unwrap();
            database.execute_batch(schema).unwrap();
            database
                .execute_batch(
                    "INSERT INTO project(id, worktree, sandboxes, time_created, time_updated) VALUES ('global', '/', '[]', 1, 1);
                     INSERT INTO session(id, project_id, parent_id, slug, directory, title, version, time_created, time_updated)
                       VALUES ('ses_1', 'global', NULL, 's', '/w', 't', '1', 1, 1), ('ses_2', 'global', 'ses_1', 's', '/w', 't', '1', 1, 1),
                              ('ses_3', 'global', 'ses_2', 's', '/w', 't', '1', 1, 1), ('ses_4', 'global', NULL, 's', '/w', 't', '1', 1, 1);
                     INSERT INTO message VALUES ('msg_1', 'ses_1', 1, 1, '{}'), ('msg_3', 'ses_3', 1, 1, '{}'), ('msg_4', 'ses_4', 1, 1, '{}');
                     INSERT INTO part VALUES ('prt_3', 'msg_3', 'ses_3', 1, 1, '{}'), ('prt_4', 'msg_4', 'ses_4', 1, 1, '{}');",
                )
                .unwrap();
            remove_rows(&path, "ses_1").unwrap();
            for (table, left) in [("session", "ses_4"), ("message", "msg_4"), ("part", "prt_4")] {
                let ids: String = database
                    .query_row(&format!("SELECT group_concat(id) FROM {table}"), [], |row| row.get(0))
                    .unwrap();
                assert_eq!(ids, left);
            }
        }
    }
}

//! All sessions of issues at a glance, and what is going on with each. What is found out is never written down.

use super::{State, WorkError, state_of};
use crate::dispatch::{self, Dispatch};
use crate::index::{self, Entry, Found, Kind, SessionFile, moment};
use crate::opencode::{Database, Listed};
use std::collections::HashMap;
use std::path::Path;

/// Who holds a session that no host holds.
pub const HERE: &str = "here";

/// What is known of one session. What is `None` is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Base or forked.
    pub kind: Kind,
    /// The issue as the index has it; none for the base.
    pub issue: Option<String>,
    /// opencode's id.
    pub session: Option<String>,
    /// What is going on.
    pub state: Option<State>,
    /// [`HERE`], or the host that has it.
    pub holder: Option<String>,
    /// Where it works on this machine.
    pub directory: Option<String>,
    /// When it was made, as opencode has it, in milliseconds since the Unix epoch.
    pub created_ms: Option<i64>,
    /// When it was made, as it was written down.
    pub created_at: Option<String>,
    /// When something was last done with it, in milliseconds since the Unix epoch.
    pub last_activity_ms: Option<i64>,
    /// The last message that kugetsu gave it, or its beginning.
    pub message: Option<String>,
}

/// The sessions, and what could not be found out.
#[derive(Debug)]
pub struct Survey {
    /// The sessions, those with the newest activity first.
    pub rows: Vec<Row>,
    /// Why something in `rows` is not known.
    pub troubles: Vec<WorkError>,
}

/// Looks at all sessions of the index. `database` is opencode's; without one, no more is known than what kugetsu wrote
/// down and which locks are held.
///
/// # Errors
/// The index cannot be read.
pub fn survey(kugetsu_home: &Path, database: Option<&Path>) -> Result<Survey, WorkError> {
    let store = index::Store::new(kugetsu_home);
    let index = store.index()?;
    if index.base().is_none() && index.issues().next().is_none() {
        return Ok(Survey { rows: Vec::new(), troubles: Vec::new() });
    }
    let mut troubles = Vec::new();
    // The database is read while the files are.
    let (entries, sessions, holders) = std::thread::scope(|scope| {
        let read = || store.entries(index.issues());
        let reading = std::thread::Builder::new().spawn_scoped(scope, read);
        let sessions = database.and_then(|path| {
            let sessions = Database::open(path).and_then(|database| database.sessions());
            sessions.map_err(|error| troubles.push(error.into())).ok()
        });
        let holders = holders(kugetsu_home, &mut troubles);
        // Where no thread could be had, or it broke, they are read now.
        let entries = reading.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(read);
        (entries, sessions, holders)
    });
    let look = Look { kugetsu_home, sessions: sessions.as_ref(), holders: holders.as_ref() };
    let mut rows: Vec<Row> = Vec::with_capacity(entries.len() + 1);
    if let Some(id) = index.base() {
        let file = match store.base(&index) {
            Ok(file) => file.map(|(_, file)| file),
            Err(error) => {
                troubles.push(error.into());
                None
            }
        };
        let mut file = file.unwrap_or_else(|| SessionFile {
            created_at: None,
            ..SessionFile::new(Kind::Base, None, id.to_owned(), 0)
        });
        // What the index says is what sessions are copied from.
        (file.kind, file.session) = (Kind::Base, id.to_owned());
        rows.push(look.row(None, file));
    }
    for Entry { issue, found, .. } in entries {
        rows.push(match found {
            Found::Session(file) => look.row(Some(issue), file),
            Found::Missing => Row { state: Some(State::Invalid), ..blank(issue) },
            Found::Unreadable(error) => {
                troubles.push(error.into());
                blank(issue)
            }
        });
    }
    rows.sort_by(|a, b| (b.last_activity_ms, &a.issue).cmp(&(a.last_activity_ms, &b.issue)));
    Ok(Survey { rows, troubles })
}

fn blank(issue: String) -> Row {
    Row {
        kind: Kind::Forked,
        issue: Some(issue),
        session: None,
        state: None,
        holder: None,
        directory: None,
        created_ms: None,
        created_at: None,
        last_activity_ms: None,
        message: None,
    }
}

/// The hosts that have sessions, by session. `None` if a record cannot be read: it may be any session's.
fn holders(kugetsu_home: &Path, troubles: &mut Vec<WorkError>) -> Option<HashMap<String, String>> {
    let all = match dispatch::Store::new(kugetsu_home).each() {
        Ok(all) => all,
        Err(error) => {
            troubles.push(error.into());
            return None;
        }
    };
    let mut holders = HashMap::new();
    let mut sound = true;
    for found in all {
        match found {
            Ok(Dispatch { record, .. }) if record.is_away() => {
                holders.insert(record.session, record.host);
            }
            Ok(_) => {}
            Err(error) => {
                troubles.push(error.into());
                sound = false;
            }
        }
    }
    sound.then_some(holders)
}

struct Look<'a> {
    kugetsu_home: &'a Path,
    sessions: Option<&'a HashMap<String, Listed>>,
    holders: Option<&'a HashMap<String, String>>,
}

impl Look<'_> {
    fn row(&self, issue: Option<String>, file: SessionFile) -> Row {
        let listed = self.sessions.and_then(|sessions| sessions.get(&file.session));
        let state = |exists| state_of(self.kugetsu_home, &file.session, file.state.as_deref(), exists);
        let state = match self.sessions {
            Some(_) => Some(state(listed.is_some())),
            // It runs, so it is there; nothing else is certain.
            None => Some(state(true)).filter(|state| *state == State::Used),
        };
        let holder = self.holders.map(|holders| holders.get(&file.session).map_or(HERE, String::as_str));
        // opencode knows of what was done in its own windows, kugetsu of what only just began.
        let ours = file.last_activity.as_deref().and_then(moment);
        let directory = file.directory.or_else(|| listed.map(|listed| listed.directory.clone()));
        Row {
            kind: file.kind,
            issue,
            state,
            holder: holder.map(str::to_owned),
            directory,
            created_ms: listed.map(|listed| listed.created_ms),
            created_at: file.created_at,
            last_activity_ms: listed.map(|listed| listed.updated_ms).max(ours),
            message: file.message,
            session: Some(file.session),
        }
    }
}

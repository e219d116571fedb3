//! All sessions of issues at a glance, and what is going on with each. What is found out is never written down.

use super::{WorkError, WorkState, state_of};
use crate::disk::{Lock, session_lock};
use crate::dispatch::{self, Dispatch};
use crate::index::{self, Entry, Index, IndexedFile, SessionFile, SessionKind, moment};
use crate::opencode::{Database, Listed};
use std::collections::HashMap;
use std::path::Path;

/// Who holds a session that no host holds.
pub(crate) const HERE: &str = "here";

/// What is known of one session. What is `None` is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SurveyRow {
    pub(crate) kind: SessionKind,
    /// The issue as the index has it; none for the base.
    pub(crate) issue: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) state: Option<WorkState>,
    /// [`HERE`], or the host that has it.
    pub(crate) holder: Option<String>,
    pub(crate) directory: Option<String>,
    /// When it was made, as opencode has it, in milliseconds since the Unix epoch.
    pub(crate) created_ms: Option<i64>,
    /// When it was made, as it was written down.
    pub(crate) created_at: Option<String>,
    /// When something was last done with it, in milliseconds since the Unix epoch.
    pub(crate) last_activity_ms: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) failed: bool,
}

#[derive(Debug)]
pub(crate) struct Survey {
    /// The sessions, those with the newest activity first.
    pub(crate) rows: Vec<SurveyRow>,
    /// Why something in `rows` is not known.
    pub(crate) troubles: Vec<WorkError>,
}

/// Looks at all sessions of the index. `database` is opencode's; without one, no more is known than what kugetsu wrote
/// down and which locks are held.
pub(crate) fn survey(kugetsu_home: &Path, database: Option<&Path>) -> Result<Survey, WorkError> {
    let store = index::Store::new(kugetsu_home);
    let mut troubles = Vec::new();
    let index = store.index()?;
    if index.base().is_none() && index.issues().next().is_none() {
        return Ok(Survey { rows: Vec::new(), troubles });
    }
    let listed = database.map(|path| Database::open(path).and_then(|database| database.sessions()));
    let sessions = listed.transpose().unwrap_or_else(|error| {
        troubles.push(error.into());
        None
    });
    let holders = holders(kugetsu_home, &mut troubles);
    let look = RowLookup { kugetsu_home, sessions: sessions.as_ref(), holders: holders.as_ref() };
    let mut rows: Vec<SurveyRow> = base(&store, &index, &mut troubles).into_iter().collect();
    let blank = |issue: &str| SurveyRow { issue: Some(issue.to_owned()), ..SurveyRow::default() };
    for Entry { issue, found, .. } in store.entries(index.issues()) {
        rows.push(match found {
            IndexedFile::Session(file) => SurveyRow { issue: Some(issue.to_owned()), ..recorded(file) },
            IndexedFile::Missing => SurveyRow { state: Some(WorkState::Invalid), ..blank(issue) },
            IndexedFile::Unreadable(error) => {
                troubles.push(error.into());
                blank(issue)
            }
        });
    }
    rows.iter_mut().for_each(|row| look.find_out(row));
    let newest_first = |a: &SurveyRow, b: &SurveyRow| b.last_activity_ms.cmp(&a.last_activity_ms);
    rows.sort_unstable_by(|a, b| newest_first(a, b).then_with(|| a.issue.cmp(&b.issue)));
    Ok(Survey { rows, troubles })
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
            Ok(Dispatch { record, .. }) if record.is_away() && !record.is_abandoned => {
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

/// The row of a session as its file has it. Its state is the one that was written down; [`RowLookup::find_out`] replaces it.
fn recorded(file: SessionFile) -> SurveyRow {
    let used = file.state.as_deref() == Some(WorkState::Used.name());
    SurveyRow {
        kind: file.kind,
        session: Some(file.session),
        state: used.then_some(WorkState::Used),
        directory: file.directory,
        created_at: file.created_at,
        last_activity_ms: file.last_activity.as_deref().and_then(moment),
        message: file.message,
        failed: file.trouble.is_some(),
        ..SurveyRow::default()
    }
}

/// The row of the base. Sessions are copied from the one that the index names.
fn base(store: &index::Store, index: &Index, troubles: &mut Vec<WorkError>) -> Option<SurveyRow> {
    let id = index.base()?;
    let found = store.base(index).unwrap_or_else(|error| {
        troubles.push(error.into());
        None
    });
    let row = found.map(|(_, file)| recorded(file)).unwrap_or_default();
    Some(SurveyRow { kind: SessionKind::Base, session: Some(id.to_owned()), ..row })
}

struct RowLookup<'a> {
    kugetsu_home: &'a Path,
    sessions: Option<&'a HashMap<String, Listed>>,
    holders: Option<&'a HashMap<String, String>>,
}

impl RowLookup<'_> {
    /// Makes a row of what is [`recorded`].
    fn find_out(&self, row: &mut SurveyRow) {
        let Some(session) = row.session.as_deref() else { return };
        let listed = self.sessions.and_then(|sessions| sessions.get(session));
        let state = |exists| state_of(self.kugetsu_home, session, row.state.map(WorkState::name), exists);
        row.state = match self.sessions {
            Some(_) => Some(state(listed.is_some())),
            // A session that runs is there; nothing else is certain.
            None => Some(state(true)).filter(|state| *state == WorkState::Used),
        };
        row.holder =
            self.holders.map(|holders| holders.get(session).cloned().unwrap_or_else(|| HERE.to_owned()));
        let away = row.holder.as_ref().is_some_and(|holder| holder != HERE);
        // Another kugetsu may follow its run on the host, or bring it home; its file does not say so.
        if away
            && row.state == Some(WorkState::Idle)
            && Lock::is_held(&session_lock(self.kugetsu_home, session))
        {
            row.state = Some(WorkState::Used);
        }
        let Some(listed) = listed else { return };
        row.created_ms = Some(listed.created_ms);
        // opencode knows of what was done in its own windows, kugetsu of what only just began.
        row.last_activity_ms = row.last_activity_ms.max(Some(listed.updated_ms));
        if row.directory.is_none() {
            row.directory = Some(listed.directory.as_ref().to_owned());
        }
    }
}

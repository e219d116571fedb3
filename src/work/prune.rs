//! Finds and removes what is of no more use. The base, what cannot be read, and sessions that are away or running stay.

mod removal;

use super::WorkError;
use super::files::unfinished;
use crate::disk::{Lock, names, session_lock};
use crate::dispatch::{self, Dispatch, State};
use crate::index::{self, Entry, IndexedFile};
use crate::opencode::Database;
use crate::session::is_session_id;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Litter {
    /// An issue whose session opencode has no more.
    Session,
    /// An issue of the index without a file.
    Entry,
    /// A session's file without an issue in the index.
    File,
    /// A trip that came to its end.
    Dispatch,
    /// What runs of a session printed.
    Log,
    Run,
    Lock,
    /// What a host was known to have of a session that opencode has no more.
    Known,
    /// How a session that opencode has no more was before it was repaired.
    Repair,
    /// Answers of programs, which can be asked again.
    Cache,
}

impl Litter {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Entry => "entry",
            Self::File => "file",
            Self::Dispatch => "dispatch",
            Self::Log => "log",
            Self::Run => "run",
            Self::Lock => "lock",
            Self::Known => "known",
            Self::Repair => "repair",
            Self::Cache => "cache",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: Litter,
    /// An issue, a file below kugetsu's home, or a dispatch's id.
    pub(crate) what: String,
    pub(crate) why: String,
    /// The session, whose lock is held while it is removed.
    session: Option<String>,
}

/// Everything of no more use, in the order in which it is removed.
#[derive(Debug)]
pub(crate) struct RemovableItems {
    pub(crate) items: Vec<Item>,
    /// What cannot be read; it stays, with all that it may be about.
    pub(crate) troubles: Vec<WorkError>,
    kugetsu_home: PathBuf,
}

#[derive(Debug, Default)]
pub(crate) struct Pruned {
    pub(crate) removed: Vec<Item>,
    /// What came into use again since it was found.
    pub(crate) left: Vec<Item>,
}

/// Looks for what is of no more use; nothing is changed.
pub(crate) fn removable(kugetsu_home: &Path, database: &Path) -> Result<RemovableItems, WorkError> {
    let store = index::Store::new(kugetsu_home);
    let index = store.index()?;
    let mut found = Finding::new(kugetsu_home, dispatch::Store::new(kugetsu_home).each()?);
    let entries = store.entries(index.issues());
    let (unfinished, kept) = (unfinished(kugetsu_home)?, kept(kugetsu_home)?);
    // Without any of these, opencode need not even be installed.
    let sessions = match entries.is_empty() && unfinished.is_empty() {
        true if kept.is_empty() => HashMap::new(),
        // The rest is found without opencode's database.
        true => Database::open(database).and_then(|database| database.sessions()).unwrap_or_default(),
        false => Database::open(database)?.sessions()?,
    };
    found.tracked.extend(index.base().map(str::to_owned));
    // A session without an issue is taken up by its message, which only its run's files hold.
    found.tracked.extend(unfinished.into_iter().filter(|session| sessions.contains_key(session.as_str())));
    if let Err(error) = store.base(&index) {
        found.troubles.push(error.into());
    }
    for Entry { issue, file, found: what } in entries {
        let issue = issue.to_owned();
        match what {
            IndexedFile::Session(session) if sessions.contains_key(&session.session) => {
                found.tracked.insert(session.session);
            }
            IndexedFile::Session(session) => {
                let why = format!("opencode no longer has {}", session.session);
                found.add(Litter::Session, issue, why, Some(session.session));
            }
            IndexedFile::Missing if !found.issues_away.contains(&issue) => {
                found.add(Litter::Entry, issue, format!("sessions/{file} is not there"), None);
            }
            IndexedFile::Missing => {}
            IndexedFile::Unreadable(error) => found.troubles.push(error.into()),
        }
    }
    for (file, what) in store.strays(&index)? {
        match what {
            IndexedFile::Session(session) => {
                let why = "no issue in the index has it".to_owned();
                found.add(Litter::File, format!("sessions/{file}"), why, Some(session.session));
            }
            IndexedFile::Missing => {}
            IndexedFile::Unreadable(error) => found.troubles.push(error.into()),
        }
    }
    if !sessions.is_empty() {
        for (kind, what, session) in kept {
            if !sessions.contains_key(session.as_str()) {
                found.add(kind, what, format!("opencode no longer has {session}"), Some(session));
            }
        }
    }
    found.finish()
}

/// Files about sessions beside logs, runs and locks: what hosts have of them, and how they were before a repair. Returns
/// kind, file and session.
fn kept(kugetsu_home: &Path) -> Result<Vec<(Litter, String, String)>, WorkError> {
    let mut kept = Vec::new();
    for host in names(&kugetsu_home.join("known"))? {
        let directory = format!("known/{host}");
        if kugetsu_home.join(&directory).is_dir() {
            for name in names(&kugetsu_home.join(&directory))? {
                let session = name.strip_suffix(".json").filter(|session| is_session_id(session));
                kept.extend(session.map(|s| (Litter::Known, format!("{directory}/{name}"), s.to_owned())));
            }
        }
    }
    for name in names(&kugetsu_home.join("repairs"))? {
        let session = name.rsplit_once('-').map(|(session, _)| session).filter(|s| is_session_id(s));
        kept.extend(session.map(|s| (Litter::Repair, format!("repairs/{name}"), s.to_owned())));
    }
    Ok(kept)
}

#[derive(Default)]
struct Finding {
    kugetsu_home: PathBuf,
    items: Vec<Item>,
    troubles: Vec<WorkError>,
    /// Sessions of issues, of the base, of trips that are not at their end, and of runs that can be taken up.
    tracked: BTreeSet<String>,
    away: HashSet<String>,
    issues_away: HashSet<String>,
    /// A trip's record cannot be read: any session may be away.
    away_unknown: bool,
}

impl Finding {
    fn new(kugetsu_home: &Path, dispatches: Vec<Result<Dispatch, dispatch::StoreError>>) -> Self {
        let mut new = Self { kugetsu_home: kugetsu_home.to_owned(), ..Self::default() };
        let mut ended = Vec::new();
        for dispatch in dispatches {
            let record = match dispatch {
                Ok(dispatch) => dispatch.record,
                Err(error) => {
                    new.troubles.push(error.into());
                    new.away_unknown = true;
                    continue;
                }
            };
            match &record.state {
                // Its host still keeps something of it, and is asked first.
                _ if record.is_on_host && record.state.is_end() => {
                    new.tracked.insert(record.session);
                }
                State::Home { .. } => {
                    ended.push((record.id, format!("home from {}", record.host), record.session));
                }
                State::Failed { step, .. } => {
                    let why = format!("to {}, failed ({})", record.host, step.name());
                    ended.push((record.id, why, record.session));
                }
                State::Cancelled { launched: false } => {
                    ended.push((record.id, format!("to {}, cancelled", record.host), record.session));
                }
                _ => {
                    if record.is_away() {
                        new.away.insert(record.session.clone());
                        new.issues_away.extend(record.issue);
                    }
                    new.tracked.insert(record.session);
                }
            }
        }
        for (id, why, session) in ended {
            new.push(Litter::Dispatch, id, why, Some(session));
        }
        new
    }

    /// Adds an item, unless its session is away.
    fn add(&mut self, kind: Litter, what: String, why: String, session: Option<String>) {
        match session {
            Some(session) if self.away.contains(&session) => {
                self.tracked.insert(session);
            }
            session => self.push(kind, what, why, session),
        }
    }

    fn push(&mut self, kind: Litter, what: String, why: String, session: Option<String>) {
        let running =
            session.as_ref().is_some_and(|session| Lock::is_held(&session_lock(&self.kugetsu_home, session)));
        match session {
            Some(session) if running => {
                self.tracked.insert(session);
            }
            session => self.items.push(Item { kind, what, why, session }),
        }
    }

    /// Adds what is left of sessions that are no longer tracked, and the cache.
    fn finish(mut self) -> Result<RemovableItems, WorkError> {
        // What cannot be read may be about any session that nothing else tells of.
        if self.troubles.is_empty() {
            for (kind, directory) in [(Litter::Log, "logs"), (Litter::Run, "runs"), (Litter::Lock, "locks")] {
                for (session, name) in self.remains(directory)? {
                    let what = format!("{directory}/{name}");
                    let why = format!("{session} is no issue's session any more");
                    self.push(kind, what, why, Some(session));
                }
            }
        }
        if self.away_unknown {
            self.items.retain(|item| item.kind == Litter::Dispatch);
        }
        if !names(&self.kugetsu_home.join("cache"))?.is_empty() {
            let why = "it is made again when it is needed".to_owned();
            self.push(Litter::Cache, "cache".to_owned(), why, None);
        }
        self.items.sort_by(|a, b| (a.kind, &a.what).cmp(&(b.kind, &b.what)));
        let Self { kugetsu_home, items, troubles, .. } = self;
        Ok(RemovableItems { items, troubles, kugetsu_home })
    }

    /// Files of untracked sessions in one of our directories, by session; all files of a log are one.
    fn remains(&self, directory: &str) -> Result<BTreeMap<String, String>, WorkError> {
        let names = names(&self.kugetsu_home.join(directory))?;
        let of_session = names.iter().filter_map(|name| {
            let (session, name) = match directory {
                "logs" => log_of(name).map(|session| (session, format!("{session}.log")))?,
                "locks" => (name.strip_suffix(".lock")?, name.clone()),
                _ => (name.as_str(), name.clone()),
            };
            let stale = is_session_id(session) && !self.tracked.contains(session);
            stale.then(|| (session.to_owned(), name))
        });
        Ok(of_session.collect())
    }
}

/// The session of a log's file: `SESSION.log`, `SESSION.log.3`.
fn log_of(name: &str) -> Option<&str> {
    let (session, rest) = name.split_once(".log")?;
    let number = rest.strip_prefix('.').unwrap_or(rest);
    number.bytes().all(|b| b.is_ascii_digit()).then_some(session)
}

#[cfg(test)]
mod tests;

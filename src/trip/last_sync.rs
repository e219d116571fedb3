//! What a host is known to have of a session, remembered here from the last time it came home from there.

use crate::disk;
use crate::session::{Clock, is_session_id};
use crate::transfer::Paths;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The format of the file.
const VERSION: u32 = 1;

/// What a host has of a session: what home had when the session last came home from there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct LastSync {
    /// The session's messages then, from the first on.
    pub(crate) messages: usize,
    /// What these messages and their parts looked like here; see [`crate::opencode::Database::stamp`].
    pub(crate) stamp: String,
    /// The SHA-256 of the host's own list of them, in hexadecimal.
    pub(crate) known: String,
    /// The host's rows have translated ids and times.
    pub(crate) translated: bool,
    /// The clock offset of that translation, if one offset explains every id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<Clock>,
    /// The directories of both sides, if paths were translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paths: Option<Paths>,
    /// Home got all rows that the host had. If not, each row has to show by its content that home has it.
    #[serde(default)]
    pub(crate) rows: bool,
    /// Home got the list of tasks as well. One that changed on both sides stays as it is at home, and does not count.
    #[serde(default)]
    pub(crate) todos: bool,
    /// What came back became this fork: `messages` and `stamp` are of it.
    #[serde(default, rename = "beside", skip_serializing_if = "Option::is_none")]
    pub(crate) fork: Option<String>,
    /// Files with the rows that home took back since; `messages` and `stamp` are of what stayed.
    #[serde(default, rename = "taken", skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<RemovedRows>,
}

/// A file of this machine with rows that home got and took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RemovedRows {
    pub(crate) file: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub(crate) sum: String,
    /// What [`LastSync::messages`] and [`LastSync::stamp`] were before: they hold again once the rows are put back.
    pub(crate) messages: usize,
    pub(crate) stamp: String,
}

impl LastSync {
    /// Whether it could have been written here: what is not so is forgotten, and more is sent.
    fn is_sound(&self) -> bool {
        let is_digest = |text: &str| text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_digest(&self.known)
            && self.paths.as_ref().is_none_or(Paths::is_sound)
            && self.fork.as_deref().is_none_or(is_session_id)
            && self.removed.iter().all(|removed| removed.file.is_absolute())
    }

    /// Whether a delta can build on it: the session itself has all of these rows.
    pub(crate) fn is_whole(&self) -> bool {
        self.fork.is_none() && self.removed.is_empty()
    }

    /// Whether home still has all of that unchanged, by this stamp.
    pub(crate) fn holds(&self, stamp: Option<&str>) -> bool {
        stamp == Some(&self.stamp)
    }

    /// Why no delta can build on the host's rows: this clock and these paths would translate home's rows otherwise.
    pub(crate) fn reason_to_resend(
        &self,
        clock: Option<Clock>,
        paths: Option<&Paths>,
    ) -> Option<ResendReason> {
        let same_clock = match (self.clock, clock) {
            (None, None) => !self.translated,
            (Some(then), Some(now)) => then.translates_as(now),
            _ => false,
        };
        match (same_clock, paths == self.paths.as_ref()) {
            (true, true) => None,
            // Rows there with those of another directory would come home with them.
            (true, false) => Some(ResendReason::Paths),
            (false, _) => Some(ResendReason::Clock),
        }
    }
}

/// What a host's rows are translated by, and may be other than on the last trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResendReason {
    #[error("clock")]
    Clock,
    #[error("directory or --keep-paths")]
    Paths,
}

#[derive(Serialize, Deserialize)]
struct File<T> {
    version: u32,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize, Deserialize)]
struct HostClock {
    clock: Clock,
}

fn path(kugetsu_home: &Path, host: &str, session: &str) -> Option<PathBuf> {
    let safe = |name: &str| {
        !name.starts_with('.')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    (safe(host) && safe(session))
        .then(|| kugetsu_home.join("known").join(host).join(format!("{session}.json")))
}

/// Reads a file of what is remembered. What cannot be read is as good as forgotten: more is sent then.
fn read<T: DeserializeOwned>(path: Option<PathBuf>) -> Option<T> {
    let file: File<T> = serde_json::from_slice(&std::fs::read(path?).ok()?).ok()?;
    (file.version == VERSION).then_some(file.content)
}

/// Writes one. That it cannot costs only bytes of the next trip, so it is no error.
fn write<T: Serialize>(kugetsu_home: &Path, host: &str, path: Option<PathBuf>, content: T) {
    let bytes = serde_json::to_vec(&File { version: VERSION, content });
    let (Some(path), Ok(bytes)) = (path, bytes) else { return };
    let directories = [kugetsu_home.join("known"), kugetsu_home.join("known").join(host)];
    let made = directories.iter().try_for_each(|directory| disk::private_dir(directory));
    let _ = made.and_then(|()| disk::write_atomic(&path, &bytes));
}

/// What is remembered of the session there.
pub(crate) fn recall(kugetsu_home: &Path, host: &str, session: &str) -> Option<LastSync> {
    read(path(kugetsu_home, host, session)).filter(LastSync::is_sound)
}

pub(crate) fn remember(kugetsu_home: &Path, host: &str, session: &str, memory: LastSync) {
    write(kugetsu_home, host, path(kugetsu_home, host, session), memory);
}

/// Forgets: what the host has is no longer what was remembered.
pub(crate) fn forget(kugetsu_home: &Path, host: &str, session: &str) {
    if let Some(path) = path(kugetsu_home, host, session) {
        let _ = std::fs::remove_file(path);
    }
}

/// The host's clock as it was on the last trip there that had to translate.
pub(crate) fn recall_clock(kugetsu_home: &Path, host: &str) -> Option<Clock> {
    read(path(kugetsu_home, host, "clock")).map(|HostClock { clock }| clock)
}

pub(crate) fn remember_clock(kugetsu_home: &Path, host: &str, clock: Clock) {
    write(kugetsu_home, host, path(kugetsu_home, host, "clock"), HostClock { clock });
}

/// The hosts of which anything is remembered.
pub(crate) fn hosts(kugetsu_home: &Path) -> Vec<String> {
    let hosts = std::fs::read_dir(kugetsu_home.join("known")).into_iter().flatten().flatten();
    hosts.filter_map(|host| host.file_name().into_string().ok()).collect()
}

/// The sessions of which something is remembered of any host.
pub(crate) fn sessions(kugetsu_home: &Path) -> HashSet<String> {
    let below = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let hosts = below(&kugetsu_home.join("known"));
    let files = hosts.flat_map(|host| below(&host.path()));
    let session =
        |file: std::fs::DirEntry| Some(file.file_name().to_str()?.strip_suffix(".json")?.to_owned());
    files.filter_map(session).collect()
}

#[cfg(test)]
impl LastSync {
    /// One of a single message, for tests.
    pub(crate) fn example() -> Self {
        let (stamp, known) = ("s".into(), "ab12".into());
        Self { messages: 1, stamp, known, rows: true, todos: true, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_of_one_host_and_one_session() {
        let home = tempfile::tempdir().unwrap();
        let memory = LastSync { messages: 3, ..LastSync::example() };
        remember(home.path(), "pi", "ses_1", memory.clone());
        assert_eq!(recall(home.path(), "pi", "ses_1"), Some(memory.clone()));
        assert_eq!(recall(home.path(), "pi", "ses_2"), None);
        assert_eq!(recall(home.path(), "beefy", "ses_1"), None);
        assert_eq!(sessions(home.path()), ["ses_1".to_owned()].into());
        remember(home.path(), "../pi", "ses_1", memory);
        assert_eq!(recall(home.path(), "../pi", "ses_1"), None);
        forget(home.path(), "pi", "ses_1");
        assert_eq!(recall(home.path(), "pi", "ses_1"), None);
    }

    #[test]
    fn what_the_first_format_remembers_is_known_and_directories_with_it() {
        let home = tempfile::tempdir().unwrap();
        let memory = LastSync {
            stamp: String::new(),
            known: String::new(),
            paths: Paths::new("/here", "/there"),
            rows: false,
            todos: false,
            ..LastSync::example()
        };
        remember(home.path(), "pi", "ses_1", memory.clone());
        assert_eq!(recall(home.path(), "pi", "ses_1"), Some(memory.clone()));
        let path = path(home.path(), "pi", "ses_1").unwrap();
        // It does not say that home has all of that: nothing is removed there on its word.
        let first = br#"{"version":1,"messages":1,"stamp":"","known":"","translated":false}"#;
        disk::write_atomic(&path, first).unwrap();
        assert_eq!(recall(home.path(), "pi", "ses_1"), Some(LastSync { paths: None, ..memory }));
    }

    #[test]
    fn what_is_remembered_holds_for_the_same_rows_directories_and_clock() {
        let paths = Paths::new("/here", "/there");
        let memory = LastSync { paths: paths.clone(), ..LastSync::example() };
        assert!(memory.holds(Some("s")) && !memory.holds(Some("t")) && !memory.holds(None));
        assert_eq!(memory.reason_to_resend(None, paths.as_ref()), None);
        let elsewhere = Paths::new("/here", "/elsewhere");
        assert_eq!(memory.reason_to_resend(None, elsewhere.as_ref()), Some(ResendReason::Paths));
        assert_eq!(memory.reason_to_resend(None, None), Some(ResendReason::Paths));
        let clock = Clock::new(86_400_000, 1_795_170_000_000);
        assert_eq!(memory.reason_to_resend(clock, paths.as_ref()), Some(ResendReason::Clock));
        let clocked = LastSync { translated: true, clock, ..memory.clone() };
        let later = clock.map(|clock| clock.later(1_795_180_000_000));
        assert_eq!(clocked.reason_to_resend(later, paths.as_ref()), None);
        let other = Clock::new(86_500_000, 1_795_170_000_000);
        assert_eq!(clocked.reason_to_resend(other, paths.as_ref()), Some(ResendReason::Clock));
        assert_eq!(
            clocked.reason_to_resend(None, paths.as_ref()),
            Some(ResendReason::Clock),
            "it was put right"
        );
        let untold = LastSync { translated: true, ..memory };
        assert_eq!(untold.reason_to_resend(None, paths.as_ref()), Some(ResendReason::Clock));
    }

    #[test]
    fn what_a_newer_kugetsu_remembers_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let path = path(home.path(), "pi", "ses_1").unwrap();
        disk::private_dir(&home.path().join("known")).unwrap();
        disk::private_dir(path.parent().unwrap()).unwrap();
        let newer = br#"{"version":2,"messages":1,"stamp":"","known":"","translated":false}"#;
        disk::write_atomic(&path, newer).unwrap();
        assert_eq!(recall(home.path(), "pi", "ses_1"), None);
    }

    #[test]
    fn the_names_in_the_file_stay() {
        let removed = RemovedRows { file: "/u".into(), sum: "0f".into(), messages: 2, stamp: "t".into() };
        let last_sync =
            LastSync { fork: Some("ses_2".into()), removed: vec![removed], ..LastSync::example() };
        let text = r#"{"version":1,"messages":1,"stamp":"s","known":"ab12","translated":false,"rows":true,"todos":true,"beside":"ses_2","taken":[{"file":"/u","sum":"0f","messages":2,"stamp":"t"}]}"#;
        let file = File { version: VERSION, content: last_sync };
        assert_eq!(serde_json::to_string(&file).unwrap(), text);
        assert_eq!(serde_json::from_str::<File<LastSync>>(text).unwrap().content, file.content);
    }
}

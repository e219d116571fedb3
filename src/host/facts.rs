//! What the probe and the check found out about a host.

use super::answer::{Answer, AnswerError};
use crate::text::{plain, plain_end};

/// A host as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `uname -s`.
    pub system: String,
    /// The home directory.
    pub home: String,
    /// The search path of a login there, joined with that of the connection.
    pub path: String,
    /// opencode there, absolute.
    pub opencode: Option<String>,
    /// The directory to work in: absolute, symbolic links resolved as far as it exists.
    pub directory: String,
    /// What stands where a directory would have to be.
    pub blocked: Option<String>,
    /// A directory of the way that we may not write to or enter.
    pub readonly: Option<String>,
    /// What is free where something will be written.
    pub free: Free,
    /// Whether kugetsu's own directory there can be written.
    pub writable: bool,
    /// gzip is there.
    pub gzip: bool,
    /// scp is there.
    pub scp: bool,
    /// Changes when opencode or its configuration there change.
    pub fingerprint: String,
    /// The host's clock in milliseconds since the epoch.
    pub clock_ms: Option<i64>,
    /// The clock could tell parts of a second.
    pub clock_exact: bool,
}

/// Bytes that are free on a host, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Free {
    /// In the file system of kugetsu's own directory.
    pub kugetsu: Option<u64>,
    /// In the file system of opencode's database.
    pub database: Option<u64>,
    /// Both are the same file system.
    pub one_disk: bool,
}

impl Facts {
    /// From the probe's answer.
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        let some = |key: &str| answer.get(key).filter(|value| !value.is_empty()).map(str::to_owned);
        let need =
            |key: &str| some(key).ok_or_else(|| AnswerError::Garbled(format!("the probe did not say {key}")));
        let path = |key: &'static str| match some(key) {
            // What was no UTF-8 would be another path now.
            Some(path) if path.contains(char::REPLACEMENT_CHARACTER) => {
                Err(AnswerError::NotUtf8 { what: key, name: plain(&path) })
            }
            path => Ok(path),
        };
        let (clock_ms, clock_exact) = clock(answer.get("clock").unwrap_or_default());
        Ok(Self {
            system: plain(&need("system")?),
            home: need("home")?,
            path: need("path")?,
            opencode: path("opencode")?,
            directory: path("directory")?.map_or_else(|| need("directory"), Ok)?,
            blocked: some("blocked"),
            readonly: some("readonly"),
            free: Free {
                kugetsu: some("free").as_deref().and_then(bytes),
                database: some("database_free").as_deref().and_then(bytes),
                one_disk: answer.get("one_disk").is_some(),
            },
            writable: answer.get("writable").is_some(),
            gzip: answer.get("gzip").is_some(),
            scp: answer.get("scp").is_some(),
            fingerprint: plain(&need("fingerprint")?),
            clock_ms,
            clock_exact,
        })
    }
}

fn bytes(kib: &str) -> Option<u64> {
    kib.parse::<u64>().ok()?.checked_mul(1024)
}

/// `date '+%s %N'` is seconds and nanoseconds with GNU and recent BusyBox, seconds and rubbish elsewhere.
fn clock(text: &str) -> (Option<i64>, bool) {
    let (seconds, rest) = text.split_once(' ').unwrap_or((text, ""));
    let seconds = seconds.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
    let nanos = rest.parse::<i64>().ok().filter(|nanos| rest.len() == 9 && *nanos >= 0);
    let ms = seconds.and_then(|s| s.checked_mul(1000)?.checked_add(nanos.unwrap_or(0) / 1_000_000));
    (ms, ms.is_some() && nanos.is_some())
}

/// Which opencode is there and what it offers.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct HostOpencode {
    /// What `opencode --version` printed.
    pub version: String,
    /// Agents that a session can run as (not those that only serve others).
    pub agents: Vec<String>,
    /// `provider/model` each.
    pub models: Vec<String>,
    /// Last words of a listing that did not work.
    pub trouble: String,
}

impl HostOpencode {
    /// From the check's answer.
    pub fn from_answer(answer: &Answer) -> Self {
        let text = |key: &str| answer.get(key).unwrap_or_default();
        let own =
            |line: &str| line.strip_suffix(" (primary)").or(line.strip_suffix(" (all)")).map(str::to_owned);
        Self {
            version: plain(text("version")),
            agents: text("agents").lines().filter_map(own).collect(),
            models: text("models").lines().map(str::to_owned).collect(),
            trouble: plain_end(&["agents_error", "models_error"].map(text).join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_all_kinds_are_read() {
        assert_eq!(clock("1795170275 123456789"), (Some(1_795_170_275_123), true));
        assert_eq!(clock("1795170275 N"), (Some(1_795_170_275_000), false));
        assert_eq!(clock("1795170275 %N"), (Some(1_795_170_275_000), false));
        assert_eq!(clock("1795170275"), (Some(1_795_170_275_000), false));
        // A host without a battery clock, two minutes after it was switched on.
        assert_eq!(clock("120 573304511"), (Some(120_573), true));
        assert_eq!(clock(""), (None, false));
        assert_eq!(clock("99999999999999999999999999999999"), (None, false));
    }

    #[test]
    fn a_host_without_opencode_is_still_a_host() {
        let said = [
            ("system", "Linux"),
            ("home", "/h"),
            ("path", "/bin"),
            ("directory", "/h/app"),
            ("fingerprint", "1 2"),
            ("free", "10"),
        ];
        let facts = Facts::from_answer(&Answer::of(&said)).unwrap();
        assert_eq!((facts.opencode, facts.free.kugetsu, facts.writable), (None, Some(10240), false));
        assert!(Facts::from_answer(&Answer::of(&said[1..])).is_err());
    }

    #[test]
    fn a_path_that_is_no_utf_8_is_refused_and_not_taken_for_another() {
        let said = b"system 4c\nhome 2f\npath 2f\nfingerprint 31\ndirectory 2fe9\n";
        let error = Facts::from_answer(&Answer::parse(said, 0, b"").unwrap()).unwrap_err();
        assert!(matches!(error, AnswerError::NotUtf8 { what: "directory", .. }), "{error}");
    }

    #[test]
    fn agents_that_only_serve_others_are_not_offered() {
        let said = [
            ("version", "1.18.33\n"),
            ("agents", "build (primary)\ngeneral (subagent)\nmy own (all)"),
            ("models", "a/b\nc/d/e"),
        ];
        let checked = HostOpencode::from_answer(&Answer::of(&said));
        assert_eq!(checked.agents, ["build", "my own"]);
        assert_eq!((checked.version.as_str(), checked.models.len()), ("1.18.33", 2));
    }
}

//! What scripts answer: `key hexvalue` lines, and the runner's result.

use crate::text::plain;
use std::collections::HashMap;

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AnswerError {
    /// The script ended with a reason of ours.
    #[error("{}{detail}", sentence(reason))]
    Failed {
        /// One of the words that the scripts give to `fail`.
        reason: String,
        /// The words of what failed, control characters stripped.
        detail: String,
    },
    /// Not the answer of one of our scripts.
    #[error("an answer that kugetsu does not understand: {0}")]
    Garbled(String),
    /// A path that neither opencode nor kugetsu can name.
    #[error("the {what} there has a name that is not UTF-8: {name}")]
    NotUtf8 {
        /// Which path.
        what: &'static str,
        /// Its name, as far as it can be shown.
        name: String,
    },
    /// A later format than this kugetsu knows.
    #[error("the result there has format {0}, written by a newer kugetsu")]
    Newer(u32),
}

/// What the word that a script gave to `fail` stands for, in front of the words of what failed.
fn sentence(reason: &str) -> String {
    match reason {
        "home" => "the home directory cannot be entered: ",
        "gone" => "the dispatch's directory is gone: ",
        "parcel" => "what arrived is not what was sent: ",
        "import" => "opencode there could not import the session: ",
        "rows" => "opencode there said that it imported the session, but not all of it is in its database: ",
        "runner" => "the runner did not start: ",
        "launched" => "the run was launched already: ",
        _ => return format!("{}: ", plain(reason)),
    }
    .to_owned()
}

/// The facts that a script said, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer(HashMap<String, String>);

impl Answer {
    /// Reads a script's output. `status` and `stderr` serve to explain an output that is not ours.
    pub fn parse(stdout: &[u8], status: i32, stderr: &[u8]) -> Result<Self, AnswerError> {
        let mut facts = HashMap::new();
        for line in stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            // A host whose login files print something is common; what is not ours is passed over.
            if let Some((key, value)) = fact(line) {
                facts.insert(key, value);
            }
        }
        if let Some(reason) = facts.remove("failed") {
            let detail = plain(facts.get("detail").map_or("", String::as_str));
            return Err(AnswerError::Failed { reason, detail });
        }
        if status != 0 || facts.is_empty() {
            let words = plain(&String::from_utf8_lossy(if stderr.is_empty() { stdout } else { stderr }));
            return Err(AnswerError::Garbled(format!("exit status {status}, {words:?}")));
        }
        Ok(Self(facts))
    }

    /// The value said for `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn fact(line: &[u8]) -> Option<(String, String)> {
    let line = std::str::from_utf8(line).ok()?;
    let (key, hex) = line.split_once(' ')?;
    let ours = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !ours || hex.len() % 2 != 0 {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|i| hex.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    Some((key.to_owned(), String::from_utf8_lossy(&bytes?).into_owned()))
}

/// Who runs: boot, process and its start, as the host wrote them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Launched {
    /// `boot pid start`.
    pub identity: String,
    /// An earlier launch of the same dispatch had started it.
    pub before: bool,
}

impl Launched {
    /// From the launch script's answer.
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        match (answer.get("identity"), answer.get("launched")) {
            (Some(identity), Some(when)) => Ok(Self { identity: plain(identity), before: when == "before" }),
            _ => Err(AnswerError::Garbled("the launch did not say who runs".to_owned())),
        }
    }
}

/// What the runner left at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RunResult {
    /// Exit status of `opencode run`. Says little: see `events`.
    pub status: i32,
    /// Whether the export was made.
    pub exported: bool,
    /// Whether the back-file is packed by gzip.
    pub gzip: bool,
    /// Checksum and size of the back-file as `cksum` prints them.
    pub sum: String,
    /// Size of the back-file in bytes.
    pub size: u64,
    /// Seconds since the epoch by the host's clock.
    pub started: i64,
    /// Seconds since the epoch by the host's clock.
    pub ended: i64,
    /// The last words of the run's standard error.
    #[serde(default)]
    pub words: String,
}

impl RunResult {
    /// Whether `text` is all of the runner's `result` file.
    pub fn is_whole(text: &str) -> bool {
        text.ends_with("\nend\n")
    }

    /// Reads the runner's `result` file.
    pub fn parse(text: &str) -> Result<Self, AnswerError> {
        let mut result = Self::default();
        let mut format = None;
        for line in text.lines() {
            let Some((key, value)) = line.split_once(' ') else { continue };
            let garbled = || AnswerError::Garbled(format!("{key} {}", plain(value)));
            match key {
                "format" => format = Some(value.parse::<u32>().map_err(|_| garbled())?),
                "status" => result.status = value.parse().map_err(|_| garbled())?,
                "exported" => result.exported = value == "0",
                "packed" => result.gzip = value == "gzip",
                "sum" => result.sum = plain(value),
                "started" => result.started = value.parse().unwrap_or_default(),
                "words" => {
                    result.words = fact(line.as_bytes()).map(|(_, words)| plain(&words)).unwrap_or_default()
                }
                "ended" => result.ended = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        match format {
            Some(1) => {}
            Some(newer) => return Err(AnswerError::Newer(newer)),
            None => return Err(AnswerError::Garbled("a result without a format".to_owned())),
        }
        result.size = result.sum.split(' ').nth(1).and_then(|size| size.parse().ok()).unwrap_or_default();
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn facts_are_read_among_a_login_files_chatter() {
        let answer = Answer::parse(b"Welcome to pi!\nhome 2f686f6d65\nsystem 4c696e7578\n", 0, b"").unwrap();
        assert_eq!(answer.get("home"), Some("/home"));
        assert_eq!(answer.get("system"), Some("Linux"));
    }

    #[test]
    fn a_failure_carries_its_words_without_control_characters() {
        let error = Answer::parse(b"failed 726f6f6d\ndetail 1b5b326a0a6e6f\n", 1, b"").unwrap_err();
        assert_eq!(error, AnswerError::Failed { reason: "room".into(), detail: "no".into() });
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let error = Answer::parse(b"", 127, b"sh: not found").unwrap_err().to_string();
        assert!(error.contains("127") && error.contains("sh: not found"), "{error}");
    }

    #[test]
    fn the_runners_result_is_read() {
        let text =
            "format 1\nstatus 0\nexported 0\npacked gzip\nsum 123 456\nstarted 7\nended 9\nwords 6e6f\n";
        let result = RunResult::parse(text).unwrap();
        assert_eq!((result.status, result.exported, result.gzip, result.size), (0, true, true, 456));
        assert_eq!((result.sum.as_str(), result.words.as_str()), ("123 456", "no"));
    }

    #[test]
    fn a_newer_result_is_refused() {
        assert_eq!(RunResult::parse("format 2\n"), Err(AnswerError::Newer(2)));
        assert!(RunResult::parse("").is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>, text: String) {
            let _ = Answer::parse(&bytes, 0, &bytes);
            let _ = RunResult::parse(&text);
        }
    }
}

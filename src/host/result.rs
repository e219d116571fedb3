//! The runner's `result` file: how a run ended, and what stands beside it.

use super::answer::{AnswerError, hex_text, word};
use crate::text::{plain, plain_end};

/// What a back-file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackFileKind {
    /// The whole session as `opencode export` prints it: no todos, no sessions of sub-agents.
    #[default]
    Export,
    /// What is new or changed, in sections: a header line and a document each.
    Bundle,
}

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// opencode ended by itself; whether it did its work, its events say.
    #[default]
    Done,
    /// `cancel` ended it.
    Cancelled,
    /// It took longer than its `run_timeout`.
    Timeout,
    /// Its runner died, and `back` made the result afterwards.
    Fetched,
}

/// What the runner left at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RunResult {
    /// Exit status of `opencode run`. Says little: see `events`.
    pub status: i32,
    /// Whether the back-file was made.
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
    /// What the back-file is.
    #[serde(default)]
    pub kind: BackFileKind,
    /// SHA-256 (hex) of the host's list of the rows that it has; empty where there is none.
    #[serde(default)]
    pub known: String,
    /// What ended the run.
    #[serde(default)]
    pub ended_by: EndedBy,
    /// Tool calls that were open at its end and were settled there.
    #[serde(default)]
    pub settled: u64,
    /// Somebody went on with the session on the host after the run, and that came back too.
    #[serde(default)]
    pub later: bool,
    /// The back-file is an export although the host can make a bundle: this once, that failed.
    #[serde(default, rename = "lesser")]
    pub is_fallback: bool,
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
                "ended" => result.ended = value.parse().unwrap_or_default(),
                "words" => result.words = hex_text(value).as_deref().map(plain_end).unwrap_or_default(),
                "kind" => result.kind = word(value).ok_or_else(garbled)?,
                "known" if value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    value.clone_into(&mut result.known);
                }
                "ended_by" => result.ended_by = word(value).ok_or_else(garbled)?,
                "settled" => result.settled = value.parse().unwrap_or_default(),
                "later" => result.later = value == "yes",
                "lesser" => result.is_fallback = value == "yes",
                _ => {}
            }
        }
        match format {
            Some(2) => {}
            Some(newer) if newer > 2 => return Err(AnswerError::Newer(newer)),
            Some(older) => return Err(AnswerError::Garbled(format!("a result of format {older}"))),
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
    fn the_runners_result_is_read() {
        let known = "0123456789abcdef".repeat(4);
        let text = format!(
            "format 2\nstatus 143\nexported 0\npacked gzip\nsum 123 456\nstarted 7\nended 9\nwords 6e6f\n\
             kind bundle\nknown {known}\nended_by timeout\nsettled 2\nlater yes\nunknown 1\nend\n"
        );
        let result = RunResult::parse(&text).unwrap();
        assert_eq!((result.status, result.exported, result.gzip, result.size), (143, true, true, 456));
        assert_eq!((result.sum.as_str(), result.words.as_str()), ("123 456", "no"));
        assert_eq!(
            (result.kind, result.ended_by, result.settled, result.later, result.known),
            (BackFileKind::Bundle, EndedBy::Timeout, 2, true, known)
        );
    }

    #[test]
    fn the_last_of_a_runs_words_is_kept() {
        let noise = "20".repeat(3) + &"6e6f69736520".repeat(300);
        let result =
            RunResult::parse(&format!("format 2\nwords {noise}4572726f723a206e6f206d6f64656c0a\nend\n"));
        assert!(result.unwrap().words.ends_with("noise Error: no model"));
    }

    #[test]
    fn what_a_result_must_not_say_is_refused() {
        assert_eq!(RunResult::parse("format 3\n"), Err(AnswerError::Newer(3)));
        assert!(RunResult::parse("format 1\nstatus 0\nend\n").is_err());
        assert!(RunResult::parse("").is_err());
        assert!(RunResult::parse("format 2\nkind tarball\n").is_err());
        assert!(RunResult::parse("format 2\nended_by magic\n").is_err());
        assert_eq!(RunResult::parse("format 2\nknown ../../x\n").unwrap().known, "");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text: String) {
            let _ = RunResult::parse(&text);
        }
    }
}

//! What scripts answer: lines of `key hexvalue`, or `key =word`.

use super::refusal::Refusal;
use crate::text::{plain, plain_end};
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use std::collections::HashMap;

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum AnswerError {
    /// The script did not do what it was told.
    #[error("{refusal}: {detail}")]
    Refused {
        refusal: Refusal,
        /// The last words of what failed, control characters stripped.
        detail: String,
    },
    /// Another dispatch works with the same session on the same host.
    #[error("another dispatch works with the session there: {dispatch}")]
    Busy {
        dispatch: String,
        /// When it took the session: seconds since the epoch by the host's clock; `None` where that is unknown.
        since: Option<i64>,
    },
    /// The host has rows of the session that home does not hold, so the session there is not replaced.
    #[error("the session there has what home does not have; messages of which home has nothing: {messages}")]
    Apart {
        /// Messages there of which home has nothing; 0 where only rows differ.
        messages: usize,
    },
    /// Not the answer of one of our scripts.
    #[error("an answer that kugetsu does not understand: {0}")]
    Garbled(String),
    /// A path that neither opencode nor kugetsu can name.
    #[error("the {what} there has a name that is not UTF-8: {name}")]
    NotUtf8 { what: &'static str, name: String },
    /// A later format than this kugetsu knows.
    #[error("the result there has format {0}, written by a newer kugetsu")]
    Newer(u32),
}

impl AnswerError {
    /// Why a script did not do what it was told, where it said so in a word.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Busy { .. } => Some(Refusal::Busy),
            Self::Apart { .. } => Some(Refusal::Apart),
            Self::Garbled(_) | Self::NotUtf8 { .. } | Self::Newer(_) => None,
        }
    }

    /// From the word and the words that a script gave to `fail`.
    fn of_failure(word: &str, detail: String) -> Self {
        match self::word(word) {
            Some(Refusal::Busy) => {
                let (dispatch, since) = detail.split_once(' ').unwrap_or((&detail, ""));
                let since = since.parse().ok().filter(|since| *since > 0);
                Self::Busy { dispatch: dispatch.to_owned(), since }
            }
            Some(Refusal::Apart) => Self::Apart { messages: detail.trim().parse().unwrap_or_default() },
            Some(refusal) => Self::Refused { refusal, detail },
            None => Self::Garbled(format!("{}: {detail}", plain(word))),
        }
    }
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
        if let Some(word) = facts.remove("failed") {
            let detail = plain_end(facts.get("detail").map_or("", String::as_str));
            return Err(AnswerError::of_failure(&word, detail));
        }
        if status != 0 || facts.is_empty() {
            let words = plain_end(&String::from_utf8_lossy(if stderr.is_empty() { stdout } else { stderr }));
            return Err(AnswerError::Garbled(format!("exit status {status}, {words:?}")));
        }
        Ok(Self(facts))
    }

    /// The value said for `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The number said for `key`: for facts that decide something.
    pub(super) fn count(&self, key: &str) -> Result<usize, AnswerError> {
        let number = self.get(key).and_then(|value| value.trim().parse().ok());
        number.ok_or_else(|| AnswerError::Garbled(format!("the host did not count: {key}")))
    }

    /// The number said for `key`, or 0: for facts that are shown and decide nothing.
    pub(super) fn number<N: std::str::FromStr + Default>(&self, key: &str) -> N {
        self.get(key).and_then(|value| value.trim().parse().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
impl Answer {
    /// The output of a script that says these facts.
    pub(crate) fn output(facts: &[(&str, &str)]) -> Vec<u8> {
        let hex = |value: &str| value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        facts.iter().map(|(key, value)| format!("{key} {}\n", hex(value))).collect::<String>().into_bytes()
    }

    pub(super) fn of(facts: &[(&str, &str)]) -> Self {
        Self::parse(&Self::output(facts), 0, b"").unwrap()
    }
}

fn fact(line: &[u8]) -> Option<(String, String)> {
    let line = std::str::from_utf8(line).ok()?;
    let (key, hex) = line.split_once(' ')?;
    let ours = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !ours {
        return None;
    }
    let value = match hex.strip_prefix('=') {
        Some(word) => Some(word.to_owned()).filter(|word| word.bytes().all(is_plain)),
        None => hex_text(hex),
    };
    Some((key.to_owned(), value?))
}

/// What a script says by a word of a fixed set; `None` where it is none of them.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    T::deserialize(text.into_deserializer()).map_err(|error: serde::de::value::Error| error).ok()
}

/// Whether a script may tell this without hexadecimal.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)
}

/// The text that hexadecimal digits stand for; `None` where they are none.
pub(super) fn hex_text(hex: &str) -> Option<String> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

/// Which account of which host answered to [`super::open`]: a random id that is kept there. Empty where it has none.
pub fn account(answer: &Answer) -> String {
    let is_id = |id: &&str| id.bytes().all(|b| b.is_ascii_hexdigit());
    answer.get("account").map(str::trim_end).filter(is_id).unwrap_or_default().to_owned()
}

/// Who runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// `boot pid start`, as the host wrote them.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn facts_are_read_among_a_login_files_chatter() {
        let said = b"Welcome to pi!\nhome 2f686f6d65\nsystem 4c696e7578\nstate_1 =ended\nodd_1 =a b\n";
        let answer = Answer::parse(said, 0, b"").unwrap();
        assert_eq!(answer.get("home"), Some("/home"));
        assert_eq!((answer.get("state_1"), answer.get("odd_1")), (Some("ended"), None));
        assert_eq!(answer.get("system"), Some("Linux"));
    }

    #[test]
    fn a_failure_carries_its_words_without_control_characters() {
        let error = Answer::parse(b"failed 726f6f6d\ndetail 1b5b326a0a6e6f\n", 1, b"").unwrap_err();
        assert_eq!(error, AnswerError::Refused { refusal: Refusal::Room, detail: "no".into() });
    }

    #[test]
    fn of_a_long_failure_the_end_is_told() {
        let noise = "6e6f69736520".repeat(300);
        let said = format!("failed 696d706f7274\ndetail {noise}4572726f723a206e6f206d6f64656c\n");
        let error = Answer::parse(said.as_bytes(), 1, b"").unwrap_err().to_string();
        assert!(error.ends_with("noise Error: no model"), "{error}");
        let stderr = "login noise\n".repeat(90) + "sh: od: not found\n";
        let error = Answer::parse(b"", 127, stderr.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("sh: od: not found"), "{error}");
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let error = Answer::parse(b"", 127, b"sh: not found").unwrap_err().to_string();
        assert!(error.contains("127") && error.contains("sh: not found"), "{error}");
    }

    #[test]
    fn an_account_is_known_by_what_can_be_an_id() {
        let said = |hex: &str| {
            account(&Answer::parse(format!("opened 796573\naccount {hex}\n").as_bytes(), 0, b"").unwrap())
        };
        assert_eq!(
            (said("39666136").as_str(), said("1b5b326a").as_str(), said("").as_str()),
            ("9fa6", "", "")
        );
    }

    #[test]
    fn a_refusal_is_read_once_with_what_it_says() {
        let dispatch = || "20261120-103015-4k2mtv7a".to_owned();
        let busy = |since| AnswerError::Busy { dispatch: dispatch(), since };
        for (word, detail, expected) in [
            ("busy", format!("{} 1795170275", dispatch()), busy(Some(1_795_170_275))),
            ("busy", dispatch(), busy(None)),
            ("busy", format!("{} 0", dispatch()), busy(None)),
            ("apart", " 3".to_owned(), AnswerError::Apart { messages: 3 }),
            (
                "gone",
                "/h".to_owned(),
                AnswerError::Refused { refusal: Refusal::Gone, detail: "/h".to_owned() },
            ),
            ("\u{7}later", "x".to_owned(), AnswerError::Garbled("later: x".to_owned())),
        ] {
            assert_eq!(AnswerError::of_failure(word, detail), expected);
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            let _ = Answer::parse(&bytes, 0, &bytes);
        }
    }
}

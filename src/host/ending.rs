//! What becomes of a run that somebody ends, or fetches after its end.

use super::answer::{Answer, AnswerError, word};
use super::result::RunResult;

/// What a cancelling found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cancel {
    /// It was at work, or had died, and is ended.
    Yes,
    /// It was never launched, and never will be.
    Never,
    /// It had ended by itself and left its result.
    Ended,
    /// There is no such dispatch on the host.
    Gone,
}

/// How a cancelling went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// What it found.
    pub found: Cancel,
    /// Processes of the run that are still there: the kernel does not let go of them.
    pub left: u64,
    /// The result, where it is there already.
    pub result: Option<RunResult>,
}

impl Cancelled {
    /// From the answer of [`super::cancel`].
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        let unsaid = || AnswerError::Garbled("the host did not say what was cancelled".to_owned());
        let found = answer.get("cancelled").and_then(word).ok_or_else(unsaid)?;
        let result = answer.get("result").filter(|text| RunResult::is_whole(text));
        Ok(Self { found, left: answer.number("left"), result: result.map(RunResult::parse).transpose()? })
    }
}

/// A back-file that was made on demand, or was there as it would be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What stands in the result beside it.
    pub result: RunResult,
    /// Which one of the dispatch it is: a snapshot is the file `snapshot-N`.
    pub turn: u32,
}

impl Made {
    /// From the answer of [`super::back`].
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        match answer.get("result") {
            Some(text) if matches!(answer.get("made"), Some("yes" | "same")) && RunResult::is_whole(text) => {
                Ok(Self { result: RunResult::parse(text)?, turn: answer.number("turn") })
            }
            _ => Err(AnswerError::Garbled("the host did not say what it made".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // format 2, exported 0, sum 1 2, end
    const RESULT: &str = "result 666f726d617420320a6578706f7274656420300a73756d203120320a656e640a\n";

    #[test]
    fn a_cancelling_says_what_it_found() {
        let said = |text: String| Cancelled::from_answer(&Answer::parse(text.as_bytes(), 0, b"").unwrap());
        let cancelled = said(format!("cancelled 796573\nleft 30\n{RESULT}")).unwrap();
        assert_eq!((cancelled.found, cancelled.left), (Cancel::Yes, 0));
        assert_eq!(cancelled.result.unwrap().size, 2);
        let never = said("cancelled 6e65766572\nleft 30\n".into()).unwrap();
        assert_eq!((never.found, never.result), (Cancel::Never, None));
        assert!(said("left 30\n".into()).is_err());
    }

    #[test]
    fn what_was_made_comes_with_its_result() {
        let said = format!("made 796573\nturn 37\n{RESULT}");
        let made = Made::from_answer(&Answer::parse(said.as_bytes(), 0, b"").unwrap()).unwrap();
        assert!(made.result.exported && made.result.size == 2 && made.turn == 7);
        assert!(Made::from_answer(&Answer::parse(b"made 796573\n", 0, b"").unwrap()).is_err());
    }
}

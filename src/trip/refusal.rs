//! What it means for a trip that a host refused.

use crate::clock;
use crate::dispatch::Step;
use crate::host::{AnswerError, Refusal};
use crate::text::{plain, span};
use crate::trip::error::TripError;
use std::time::Duration;

/// What it means for the user that a script did not answer.
pub(crate) fn refused(host: &str, step: Step, source: AnswerError) -> TripError {
    let unfit =
        |what: String, cure: &str| TripError::Unfit { host: host.to_owned(), what, cure: cure.to_owned() };
    match source {
        AnswerError::Busy { dispatch, since } => {
            let age = since.and_then(|since| u64::try_from(clock::now_ms() / 1000 - since).ok());
            let since =
                age.map(|age| format!(", for {}", span(Duration::from_secs(age)))).unwrap_or_default();
            TripError::RunsThere { host: host.to_owned(), dispatch: plain(&dispatch), since }
        }
        AnswerError::Refused { refusal: refusal @ Refusal::Room, detail } => {
            unfit(format!("{refusal}: {detail}"), "make room there, then the same again")
        }
        AnswerError::Refused { refusal: Refusal::Hangs, detail } => unfit(
            format!("opencode there does not answer: {detail} did not answer in time"),
            "log in there and see what holds it up",
        ),
        AnswerError::Refused { refusal: refusal @ Refusal::Directory, detail } => {
            unfit(format!("{refusal}: {detail}"), "name another: --dir DIR")
        }
        AnswerError::Refused { refusal: Refusal::Moved, detail } => unfit(
            format!("the directory turned out to be {detail}: a link there changed meanwhile"),
            "the same again",
        ),
        source => TripError::garbled(host, step)(source),
    }
}

//! How dispatches stand on a host, and which it keeps.

use super::answer::{Answer, AnswerError, word};
use crate::text::plain;

/// How a dispatch stands on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It was made and no runner has begun: a launch is at work, or none was asked for yet.
    Launching,
    /// Its run is at work.
    Running,
    /// Its run left a result.
    Ended,
    /// Nothing of its run is at work, and there is no result.
    Dead,
    /// It is not there, or will never run.
    Gone,
}

/// One dispatch as its host sees it. Times are seconds by the host's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The dispatch.
    pub id: String,
    /// How it stands.
    pub standing: Standing,
    /// The runner is gone, and what it started works on.
    pub orphaned: bool,
    /// When its run began, since the epoch; 0 where it has not.
    pub started: i64,
    /// When its run ended, since the epoch; 0 where it has not.
    pub ended: i64,
    /// Bytes of its events.
    pub bytes: u64,
    /// Seconds since its last event, or since it began where there is none.
    pub quiet: u64,
    /// How many of the last bytes of its events `tail` is.
    pub tail_bytes: u64,
    /// These, as they stand there: the first line may lack its beginning.
    pub tail: String,
}

/// How several dispatches stand, in the order asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statuses(pub Vec<Status>);

impl Statuses {
    /// From the answer of [`super::status`].
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        numbered(answer, |n, id| {
            Some(Status {
                id,
                standing: answer.get(&format!("state_{n}")).and_then(word)?,
                orphaned: answer.get(&format!("orphaned_{n}")) == Some("yes"),
                started: answer.number(&format!("started_{n}")),
                ended: answer.number(&format!("ended_{n}")),
                bytes: answer.number(&format!("bytes_{n}")),
                quiet: answer.number(&format!("quiet_{n}")),
                tail_bytes: answer.number(&format!("tail_bytes_{n}")),
                tail: answer.get(&format!("tail_{n}")).unwrap_or_default().to_owned(),
            })
        })
        .map(Self)
    }

    /// That of the dispatch `id`.
    pub fn of(&self, id: &str) -> Option<&Status> {
        self.0.iter().find(|status| status.id == id)
    }
}

/// A dispatch that a host keeps, whosever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The dispatch.
    pub id: String,
    /// The home that made it; empty where it does not say.
    pub owner: String,
    /// Its session; empty where none arrived.
    pub session: String,
    /// How it stands.
    pub standing: Standing,
    /// What it takes there, in KiB.
    pub size_kib: u64,
}

/// The dispatches that a host keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptList {
    /// Those that it told of.
    pub listed: Vec<Kept>,
    /// It keeps others, too: one that is not named may be there.
    pub more: bool,
}

impl KeptList {
    /// From the answer of [`super::list`].
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        let listed = numbered(answer, |n, id| {
            let field = |key: &str| plain(answer.get(&format!("{key}_{n}")).unwrap_or_default());
            Some(Kept {
                id,
                owner: field("owner"),
                session: field("session"),
                standing: answer.get(&format!("state_{n}")).and_then(word)?,
                size_kib: answer.number(&format!("size_{n}")),
            })
        })?;
        Ok(Self { listed, more: answer.get("more").is_some() })
    }
}

/// What `read` makes of each `dispatch_N`, from 1 to the `dispatches` that were announced.
fn numbered<T>(answer: &Answer, read: impl Fn(usize, String) -> Option<T>) -> Result<Vec<T>, AnswerError> {
    let cut = || AnswerError::Garbled("not all of the dispatches were told".to_owned());
    let count: usize = answer.get("dispatches").and_then(|n| n.parse().ok()).ok_or_else(cut)?;
    // Asked one by one until one is missing: a number that nobody counted costs nothing.
    (1..=count)
        .map(|n| {
            let id = plain(answer.get(&format!("dispatch_{n}")).ok_or_else(cut)?);
            read(n, id).ok_or_else(cut)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn several_are_told_in_one_answer() {
        let statuses = Statuses::from_answer(&Answer::of(&[
            ("dispatch_1", "a-1"),
            ("state_1", "running"),
            ("orphaned_1", "yes"),
            ("started_1", "1795170275"),
            ("bytes_1", "12"),
            ("quiet_1", "601"),
            ("tail_bytes_1", "16"),
            ("tail_1", "{\"type\":\"text\"}\n"),
            ("dispatch_2", "a-2"),
            ("state_2", "gone"),
            ("dispatches", "2"),
        ]))
        .unwrap();
        let first = statuses.of("a-1").unwrap();
        assert_eq!((first.standing, first.orphaned, first.quiet), (Standing::Running, true, 601));
        let tail = (first.tail_bytes, first.tail.len());
        assert_eq!((first.started, first.bytes, tail), (1_795_170_275, 12, (16, 16)));
        assert_eq!(statuses.of("a-2").unwrap().standing, Standing::Gone);
        assert_eq!(statuses.0.len(), 2);
    }

    #[test]
    fn what_is_kept_is_told_with_its_owner() {
        let kept = KeptList::from_answer(&Answer::of(&[
            ("dispatch_1", "a-1"),
            ("owner_1", "me\u{1b}[2J"),
            ("session_1", "ses_1"),
            ("state_1", "ended"),
            ("size_1", "48"),
            ("dispatches", "1"),
        ]))
        .unwrap();
        assert!(!kept.more);
        let kept = &kept.listed[0];
        assert_eq!((kept.owner.as_str(), kept.standing, kept.size_kib), ("me", Standing::Ended, 48));
        assert_eq!(KeptList::from_answer(&Answer::of(&[("dispatches", "0")])), Ok(KeptList::default()));
        let cut = KeptList::from_answer(&Answer::of(&[("dispatches", "0"), ("more", "yes")])).unwrap();
        assert!(cut.more);
    }

    #[test]
    fn an_answer_that_was_cut_is_no_answer() {
        assert!(Statuses::from_answer(&Answer::of(&[("dispatch_1", "a"), ("state_1", "ended")])).is_err());
        let more = [("dispatches", "99999999999"), ("dispatch_1", "a"), ("state_1", "ended")];
        assert!(Statuses::from_answer(&Answer::of(&more)).is_err());
        let odd = [("dispatches", "1"), ("dispatch_1", "a"), ("state_1", "bored")];
        assert!(Statuses::from_answer(&Answer::of(&odd)).is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            if let Ok(answer) = Answer::parse(&bytes, 0, b"") {
                let _ = (Statuses::from_answer(&answer), KeptList::from_answer(&answer));
            }
        }
    }
}

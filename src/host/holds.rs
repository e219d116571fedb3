//! What a host has of a session, before anything is sent to it.

use super::answer::{Answer, AnswerError, word};
use super::scripts::Page;

/// How much of a session a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// Nothing.
    None,
    /// Exactly what home is known to have.
    Same,
    /// All of what home is known to have, unchanged, and more: somebody went on with it there.
    #[serde(rename = "grew")]
    Ahead,
    /// Something that cannot be related to what home has.
    Other,
    /// It cannot be found out: JavaScript does not run in opencode there.
    Unknown,
}

/// What a host has of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// How it relates to what home is known to have.
    pub held: HostState,
    /// Messages of the session there, without those of sub-agents.
    pub messages: usize,
    /// Parts of these messages.
    pub parts: usize,
    /// Rows that home is known to have, those of sub-agents included, that changed there since.
    pub changed: usize,
    /// Rows that home is known to have, those of sub-agents included, that are not there any more.
    pub missing: usize,
    /// The session's messages that the list of what home is known to have does not have. An answer names a page of them.
    pub unlisted: usize,
}

impl Holds {
    /// From the answer of [`super::holds`]; and the ids of the unlisted messages of its page, the oldest first. What is no id
    /// of opencode's is none of home's, and counts.
    ///
    /// # Errors
    /// An answer that is not whole, or whose counts disagree: nothing can be concluded from it.
    pub fn from_answer(answer: &Answer, page: Page) -> Result<(Self, Vec<&str>), AnswerError> {
        let garbled = |why: &str| AnswerError::Garbled(why.to_owned());
        let unsaid = || garbled("the host did not say what it has");
        let holds = Self {
            held: answer.get("session").and_then(word).ok_or_else(unsaid)?,
            messages: answer.count("messages")?,
            parts: answer.count("parts")?,
            changed: answer.count("changed")?,
            missing: answer.count("missing")?,
            unlisted: answer.count("unlisted")?,
        };
        let ids: Vec<&str> = answer.get("ids").unwrap_or_default().split_ascii_whitespace().collect();
        if !holds.is_sound() || ids.len() != holds.unlisted.saturating_sub(page.skip).min(page.most) {
            return Err(garbled("what the host says that it has does not add up"));
        }
        Ok((holds, ids))
    }

    /// Whether the counts agree with each other and with the word.
    fn is_sound(&self) -> bool {
        let differ = self.changed.saturating_add(self.missing);
        let fits = match self.held {
            HostState::None | HostState::Unknown => (self.messages, self.parts, differ) == (0, 0, 0),
            HostState::Same => (differ, self.unlisted) == (0, 0),
            HostState::Ahead => differ == 0,
            HostState::Other => true,
        };
        fits && self.unlisted <= self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Page = Page { skip: 0, most: 100 };

    fn read(word: &str, counts: [&str; 5], ids: &str, page: Page) -> Option<(Holds, usize)> {
        let [messages, parts, changed, missing, unlisted] = counts;
        let facts = [("session", word), ("messages", messages), ("parts", parts), ("changed", changed)];
        let more = [("missing", missing), ("unlisted", unlisted), ("ids", ids)];
        let answer = Answer::of(&[&facts[..], &more[..]].concat());
        Holds::from_answer(&answer, page).ok().map(|(holds, ids)| (holds, ids.len()))
    }

    #[test]
    fn what_a_host_has_is_read_and_rubbish_is_not() {
        let (holds, ids) = read("other", ["2", "5", "0", "0", "2"], "msg_1 \u{1b}[2J", ALL).unwrap();
        assert_eq!((holds.held, holds.messages, holds.parts, holds.unlisted), (HostState::Other, 2, 5, 2));
        assert_eq!(ids, 2, "what is no id counts");
        assert_eq!(read("maybe", ["2", "5", "0", "0", "0"], "", ALL), None);
        assert!(read("none", ["0"; 5], "", ALL).is_some() && read("unknown", ["0"; 5], "", ALL).is_some());
    }

    #[test]
    fn an_answer_that_was_cut_is_no_answer() {
        let page = Page { skip: 0, most: 2 };
        assert_eq!(read("other", ["9", "9", "0", "0", "5"], "a b", page).unwrap().1, 2);
        assert_eq!(read("other", ["9", "9", "0", "0", "5"], "e", Page { skip: 4, most: 2 }).unwrap().1, 1);
        for ids in ["", "a", "a b c"] {
            assert_eq!(read("other", ["9", "9", "0", "0", "5"], ids, page), None, "{ids:?}");
        }
        for key in ["messages", "parts", "changed", "missing", "unlisted"] {
            let mut facts = vec![("session", "other"), ("messages", "0"), ("parts", "0"), ("changed", "0")];
            facts.extend([("missing", "0"), ("unlisted", "0")]);
            facts.retain(|(name, _)| *name != key);
            assert!(Holds::from_answer(&Answer::of(&facts), ALL).is_err(), "{key}");
        }
    }

    #[test]
    fn counts_that_disagree_are_no_answer() {
        for (word, counts) in [
            ("none", ["1", "0", "0", "0", "0"]),
            ("same", ["3", "3", "1", "0", "0"]),
            ("same", ["3", "3", "0", "1", "0"]),
            ("same", ["3", "3", "0", "0", "1"]),
            ("grew", ["3", "3", "1", "0", "1"]),
            ("other", ["3", "3", "0", "0", "4"]),
        ] {
            assert_eq!(read(word, counts, "a b c d", Page { skip: 0, most: 0 }), None, "{word} {counts:?}");
        }
    }
}

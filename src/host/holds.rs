//! What a host has of a session, before anything is sent to it.

use super::answer::{Answer, AnswerError};

/// How much of a session a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    None,
    /// Exactly what home is known to have.
    Same,
    /// All of what home is known to have, unchanged, and more: somebody went on with it there.
    Grew,
    /// Something that cannot be related to what home has.
    Other,
    /// It cannot be found out: JavaScript does not run in opencode there.
    Unknown,
}

/// What a host has of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holds {
    /// How it relates to what home is known to have.
    pub held: Held,
    /// Messages of the session there, without those of sub-agents.
    pub messages: usize,
    /// Parts of these messages.
    pub parts: usize,
    /// Rows that home is known to have, those of sub-agents included, that changed there since.
    pub changed: usize,
    /// Rows that home is known to have, those of sub-agents included, that are not there any more.
    pub missing: usize,
    /// The session's messages that home is not known to have, the oldest first, 10,000 at most. Only what
    /// looks like an id of opencode's is taken from a host.
    pub ids: Vec<String>,
}

impl Holds {
    /// From the answer of [`super::holds`].
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        let held = match answer.get("session") {
            Some("none") => Held::None,
            Some("same") => Held::Same,
            Some("grew") => Held::Grew,
            Some("other") => Held::Other,
            Some("unknown") => Held::Unknown,
            _ => return Err(AnswerError::Garbled("the host did not say what it has".to_owned())),
        };
        let is_id = |id: &&str| {
            id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        let ids = answer.get("ids").unwrap_or_default().split_ascii_whitespace().filter(is_id);
        Ok(Self {
            held,
            messages: answer.number("messages"),
            parts: answer.number("parts"),
            changed: answer.number("changed"),
            missing: answer.number("missing"),
            ids: ids.map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_has_is_read_and_rubbish_is_not() {
        // other; 2; 5; "msg_1 \u{1b}[2J msg_2"
        let said = b"session 6f74686572\nmessages 32\nparts 35\nids 6d73675f31201b5b324a206d73675f32\n";
        let holds = Holds::from_answer(&Answer::parse(said, 0, b"").unwrap()).unwrap();
        assert_eq!((holds.held, holds.messages, holds.parts), (Held::Other, 2, 5));
        assert_eq!(holds.ids, ["msg_1", "msg_2"]);
        let said = Answer::parse(b"session 6d61796265\n", 0, b"").unwrap();
        assert!(Holds::from_answer(&said).is_err());
    }
}

//! What a host remembers of sessions beyond their dispatches.

use super::answer::{Answer, AnswerError};

/// The sessions of which a host remembers something for a home.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// It has a list of what the home got of these.
    pub known: Vec<String>,
    /// A dispatch of the home was the last to take these.
    pub claims: Vec<String>,
    /// It remembers others, too.
    pub more: bool,
}

impl Remembered {
    /// From the answer of [`super::remembered`] or [`super::forget`]. What can be no session's id is left out.
    ///
    /// # Errors
    /// An answer that was cut.
    pub fn from_answer(answer: &Answer) -> Result<Self, AnswerError> {
        let sessions = |kind: &str| {
            let cut = || AnswerError::Garbled(format!("not all of {kind} were told"));
            // One by one until one is missing: a number that nobody counted costs nothing.
            let named = (1..=answer.count(kind)?).map(|n| answer.get(&format!("{kind}_{n}")).ok_or_else(cut));
            let named = named.collect::<Result<Vec<&str>, AnswerError>>()?;
            Ok::<_, AnswerError>(named.into_iter().filter(|name| is_name(name)).map(str::to_owned).collect())
        };
        let (known, claims) = (sessions("known")?, sessions("claims")?);
        Ok(Self { known, claims, more: answer.get("more").is_some() })
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.claims.is_empty()
    }
}

/// Whether it can be the name of a session there: nothing that a shell would look at twice.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Remembered, AnswerError> {
        Remembered::from_answer(&Answer::parse(text.as_bytes(), 0, b"").unwrap())
    }

    #[test]
    fn sessions_are_told_and_what_is_none_is_left_out() {
        let [one, two] = ["ses_0123456789abABCDEFGHIJKLMN", "ses_0123456789abABCDEFGHIJKLMO"];
        let text = format!("known_1 ={one}\nknown_2 =x.y\nknown =2\nclaims_1 ={two}\nclaims =1\n");
        let expected = Remembered { known: vec![one.into()], claims: vec![two.into()], more: false };
        assert_eq!(read(&text).unwrap(), expected);
        assert!(read(&format!("{text}more =yes\n")).unwrap().more);
        for cut in ["known =1\nclaims =0\n", "known =0\n", "claims =0\n", "known =99999999999\nclaims =0\n"] {
            assert!(read(cut).is_err(), "{cut}");
        }
    }
}

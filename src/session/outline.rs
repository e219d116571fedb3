//! Which messages and parts a session has, in order.

use super::error::ExportError;
use super::message::Message;

/// The ids of a session's messages and of their parts, in the order of the file.
///
/// Compact: one text for all ids, four bytes beside each (10,000 messages of five parts are 2 MB).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    text: String,
    /// Where each id ends in `text`.
    ends: Vec<u32>,
    /// The index in `ends` of each message's own id; its parts' ids follow.
    messages: Vec<u32>,
}

/// One message of an [`Outline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageIds<'a> {
    outline: &'a Outline,
    first: usize,
    end: usize,
}

impl<'a> MessageIds<'a> {
    pub(crate) fn id(&self) -> &'a str {
        self.outline.nth(self.first)
    }

    /// Its parts' ids, in order.
    pub(crate) fn parts(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let outline = self.outline;
        (self.first + 1..self.end).map(move |n| outline.nth(n))
    }

    /// Its own id, then its parts'.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        std::iter::once(self.id()).chain(self.parts())
    }
}

impl Outline {
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn part_count(&self) -> usize {
        self.ends.len() - self.messages.len()
    }

    pub(crate) fn get(&self, position: usize) -> Option<MessageIds<'_>> {
        let first = *self.messages.get(position)? as usize;
        let end = self.messages.get(position + 1).map_or(self.ends.len(), |next| *next as usize);
        Some(MessageIds { outline: self, first, end })
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = MessageIds<'_>> {
        (0..self.len()).filter_map(|n| self.get(n))
    }

    /// All ids, of messages and parts, in the order of the file.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|n| self.nth(n))
    }

    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.ids().collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn duplicate(&self) -> Option<&str> {
        self.sorted().windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Adds a message and its parts behind the last.
    pub(crate) fn add(&mut self, message: &Message<'_>) -> Result<(), ExportError> {
        self.push(&message.info.id, message.parts.iter().map(|part| part.id.as_str()))
    }

    pub(crate) fn push<'i>(
        &mut self,
        message: &'i str,
        parts: impl Iterator<Item = &'i str>,
    ) -> Result<(), ExportError> {
        let too_many = || ExportError::not_an_export("its ids alone are more than 4 GiB");
        self.messages.push(u32::try_from(self.ends.len()).map_err(|_| too_many())?);
        for id in std::iter::once(message).chain(parts) {
            self.text.push_str(id);
            self.ends.push(u32::try_from(self.text.len()).map_err(|_| too_many())?);
        }
        Ok(())
    }

    /// Adds a message; its parts get the order of their ids, each once.
    pub(crate) fn push_sorted<'i>(
        &mut self,
        message: &'i str,
        parts: impl Iterator<Item = &'i str>,
    ) -> Result<(), ExportError> {
        let mut parts: Vec<&str> = parts.collect();
        parts.sort_unstable();
        parts.dedup();
        self.push(message, parts.into_iter())
    }

    fn nth(&self, index: usize) -> &str {
        let end = self.ends.get(index).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).and_then(|n| self.ends.get(n)).map_or(0, |end| *end as usize);
        self.text.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_in_order() {
        let mut outline = Outline::default();
        for (message, parts) in
            [("msg_a", vec!["prt_1", "prt_2"]), ("msg_b", vec![]), ("msg_c", vec!["prt_33"])]
        {
            outline.push(message, parts.into_iter()).unwrap();
        }
        let seen: Vec<_> = outline.iter().map(|m| (m.id(), m.parts().collect::<Vec<_>>())).collect();
        assert_eq!(seen, [("msg_a", vec!["prt_1", "prt_2"]), ("msg_b", vec![]), ("msg_c", vec!["prt_33"])]);
        assert_eq!((outline.len(), outline.part_count(), outline.duplicate()), (3, 3, None));
        assert_eq!(outline.get(3), None);
        outline.push("msg_d", ["prt_1"].into_iter()).unwrap();
        assert_eq!(outline.duplicate(), Some("prt_1"));
    }
}

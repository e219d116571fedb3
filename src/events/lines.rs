//! Events out of bytes that come in pieces.

use super::Event;
use std::io::Read;

/// A line longer than this is passed over: an image in a tool's output can be large, nobody reads it.
const LONGEST: usize = 8 << 20;
/// Bytes of a file that are read at once.
const CHUNK: usize = 256 << 10;

/// Splits a growing events file into events.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    skipping: bool,
    /// Bytes taken so far: where to go on after the connection was lost.
    taken: u64,
}

impl Lines {
    /// The events that `bytes` completes. Lines that are no event are passed over.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.taken += bytes.len() as u64;
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            if !self.skipping {
                self.partial.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                events.extend(Event::parse(&self.partial));
                self.partial.clear();
                self.skipping = false;
            } else if self.partial.len() > LONGEST {
                self.partial = Vec::new();
                self.skipping = true;
            }
        }
        events
    }

    /// The events of a file, from where it stands to its end.
    ///
    /// # Errors
    /// It cannot be read; what could be was heard by then.
    pub(crate) fn read(&mut self, mut file: impl Read, mut hear: impl FnMut(&Event)) -> std::io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = file.read(&mut chunk)?;
            if n == 0 {
                return Ok(());
            }
            self.feed(chunk.get(..n).unwrap_or_default()).iter().for_each(&mut hear);
        }
    }

    /// Goes on at the offset `at`: what is before it is not known. A line whose beginning is not known is no event.
    pub(crate) fn go_on_at(&mut self, at: u64) {
        *self = Self { taken: at, ..Self::default() };
    }

    /// Whether nothing is known of the next event yet.
    pub(crate) fn is_between_events(&self) -> bool {
        self.partial.is_empty()
    }

    /// The offset, in bytes, up to which events were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO: &[u8] =
        b"{\"type\":\"text\",\"part\":{\"text\":\"a\"}}\nnoise\n{\"type\":\"step_start\"}\n{\"type\":";

    #[test]
    fn pieces_of_any_size_give_the_same_events() {
        let whole = Lines::default().feed(TWO);
        assert_eq!(whole, [Event::Text("a".into()), Event::StepStarted]);
        for piece in 1..TWO.len() {
            let mut lines = Lines::default();
            let events: Vec<Event> = TWO.chunks(piece).flat_map(|bytes| lines.feed(bytes)).collect();
            assert_eq!((events, lines.taken()), (whole.clone(), TWO.len() as u64));
        }
    }

    #[test]
    fn a_line_without_an_end_is_passed_over() {
        let mut lines = Lines::default();
        let mut heard = Vec::new();
        let endless = std::io::repeat(b'[').take(LONGEST as u64 + 1000);
        lines.read(endless.chain(&b"\n"[..]).chain(TWO), |event| heard.push(event.clone())).unwrap();
        assert_eq!(heard, [Event::Text("a".into()), Event::StepStarted]);
        assert_eq!(lines.taken(), (LONGEST + 1001 + TWO.len()) as u64);
        assert!(lines.partial.capacity() < LONGEST);
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            Lines::default().feed(&bytes);
        }
    }
}

//! Finds where each JSON value of a stream begins and ends, with one value in memory at a time.
//!
//! Only the extent is found here, by strings and brackets; whoever takes a value has serde_json check it.
//! (`serde_json::from_reader` goes byte by byte and copies every string; this is several times as fast.)

use super::error::ExportError;
use std::io::Read;

/// Bytes asked of the reader at once.
const CHUNK: usize = 128 * 1024;

/// The deepest nesting; serde_json's own recursion limit.
pub(super) const DEEPEST: usize = 128;

pub(super) struct Splitter<R> {
    input: R,
    buffer: Vec<u8>,
    /// `buffer[start..end]` is what has been read and not yet used.
    start: usize,
    end: usize,
    /// The offset in the stream of `buffer[0]`.
    base: u64,
    largest: usize,
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(input: R, largest: usize) -> Self {
        Self::at(0, input, largest)
    }

    /// For an input that begins at this offset of a file.
    pub(super) fn at(base: u64, input: R, largest: usize) -> Self {
        Self { input, buffer: Vec::new(), start: 0, end: 0, base, largest }
    }

    /// The offset in the stream of what comes next.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Reads more behind what is held. False at the end of the stream.
    fn fill(&mut self) -> Result<bool, ExportError> {
        if self.start > 0 && (self.start == self.end || self.buffer.len() - self.end < CHUNK / 2) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            // By half, but not past the largest value that will be held.
            let room = (self.largest + CHUNK).saturating_sub(self.buffer.len());
            let more = CHUNK.max((self.buffer.len() / 2).min(room));
            self.buffer.reserve_exact(more);
            self.buffer.resize(self.buffer.len() + more, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next byte that is not white space, left in place; `None` at the end of the stream.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, ExportError> {
        loop {
            let held = &self.buffer[self.start..self.end];
            match held.iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')) {
                Some(n) => {
                    self.start += n;
                    return Ok(Some(self.buffer[self.start]));
                }
                None => self.start = self.end,
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next byte that is not white space.
    pub(super) fn need(&mut self) -> Result<u8, ExportError> {
        self.peek()?.ok_or_else(|| self.cut())
    }

    /// Takes the next byte that is not white space, which must be one of `expected`.
    pub(super) fn punctuation(&mut self, expected: &[u8]) -> Result<u8, ExportError> {
        let byte = self.need()?;
        if !expected.contains(&byte) {
            let all: Vec<String> = expected.iter().map(|b| format!("`{}`", char::from(*b))).collect();
            return Err(self.not_json(format!("expected {}", all.join(" or "))));
        }
        self.start += 1;
        Ok(byte)
    }

    /// Takes the next value whole and returns where it begins in the stream and its bytes: an object, array
    /// or string up to its closing character, anything else up to a delimiter.
    pub(super) fn value(&mut self) -> Result<(u64, &[u8]), ExportError> {
        let first = self.need()?;
        let length = match first {
            b'{' | b'[' => self.brackets()?,
            b'"' => self.string(1)?,
            _ => self.scalar()?,
        };
        let offset = self.offset();
        let from = self.start;
        self.start += length;
        Ok((offset, &self.buffer[from..from + length]))
    }

    /// Makes sure that a byte stands at `start + at`.
    fn hold(&mut self, at: usize) -> Result<(), ExportError> {
        if at > self.largest {
            return Err(ExportError::TooLarge { offset: self.offset(), limit: self.largest });
        }
        while self.start + at >= self.end {
            if !self.fill()? {
                return Err(self.cut());
            }
        }
        Ok(())
    }

    /// The length up to and with the quote that ends the string whose inside begins at `start + at`.
    fn string(&mut self, mut at: usize) -> Result<usize, ExportError> {
        loop {
            self.hold(at)?;
            let held = &self.buffer[self.start + at..self.end];
            match memchr::memchr2(b'"', b'\\', held) {
                None => at += held.len(),
                Some(n) if held[n] == b'"' => return Ok(at + n + 1),
                Some(n) => at += n + 2,
            }
        }
    }

    /// The length up to and with the bracket that closes the one at `start`.
    fn brackets(&mut self) -> Result<usize, ExportError> {
        let mut depth = 0_usize;
        let mut at = 0;
        loop {
            self.hold(at)?;
            let held = &self.buffer[self.start + at..self.end];
            let Some(n) = held.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']')) else {
                at += held.len();
                continue;
            };
            let byte = held[n];
            at += n + 1;
            match byte {
                b'"' => at = self.string(at)?,
                b'{' | b'[' => {
                    depth += 1;
                    if depth > DEEPEST {
                        let offset = self.offset() + at as u64;
                        return Err(ExportError::TooDeep { offset, limit: DEEPEST });
                    }
                }
                _ => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(at);
                    }
                }
            }
        }
    }

    fn scalar(&mut self) -> Result<usize, ExportError> {
        let mut at = 0;
        loop {
            self.hold(at)?;
            let held = &self.buffer[self.start + at..self.end];
            match held
                .iter()
                .position(|b| !matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'+' | b'-'))
            {
                Some(0) if at == 0 => return Err(self.not_json("expected a value")),
                Some(n) => return Ok(at + n),
                None => at += held.len(),
            }
        }
    }

    pub(super) fn cut(&self) -> ExportError {
        ExportError::Cut { offset: self.base + self.end as u64 }
    }

    pub(super) fn not_json(&self, what: impl Into<String>) -> ExportError {
        ExportError::NotJson { offset: self.offset(), what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_takes_no_memory() {
        let mut splitter = Splitter::new(std::io::repeat(b' ').take(1 << 26).chain(&b"7 "[..]), 1 << 20);
        assert_eq!(splitter.peek().unwrap(), Some(b'7'));
        assert!(splitter.buffer.len() <= 2 * CHUNK);
    }

    #[test]
    fn a_value_without_end_is_given_up() {
        for open in ["\"", "[", "{\"a\":\"", "7"] {
            let fill = if open == "[" { b' ' } else { b'7' };
            let mut splitter = Splitter::new(open.as_bytes().chain(std::io::repeat(fill)), 1 << 20);
            assert!(matches!(splitter.value(), Err(ExportError::TooLarge { offset: 0, .. })), "{open}");
            assert!(splitter.buffer.len() <= 1 << 21);
        }
    }

    #[test]
    fn values_are_found_wherever_the_reader_breaks_off() {
        let long = format!("\"{}\"", "x\\\"".repeat(CHUNK));
        let text = format!(" {long} , {{\"a]\":[\"}}\\\\\"]}} 12.5e3,true {long} ");
        let mut splitter = Splitter::new(text.as_bytes(), 1 << 20);
        let mut next =
            || splitter.value().map(|(at, bytes)| (at, String::from_utf8(bytes.to_vec()).unwrap()));
        let (offset, first) = next().unwrap();
        assert_eq!((offset, first == long), (1, true));
        assert!(matches!(next(), Err(ExportError::NotJson { .. })));
        splitter.punctuation(b",").unwrap();
        let mut next = || splitter.value().map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(next().unwrap(), "{\"a]\":[\"}\\\\\"]}");
        assert_eq!(next().unwrap(), "12.5e3");
        splitter.punctuation(b",").unwrap();
        assert_eq!(splitter.value().unwrap().1, b"true");
        assert_eq!(splitter.value().unwrap().1, long.as_bytes());
        assert!(matches!(splitter.value(), Err(ExportError::Cut { .. })));
    }
}

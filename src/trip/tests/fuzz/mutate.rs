//! Inputs out of inputs.

use serde_json::{Map, Value, json};

/// Pieces that readers stumble over.
const PIECES: [&str; 40] = [
    "\\ud83d",
    "\\ude00",
    "\\u0000",
    "\\u",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-",
    "1e309",
    "-1e309",
    "1e400",
    "18446744073709551615",
    "-9223372036854775808",
    "9223372036854775807",
    "0.5",
    "2100000000000.5",
    "1E",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{fffd}",
    "é",
    "😀",
    "ses_",
    "msg_",
    "prt_",
    "\"id\":\"",
    "events 1\n",
    "beat\n",
    "../",
];

const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "1e308",
    "-1e308",
    "1e309",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-0",
    "0.1",
    "18446744073709551615",
    "281474976710657",
    "99999999999999999999999",
];

/// How the lines of an input are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// As they are.
    Plain,
    /// A word, a blank, and the value in hexadecimal.
    Hex,
}

pub(super) struct Mutator<'m, R> {
    pub(super) random: &'m mut R,
    pub(super) inputs: &'m [Vec<u8>],
    pub(super) lines: Lines,
    pub(super) largest: usize,
}

impl<R: FnMut() -> u64> Mutator<'_, R> {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.random)() % end.max(1) as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn any(&mut self) -> Vec<u8> {
        let at = self.below(self.inputs.len());
        self.inputs[at].clone()
    }

    fn number(&mut self) -> &'static str {
        NUMBERS[self.below(NUMBERS.len())]
    }

    fn piece(&mut self) -> &'static str {
        PIECES[self.below(PIECES.len())]
    }

    fn key(&mut self, fields: &Map<String, Value>) -> String {
        fields.keys().nth(self.below(fields.len())).unwrap().clone()
    }

    /// The next input.
    pub(super) fn make(&mut self) -> Vec<u8> {
        let mut input = self.any();
        for _ in 0..=self.below(4) {
            input = match self.below(10) {
                0..=3 => self.line(&input, Self::json),
                4 if self.lines == Lines::Hex => self.line(&input, Self::hex),
                _ => self.bytes(input),
            };
            input.truncate(self.largest);
        }
        input
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let (start, most) = (self.below(length + 1), if self.one_in(4) { length } else { 32 });
        start..(start + self.below(most + 1)).min(length)
    }

    fn bytes(&mut self, mut input: Vec<u8>) -> Vec<u8> {
        let range = self.range(input.len());
        match self.below(9) {
            0 => {
                for _ in 0..=self.below(4) {
                    let at = self.below(input.len());
                    let flip = 1 << self.below(8);
                    if let Some(byte) = input.get_mut(at) {
                        *byte ^= flip;
                    }
                }
            }
            1 => drop(input.drain(range)),
            2 => {
                input.splice(range.start..range.start, self.piece().bytes());
            }
            3 => {
                let piece = input[range.clone()].to_vec();
                let most = if self.one_in(50) { self.largest } else { 4096 };
                let times = self.below(most / piece.len().max(1) + 2);
                input.splice(range.end..range.end, piece.repeat(times));
            }
            4 => {
                let other = self.any();
                let from = self.range(other.len());
                input.splice(range, other[from].iter().copied());
            }
            5 => input.truncate(range.start),
            6 => {
                let start =
                    input[range.start..].iter().position(u8::is_ascii_digit).map(|at| range.start + at);
                if let Some(start) = start {
                    let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    input.splice(start..start + length, self.number().bytes());
                }
            }
            7 => {
                let byte = (self.random)().to_le_bytes()[0];
                let length = range.len();
                input[range].copy_from_slice(&vec![byte; length]);
            }
            _ => {
                let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
                if lines.len() > 1 {
                    let (a, b) = (self.below(lines.len()), self.below(lines.len()));
                    if self.one_in(2) { lines.swap(a, b) } else { lines.insert(a, lines[b]) }
                }
                return lines.concat();
            }
        }
        input
    }

    /// Changes one line of an input.
    fn line(&mut self, input: &[u8], change: impl FnOnce(&mut Self, &[u8]) -> Option<String>) -> Vec<u8> {
        let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
        let at = self.below(lines.len());
        let Some(changed) = change(self, lines[at]) else { return self.bytes(input.to_vec()) };
        lines[at] = changed.as_bytes();
        lines.join(&b'\n')
    }

    /// Changes a value that stands in hexadecimal, and spells it so again.
    fn hex(&mut self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line);
        let (key, hex) = line.split_once(' ')?;
        let digits: Vec<u8> =
            hex.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|d| d as u8).collect();
        let value: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let value = if self.one_in(3) { self.number().into() } else { self.bytes(value) };
        Some(format!("{key} {}", value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    }

    /// Changes a line that is JSON, as JSON.
    fn json(&mut self, line: &[u8]) -> Option<String> {
        let mut value: Value = serde_json::from_slice(line).ok()?;
        for _ in 0..=self.below(3) {
            let mut left = self.below(count(&value));
            if let Some(node) = nth(&mut value, &mut left) {
                self.change(node);
            }
        }
        Some(if self.one_in(8) { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() })
    }

    fn change(&mut self, node: &mut Value) {
        let many = if self.one_in(20) { 20_000 } else { 40 };
        match (self.below(12), &mut *node) {
            (0, _) => *node = self.odd(),
            (1..=2, Value::Array(all)) if !all.is_empty() => {
                let (from, to) = (self.below(all.len()), self.below(all.len()));
                all.swap(from, to);
            }
            (3, Value::Array(all)) if !all.is_empty() => {
                let one = all[self.below(all.len())].clone();
                let most = many.min(self.largest / (1 + one.to_string().len()));
                all.extend(std::iter::repeat_n(one, self.below(most + 1)));
            }
            (4, Value::Array(all)) if !all.is_empty() => drop(all.remove(self.below(all.len()))),
            (1..=2, Value::Object(fields)) if !fields.is_empty() => {
                fields.shift_remove(&self.key(fields));
            }
            (3, Value::Object(fields)) => {
                for n in 0..self.below(many) {
                    fields.insert(format!("field{n}"), json!(n));
                }
            }
            (4..=5, Value::Object(fields)) if !fields.is_empty() => {
                fields.insert(self.key(fields), self.odd());
            }
            (6, Value::Object(fields)) => {
                *fields = std::mem::take(fields).into_iter().rev().collect();
            }
            (1..=4, Value::String(text)) => {
                // The mutator itself must not hold what no reader may.
                let most = (self.largest / text.len().max(1)).min(many / 4);
                *text = text.repeat(1 + self.below(most));
            }
            (5, Value::String(text)) => {
                text.pop();
            }
            (6..=8, Value::String(text)) => text.push_str(self.piece()),
            (1..=8, Value::Number(_)) => *node = serde_json::from_str(self.number()).unwrap_or(Value::Null),
            (9, _) => {
                for _ in 0..self.below(130) {
                    let inner = node.take();
                    *node = if self.one_in(2) { json!([inner]) } else { json!({"state": inner}) };
                }
            }
            _ => {}
        }
    }

    fn odd(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({}),
            3 => json!(self.piece()),
            4 => json!(true),
            5 => json!({"status": "running", "input": {"a": "/srv/work here/x"}, "time": {"start": 1}}),
            6 => {
                json!([{"id": "prt_zz", "sessionID": "ses_1", "messageID": "msg_1", "type": "text", "text": "x"}])
            }
            7 => json!("x".repeat(self.below(5000))),
            _ => serde_json::from_str(self.number()).unwrap_or(Value::Null),
        }
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(all) => all.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The value at this place, counted from above.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    let inner: Box<dyn Iterator<Item = &'v mut Value>> = match value {
        Value::Array(all) => Box::new(all.iter_mut()),
        Value::Object(fields) => Box::new(fields.values_mut()),
        _ => return None,
    };
    for one in inner {
        let size = count(one);
        if *left < size {
            return nth(one, left);
        }
        *left -= size;
    }
    None
}

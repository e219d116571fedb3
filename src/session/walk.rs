//! Strings and numbers replaced in raw JSON, by where they stand, with every other byte kept.

use super::remap::{string_end, unescaped};
use std::borrow::Cow;

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Into a field of an object.
    Field(Cow<'a, str>),
    /// Into an element of an array.
    Element(usize),
}

impl Step<'_> {
    /// Whether it leads into the field of this name.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Field(key) if key == name)
    }
}

/// A string or a number, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf<'a> {
    /// With its quotes.
    Text(&'a str),
    Number(&'a str),
}

/// Writes `json`, a sound JSON text, behind `out`. `edit` is asked for each string that is a value and for each number,
/// with the way to it, and gives the JSON that is to stand there instead, or nothing.
pub(crate) fn walk<'a>(
    json: &'a str,
    out: &mut String,
    mut edit: impl FnMut(&[Step<'a>], Leaf<'a>) -> Option<String>,
) {
    let bytes = json.as_bytes();
    let (mut at, mut kept) = (0, 0);
    // The last step leads to the value that is read next, or to the field that was read last.
    let mut way: Vec<Step<'a>> = Vec::new();
    let mut is_key = false;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        let leaf = match byte {
            b'{' => {
                way.push(Step::Field(Cow::Borrowed("")));
                is_key = true;
                continue;
            }
            b'[' => {
                way.push(Step::Element(0));
                continue;
            }
            b'}' | b']' => {
                way.pop();
                is_key = false;
                continue;
            }
            b',' => {
                match way.last_mut() {
                    Some(Step::Element(n)) => *n += 1,
                    _ => is_key = true,
                }
                continue;
            }
            b'"' => {
                at = string_end(bytes, start);
                let text = json.get(start..at).unwrap_or_default();
                if is_key {
                    is_key = false;
                    if let Some(step) = way.last_mut() {
                        *step = Step::Field(unescaped(text));
                    }
                    continue;
                }
                Leaf::Text(text)
            }
            b'-' | b'0'..=b'9' => {
                let rest = bytes.get(at..).unwrap_or_default();
                let is_part = |b: &&u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                at += rest.iter().take_while(is_part).count();
                Leaf::Number(json.get(start..at).unwrap_or_default())
            }
            _ => continue,
        };
        if let Some(other) = edit(&way, leaf) {
            out.push_str(json.get(kept..start).unwrap_or_default());
            out.push_str(&other);
            kept = at;
        }
    }
    out.push_str(json.get(kept..).unwrap_or_default());
}

/// Whether a value with this way to it is, or is part of, what a model gave to a tool: that is speech.
pub(crate) fn is_said(way: &[Step<'_>]) -> bool {
    way.split_last().is_some_and(|(_, above)| above.iter().any(|step| step.is("input")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::arbitrary::session;
    use proptest::prelude::*;
    use serde_json::Value;

    fn ways(json: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        walk(json, &mut String::new(), |way, leaf| {
            let (Leaf::Text(raw) | Leaf::Number(raw)) = leaf;
            let way = way.iter().map(|step| match step {
                Step::Field(key) => format!("/{key}"),
                Step::Element(n) => format!("/{n}"),
            });
            all.push((way.collect(), raw.to_owned()));
            None
        });
        all
    }

    #[test]
    fn leaves_are_found_with_the_way_to_them() {
        let json = r#" {"a":[1,{"b\u0063":"x\"]}"},[],null,-2.5e+3, "\\"],"d":{"e":true,"f":"{"},"g":0} "#;
        let expected = [
            ("/a/0", "1"),
            ("/a/1/bc", r#""x\"]}""#),
            ("/a/4", "-2.5e+3"),
            ("/a/5", r#""\\""#),
            ("/d/f", r#""{""#),
            ("/g", "0"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(way, raw)| ((*way).to_owned(), (*raw).to_owned())).collect();
        assert_eq!(ways(json), expected);
        assert_eq!(ways("7"), [(String::new(), "7".to_owned())]);
    }

    #[test]
    fn all_other_bytes_stay() {
        let json = "{\"a\" : \"\\ud83d\" ,\n\"b\":[ 1 , 1e400 ] }";
        let mut out = String::new();
        walk(json, &mut out, |way, _| way[0].is("b").then(|| "\"x\"".to_owned()));
        assert_eq!(out, "{\"a\" : \"\\ud83d\" ,\n\"b\":[ \"x\" , \"x\" ] }");
    }

    #[test]
    fn what_was_given_to_a_tool_is_said() {
        let mut said = Vec::new();
        walk(r#"{"input":"a","state":{"input":{"x":["b"]},"y":"c"}}"#, &mut String::new(), |way, leaf| {
            said.push((is_said(way), leaf));
            None
        });
        let text = Leaf::Text;
        assert_eq!(said, [(false, text("\"a\"")), (true, text("\"b\"")), (false, text("\"c\""))]);
    }

    proptest! {
        #[test]
        fn every_way_leads_to_its_value(draft in session()) {
            let value = draft.value();
            for (way, raw) in ways(&draft.json()) {
                let raw: Value = serde_json::from_str(&raw).unwrap();
                // No field's name in there holds what a JSON pointer would have to escape.
                prop_assert_eq!(value.pointer(&way), Some(&raw));
            }
        }
    }
}

//! Strings and numbers replaced in raw JSON, by where they stand, with every other byte kept.

use std::borrow::Cow;

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep<'a> {
    Field(Cow<'a, str>),
    Element(usize),
}

impl PathStep<'_> {
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
    mut edit: impl FnMut(&[PathStep<'a>], Leaf<'a>) -> Option<String>,
) {
    let bytes = json.as_bytes();
    let (mut at, mut kept) = (0, 0);
    // The last step leads to the value that is read next, or to the field that was read last.
    let mut way: Vec<PathStep<'a>> = Vec::new();
    let mut is_key = false;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        let leaf = match byte {
            b'{' => {
                way.push(PathStep::Field(Cow::Borrowed("")));
                is_key = true;
                continue;
            }
            b'[' => {
                way.push(PathStep::Element(0));
                continue;
            }
            b'}' | b']' => {
                way.pop();
                is_key = false;
                continue;
            }
            b',' => {
                match way.last_mut() {
                    Some(PathStep::Element(n)) => *n += 1,
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
                        *step = PathStep::Field(unescaped(text));
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

/// If a value is an id, the name of its field and the id. An id is a string in a field whose name ends in `id` (`sessionID`,
/// `parentID`, `tail_start_id`, a tool's `metadata.parentSessionId`, …), but not in what a model gave to a tool (`input`).
pub(crate) fn id_at<'w>(way: &'w [PathStep<'_>], leaf: Leaf<'w>) -> Option<(&'w str, Cow<'w, str>)> {
    let (Leaf::Text(raw), Some((PathStep::Field(key), above))) = (leaf, way.split_last()) else {
        return None;
    };
    let end = key.len().checked_sub(2).and_then(|at| key.get(at..))?;
    let is_said = above.iter().any(|step| step.is("input"));
    // A host may spell an id with escapes; it is the same id.
    (end.eq_ignore_ascii_case("id") && !is_said).then(|| (key.as_ref(), unescaped(raw)))
}

/// Writes `json` behind `out`, with ids replaced: `fresh` is asked with the field's name and the id.
pub(crate) fn replace_ids(json: &str, out: &mut String, mut fresh: impl FnMut(&str, &str) -> Option<String>) {
    walk(json, out, |way, leaf| {
        let (key, id) = id_at(way, leaf)?;
        fresh(key, &id).map(|id| format!("\"{id}\""))
    });
}

/// Behind the quote that ends the string whose first quote stands at `start`.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(n) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if bytes[at + n] == b'"' {
            return at + n + 1;
        }
        at += n + 2;
    }
    bytes.len()
}

/// Behind the bracket that closes the one at `start`.
pub(super) fn brackets_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The text of a JSON string with its quotes; what Unicode does not know is left as it is written, and is no id.
pub(crate) fn unescaped(quoted: &str) -> Cow<'_, str> {
    let inside = quoted.trim_matches('"');
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    serde_json::from_str(quoted).map_or(Cow::Borrowed(inside), Cow::Owned)
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
                PathStep::Field(key) => format!("/{key}"),
                PathStep::Element(n) => format!("/{n}"),
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

    fn remapped(json: &str) -> String {
        let mut out = String::new();
        replace_ids(json, &mut out, |_, id| (id == "old").then(|| "new".to_owned()));
        out
    }

    #[test]
    fn only_fields_that_are_named_for_an_id_are_replaced() {
        for (before, after) in [
            (r#"{"id":"old"}"#, r#"{"id":"new"}"#),
            (
                r#"{"sessionID" : "old" ,"x":[{"sessionId":"old"}]}"#,
                r#"{"sessionID" : "new" ,"x":[{"sessionId":"new"}]}"#,
            ),
            (r#"{"tail_start_id":"old","text":"old"}"#, r#"{"tail_start_id":"new","text":"old"}"#),
            (r#"{"\u0069d":"o\u006cd"}"#, r#"{"\u0069d":"new"}"#),
            (
                r#"{"text":"\"id\":\"old\"","ids":["old"],"id":{"x":"old"}}"#,
                r#"{"text":"\"id\":\"old\"","ids":["old"],"id":{"x":"old"}}"#,
            ),
            (
                r#"{"state":{"input":{"id":"old","a":["}"]},"id":"old"}}"#,
                r#"{"state":{"input":{"id":"old","a":["}"]},"id":"new"}}"#,
            ),
            (
                r#"{"input":5,"id":"old\ud83d","messageID":"old"}"#,
                r#"{"input":5,"id":"old\ud83d","messageID":"new"}"#,
            ),
            (r#""old""#, r#""old""#),
        ] {
            assert_eq!(remapped(before), after);
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![Just("old".to_owned()), "[\\\\\"{}\\[\\]:, a\n\u{1}é]{0,6}"];
        let key = prop_oneof![
            Just("id".to_owned()),
            Just("x".to_owned()),
            Just("input".to_owned()),
            "[\\\\\":{}]{1,3}"
        ];
        let leaf = prop_oneof![text.prop_map(Value::from), any::<i32>().prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// The same, on parsed values.
    fn model(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(model),
            Value::Object(fields) => {
                for (key, value) in fields {
                    if key.to_ascii_lowercase().ends_with("id") && value == "old" {
                        *value = "new".into();
                    } else if key != "input" || !(value.is_object() || value.is_array()) {
                        model(value);
                    }
                }
            }
            _ => {}
        }
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

        #[test]
        fn raw_and_parsed_agree(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut expected = value;
            model(&mut expected);
            prop_assert_eq!(serde_json::from_str::<Value>(&remapped(&text)).unwrap(), expected);
        }
    }
}

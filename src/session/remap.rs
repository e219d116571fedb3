//! Ids replaced in raw JSON, with every other byte kept.

use std::borrow::Cow;

/// Writes `json`, a sound JSON text, behind `out`, with ids replaced.
///
/// `fresh` is asked with the field's name and its value for each string in a field whose name ends in `id`
/// (`sessionID`, `parentID`, `tail_start_id`, a tool's `metadata.parentSessionId`, …). What a message says and what
/// a model gave to a tool (`input`) is speech, and stays as it was said whatever it holds.
pub(super) fn remap(json: &str, out: &mut Vec<u8>, mut fresh: impl FnMut(&str, &str) -> Option<String>) {
    let bytes = json.as_bytes();
    let (mut at, mut kept) = (0, 0);
    while let Some(quote) = memchr::memchr(b'"', &bytes[at..]) {
        let start = at + quote;
        at = string_end(bytes, start);
        let Some(value) = value_of_key(bytes, at) else { continue };
        let key = unescaped(&json[start..at]);
        at = value;
        match bytes.get(value) {
            Some(b'"') => {
                at = string_end(bytes, value);
                if !ends_in_id(&key) {
                    continue;
                }
                if let Some(id) = fresh(&key, &unescaped(&json[value..at])) {
                    out.extend_from_slice(&bytes[kept..value]);
                    out.push(b'"');
                    out.extend_from_slice(id.as_bytes());
                    out.push(b'"');
                    kept = at;
                }
            }
            Some(b'{' | b'[') if key == "input" => at = brackets_end(bytes, value),
            _ => {}
        }
    }
    out.extend_from_slice(&bytes[kept..]);
}

pub(crate) fn ends_in_id(key: &str) -> bool {
    key.len().checked_sub(2).and_then(|n| key.get(n..)).is_some_and(|end| end.eq_ignore_ascii_case("id"))
}

/// Where the value begins, if the string that ends before `at` is a key.
fn value_of_key(bytes: &[u8], at: usize) -> Option<usize> {
    let space = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t')).count()
    };
    let colon = space(at);
    (bytes.get(colon) == Some(&b':')).then(|| space(colon + 1))
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
    use proptest::prelude::*;

    fn remapped(json: &str) -> String {
        let mut out = Vec::new();
        remap(json, &mut out, |_, value| (value == "old").then(|| "new".to_owned()));
        String::from_utf8(out).unwrap()
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

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let text = prop_oneof![Just("old".to_owned()), "[\\\\\"{}\\[\\]:, a\n\u{1}é]{0,6}"];
        let key = prop_oneof![
            Just("id".to_owned()),
            Just("x".to_owned()),
            Just("input".to_owned()),
            "[\\\\\":{}]{1,3}"
        ];
        let leaf = prop_oneof![
            text.prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec((key.clone(), inner), 0..4)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// The same, on parsed values.
    fn model(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => items.iter_mut().for_each(model),
            serde_json::Value::Object(fields) => {
                for (key, value) in fields {
                    if ends_in_id(key) && value == "old" {
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
        fn raw_and_parsed_agree(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut expected = value;
            model(&mut expected);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&remapped(&text)).unwrap(), expected);
        }
    }
}

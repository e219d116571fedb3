//! Whether two raw JSON values say the same, and raw JSON on one line.

use super::raw::Object;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Whether two sound JSON texts mean the same to JavaScript: white space, the order of fields, and how characters and
/// numbers are spelled make no difference. Half a surrogate pair is only equal to the same half.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_ascii(), b.trim_ascii());
    a == b
        || match (a.as_bytes().first(), b.as_bytes().first()) {
            (Some(b'{'), Some(b'{')) => both(a, b, |a: Object<'_>, b: Object<'_>| {
                a.iter().count() == b.iter().count()
                    && a.iter().all(|(key, one)| b.get(key).is_some_and(|other| same(one.get(), other.get())))
            }),
            (Some(b'['), Some(b'[')) => both(a, b, |a: Vec<&RawValue>, b: Vec<&RawValue>| {
                a.len() == b.len() && a.iter().zip(&b).all(|(one, other)| same(one.get(), other.get()))
            }),
            (Some(b'"'), Some(b'"')) => both(a, b, |a: Bytes, b: Bytes| a.0 == b.0),
            _ => both(a, b, |a: f64, b: f64| a == b),
        }
}

fn both<'a, T: Deserialize<'a>>(a: &'a str, b: &'a str, equal: impl Fn(T, T) -> bool) -> bool {
    match (serde_json::from_str(a), serde_json::from_str(b)) {
        (Ok(a), Ok(b)) => equal(a, b),
        _ => false,
    }
}

/// The bytes of a string, half surrogate pairs included.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

/// `json`, a sound JSON text, without the white space between its values where it stands on several lines.
///
/// opencode exports with line breaks and stores without.
pub(crate) fn on_one_line(json: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(quote) = rest.find('"') {
        let (before, string) = rest.split_at(quote);
        line.extend(before.split_ascii_whitespace());
        let (string, behind) = string.split_at(super::remap::string_end(string.as_bytes(), 0));
        line.push_str(string);
        rest = behind;
    }
    line.extend(rest.split_ascii_whitespace());
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn spelling_makes_no_difference() {
        for (a, b, equal) in [
            ("1", "1.0", true),
            ("1", "2", false),
            ("1e400", "1e400", true),
            ("null", "null ", true),
            ("null", "false", false),
            ("0", "false", false),
            ("\"1\"", "1", false),
            (r#""\u00e9\/""#, r#""é/""#, true),
            (r#""\ud83d""#, r#""\uD83D""#, true),
            (r#""\ud83d""#, r#""\ud83e""#, false),
            (r#""\ud83d""#, "\"\u{fffd}\"", false),
            (r#"{"a":1,"b":[1, {"c":"x"}]}"#, r#"{ "b":[1,{"c":"\u0078"}],"a":1.0 }"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false),
            ("[1,2]", "[2,1]", false),
            ("[]", "{}", false),
        ] {
            assert_eq!(same(a, b), equal, "{a} {b}");
            assert_eq!(same(b, a), equal, "{b} {a}");
        }
    }

    proptest! {
        #[test]
        fn one_line_says_the_same(draft in crate::session::arbitrary::session()) {
            let value: Value = draft.value();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let line = on_one_line(&pretty);
            prop_assert!(!line.contains('\n') && same(&line, &pretty));
            prop_assert_eq!(line.as_ref(), value.to_string());
        }
    }
}

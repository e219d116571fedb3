//! Whether two raw JSON values say the same, and raw JSON on one line.

use super::raw::{Object, string_bytes};
use super::splitter::DEEPEST;
use super::walk::{brackets_end, string_end};
use std::borrow::Cow;

/// Whether two sound JSON texts mean the same to JavaScript. White space, the order of fields, and the spelling of characters
/// and numbers make no difference. Half a surrogate pair is equal to the same half only.
///
/// Both are read side by side, once, and nothing of them is held: a host may make one as large as it likes. Only objects
/// whose fields come in different orders are taken apart.
pub(crate) fn same(a: &str, b: &str) -> bool {
    if a.trim_ascii() == b.trim_ascii() {
        return true;
    }
    let (mut a, mut b) = (Cursor { text: a, at: 0 }, Cursor { text: b, at: 0 });
    value(&mut a, &mut b, 0) && a.peek().is_none() && b.peek().is_none()
}

/// Whether the next values are the same; if so, both are passed.
fn value(a: &mut Cursor<'_>, b: &mut Cursor<'_>, depth: usize) -> bool {
    match (a.peek(), b.peek()) {
        // The reader refuses what is nested more deeply.
        (Some(b'{' | b'['), _) if depth > DEEPEST => false,
        (Some(b'{'), Some(b'{')) => object(a, b, depth),
        (Some(b'['), Some(b'[')) => array(a, b, depth),
        (Some(b'"'), Some(b'"')) => strings(a.string(), b.string()),
        (Some(_), Some(_)) => {
            let (a, b) = (a.scalar(), b.scalar());
            let number = |json| serde_json::from_str::<f64>(json).ok();
            !a.is_empty() && (a == b || number(a).is_some_and(|a| number(b) == Some(a)))
        }
        _ => false,
    }
}

/// Whether both cursors stand at the end of a list that `end` closes; `None` if they differ there.
fn at_end(a: &mut Cursor<'_>, b: &mut Cursor<'_>, end: u8) -> Option<bool> {
    let is = |of: Option<u8>| of == Some(end) || of == Some(b',');
    match (a.peek(), b.peek()) {
        (one, other) if is(one) || is(other) => {
            a.skip();
            b.skip();
            (one == other).then_some(one == Some(end))
        }
        _ => Some(false),
    }
}

fn array(a: &mut Cursor<'_>, b: &mut Cursor<'_>, depth: usize) -> bool {
    a.skip();
    b.skip();
    loop {
        match at_end(a, b, b']') {
            Some(false) if value(a, b, depth + 1) => {}
            is_end => return is_end == Some(true),
        }
    }
}

fn object(a: &mut Cursor<'_>, b: &mut Cursor<'_>, depth: usize) -> bool {
    let (start_a, start_b) = (a.at, b.at);
    a.skip();
    b.skip();
    loop {
        match at_end(a, b, b'}') {
            Some(false) => {}
            is_end => return is_end == Some(true),
        }
        if a.peek() != Some(b'"') || b.peek() != Some(b'"') {
            return false;
        }
        if !strings(a.string(), b.string()) {
            (a.at, b.at) = (start_a, start_b);
            return in_any_order(a.brackets(), b.brackets());
        }
        if a.peek() != Some(b':') || b.peek() != Some(b':') {
            return false;
        }
        a.skip();
        b.skip();
        if !value(a, b, depth + 1) {
            return false;
        }
    }
}

fn in_any_order(a: &str, b: &str) -> bool {
    let (Ok(a), Ok(b)) = (Object::parse(a), Object::parse(b)) else { return false };
    a.len() == b.len()
        && a.iter().all(|(key, one)| b.get(key).is_some_and(|other| same(one.get(), other.get())))
}

/// Two strings with their quotes.
fn strings(a: &str, b: &str) -> bool {
    let spelled = a.contains('\\') || b.contains('\\');
    a == b || spelled && string_bytes(a).is_ok_and(|a| string_bytes(b).is_ok_and(|b| a == b))
}

/// A place in a sound JSON text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes the byte that was looked at.
    fn skip(&mut self) {
        self.at += 1;
    }

    fn to(&mut self, end: usize) -> &'a str {
        let passed = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        passed
    }

    fn string(&mut self) -> &'a str {
        self.to(string_end(self.text.as_bytes(), self.at))
    }

    fn brackets(&mut self) -> &'a str {
        self.to(brackets_end(self.text.as_bytes(), self.at))
    }

    fn scalar(&mut self) -> &'a str {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let is_part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
        self.to(self.at + rest.iter().take_while(is_part).count())
    }
}

/// `json`, a sound JSON text; if it has line breaks, without the white space between its values.
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
        let (string, behind) = string.split_at(string_end(string.as_bytes(), 0));
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
            ("[1,[2 ,3 ]]", "[1,[2,3.0]]", true),
            ("[1,2]", "[1,2,3]", false),
            ("[1]", "[1,1]", false),
            (r#"{"a":{"x":1,"y":[2]},"b":3}"#, r#"{"a":{"y":[2.0],"x":1},"b":3 }"#, true),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":2}"#, false),
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"c":2}"#, false),
            (r#"{"\u0061":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
            ("[1", "[1 ", true),
            ("[1", "[1.0", false),
            ("{", "[", false),
            ("", " x", false),
        ] {
            assert_eq!(same(a, b), equal, "{a} {b}");
            assert_eq!(same(b, a), equal, "{b} {a}");
        }
    }

    #[test]
    fn what_a_host_makes_long_or_deep_is_compared_in_time_that_grows_with_it() {
        let began = std::time::Instant::now();
        let list = format!("[{}0]", "0,".repeat(1 << 18));
        assert!(same(&list, &list.replacen("0,", "0.0, ", 1)));
        assert!(!same(&list, &list.replace("0]", "1]")));
        let fields: Vec<String> = (0..40_000).map(|n| format!("\"f{n}\":{n}")).collect();
        let turned: Vec<String> = fields.iter().rev().cloned().collect();
        assert!(same(&format!("{{{}}}", fields.join(",")), &format!("{{{}}}", turned.join(","))));
        let deep = |end: &str| format!("{}{end}{}", "[".repeat(1 << 16), "]".repeat(1 << 16));
        assert!(!same(&deep("1"), &deep("2")));
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    /// By parsed values, in which a number is what JavaScript reads.
    fn alike(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
            }
            _ => a == b,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3).prop_map(Value::from),
            prop_oneof!["", "a", "\\PC{0,2}"].prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec(("[ab]{1,2}", inner), 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn side_by_side_is_as_parsed(a in json(), b in json()) {
            let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
            prop_assert_eq!(same(&a.to_string(), &pretty(&b)), alike(&a, &b));
            prop_assert!(same(&a.to_string(), &pretty(&a)));
        }

        #[test]
        fn comparing_never_panics(a: String, b: String) {
            let _ = same(&a, &b);
        }

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

//! Scripts, and the values that go into them.

use crate::hosts::is_variable;

/// A script for the host's POSIX `sh`, fed on its standard input.
///
/// Values that a user, a session or a host wrote enter only through [`Script::new`]'s parameters.
/// They are spelled as octal escapes for `printf %b`, so the shell's parser sees digits, never the value.
#[derive(Debug, Clone)]
pub struct Script {
    text: String,
}

impl Script {
    /// A fixed `body` behind a header that sets one shell variable per parameter.
    ///
    /// Values are any bytes but NUL, which no shell variable can hold (a NUL and what follows it is left out).
    ///
    /// A shell reads the names. One that is no name of a variable is left out with its value: whoever reads such names from a
    /// file refuses them there and says so, and here it must not matter that somebody forgot to.
    pub fn new(body: &str, parameters: &[(&str, &[u8])]) -> Self {
        let mut text = String::with_capacity(body.len() + 256);
        for (name, value) in parameters.iter().filter(|(name, _)| is_variable(name)) {
            // `$(…)` drops trailing newlines: a sentinel keeps them. A full stop is the second byte of no character
            // in any locale's encoding, so that it comes off alone.
            text.push_str(name);
            text.push_str("=$(printf %b '");
            for byte in value.iter().take_while(|b| **b != 0) {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                        text.push(char::from(*byte));
                    }
                    _ => text.push_str(&format!("\\0{byte:03o}")),
                }
            }
            text.push_str(&format!(".'); {name}=${{{name}%.}}\n"));
        }
        text.push_str(body);
        Self { text }
    }

    /// Whether a parameter can have this name.
    pub fn takes(name: &str) -> bool {
        is_variable(name)
    }

    /// What is written to `sh -s`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn echoed(shell: &[&str], value: &[u8]) -> Vec<u8> {
        let script = Script::new("printf %s \"$v\"\n", &[("v", value)]);
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.text().as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn only_safe_characters_reach_the_shells_parser() {
        let script = Script::new("", &[("v", b"'; rm -rf ~ $(x) `y` \n%s\\")]);
        let quoted = script.text().split('\'').nth(1).unwrap();
        assert!(quoted.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-\\".contains(&b)), "{quoted}");
    }

    #[test]
    fn a_name_that_is_no_variables_never_reaches_the_shell() {
        for name in ["", "1a", "a b", "a;id", "$(id)", "a=1", "a\nid", "a\0", "\u{e4}"] {
            let script = Script::new("true\n", &[(name, b"value"), ("kept", b"x")]);
            assert_eq!(script.text(), Script::new("true\n", &[("kept", b"x")]).text(), "{name:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_value_arrives_byte_for_byte(value in proptest::collection::vec(1u8..=255, 0..200)) {
            prop_assert_eq!(&echoed(&["dash", "-s"], &value), &value);
            prop_assert_eq!(&echoed(&["bash", "-s"], &value), &value);
            prop_assert_eq!(&echoed(&["busybox", "sh", "-s"], &value), &value);
        }
    }
}

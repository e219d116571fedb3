//! Versions, as `opencode --version` prints them.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version {
    /// 1; a release of another major version is refused, its database and its exports are not ours.
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    /// The first `N.N.N` in `text`, whatever stands around it: `v1.2.3-beta`, colours, a program's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = console::strip_ansi_codes(text);
        let bytes = text.as_bytes();
        let starts = |at: &usize| {
            bytes[*at].is_ascii_digit() && (*at == 0 || !matches!(bytes[*at - 1], b'0'..=b'9' | b'.'))
        };
        (0..bytes.len()).filter(starts).find_map(|at| Self::at_start(&text[at..]))
    }

    fn at_start(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        // A full stop may end the sentence.
        let mut numbers = text[..end].trim_end_matches('.').split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Some(Self { major, minor, patch }),
            _ => None,
        }
    }

    /// Whether kugetsu knows how to deal with it.
    pub(crate) fn is_supported(self) -> bool {
        self.major == 1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_found_in_what_surrounds_them() {
        for (text, expected) in [
            ("1.18.33\n", Some((1, 18, 33))),
            ("v1.2.3-beta.4+5", Some((1, 2, 3))),
            ("opencode 2.0.1.", Some((2, 0, 1))),
            ("\u{1b}[1m1.14.41\u{1b}[0m", Some((1, 14, 41))),
            ("warning: 3 of 4\n1.3.2", Some((1, 3, 2))),
            ("127.0.0.1", None),
            ("1.2", None),
            ("1.2.99999999999", None),
            ("", None),
        ] {
            let found = Version::parse(text).map(|v| (v.major, v.minor, v.patch));
            assert_eq!(found, expected, "{text:?}");
        }
        assert!(Version::parse("1.3.2") < Version::parse("1.14.41"));
        assert!(!Version { major: 2, minor: 0, patch: 0 }.is_supported());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>(), more in "[0-9.v\u{1b}\\[m ]{0,20}") {
            let _ = Version::parse(&text);
            let _ = Version::parse(&more);
        }

        #[test]
        fn what_is_shown_is_read_back(major: u32, minor: u32, patch: u32) {
            let version = Version { major, minor, patch };
            prop_assert_eq!(Version::parse(&format!("v{version}-dev")), Some(version));
        }
    }
}

//! The whole address of an issue.

use super::error::RefError;
use crate::text::plain;
use std::fmt;
use std::str::FromStr;

/// Characters of a whole address at most: with `.json` behind it, and a mark before that, it is a file's name.
const LONGEST: usize = 200;

/// Ports that web pages have of their own: nobody writes them, so they are no part of an address.
pub(super) const NO_PORT: [u16; 2] = [80, 443];

/// The largest number: JSON's readers hold it exactly.
const LARGEST: u64 = (1 << 53) - 1;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct IssueRef {
    instance: String,
    path: String,
    number: u64,
}

impl IssueRef {
    /// Issue `number` of the repository `path` (`user/repo`, or `group/…/repo`) at the host `instance`.
    ///
    /// The host's name is brought into small letters. It keeps its port, unless that is 80 or 443: at another port of
    /// the host another forge answers. The large forges lose their `www.`
    ///
    /// # Errors
    /// What could not stand in a reference or in a file's name.
    pub(crate) fn new(instance: &str, path: &str, number: u64) -> Result<Self, RefError> {
        let instance = checked_instance(instance)?;
        check_path(path)?;
        check_number(number)?;
        let issue = Self { instance, path: path.to_owned(), number };
        if issue.to_string().len() > LONGEST {
            return Err(RefError::TooLong { limit: LONGEST });
        }
        Ok(issue)
    }

    /// The host of the forge, in small letters, with the port of its pages where that is not 80 or 443.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) fn host(&self) -> &str {
        self.instance.split_once(':').map_or(&self.instance, |(host, _)| host)
    }

    /// The port, where it is not 80 or 443.
    pub(crate) fn port(&self) -> Option<u16> {
        self.instance.split_once(':')?.1.parse().ok()
    }

    /// The issue of that number and path at another port of its host.
    ///
    /// # Errors
    /// Where the address becomes too long.
    pub(crate) fn at_port(&self, port: u16) -> Result<Self, RefError> {
        Self::new(&format!("{}:{port}", self.host()), &self.path, self.number)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The file of its session, as the earlier kugetsu script named it: `github.com-shoko-kugetsu-14.json`.
    ///
    /// `a/b-c#1` and `a-b/c#1` share one; whoever keeps the files tells them apart.
    pub(crate) fn file_name(&self) -> String {
        self.to_string().replace(['/', '#', ':'], "-") + ".json"
    }
}

impl fmt::Display for IssueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.instance, self.path, self.number)
    }
}

/// Reads what [`IssueRef`] prints: the first part is the host, even if it has no dot.
impl FromStr for IssueRef {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        let not_a_ref = || RefError::NotARef { text: plain(text) };
        let (path, digits) = text.rsplit_once('#').ok_or_else(not_a_ref)?;
        let (instance, path) = path.split_once('/').ok_or_else(not_a_ref)?;
        Self::new(instance, path, number(digits).ok_or_else(not_a_ref)??)
    }
}

fn checked_instance(text: &str) -> Result<String, RefError> {
    let wrong = || RefError::Instance { instance: plain(text) };
    let (host, port) = match text.split_once(':') {
        Some((host, "")) => (host, None),
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
            (host, Some(port).filter(|port| !NO_PORT.contains(port)))
        }
        Some(_) => return Err(wrong()),
        None => (text, None),
    };
    let sound = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if !host.split('.').all(sound) {
        return Err(wrong());
    }
    let host = host.to_ascii_lowercase();
    // Names that lead to the same forge, and that browsers still have in old links.
    let host = match host.strip_prefix("www.") {
        Some(forge @ ("github.com" | "gitlab.com")) => forge.to_owned(),
        _ => host,
    };
    Ok(port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

/// Whether `path` is `user/repo`, or `group/…/repo`, in characters that forges allow there.
pub(super) fn check_path(path: &str) -> Result<(), RefError> {
    for part in path.split('/') {
        let why = if part.is_empty() {
            "a part is empty"
        } else if part == "." || part == ".." {
            "it leads to another directory"
        } else if part.starts_with('-') {
            "it begins with a hyphen"
        } else if part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~+".contains(&b)) {
            continue;
        } else {
            "only letters, digits and . _ - ~ + may stand there"
        };
        return Err(RefError::Part { part: plain(part), why });
    }
    if !path.contains('/') {
        return Err(RefError::NoRepository { path: path.to_owned() });
    }
    Ok(())
}

fn check_number(number: u64) -> Result<(), RefError> {
    match number {
        0 => Err(RefError::Zero),
        1..=LARGEST => Ok(()),
        _ => Err(RefError::TooLarge { digits: number.to_string() }),
    }
}

/// An issue's number; `None` if `text` is not digits and nothing else.
pub(super) fn number(text: &str) -> Option<Result<u64, RefError>> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = text.trim_start_matches('0');
    Some(if digits.is_empty() {
        Err(RefError::Zero)
    } else if digits.len() < text.len() {
        Err(RefError::LeadingZeros { number: plain(digits) })
    } else {
        let number = digits.parse().map_err(|_| RefError::TooLarge { digits: plain(digits) });
        number.and_then(|number| check_number(number).map(|()| number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(instance: &str, path: &str) -> Result<String, RefError> {
        IssueRef::new(instance, path, 14).map(|issue| issue.to_string())
    }

    #[test]
    fn an_address_has_one_spelling_of_its_host() {
        assert_eq!(new("GitHub.com", "Shoko/kugetsu").unwrap(), "github.com/Shoko/kugetsu#14");
        assert_eq!(new("git.example.org:3000", "a/b/c").unwrap(), "git.example.org:3000/a/b/c#14");
        for own in ["git.example.org:443", "git.example.org:80", "git.example.org:", "git.example.org:0443"] {
            assert_eq!(new(own, "a/b").unwrap(), "git.example.org/a/b#14", "{own}");
        }
        assert_eq!(new("www.GitHub.com", "a/b").unwrap(), "github.com/a/b#14");
        assert_eq!(new("www.example.org", "a/b").unwrap(), "www.example.org/a/b#14");
        assert_eq!(new("localhost:", "~a/b").unwrap(), "localhost/~a/b#14");
        for bad in [
            "", ".", "..", "a..b", "-x.org", "a b", "a/b", "é.org", "x:99999", "x:0", "x:+1", "x:y", "[::1]",
            "a\\b", "x\n",
        ] {
            assert!(matches!(new(bad, "a/b"), Err(RefError::Instance { .. })), "{bad:?}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_part_of_a_path() {
        for bad in [
            "/b",
            "a/",
            "a//b",
            "../b",
            "a/..",
            "./b",
            "a/.",
            "a/b c",
            "a/b\0",
            "a\\b/c",
            "a/b#c",
            "a/-b",
            "a/%2e%2e",
            "a/é",
            "a/\u{1b}[2J",
        ] {
            let error = new("x.org", bad).unwrap_err();
            assert!(matches!(error, RefError::Part { .. }), "{bad:?}: {error:?}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        assert!(matches!(new("x.org", "repo"), Err(RefError::NoRepository { .. })));
        assert!(new("x.org", "a/...").is_ok());
        assert!(matches!(new("x.org", &format!("a/{}", "b".repeat(200))), Err(RefError::TooLong { .. })));
    }

    #[test]
    fn numbers_are_counted_from_one() {
        assert_eq!(number("14"), Some(Ok(14)));
        assert_eq!(number("0"), Some(Err(RefError::Zero)));
        assert_eq!(number("000"), Some(Err(RefError::Zero)));
        assert_eq!(number("014"), Some(Err(RefError::LeadingZeros { number: "14".into() })));
        for large in ["9007199254740992", "18446744073709551616", &"9".repeat(5000)] {
            let error = number(large).unwrap().unwrap_err();
            assert!(matches!(error, RefError::TooLarge { .. }) && error.to_string().len() < 1000);
        }
        for none in ["", "+14", "-1", "1 ", "1e3", "٣", "14a"] {
            assert_eq!(number(none), None, "{none:?}");
        }
        assert_eq!(IssueRef::new("x.org", "a/b", 0), Err(RefError::Zero));
    }

    #[test]
    fn the_file_is_named_as_the_script_named_it() {
        let issue = IssueRef::new("github.com", "shoko/kugetsu", 14).unwrap();
        assert_eq!(issue.file_name(), "github.com-shoko-kugetsu-14.json");
        let issue = IssueRef::new("h:3000", "a/b", 1).unwrap();
        assert_eq!((issue.host(), issue.port()), ("h", Some(3000)));
        assert_eq!(issue.file_name(), "h-3000-a-b-1.json");
        assert_eq!(issue.at_port(2222).unwrap().to_string(), "h:2222/a/b#1");
        assert_eq!("forge/a/b#1".parse(), IssueRef::new("forge", "a/b", 1));
        for bad in ["", "a/b", "#1", "a#1", "x.org/a/b#", "x.org/a/b#x"] {
            assert!(matches!(bad.parse::<IssueRef>(), Err(RefError::NotARef { .. })), "{bad}");
        }
        assert!(matches!("x.org/b#1".parse::<IssueRef>(), Err(RefError::NoRepository { .. })));
        let name = |path| IssueRef::new("x.org", path, 1).unwrap().file_name();
        assert_eq!(name("a/b-c"), name("a-b/c"));
    }
}

//! What a user may write to name an issue.

use super::error::{IssueError, RefError, RemoteError};
use super::reference::{IssueRef, check_path, number};
use super::repository::{Meant, Repository};
use super::url;
use crate::text::plain;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument {
    Issue(Meant),
    /// `user/repo#14`: its host is that of the directory's remote.
    Partial {
        /// The repository; groups may nest.
        path: String,
        number: u64,
    },
    /// `#14` or `14`: of the directory's repository.
    Short(u64),
}

impl Argument {
    /// Completes it; `remote` is asked only where something is missing.
    ///
    /// # Errors
    /// Those of `remote`, and what does not make a sound address together with it.
    pub(crate) fn complete(
        self,
        remote: impl FnOnce() -> Result<Repository, RemoteError>,
    ) -> Result<Meant, IssueError> {
        let of = |remote: Repository, path: &str, number| {
            let issue = IssueRef::new(&remote.instance(), path, number)?;
            let repository = Repository { path: path.to_owned(), ..remote };
            Ok::<_, RefError>(Meant { issue, repository })
        };
        Ok(match self {
            Self::Issue(meant) => meant,
            Self::Short(number) => {
                let remote = remote()?;
                let path = remote.path.clone();
                of(remote, &path, number)?
            }
            Self::Partial { path, number } => {
                let remote = remote()?;
                // A host without a dot is told from a group by being the remote's own.
                match path.split_once('/') {
                    Some((first, rest)) if first.eq_ignore_ascii_case(&remote.host) && rest.contains('/') => {
                        of(remote, rest, number)?
                    }
                    _ => of(remote, &path, number)?,
                }
            }
        })
    }
}

impl FromStr for Argument {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        let not_a_ref = || RefError::NotARef { text: plain(text) };
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(not_a_ref());
        }
        if text.contains("://") {
            return url::parse(text).map(Self::Issue);
        }
        if let Some(number) = number(text.strip_prefix('#').unwrap_or(text)) {
            return number.map(Self::Short);
        }
        let with_number = text.rsplit_once('#').and_then(|(path, rest)| Some((path, number(rest)?)));
        let Some((path, number)) = with_number else {
            // A browser may leave out the scheme.
            let is_url = text.split_once('/').is_some_and(|(first, _)| is_host(first));
            return if is_url { url::parse(text).map(Self::Issue) } else { Err(not_a_ref()) };
        };
        if !path.contains('/') {
            return Err(not_a_ref());
        }
        let number = number?;
        match path.split_once('/') {
            Some((first, rest)) if is_host(first) && rest.contains('/') => {
                IssueRef::new(first, rest, number).map(|issue| Self::Issue(issue.into()))
            }
            _ => check_path(path).map(|()| Self::Partial { path: path.to_owned(), number }),
        }
    }
}

/// Whether the first part of a path of three or more is a host: groups have dots far less often than hosts have none.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) && !first.starts_with('.') || first == "localhost"
}

#[cfg(test)]
mod tests {
    use super::super::repository::By;
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Argument, RefError> {
        text.parse()
    }

    fn remote(host: &str) -> Repository {
        Repository { host: host.into(), port: None, path: "shoko/kugetsu".into(), by: By::Ssh }
    }

    fn whole(text: &str) -> String {
        read(text).unwrap().complete(|| Ok(remote("git.example.org"))).unwrap().issue.to_string()
    }

    #[test]
    fn every_form_is_understood() {
        for (text, issue) in [
            ("#14", "git.example.org/shoko/kugetsu#14"),
            ("14", "git.example.org/shoko/kugetsu#14"),
            ("a/b#14", "git.example.org/a/b#14"),
            ("my.name/b#14", "git.example.org/my.name/b#14"),
            ("group/sub/b#14", "git.example.org/group/sub/b#14"),
            ("github.com/a/b#14", "github.com/a/b#14"),
            ("GitHub.com/a/b#14", "github.com/a/b#14"),
            ("gitlab.com/group/sub/b#14", "gitlab.com/group/sub/b#14"),
            ("localhost:3000/a/b#14", "localhost:3000/a/b#14"),
            ("localhost:80/a/b#14", "localhost/a/b#14"),
            ("https://github.com/a/b/issues/14#issuecomment-1", "github.com/a/b#14"),
            ("https://github.com/a/b/issues/14#3", "github.com/a/b#14"),
            ("github.com/a/b/issues/14", "github.com/a/b#14"),
        ] {
            assert_eq!(whole(text), issue, "{text}");
        }
        let inside = read("forge/a/b#1").unwrap().complete(|| Ok(remote("forge"))).unwrap();
        assert_eq!(inside.issue, IssueRef::new("forge", "a/b", 1).unwrap());
        let web = Repository { port: Some(3000), by: By::Web { dashed: false }, ..remote("forge") };
        let web = read("14").unwrap().complete(|| Ok(web)).unwrap();
        assert_eq!(web.issue.to_string(), "forge:3000/shoko/kugetsu#14");
        // An sshd's port is not that of the pages.
        let ssh = Repository { port: Some(2222), ..remote("forge") };
        let ssh = read("a/b#14").unwrap().complete(|| Ok(ssh)).unwrap();
        assert_eq!((ssh.issue.to_string().as_str(), ssh.repository.port), ("forge/a/b#14", Some(2222)));
    }

    #[test]
    fn the_remote_is_asked_only_where_something_is_missing() {
        for text in ["github.com/a/b#14", "https://github.com/a/b/issues/14"] {
            assert!(read(text).unwrap().complete(|| Err(RemoteError::NotARepository)).is_ok(), "{text}");
        }
        for text in ["14", "a/b#14"] {
            let error = read(text).unwrap().complete(|| Err(RemoteError::NotARepository)).unwrap_err();
            assert!(matches!(error, IssueError::Remote(RemoteError::NotARepository)), "{text}");
        }
    }

    #[test]
    fn what_names_no_session_is_shown_the_forms() {
        for text in [
            "",
            "#",
            "##14",
            "# 14",
            " 14",
            "14 ",
            "1 4",
            "-1",
            "+14",
            "fourteen",
            "repo#14",
            "a/b",
            "a/b#",
            "a/b#x",
            "a/b#-1",
            "ses_",
            "ses_a b",
            "a\\b#1",
            "a/b\u{0}#1",
            "a/b#1\n",
            "a/b#1\u{a0}",
            "\u{1b}[2J",
            "a/b#1#",
        ] {
            let error = read(text).unwrap_err();
            assert!(matches!(error, RefError::NotARef { .. }), "{text:?}: {error:?}");
            let said = error.to_string();
            assert!(said.contains("user/repo#14") && !said.contains(char::is_control), "{said}");
        }
        for text in
            ["../b#1", "a/..#1", "/a/b#1", "a/b/#1", "a//b#1", "github.com/../b#1", "ses_a/../b#1", "a/b#c#1"]
        {
            assert!(matches!(read(text), Err(RefError::Part { .. })), "{text}: {:?}", read(text));
        }
        assert_eq!(read("a/b#0"), Err(RefError::Zero));
        assert_eq!(read("#00"), Err(RefError::Zero));
        assert_eq!(read("#007"), Err(RefError::LeadingZeros { number: "7".into() }));
        assert!(matches!(read("a/b#99999999999999999999"), Err(RefError::TooLarge { .. })));
        assert!(matches!(read("github.com/a/b"), Err(RefError::NotAnIssueUrl { .. })));
    }

    proptest! {
        #[test]
        fn a_printed_address_is_read_back(
            host in "[a-z0-9]{1,8}(\\.[a-z0-9]{1,5}){1,2}",
            path in "[A-Za-z0-9_~+][A-Za-z0-9._~+-]{0,6}(/[A-Za-z0-9_~+][A-Za-z0-9._~+-]{0,6}){1,3}",
            number in 1..1_u64 << 53,
        ) {
            let issue = IssueRef::new(&host, &path, number).unwrap();
            prop_assert_eq!(issue.to_string().parse(), Ok(issue.clone()));
            prop_assert_eq!(read(&issue.to_string()), Ok(Argument::Issue(issue.clone().into())));
            for url in [format!("https://{host}/{path}/issues/{number}"), format!("http://{host}:80/{path}/-/issues/{number}/?a#b")] {
                let Ok(Argument::Issue(read)) = read(&url) else { panic!("{url}") };
                prop_assert_eq!(&read.issue, &issue);
            }
            prop_assert!(!issue.file_name().contains(['/', '#', '\\']));
        }

        #[test]
        fn any_text_is_survived_and_what_is_accepted_is_safe(text in "\\PC{0,30}|[a.#/:14@-]{0,16}") {
            if let Ok(Ok(Meant { issue, .. })) = read(&text).map(|a| a.complete(|| Ok(remote("x.org")))) {
                prop_assert!(issue.file_name().bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~+".contains(&b)));
                prop_assert!(!issue.path().split('/').any(|part| [".", "..", ""].contains(&part)));
            }
        }
    }
}

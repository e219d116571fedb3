//! Where a repository's issues are, by the URLs of its remotes.

use super::azure;
use super::error::RemoteError;
use super::reference::IssueRef;
use super::repository::{By, Repository, telling, web_port};
use crate::text::plain;

/// Doors of forges where only port 443 is open: their ssh listens there under another name.
const DOORS: [(&str, &str); 3] = [
    ("ssh.github.com", "github.com"),
    ("altssh.gitlab.com", "gitlab.com"),
    ("altssh.bitbucket.org", "bitbucket.org"),
];

const SSH_PORT: u16 = 22;

impl Repository {
    /// Reads a remote's URL: `ssh://`, `git://`, `http(s)://`, or `user@host:path` as scp has it.
    ///
    /// `None` where it leads to no forge: a local path, a `file://` URL, a helper of git's (`ext::`), a path that is not
    /// `user/repo`.
    pub(crate) fn of_remote(url: &str) -> Option<Self> {
        let (authority, path, by) = match url.split_once("://") {
            Some((scheme, rest)) => {
                let by = match scheme.to_ascii_lowercase().as_str() {
                    "ssh" | "git+ssh" | "ssh+git" => By::Ssh,
                    "http" | "https" => By::Web { dashed: false },
                    "git" => By::Git,
                    _ => return None,
                };
                let (authority, path) = rest.split_once('/')?;
                (authority, path, by)
            }
            None => {
                // As git has it: a colon before the first slash.
                let (host, path) = url.split_once(':').filter(|(host, _)| !host.contains('/'))?;
                if path.starts_with(':') || is_drive(host) {
                    return None;
                }
                (host, path, By::Ssh)
            }
        };
        let host = authority.rsplit('@').next()?;
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        let (host, path) = azure::repository(host, path);
        // Its rules are those of an issue's address.
        let issue = IssueRef::new(&host, &path, 1).ok()?;
        let port = host.split_once(':').map(|(_, port)| port);
        let port = match by {
            By::Web { .. } => web_port(port),
            By::Ssh => telling(port, &[SSH_PORT]),
            By::Git | By::Hand => None,
        };
        let (host, port) = match DOORS.iter().find(|(door, _)| *door == issue.host()) {
            Some((_, forge)) => (*forge, None),
            None => (issue.host(), port),
        };
        Some(Self { host: host.to_owned(), port, path: issue.path().to_owned(), by })
    }

    /// The same repository at its forge's own name, where its host is only an alias of ssh's configuration
    /// (`git@work:me/tool` with `Host work`, `HostName github.com`). `hostname` is asked what stands behind a name.
    ///
    /// A forge's real name may lead ssh to an inner name or an address; the issues are at the real name. So a name
    /// that looks like one is given up only for a forge that everybody knows.
    #[must_use]
    pub(crate) fn behind(self, hostname: impl FnOnce(&str) -> Option<String>) -> Self {
        if self.by != By::Ssh || self.is_well_known() {
            return self;
        }
        let found = hostname(&self.host).and_then(|name| Self::of_remote(&format!("{name}:{}", self.path)));
        match found {
            Some(real) if real.is_well_known() => real,
            Some(real) if !is_name(&self.host) && is_name(&real.host) => Self { host: real.host, ..self },
            _ => self,
        }
    }
}

/// Whether it looks like a name of the internet's: its last label is letters alone, which tells it from aliases such
/// as `work` and `github.com-work`, and from addresses.
fn is_name(host: &str) -> bool {
    host.rsplit_once('.').is_some_and(|(_, last)| {
        last.starts_with("xn--") || (last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic()))
    })
}

/// `C:` of Windows; a host of one letter would be read by git as one, too.
fn is_drive(host: &str) -> bool {
    host.len() == 1 && host.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Names and fetch URLs in what `git remote -v` printed.
pub(crate) fn listed(printed: &str) -> Vec<(&str, &str)> {
    let remotes = printed.lines().filter_map(|line| {
        let (name, rest) = line.split_once('\t')?;
        // A partial clone's filter stands behind: `(fetch) [blob:none]`.
        let rest =
            if rest.ends_with(']') { rest.rsplit_once(" [").map_or(rest, |(rest, _)| rest) } else { rest };
        Some((name, rest.strip_suffix(" (fetch)")?))
    });
    remotes.collect()
}

/// Chooses the remote whose issues are meant: of those at a forge `origin`, else the only one, else `upstream`.
///
/// # Errors
/// Where none is at a forge, or it is not clear which is meant.
pub(crate) fn choose(remotes: &[(&str, &str)]) -> Result<Repository, RemoteError> {
    let names = |all: &mut dyn Iterator<Item = &str>| plain(&all.collect::<Vec<_>>().join(", "));
    let mut forges: Vec<(&str, Repository)> =
        remotes.iter().filter_map(|(name, url)| Some((*name, Repository::of_remote(url)?))).collect();
    if remotes.is_empty() {
        return Err(RemoteError::NoRemote);
    }
    let at = |wanted: &str| forges.iter().position(|(name, _)| *name == wanted);
    let only = (forges.len() == 1).then_some(0);
    match at("origin").or(only).or_else(|| at("upstream")) {
        Some(at) => Ok(forges.swap_remove(at).1),
        None if forges.is_empty() => {
            Err(RemoteError::NoForge { names: names(&mut remotes.iter().map(|(name, _)| *name)) })
        }
        None => Err(RemoteError::Ambiguous { names: names(&mut forges.iter().map(|(name, _)| *name)) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(url: &str) -> Option<String> {
        Repository::of_remote(url).map(|remote| format!("{} {}", remote.instance(), remote.path))
    }

    #[test]
    fn urls_of_forges() {
        for (url, host, path) in [
            ("https://github.com/shoko/kugetsu.git", "github.com", "shoko/kugetsu"),
            ("https://github.com/shoko/kugetsu", "github.com", "shoko/kugetsu"),
            ("https://github.com/shoko/kugetsu/", "github.com", "shoko/kugetsu"),
            ("https://me:token@GitHub.com/shoko/kugetsu.git/", "github.com", "shoko/kugetsu"),
            ("http://git.example.org:3000/me/tool.git", "git.example.org:3000", "me/tool"),
            ("https://git.example.org:443/me/tool.git", "git.example.org", "me/tool"),
            ("https://git.example.org/gitea/me/tool.git", "git.example.org", "gitea/me/tool"),
            ("git@github.com:shoko/kugetsu.git", "github.com", "shoko/kugetsu"),
            ("github.com:shoko/kugetsu", "github.com", "shoko/kugetsu"),
            ("git@github.com:/shoko/kugetsu.git", "github.com", "shoko/kugetsu"),
            ("git@gitlab.com:group/sub/deep/repo.git", "gitlab.com", "group/sub/deep/repo"),
            ("ssh://git@git.example.org:2222/me/tool.git", "git.example.org", "me/tool"),
            ("ssh://git.example.org/me/tool", "git.example.org", "me/tool"),
            ("git+ssh://git@x.org/me/tool.git", "x.org", "me/tool"),
            ("git://x.org/me/tool.git", "x.org", "me/tool"),
            ("ssh://git@ssh.github.com:443/shoko/kugetsu.git", "github.com", "shoko/kugetsu"),
            ("git@git.sr.ht:~me/tool", "git.sr.ht", "~me/tool"),
            ("git@work:me/tool.git", "work", "me/tool"),
            ("https://x.org/me/tool.git.git", "x.org", "me/tool.git"),
            ("https://x.org/me/legit", "x.org", "me/legit"),
        ] {
            assert_eq!(read(url), Some(format!("{host} {path}")), "{url}");
        }
        let by_and_port =
            |url: &str| Repository::of_remote(url).map(|remote| (remote.by, remote.port)).unwrap();
        assert_eq!(by_and_port("git@work:me/tool"), (By::Ssh, None));
        assert_eq!(by_and_port("ssh://git@x.org:2222/me/tool"), (By::Ssh, Some(2222)));
        assert_eq!(by_and_port("ssh://git@x.org:22/me/tool"), (By::Ssh, None));
        assert_eq!(by_and_port("https://x.org/me/tool"), (By::Web { dashed: false }, None));
        assert_eq!(by_and_port("git://x.org:9418/me/tool"), (By::Git, None));
    }

    #[test]
    fn what_leads_to_no_forge() {
        for url in [
            "",
            "/srv/git/a/b.git",
            "./a/b",
            "../a/b",
            "~/a/b",
            "a/b",
            "file:///srv/a/b.git",
            "FILE:///a/b",
            "C:/a/b",
            "c:\\a\\b",
            "ext::ssh -p 22 x %S a/b",
            "helper::x/y",
            "https://x.org",
            "https://x.org/",
            "https://x.org/tool.git",
            "git@x.org:tool.git",
            "https:///a/b",
            "git@x.org:a/../b",
            "ssh://[::1]/a/b",
            "git@x.org:a b/c",
            "ftp://x.org/a/b",
            "s3://bucket/a/b",
            "./a:b/c",
            "git@x.org:a/.git",
            "https://x.org/a/\u{1b}[2J",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn an_alias_of_ssh_stands_for_the_forge_behind_it() {
        let behind = |url: &str, hostname: &str| {
            let remote = Repository::of_remote(url).unwrap().behind(|_| Some(hostname.to_owned()));
            assert_eq!(remote.path, "me/tool");
            remote.host
        };
        for (url, hostname, host) in [
            ("git@work:me/tool", "github.com", "github.com"),
            ("git@github.com-work:me/tool", "github.com", "github.com"),
            ("git@work:me/tool", "ssh.github.com", "github.com"),
            ("git@work:me/tool", "git.example.org", "git.example.org"),
            ("git@github.work:me/tool", "github.com", "github.com"),
            // Nothing better is known.
            ("git@work:me/tool", "work", "work"),
            ("git@work:me/tool", "10.0.0.5", "work"),
            ("git@work:me/tool", "fe80::1", "work"),
            ("git@work:me/tool", "-oProxyCommand=x", "work"),
            // A way inside is not where the issues are.
            ("git@git.example.org:me/tool", "inner.example.org", "git.example.org"),
            ("git@git.example.org:me/tool", "10.0.0.5", "git.example.org"),
            ("git@github.com:me/tool", "elsewhere.example.org", "github.com"),
            ("https://work.example.org/me/tool", "github.com", "work.example.org"),
        ] {
            assert_eq!(behind(url, hostname), host, "{url}, {hostname}");
        }
        let unknown = Repository::of_remote("git@work:me/tool").unwrap();
        assert_eq!(unknown.clone().behind(|_| None), unknown);
    }

    #[test]
    fn what_git_prints_is_read() {
        let printed = "origin\tgit@github.com:a/b.git (fetch) [blob:none]\norigin\tgit@github.com:a/b.git (push)\n\
            two words\t/srv/my repo (fetch)\ntwo words\t/srv/my repo (push)\nbroken\n";
        assert_eq!(listed(printed), [("origin", "git@github.com:a/b.git"), ("two words", "/srv/my repo")]);
        assert_eq!(listed("x\thttps://[::1]/a/b (fetch)\n"), [("x", "https://[::1]/a/b")]);
        assert!(listed("").is_empty());
    }

    #[test]
    fn origin_then_the_only_one_then_upstream() {
        let url = |name: &str| format!("https://x.org/{name}/repo");
        let chosen = |names: &[&str]| {
            let urls: Vec<_> = names
                .iter()
                .map(|n| if n.starts_with("local") { "/srv/x".to_owned() } else { url(n) })
                .collect();
            let remotes: Vec<_> = names.iter().copied().zip(urls.iter().map(String::as_str)).collect();
            choose(&remotes).map(|remote| remote.path.trim_end_matches("/repo").to_owned())
        };
        for (names, expected) in [
            (&["fork", "upstream", "origin"][..], "origin"),
            (&["fork"], "fork"),
            (&["fork", "upstream"], "upstream"),
            (&["local", "fork"], "fork"),
            (&["local1", "local2", "fork", "upstream"], "upstream"),
        ] {
            assert_eq!(chosen(names).unwrap(), expected);
        }
        assert!(matches!(chosen(&[]), Err(RemoteError::NoRemote)));
        assert!(
            matches!(chosen(&["local", "local2"]), Err(RemoteError::NoForge { names }) if names == "local, local2")
        );
        assert!(
            matches!(chosen(&["a", "b", "local"]), Err(RemoteError::Ambiguous { names }) if names == "a, b")
        );
    }

    proptest! {
        #[test]
        fn all_ways_to_a_repository_name_the_same(
            host in "[a-z0-9]{2,8}\\.[a-z]{2,5}",
            path in "[A-Za-z0-9_][A-Za-z0-9._-]{0,6}(/[A-Za-z0-9_][A-Za-z0-9_-]{0,6}){1,3}",
            user in "[a-z]{1,5}",
            port in 1..=u16::MAX,
        ) {
            for url in [
                format!("https://{host}/{path}.git"), format!("http://{user}:x@{host}:80/{path}"),
                format!("{user}@{host}:{path}.git"), format!("{host}:/{path}"),
                format!("ssh://{user}@{host}:{port}/{path}.git/"),
            ] {
                prop_assert_eq!(read(&url), Some(format!("{host} {path}")), "{}", url);
            }
        }

        #[test]
        fn any_text_is_survived(text: String) {
            let _ = Repository::of_remote(&text);
            let _ = choose(&listed(&text));
        }
    }
}

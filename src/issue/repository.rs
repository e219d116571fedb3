//! A repository at a forge, by what is known of its address; and whether two addresses can be of one repository.

use super::reference::{IssueRef, NO_PORT};
use std::fmt;

/// Forges that everybody's git knows. They stand at the root of their host, and at its own ports.
const KNOWN: [&str; 7] =
    ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "dev.azure.com", "git.sr.ht", "gitea.com"];

/// How an address was told, which decides what its port and its path say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// By a browser, or by a remote over HTTP: port and path are the forge's own. `dashed`: there was a `/-/` behind the
    /// path, as GitLab writes it, whose groups nest.
    Web { dashed: bool },
    /// By a remote over SSH: its port is sshd's and says nothing of the forge's pages, and a path that the forge stands
    /// below is not in it. `host` may be an alias that only ssh's configuration knows.
    Ssh,
    /// By a remote in git's own protocol, likewise.
    Git,
    /// By hand, or by the index: without a port any may be meant.
    Hand,
}

impl By {
    /// Whether it is a remote that does not tell where the forge's pages are.
    fn is_git(self) -> bool {
        matches!(self, Self::Ssh | Self::Git)
    }

    fn is_web(self) -> bool {
        matches!(self, Self::Web { .. })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Nothing tells them apart.
    Same,
    /// One path is the end of the other: the forge may stand below a path of its host, or it may be a group in a group.
    Below,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// The forge's host, in small letters.
    pub(crate) host: String,
    /// The port, where it is not the protocol's own.
    pub(crate) port: Option<u16>,
    /// The repository, as `user/repo`; groups may nest.
    pub(crate) path: String,
    pub(crate) by: By,
}

impl Repository {
    /// The host of its issues, with the port of its pages where that is known and not the protocol's own.
    pub(crate) fn instance(&self) -> String {
        match self.port.filter(|_| !self.by.is_git()) {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    pub(crate) fn is_well_known(&self) -> bool {
        KNOWN.contains(&self.host.as_str())
    }

    /// Whether a number alone, written in this repository, means an issue at `instance/path`.
    pub(crate) fn is_at(&self, instance: &str, path: &str) -> bool {
        let (host, port) = instance.split_once(':').unwrap_or((instance, ""));
        host.eq_ignore_ascii_case(&self.host)
            && path.eq_ignore_ascii_case(&self.path)
            && (self.by.is_git() || port.parse().ok() == self.port)
    }

    /// What `other` is to it.
    ///
    /// Web pages at two ports are two forges, and so are sshds at two ports. But the port of an sshd says nothing of
    /// the web pages': most forges have 443 for the one and another for the other.
    pub(crate) fn likeness(&self, other: &Self) -> Likeness {
        let ports_differ = match (self.by, other.by) {
            (By::Web { .. }, By::Web { .. }) => self.port != other.port,
            (By::Web { .. }, By::Hand) => other.port.is_some() && self.port != other.port,
            (By::Hand, By::Web { .. }) => self.port.is_some() && self.port != other.port,
            (By::Hand, By::Hand) => self.port.is_some() && other.port.is_some() && self.port != other.port,
            (one, two) if one.is_git() && two.is_git() => {
                self.port.is_some() && other.port.is_some() && self.port != other.port
            }
            _ => false,
        };
        if ports_differ || !self.host.eq_ignore_ascii_case(&other.host) {
            return Likeness::Other;
        }
        if self.path.eq_ignore_ascii_case(&other.path) {
            return Likeness::Same;
        }
        let (long, short) = if self.path.len() > other.path.len() { (self, other) } else { (other, self) };
        // git's own ways never have the path that the forge stands below, and the web's always do.
        let is_certain = !long.by.is_git() && !short.by.is_web();
        match ends_with(&long.path, &short.path) && is_certain && !self.is_well_known() {
            true => Likeness::Below,
            false => Likeness::Other,
        }
    }
}

/// Whether `short` is the last parts of `long`.
fn ends_with(long: &str, short: &str) -> bool {
    let at = long.len().checked_sub(short.len());
    let split = at.filter(|at| *at > 1).and_then(|at| Some((long.get(..at)?, long.get(at..)?)));
    split.is_some_and(|(lead, end)| lead.ends_with('/') && end.eq_ignore_ascii_case(short))
}

/// As a user would write it down.
impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.by, self.port) {
            (By::Ssh, Some(port)) => write!(f, "ssh://{}:{port}/{}", self.host, self.path),
            (By::Ssh, None) => write!(f, "{}:{}", self.host, self.path),
            _ => write!(f, "{}/{}", self.instance(), self.path),
        }
    }
}

impl From<&IssueRef> for Repository {
    fn from(issue: &IssueRef) -> Self {
        Self {
            host: issue.host().to_owned(),
            port: issue.port(),
            path: issue.path().to_owned(),
            by: By::Hand,
        }
    }
}

/// A port of a URL; `None` where it is not given or one that says nothing.
pub(super) fn telling(port: Option<&str>, own: &[u16]) -> Option<u16> {
    port?.parse().ok().filter(|port| !own.contains(port))
}

/// The port of a web address; the same is left out of an issue's address.
pub(super) fn web_port(port: Option<&str>) -> Option<u16> {
    telling(port, &NO_PORT)
}

/// An issue, and what is known of the address of its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meant {
    /// The issue, by the address that was written or completed.
    pub(crate) issue: IssueRef,
    /// Its repository, and how its address was told.
    pub(crate) repository: Repository,
}

impl From<IssueRef> for Meant {
    fn from(issue: IssueRef) -> Self {
        Self { repository: Repository::from(&issue), issue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: By = By::Web { dashed: false };

    fn at(host: &str, port: u16, path: &str, by: By) -> Repository {
        Repository { host: host.into(), port: Some(port).filter(|port| *port > 0), path: path.into(), by }
    }

    #[test]
    fn two_ports_are_two_forges_but_sshs_port_is_not_the_pages() {
        let of = |(a, one): (u16, By), (b, two): (u16, By)| {
            let (a, b) = (at("h", a, "u/r", one), at("H", b, "U/r", two));
            assert_eq!(a.likeness(&b), b.likeness(&a));
            a.likeness(&b)
        };
        use Likeness::{Other, Same};
        for (one, two, expected) in [
            ((3000, WEB), (3001, WEB), Other),
            ((3000, WEB), (0, WEB), Other),
            ((3000, WEB), (3000, WEB), Same),
            ((2222, By::Ssh), (2223, By::Ssh), Other),
            // ssh's configuration may say the port.
            ((2222, By::Ssh), (0, By::Ssh), Same),
            ((2222, By::Ssh), (0, WEB), Same),
            ((2222, By::Ssh), (3000, WEB), Same),
            ((0, By::Hand), (3000, WEB), Same),
            ((3000, By::Hand), (0, WEB), Other),
            ((3000, By::Hand), (3001, By::Hand), Other),
            ((3000, By::Hand), (0, By::Hand), Same),
            ((3000, By::Hand), (2222, By::Ssh), Same),
            ((0, By::Git), (2222, By::Ssh), Same),
        ] {
            assert_eq!(of(one, two), expected, "{one:?} {two:?}");
        }
        assert_eq!(at("h", 0, "u/r", WEB).likeness(&at("i", 0, "u/r", WEB)), Likeness::Other);
    }

    #[test]
    fn a_forge_may_stand_below_a_path() {
        let of = |host: &str, (a, one): (&str, By), (b, two): (&str, By)| {
            let (a, b) = (at(host, 0, a, one), at(host, 0, b, two));
            assert_eq!(a.likeness(&b), b.likeness(&a));
            a.likeness(&b)
        };
        use Likeness::{Below, Other};
        for (host, one, two, expected) in [
            ("h", ("gitea/me/tool", WEB), ("me/tool", By::Ssh), Below),
            ("h", ("gitea/me/tool", WEB), ("me/tool", By::Hand), Below),
            ("h", ("gitea/me/tool", By::Hand), ("Me/tool", By::Ssh), Below),
            ("h", ("gitea/me/tool", WEB), ("me/tool", WEB), Other),
            ("h", ("group/me/tool", By::Ssh), ("me/tool", By::Ssh), Other),
            ("h", ("group/me/tool", By::Ssh), ("me/tool", WEB), Other),
            ("h", ("gitea/theme/tool", WEB), ("me/tool", By::Ssh), Other),
            ("h", ("gitea/me/tool", WEB), ("me/other", By::Ssh), Other),
            ("gitlab.com", ("group/me/tool", WEB), ("me/tool", By::Ssh), Other),
        ] {
            assert_eq!(of(host, one, two), expected, "{host} {one:?} {two:?}");
        }
    }

    #[test]
    fn a_number_alone_means_one_instance() {
        let here = at("h", 3000, "u/r", WEB);
        assert!(here.is_at("h:3000", "U/r") && !here.is_at("h", "u/r") && !here.is_at("h:3001", "u/r"));
        let here = at("h", 2222, "u/r", By::Ssh);
        assert!(here.is_at("h:3000", "u/r") && here.is_at("H", "u/r") && !here.is_at("i", "u/r"));
        assert_eq!([here.instance(), here.to_string()], ["h", "ssh://h:2222/u/r"]);
    }
}

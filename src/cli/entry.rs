//! Which entry of the index an issue has, where its address may be written in several ways.

use crate::index::Index;
use crate::issue::{By, IssueRef, Likeness, Meant, Repository};

/// An entry of the index: the issue as it is spelled there, and its file.
pub(super) type Entry = (String, String);

/// Several entries may be meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Several(pub(super) Vec<String>);

/// The entry of `meant`: the one that is spelled like it, or else the only one that nothing tells apart from it.
///
/// `here` is the repository that the user stands in, `works_in` that of the directory in which the session of a file
/// works. They tell whether one address without a port stands for another with one, and whether a forge stands below a
/// path.
pub(super) fn find(
    index: &Index,
    meant: &Meant,
    here: Option<&Repository>,
    works_in: impl Fn(&str) -> Option<Repository>,
) -> Result<Option<Entry>, Several> {
    if let Some((issue, file)) = exact(index, meant) {
        return Ok(Some((issue.to_owned(), file.to_owned())));
    }
    let wanted = &meant.repository;
    let is_here = |path: &str| {
        here.is_some_and(|here| {
            here.by == By::Ssh
                && here.host.eq_ignore_ascii_case(&wanted.host)
                && here.path.eq_ignore_ascii_case(path)
        })
    };
    let fits = |address: &IssueRef, file: &str| {
        let spelled = Repository::from(address);
        // A directory of another repository says nothing of this issue.
        let known = works_in(file).filter(|known| known.likeness(&spelled) != Likeness::Other);
        // GitLab's groups nest, so there it is more likely a group in a group.
        let nests = wanted.by == By::Web { dashed: true };
        match known.as_ref().map(|known| known.likeness(wanted)) {
            Some(Likeness::Below) if nests => is_here(address.path()),
            Some(likeness) => likeness != Likeness::Other,
            None => match spelled.likeness(wanted) {
                Likeness::Same => true,
                Likeness::Below => is_here(address.path()),
                Likeness::Other => false,
            },
        }
    };
    let near = index.near(&meant.issue).into_iter().filter(|(_, file, address)| fits(address, file));
    let mut fitting: Vec<Entry> = near.map(|(issue, file, _)| (issue.to_owned(), file.to_owned())).collect();
    match fitting.len() {
        0 | 1 => Ok(fitting.pop()),
        _ => Err(Several(fitting.into_iter().map(|(issue, _)| issue).collect())),
    }
}

/// The entry that is spelled like `meant`. Where the port of its sshd is known, that is a part of the spelling.
fn exact<'i>(index: &'i Index, meant: &Meant) -> Option<(&'i str, &'i str)> {
    match own_port(meant) {
        Some(port) => index.find(&meant.issue.at_port(port).ok()?),
        None => index.find(&meant.issue),
    }
}

/// The port of the sshd that a remote names.
fn own_port(meant: &Meant) -> Option<u16> {
    meant.repository.port.filter(|_| meant.repository.by == By::Ssh && !meant.repository.is_well_known())
}

/// How the entry of an issue that has none is to be spelled.
pub(super) fn new_name(index: &Index, meant: &Meant, here: Option<&Repository>) -> IssueRef {
    let issue = &meant.issue;
    // An address in a browser has the path that a forge stands below; the repository's own name is what git has.
    let below = here.filter(|here| {
        here.by == By::Ssh
            && matches!(meant.repository.by, By::Web { .. })
            && here.likeness(&meant.repository) == Likeness::Below
    });
    let renamed = match below {
        Some(here) => IssueRef::new(issue.instance(), &here.path, issue.number()).ok(),
        None => {
            own_port(meant).filter(|_| index.find(issue).is_some()).and_then(|port| issue.at_port(port).ok())
        }
    };
    renamed.unwrap_or_else(|| issue.clone())
}

/// Whether the session of `address` is of another repository than `here`. `known` is the repository of the directory in
/// which it works; it is asked only where the address leaves a doubt.
pub(super) fn is_another(
    here: &Repository,
    address: &IssueRef,
    known: impl FnOnce() -> Option<Repository>,
) -> bool {
    let address = Repository::from(address);
    let likeness = here.likeness(&address);
    if likeness == Likeness::Other || here.is_well_known() {
        return likeness == Likeness::Other;
    }
    match known().filter(|known| known.likeness(&address) != Likeness::Other) {
        Some(known) => here.likeness(&known) == Likeness::Other,
        None => likeness == Likeness::Below,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Argument;

    fn repository(url: &str) -> Repository {
        Repository::of_remote(url).unwrap()
    }

    /// An index of these issues; the session of each works in a clone of the remote behind it.
    struct World(Vec<(&'static str, &'static str)>);

    impl World {
        fn index(&self) -> Index {
            let mut index = Index::default();
            for (n, (issue, _)) in self.0.iter().enumerate() {
                index.insert(issue, &format!("{n}.json"));
            }
            index
        }

        fn meant(&self, text: &str, here: &str) -> Meant {
            let remote = Repository::of_remote(here).ok_or(crate::issue::RemoteError::NoRemote);
            text.parse::<Argument>().unwrap().complete(|| remote).unwrap()
        }

        fn find(&self, text: &str, here: &str) -> Result<Option<String>, Several> {
            let works_in = |file: &str| {
                let (n, _) = file.split_once('.').unwrap();
                Repository::of_remote(self.0[n.parse::<usize>().unwrap()].1)
            };
            let here_is = Repository::of_remote(here);
            let found = find(&self.index(), &self.meant(text, here), here_is.as_ref(), works_in);
            found.map(|entry| entry.map(|(issue, _)| issue))
        }

        fn new_name(&self, text: &str, here: &str) -> String {
            let here_is = Repository::of_remote(here);
            new_name(&self.index(), &self.meant(text, here), here_is.as_ref()).to_string()
        }

        #[track_caller]
        fn leads(&self, text: &str, here: &str, to: &str) {
            let to = Some(to.to_owned()).filter(|to| !to.is_empty());
            assert_eq!(self.find(text, here), Ok(to), "{text} in {here}");
        }
    }

    #[test]
    fn two_repositories_on_one_host_and_different_ports_are_two() {
        let world = World(vec![("h:3000/u/r#1", "http://h:3000/u/r")]);
        world.leads("1", "http://h:3000/u/r", "h:3000/u/r#1");
        world.leads("1", "http://h:3001/u/r", "");
        world.leads("1", "https://h/u/r", "");
        world.leads("http://h:3001/u/r/issues/1", "http://h:3000/u/r", "");
        assert_eq!(world.new_name("1", "http://h:3001/u/r"), "h:3001/u/r#1");
        let world = World(vec![("h:3000/u/r#1", ""), ("h:3001/u/r#1", "")]);
        world.leads("1", "http://h:3001/u/r", "h:3001/u/r#1");
        // Over SSH either may be meant, and so it is if none is written.
        assert!(world.find("1", "ssh://git@h:2222/u/r").is_err());
        assert!(world.find("u/r#1", "git@h:u/r").is_err());
        world.leads("h:3000/u/r#1", "", "h:3000/u/r#1");
    }

    #[test]
    fn an_entry_of_old_without_a_port_is_found_where_it_is_unambiguous() {
        let world = World(vec![("h/u/r#1", "")]);
        for here in ["http://h:3000/u/r", "https://h/u/r", "ssh://git@h:2222/u/r", "git@h:u/r"] {
            world.leads("1", here, "h/u/r#1");
        }
        // Where its session works in a clone of another port, it is that one's.
        let world = World(vec![("h/u/r#1", "http://h:3000/u/r")]);
        world.leads("1", "http://h:3000/u/r", "h/u/r#1");
        world.leads("1", "http://h:3001/u/r", "");
        world.leads("1", "ssh://git@h:2222/u/r", "h/u/r#1");
        // Of two, the one that is written is meant.
        let world = World(vec![("h/u/r#1", ""), ("h:2222/u/r#1", "")]);
        world.leads("1", "http://h:2222/u/r", "h:2222/u/r#1");
        world.leads("1", "ssh://git@h:2222/u/r", "h:2222/u/r#1");
        world.leads("1", "http://h:3000/u/r", "h/u/r#1");
        world.leads("1", "https://h/u/r", "h/u/r#1");
    }

    #[test]
    fn one_forge_by_ssh_at_one_port_and_by_the_web_at_another_is_one() {
        for (entry, works_in) in [
            ("h/u/r#1", "ssh://git@h:2222/u/r"),
            ("h/u/r#1", "https://h/u/r"),
            ("h/u/r#1", "git@h:u/r"),
            ("h:3000/u/r#1", "http://h:3000/u/r"),
        ] {
            let world = World(vec![(entry, works_in)]);
            world.leads("1", "ssh://git@h:2222/u/r", entry);
            world.leads("1", "git@h:u/r", entry);
            let web = if entry.contains(":3000") { "http://h:3000" } else { "https://h" };
            world.leads("1", &format!("{web}/u/r.git"), entry);
            world.leads(&format!("{web}/u/r/issues/1"), "", entry);
        }
        let world = World(vec![]);
        assert_eq!(world.new_name("1", "ssh://git@h:2222/u/r"), "h/u/r#1");
    }

    #[test]
    fn two_sshds_of_one_host_are_two_forges() {
        let world = World(vec![("h/u/r#1", "ssh://git@h:2222/u/r")]);
        world.leads("1", "ssh://git@h:2223/u/r", "");
        assert_eq!(world.new_name("1", "ssh://git@h:2223/u/r"), "h:2223/u/r#1");
        let world =
            World(vec![("h/u/r#1", "ssh://git@h:2222/u/r"), ("h:2223/u/r#1", "ssh://git@h:2223/u/r")]);
        world.leads("1", "ssh://git@h:2222/u/r", "h/u/r#1");
        world.leads("1", "ssh://git@h:2223/u/r", "h:2223/u/r#1");
    }

    #[test]
    fn a_forge_below_a_path_has_one_session_for_an_issue() {
        let url = "https://h/gitea/me/tool/issues/3";
        let world = World(vec![("h/me/tool#3", "git@h:me/tool")]);
        for here in ["git@h:me/tool", "", "git@h:you/other"] {
            world.leads(url, here, "h/me/tool#3");
        }
        world.leads("3", "https://h/gitea/me/tool.git", "h/me/tool#3");
        let world = World(vec![("h/gitea/me/tool#3", "git@h:me/tool")]);
        world.leads("3", "git@h:me/tool", "h/gitea/me/tool#3");
        world.leads(url, "", "h/gitea/me/tool#3");
        let world = World(vec![]);
        assert_eq!(world.new_name(url, "git@h:me/tool"), "h/me/tool#3");
        assert_eq!(world.new_name(url, ""), "h/gitea/me/tool#3");
        assert_eq!(
            world.new_name("https://h:8443/gitea/me/tool/issues/3", "git@h:me/tool"),
            "h:8443/me/tool#3"
        );
        // A group in a group is another repository.
        let world = World(vec![("h/me/tool#3", "git@h:me/tool")]);
        world.leads("3", "git@h:group/me/tool", "");
        world.leads("https://h/group/me/tool/-/issues/3", "", "");
        world.leads("https://h/gitlab/me/tool/-/issues/3", "git@h:me/tool", "h/me/tool#3");
        let world = World(vec![("gitlab.com/me/tool#3", "git@gitlab.com:me/tool")]);
        world.leads("https://gitlab.com/group/me/tool/-/issues/3", "git@gitlab.com:me/tool", "");
        let world = World(vec![("h/group/me/tool#3", "git@h:group/me/tool")]);
        world.leads("3", "git@h:me/tool", "");
    }

    #[test]
    fn both_forms_of_azure_devops_and_a_work_item_are_one() {
        let world = World(vec![("dev.azure.com/org/project#14", "")]);
        for (text, here) in [
            ("14", "git@ssh.dev.azure.com:v3/org/project/repo"),
            ("14", "https://org@dev.azure.com/org/project/_git/repo"),
            ("14", "https://org.visualstudio.com/DefaultCollection/project/_git/other"),
            ("https://dev.azure.com/org/project/_workitems/edit/14", ""),
        ] {
            world.leads(text, here, "dev.azure.com/org/project#14");
        }
    }

    #[test]
    fn another_repository_than_that_of_the_directory_is_told() {
        let another = |here: &str, issue: &str, works_in: &str| {
            is_another(&repository(here), &issue.parse().unwrap(), || Repository::of_remote(works_in))
        };
        for (here, issue, works_in, expected) in [
            ("git@github.com:me/tool", "github.com/me/tool#1", "", false),
            ("git@github.com:me/tool", "github.com/me/other#1", "", true),
            ("http://h:3001/u/r", "h/u/r#1", "http://h:3000/u/r", true),
            ("http://h:3001/u/r", "h/u/r#1", "", false),
            ("http://h:3001/u/r", "h:3000/u/r#1", "", true),
            ("ssh://git@h:2222/u/r", "h/u/r#1", "https://h/u/r", false),
            ("ssh://git@h:2222/u/r", "h/u/r#1", "ssh://git@h:2223/u/r", true),
            ("git@h:me/tool", "h/gitea/me/tool#1", "git@h:me/tool", false),
            ("git@h:me/tool", "h/group/me/tool#1", "", true),
        ] {
            assert_eq!(another(here, issue, works_in), expected, "{here} {issue} {works_in}");
        }
    }
}

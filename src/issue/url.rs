//! URLs of issues.

use super::azure;
use super::error::RefError;
use super::reference::{IssueRef, number};
use super::repository::{By, Meant, Repository};
use crate::text::plain;

/// What a forge calls its issues in a URL; GitLab has begun to call them work items.
const ISSUES: [&str; 2] = ["issues", "work_items"];

const REQUESTS: [&str; 5] = ["pull", "pulls", "merge_requests", "pull-requests", "pullrequest"];

/// Reads the URL of an issue, as a browser shows it: `https://github.com/user/repo/issues/14`, with `/-/` before
/// `issues` at GitLab, and a work item's at Azure DevOps. Fragment, user, and what follows the number do not matter.
pub(super) fn parse(text: &str) -> Result<Meant, RefError> {
    let not_an_issue = || RefError::NotAnIssueUrl { text: plain(text) };
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            rest
        }
        Some(_) => return Err(not_an_issue()),
        None => text,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').ok_or_else(not_an_issue)?;
    let instance = authority.rsplit('@').next().unwrap_or_default();
    if let Some((host, path, number)) = azure::work_item(instance, path, query) {
        return Ok(meant(IssueRef::new(&host, &path, number?)?, false));
    }
    let segments: Vec<&str> = path.split('/').collect();
    let found = (2..segments.len().saturating_sub(1)).find_map(|at| {
        let kind = segments[at];
        (ISSUES.contains(&kind) || REQUESTS.contains(&kind))
            .then(|| Some((at, kind, number(segments[at + 1])?)))?
    });
    let Some((at, kind, number)) = found else { return Err(not_an_issue()) };
    if REQUESTS.contains(&kind) {
        return Err(RefError::PullRequest { text: plain(text) });
    }
    let dashed = segments[at - 1] == "-";
    if dashed && segments[0] == "groups" {
        return Err(RefError::OfGroup { text: plain(text) });
    }
    let end = if dashed { at - 1 } else { at };
    Ok(meant(IssueRef::new(instance, &segments[..end].join("/"), number?)?, dashed))
}

fn meant(issue: IssueRef, dashed: bool) -> Meant {
    let repository = Repository { by: By::Web { dashed }, ..Repository::from(&issue) };
    Meant { issue, repository }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, RefError> {
        parse(text).map(|meant| meant.issue.to_string())
    }

    #[test]
    fn what_browsers_show_is_understood() {
        for (url, issue) in [
            ("https://github.com/shoko/kugetsu/issues/14", "github.com/shoko/kugetsu#14"),
            ("HTTP://GitHub.com/shoko/kugetsu/issues/14/", "github.com/shoko/kugetsu#14"),
            ("https://github.com/a/b/issues/14#issuecomment-99", "github.com/a/b#14"),
            ("https://github.com/a/b/issues/14?notification_referrer_id=x#15", "github.com/a/b#14"),
            ("github.com/a/b/issues/14", "github.com/a/b#14"),
            ("https://gitlab.com/group/sub/repo/-/issues/14", "gitlab.com/group/sub/repo#14"),
            ("https://gitlab.com/group/sub/repo/-/work_items/14", "gitlab.com/group/sub/repo#14"),
            ("https://gitlab.com/group/repo/issues/14/designs", "gitlab.com/group/repo#14"),
            ("http://git.example.org:3000/me/tool/issues/2", "git.example.org:3000/me/tool#2"),
            ("https://git.example.org:443/me/tool/issues/2", "git.example.org/me/tool#2"),
            ("https://git.example.org/gitea/me/tool/issues/2", "git.example.org/gitea/me/tool#2"),
            ("https://gitea.example.org/groups/tool/issues/2", "gitea.example.org/groups/tool#2"),
            ("https://dev.azure.com/org/My%20Project/_workitems/edit/14/", "dev.azure.com/org/My+Project#14"),
            (
                "https://org.visualstudio.com/project/_boards/board/t/T?workitem=14",
                "dev.azure.com/org/project#14",
            ),
            ("https://me:secret@git.example.org/me/tool/issues/2", "git.example.org/me/tool#2"),
            ("https://x.org/a/issues/issues/3", "x.org/a/issues#3"),
            ("https://x.org/a/pull/issues/3", "x.org/a/pull#3"),
        ] {
            assert_eq!(read(url).as_deref(), Ok(issue), "{url}");
        }
    }

    #[test]
    fn pull_requests_are_refused_as_that() {
        for url in [
            "https://github.com/a/b/pull/14",
            "https://github.com/a/b/pull/14/files#diff-1",
            "https://gitlab.com/g/s/r/-/merge_requests/14",
            "https://codeberg.org/a/b/pulls/14",
            "https://bitbucket.org/a/b/pull-requests/14",
            "https://dev.azure.com/org/project/_git/repo/pullrequest/14",
        ] {
            assert!(matches!(read(url), Err(RefError::PullRequest { .. })), "{url}");
        }
    }

    #[test]
    fn an_issue_of_a_group_is_no_repositorys() {
        for url in
            ["https://gitlab.com/groups/g/-/issues/14", "https://gitlab.com/groups/g/sub/-/work_items/14"]
        {
            let error = read(url).unwrap_err();
            assert!(matches!(error, RefError::OfGroup { .. }), "{url}: {error:?}");
            assert!(error.to_string().contains("group"), "{error}");
        }
    }

    #[test]
    fn other_urls_are_not_taken_for_an_issue() {
        for url in [
            "https://github.com/a/b",
            "https://github.com/a/b/issues",
            "https://github.com/a/b/issues/",
            "https://github.com/a/b/issues/new",
            "https://github.com/a/issues/14",
            "https://github.com",
            "https://",
            "ssh://git@github.com/a/b/issues/14",
            "file:///a/b/c/issues/14",
        ] {
            assert!(matches!(read(url), Err(RefError::NotAnIssueUrl { .. })), "{url}: {:?}", read(url));
        }
        assert_eq!(read("https://x.org/a/b/issues/0"), Err(RefError::Zero));
        for url in
            ["https://x.org/a/../issues/1", "https://x.org/a//b/issues/1", "https://x.org/a/%2e%2e/issues/1"]
        {
            assert!(matches!(read(url), Err(RefError::Part { .. })), "{url}");
        }
        assert!(matches!(read("https:///a/b/issues/1"), Err(RefError::Instance { .. })));
    }
}

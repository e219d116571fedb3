//! Azure DevOps has addresses of its own: repositories and work items belong to a project, and a number means the same
//! work item in all repositories of a project. So `org/project` stands in place of `user/repo`.

use super::error::RefError;
use super::reference::number;

const FORGE: &str = "dev.azure.com";

/// Its sshd, now and before it had that name.
const DOORS: [&str; 2] = ["ssh.dev.azure.com", "vs-ssh.visualstudio.com"];

/// What its host was called before: `org.visualstudio.com`.
const FORMER: &str = ".visualstudio.com";

/// What may stand before the project, and says nothing.
const COLLECTION: &str = "DefaultCollection";

/// Host and path as they are, or those of the project where they are of a repository at Azure DevOps, in the cloud or on
/// a server: `ssh.dev.azure.com:v3/org/project/repo`, `dev.azure.com/org/project/_git/repo`,
/// `org.visualstudio.com/project/_git/repo`.
pub(super) fn repository(host: &str, path: &str) -> (String, String) {
    let (name, _) = host.split_once(':').unwrap_or((host, ""));
    let parts: Vec<&str> = path.split('/').collect();
    if DOORS.iter().any(|door| name.eq_ignore_ascii_case(door))
        && let ["v3", organisation, project, _] = parts.as_slice()
    {
        return (FORGE.to_owned(), spaced(&format!("{organisation}/{project}")));
    }
    let Some(at) = parts.iter().position(|part| *part == "_git") else {
        return (host.to_owned(), path.to_owned());
    };
    let mut before = parts.get(..at).unwrap_or_default().to_vec();
    // The project's first repository is called as the project, whose own name is left out then.
    let whole = if is_former(name) { 1 } else { 2 };
    before.retain(|part| !part.eq_ignore_ascii_case(COLLECTION));
    if before.len() < whole {
        before.extend(parts.get(at + 1));
    }
    project(host, &before)
}

/// Host, path and number of a work item: `dev.azure.com/org/project/_workitems/edit/14`, or any page of the project with
/// `workitem=14` in its query. `None` where the address is of something else.
pub(super) fn work_item(
    host: &str,
    path: &str,
    query: &str,
) -> Option<(String, String, Result<u64, RefError>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let (at, digits) = match parts.iter().position(|part| *part == "_workitems") {
        Some(at) if parts.get(at + 1) == Some(&"edit") => (at, *parts.get(at + 2)?),
        _ if is_cloud(host) => {
            let digits = query.split('&').find_map(|pair| pair.strip_prefix("workitem="))?;
            (parts.iter().position(|part| part.starts_with('_'))?, digits)
        }
        _ => return None,
    };
    let number = number(digits)?;
    let (host, path) = project(host, parts.get(..at)?);
    Some((host, path, number))
}

fn project(host: &str, parts: &[&str]) -> (String, String) {
    match host.split_at_checked(host.len().saturating_sub(FORMER.len())) {
        Some((organisation, former)) if is_former(host) && former.eq_ignore_ascii_case(FORMER) => {
            let parts: Vec<&str> =
                parts.iter().copied().filter(|part| !part.eq_ignore_ascii_case(COLLECTION)).collect();
            (FORGE.to_owned(), spaced(&format!("{organisation}/{}", parts.join("/"))))
        }
        _ => (host.to_owned(), spaced(&parts.join("/"))),
    }
}

fn is_cloud(host: &str) -> bool {
    host.eq_ignore_ascii_case(FORGE) || is_former(host)
}

fn is_former(host: &str) -> bool {
    host.len() > FORMER.len() && host.to_ascii_lowercase().ends_with(FORMER)
}

/// Projects may have spaces in their names, and never a `+`, which can stand in an issue's address.
fn spaced(path: &str) -> String {
    path.replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_a_repository_lead_to_its_project() {
        for (host, path, project) in [
            ("ssh.dev.azure.com", "v3/org/project/repo", "dev.azure.com org/project"),
            ("vs-ssh.visualstudio.com", "v3/org/project/repo", "dev.azure.com org/project"),
            ("dev.azure.com", "org/project/_git/repo", "dev.azure.com org/project"),
            ("dev.azure.com", "org/_git/project", "dev.azure.com org/project"),
            ("dev.azure.com", "org/My%20Project/_git/repo", "dev.azure.com org/My+Project"),
            ("org.visualstudio.com", "project/_git/repo", "dev.azure.com org/project"),
            ("org.visualstudio.com", "DefaultCollection/project/_git/repo", "dev.azure.com org/project"),
            ("org.visualstudio.com", "_git/project", "dev.azure.com org/project"),
            ("org.visualstudio.com", "DefaultCollection/_git/project", "dev.azure.com org/project"),
            ("tfs.example.org:8080", "tfs/all/project/_git/repo", "tfs.example.org:8080 tfs/all/project"),
            ("github.com", "me/tool", "github.com me/tool"),
        ] {
            let (host, path) = repository(host, path);
            assert_eq!(format!("{host} {path}"), project);
        }
    }

    #[test]
    fn a_work_item_is_the_projects() {
        let at = |host, path, query| {
            let found = work_item(host, path, query);
            found.map(|(host, path, number)| format!("{host}/{path}#{}", number.unwrap()))
        };
        let whole = Some("dev.azure.com/org/project#14".to_owned());
        assert_eq!(at("dev.azure.com", "org/project/_workitems/edit/14", ""), whole);
        assert_eq!(at("dev.azure.com", "org/project/_workitems/edit/14/", ""), whole);
        assert_eq!(at("org.visualstudio.com", "project/_workitems/edit/14", ""), whole);
        assert_eq!(at("dev.azure.com", "org/project/_boards/board/t/Team", "a=b&workitem=14"), whole);
        assert_eq!(at("dev.azure.com", "org/project/_boards/board", "workitem=x"), None);
        assert_eq!(at("example.org", "org/project/_boards/board", "workitem=14"), None);
        assert_eq!(at("dev.azure.com", "org/project/_workitems/recent", ""), None);
    }
}

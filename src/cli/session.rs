//! SESSION, wherever one is asked for.

use super::context::Context;
use super::entry::{self, Entry, Several};
use super::error::{CliError, Exit};
use crate::disk::{self, Lock};
use crate::index::Index;
use crate::issue::{Argument, IssueError, IssueRef, Meant, RefError, RemoteError, Repository};
use crate::session::is_session_id;
use crate::text::{plain, quoted};
use crate::trip::{TripError, check_here};
use std::path::PathBuf;

/// The step that all of it belongs to.
const STEP: &str = "resolve";

/// A session that is known, by whatever name it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) session: String,
    pub(super) issue: Option<String>,
    /// The file in `sessions/` that says so.
    pub(super) file: Option<String>,
}

/// What an issue is that is to be started.
pub(super) enum ToStart {
    /// It has a session.
    Started(Resolved),
    /// It has none, and is to be called so.
    New(IssueRef),
}

/// The session that `text` means, in any of the forms of a SESSION. Whether opencode still has it is not asked.
///
/// An issue without a session is refused and no wrong usage: the same words are right once it was started.
pub(super) fn resolve(context: &Context, text: &str) -> Result<Resolved, CliError> {
    let found = if is_session_id(text) {
        of_session(context, text)
    } else {
        let (issue, file) = listed(context, text)?;
        let file = file.ok_or_else(|| {
            CliError::new(Exit::Refused, STEP, format!("{issue} has no session yet"))
                .with_hint(format!("make one: kugetsu start {}", quoted(text)))
        })?;
        of_file(context, text, issue, file)?
    };
    tell_another(context, found.issue.as_deref(), found.file.as_deref());
    Ok(found)
}

/// The session of an issue that has one.
fn of_file(context: &Context, text: &str, issue: String, file: String) -> Result<Resolved, CliError> {
    let store = context.index();
    match store.read(&file)? {
        Some(found) => Ok(Resolved { session: found.session, issue: Some(issue), file: Some(file) }),
        None => {
            let message = format!("the file of {issue} is gone: {}", store.path_of(&file).display());
            Err(CliError::new(Exit::Refused, STEP, message)
                .with_hint(format!("forget it, and start anew: kugetsu destroy {}", quoted(text))))
        }
    }
}

/// As [`resolve`], for the id alone: to find the issue of a session, the files of all issues are read.
pub(super) fn resolve_id(context: &Context, text: &str) -> Result<String, CliError> {
    if is_session_id(text) { Ok(text.to_owned()) } else { Ok(resolve(context, text)?.session) }
}

/// The issue that `text` means, as the index spells it, and its file; without one where it has no session. What stands
/// in the index just so is meant, whether or not we would write it like that.
pub(super) fn listed(context: &Context, text: &str) -> Result<(String, Option<String>), CliError> {
    if is_session_id(text) {
        let Resolved { issue, file, .. } = of_session(context, text);
        return Ok((issue.ok_or_else(|| no_issue(text))?, file));
    }
    let index = context.index().index()?;
    if let Some((issue, file)) = index.spelled(text) {
        return Ok((issue.to_owned(), Some(file.to_owned())));
    }
    let (meant, entry) = known(context, text, &index)?;
    Ok(entry.map_or_else(|| (meant.issue.to_string(), None), |(issue, file)| (issue, Some(file))))
}

/// The issue that is to be started: its session where it has one, or how it is to be called.
pub(super) fn to_start(context: &Context, text: &str) -> Result<ToStart, CliError> {
    if is_session_id(text) {
        let found = of_session(context, text);
        return if found.issue.is_some() { Ok(ToStart::Started(found)) } else { Err(no_issue(text)) };
    }
    let index = context.index().index()?;
    if index.spelled(text).is_some() {
        return resolve(context, text).map(ToStart::Started);
    }
    let (meant, entry) = known(context, text, &index)?;
    if let Some((issue, file)) = entry {
        let found = of_file(context, text, issue, file)?;
        tell_another(context, found.issue.as_deref(), found.file.as_deref());
        return Ok(ToStart::Started(found));
    }
    let name = entry::new_name(&index, &meant, context.remote().ok().as_ref());
    tell_another(context, Some(&name.to_string()), None);
    Ok(ToStart::New(name))
}

/// The issue that `text` means, and its entry in the index, if it has one.
fn known(context: &Context, text: &str, index: &Index) -> Result<(Meant, Option<Entry>), CliError> {
    let argument =
        text.parse().map_err(|error: RefError| CliError::new(Exit::Usage, "arguments", error.to_string()))?;
    let meant = complete(context, argument, index)?;
    let here = if index.near(&meant.issue).is_empty() { None } else { context.remote().ok() };
    let works_in = |file: &str| works_in(context, file).and_then(|(_, repository)| repository);
    match entry::find(index, &meant, here.as_ref(), works_in) {
        Ok(entry) => Ok((meant, entry)),
        Err(Several(names)) => Err(several(&meant.issue.to_string(), &names)),
    }
}

/// The directory in which the session of a file works, and its repository, where that is known.
fn works_in(context: &Context, file: &str) -> Option<(PathBuf, Option<Repository>)> {
    let directory = PathBuf::from(context.index().read(file).ok()??.directory?);
    let repository = context.remote_of(&directory).ok();
    Some((directory, repository))
}

/// Says so if an issue is of another repository than the working directory's: the user may not mean that one.
fn tell_another(context: &Context, issue: Option<&str>, file: Option<&str>) {
    let Some(address) = issue.and_then(|issue| issue.parse::<IssueRef>().ok()) else { return };
    let Ok(here) = context.remote() else { return };
    let place = || file.and_then(|file| works_in(context, file));
    if !entry::is_another(&here, &address, || place().and_then(|(_, repository)| repository)) {
        return;
    }
    let at = match place() {
        Some((directory, Some(repository))) => {
            format!("; its session works in {} ({repository})", context.tilde(&directory))
        }
        Some((directory, None)) => format!("; its session works in {}", context.tilde(&directory)),
        None => String::new(),
    };
    context.ui.note(&format!("{address} is of another repository than this directory ({here}){at}"));
}

fn no_issue(text: &str) -> CliError {
    let wrong = RemoteError::CURE;
    CliError::usage(format!("{} is no issue's session", plain(text)), format!("name the issue: {wrong}"))
}

/// A session named by its own id, and the issue that it is recorded for. An index that cannot be read does not stand
/// in the way of a session that needs none.
fn of_session(context: &Context, session: &str) -> Resolved {
    let store = context.index();
    let index = store.index().unwrap_or_else(|error| {
        context.ui.note(&format!("{error}, so it is not known whether {session} is an issue's"));
        Index::default()
    });
    let found = store.issue_of(&index, session);
    let (issue, file) = found.map(|(issue, file)| (issue.to_owned(), file.to_owned())).unzip();
    Resolved { session: session.to_owned(), issue, file }
}

/// The whole address: completed from the directory's remote or, where that tells nothing and the repository is named,
/// from the one issue in the index that can be meant.
fn complete(context: &Context, argument: Argument, index: &Index) -> Result<Meant, CliError> {
    argument.clone().complete(|| context.remote()).or_else(|error| {
        let wrong = CliError::new(Exit::Usage, STEP, error.to_string());
        match (error, argument) {
            (IssueError::Remote(_), Argument::Partial { path, number }) => {
                only_known(index, &path, number).map(Meant::from)
            }
            (IssueError::Remote(_), _) => Err(wrong.with_hint(RemoteError::CURE)),
            (IssueError::Ref(_), _) => Err(wrong),
        }
    })
}

fn several(named: &str, names: &[String]) -> CliError {
    CliError::new(Exit::Usage, STEP, format!("{named} is known at several forges"))
        .with_hint(format!("write the whole address: {}", names.join(" or ")))
}

/// The issue of the index whose repository and number these are; `path` may begin with its host.
fn only_known(index: &Index, path: &str, number: u64) -> Result<IssueRef, CliError> {
    let known = index.issues().filter_map(|(issue, _)| issue.parse::<IssueRef>().ok());
    let mut meant: Vec<IssueRef> = known
        .filter(|issue| {
            let whole = format!("{}/{}", issue.host(), issue.path());
            issue.number() == number
                && (issue.path().eq_ignore_ascii_case(path) || whole.eq_ignore_ascii_case(path))
        })
        .collect();
    let named = format!("{path}#{number}");
    match (meant.pop(), meant.is_empty()) {
        (Some(issue), true) => Ok(issue),
        (Some(issue), false) => {
            let names: Vec<String> = meant.iter().chain([&issue]).map(ToString::to_string).collect();
            Err(several(&named, &names))
        }
        (None, _) => {
            let message = format!("no git remote tells where {named} is, and no session of it is known");
            Err(CliError::new(Exit::Usage, STEP, message)
                .with_hint(format!("write its host, too, as github.com/{named}")))
        }
    }
}

/// Takes a session's lock, to change its rows: it must be here, and nobody may run or move it meanwhile, nor what a killed
/// run left.
pub(super) fn hold(context: &Context, session: &str, command: &str) -> Result<Lock, CliError> {
    let taken = disk::take_session(context.kugetsu_home(), session, command)?;
    let lock = taken.map_err(|by| TripError::Busy { session: session.to_owned(), by })?;
    check_here(&context.store(), session, false)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(issues: &[&str]) -> Index {
        let mut index = Index::default();
        for (n, issue) in issues.iter().enumerate() {
            index.insert(issue, &format!("{n}.json"));
        }
        index
    }

    #[test]
    fn the_only_issue_that_can_be_meant_is_meant() {
        let index = index(&[
            "github.com/me/tool#1",
            "github.com/me/tool#2",
            "git.example.org/me/tool#2",
            "forge/group/sub/tool#3",
        ]);
        let known = |path: &str, number| only_known(&index, path, number).map(|issue| issue.to_string());
        assert_eq!(known("me/tool", 1).unwrap(), "github.com/me/tool#1");
        assert_eq!(known("Me/Tool", 1).unwrap(), "github.com/me/tool#1");
        assert_eq!(known("group/sub/tool", 3).unwrap(), "forge/group/sub/tool#3");
        assert_eq!(known("forge/group/sub/tool", 3).unwrap(), "forge/group/sub/tool#3");
        let several = known("me/tool", 2).unwrap_err();
        assert_eq!(several.exit, Exit::Usage);
        let hint = several.hint.unwrap();
        assert!(
            hint.contains("github.com/me/tool#2") && hint.contains("git.example.org/me/tool#2"),
            "{hint}"
        );
        let none = known("me/other", 1).unwrap_err();
        assert!(none.hint.unwrap().contains("github.com/me/other#1"));
        assert!(known("sub/tool", 3).is_err());
    }
}

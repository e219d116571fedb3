//! `kugetsu completions`, and the answers that the shells' scripts ask for.

use super::context::Context;
use super::error::{CliError, Exit};
use super::global::Global;
use super::{Cli, output};
use crate::dispatch::Record;
use crate::issue::{IssueRef, Repository};
use crate::text::plain;
use clap::error::ErrorKind;
use clap::{Args, Command, CommandFactory as _};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use std::ffi::{OsStr, OsString};

/// By this variable a shell's script says that it asks for completions, and which shell it is.
const VARIABLE: &str = "KUGETSU_COMPLETE";

/// Prints the script that makes a shell complete kugetsu's words, issues and hosts included
///
/// bash: add `source <(kugetsu completions bash)` to ~/.bashrc. zsh: the same with zsh in ~/.zshrc, behind compinit.
/// fish: add `kugetsu completions fish | source` to ~/.config/fish/config.fish.
#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

pub(super) fn run(arguments: CompletionsArgs, context: &Context) -> Result<Exit, CliError> {
    let name = arguments.shell.as_str();
    let unknown = || CliError::failed("start", format!("no completions for {name}"));
    let shells = Shells::builtins();
    let shell = shells.completer(name).ok_or_else(unknown)?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "kugetsu", "kugetsu", "kugetsu", &mut script)
        .map_err(|error| CliError::failed("start", error.to_string()))?;
    let script = String::from_utf8_lossy(&script);
    if context.ui.json {
        context.ui.document(&script);
    } else {
        context.ui.answer(&script);
    }
    Ok(Exit::Done)
}

/// Answers a shell that asks for completions; `None` where none does, and kugetsu is to do its work.
pub(super) fn answer(arguments: &[OsString]) -> Option<Exit> {
    let directory = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command).var(VARIABLE).completer("kugetsu");
    match asked.try_complete(arguments.iter().cloned(), directory.as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(Exit::Done),
        // What was found could not be handed over. clap keeps no more of why than words.
        Err(error) if error.kind() == ErrorKind::Io => {
            Some(if output::is_taken() { Exit::Failed } else { Exit::Done })
        }
        // Said on standard error, where a shell does not look.
        Err(error) => error.print().map(|()| Exit::Failed).ok().or(Some(Exit::Failed)),
    }
}

/// The command line, with what is known of each word.
fn command() -> Command {
    Cli::command().mut_subcommands(|verb| {
        verb.mut_args(|word| match word.get_id().as_str() {
            "host" if word.is_positional() => word.add(ArgValueCandidates::new(hosts)),
            "session" | "issue" if word.is_positional() => word.add(ArgValueCompleter::new(issues)),
            // Wherever SESSION|DISPATCH is asked for.
            "what" if word.is_positional() => word.add(ArgValueCompleter::new(issues_and_dispatches)),
            _ => word,
        })
    })
}

/// Nothing is said on the way: a shell is in the middle of a line.
fn context() -> Option<Context> {
    Context::new(&Global { quiet: true, ..Global::default() }).ok()
}

fn hosts() -> Vec<CompletionCandidate> {
    let hosts = context().and_then(|context| context.hosts().ok());
    let entries = hosts.map(|hosts| hosts.entries).unwrap_or_default();
    entries.into_iter().map(|entry| CompletionCandidate::new(entry.name)).collect()
}

fn issues(begun: &OsStr) -> Vec<CompletionCandidate> {
    let (Some(context), Some(begun)) = (context(), begun.to_str()) else { return Vec::new() };
    let Ok(index) = context.index().index() else { return Vec::new() };
    let known: Vec<IssueRef> = index.issues().filter_map(|(issue, _)| issue.parse().ok()).collect();
    // git takes some milliseconds; where nothing is known there is nothing to ask it for.
    let remote = if known.is_empty() { None } else { context.remote().ok() };
    let words = words(&known, remote.as_ref(), begun).into_iter();
    words.map(|(word, issue)| CompletionCandidate::new(word).help(Some(issue.to_string().into()))).collect()
}

fn issues_and_dispatches(begun: &OsStr) -> Vec<CompletionCandidate> {
    let mut words = issues(begun);
    words.extend(dispatches(begun));
    words
}

/// The trips whose ids begin like `begun`, the newest first; before anything is typed, those that have a session away.
fn dispatches(begun: &OsStr) -> Vec<CompletionCandidate> {
    let (Some(context), Some(begun)) = (context(), begun.to_str()) else { return Vec::new() };
    let all = context.store().each().unwrap_or_default();
    let meant = |record: &Record| match begun.is_empty() {
        true => record.is_away(),
        false => record.id.starts_with(begun),
    };
    let records = all.into_iter().rev().filter_map(|found| Some(found.ok()?.record));
    let word = |record: Record| {
        let Record { id, host, state, issue, title, .. } = record;
        let what = plain(&issue.unwrap_or(title));
        CompletionCandidate::new(id)
            .help(Some(format!("{what} on {} ({})", plain(&host), state.name()).into()))
    };
    records.filter(meant).map(word).collect()
}

/// The words that begin like `begun`, each the shortest name of its issue that does. A number stands without `#`, which
/// would begin a comment.
fn words<'i>(known: &'i [IssueRef], here: Option<&Repository>, begun: &str) -> Vec<(String, &'i IssueRef)> {
    let is_here = |issue: &IssueRef| here.is_some_and(|remote| remote.is_at(issue.instance(), issue.path()));
    let name = |issue: &'i IssueRef| {
        let number = is_here(issue).then(|| issue.number().to_string());
        let path = here.is_none_or(|remote| remote.is_at(issue.instance(), &remote.path));
        let path = (path && !begun.is_empty()).then(|| format!("{}#{}", issue.path(), issue.number()));
        let names = [number, path, Some(issue.to_string())].into_iter().flatten();
        names.into_iter().find(|name| name.starts_with(begun)).map(|name| (name, issue))
    };
    let mut words: Vec<_> = known.iter().filter_map(name).collect();
    // Those of this repository first, the newest first.
    words.sort_by_key(|(_, issue)| (!is_here(issue), std::cmp::Reverse(issue.number())));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::By;

    #[test]
    fn the_shortest_name_that_fits_is_offered() {
        let known: Vec<IssueRef> = [
            "github.com/me/tool#2",
            "github.com/me/tool#14",
            "github.com/me/other#3",
            "git.example.org/a/b#5",
        ]
        .map(|issue| issue.parse().unwrap())
        .into();
        let here = Repository {
            host: "github.com".into(),
            port: None,
            path: "Me/tool".into(),
            by: By::Web { dashed: false },
        };
        let words = |begun: &str, here: Option<&Repository>| -> Vec<String> {
            super::words(&known, here, begun).into_iter().map(|(word, _)| word).collect()
        };
        let here = Some(&here);
        assert_eq!(words("", here), ["14", "2", "git.example.org/a/b#5", "github.com/me/other#3"]);
        assert_eq!(words("1", here), ["14"]);
        assert_eq!(words("me/", here), ["me/tool#14", "me/tool#2", "me/other#3"]);
        assert_eq!(words("git.", here), ["git.example.org/a/b#5"]);
        assert_eq!(words("github.com/me/o", here), ["github.com/me/other#3"]);
        assert_eq!(words("#", here), [] as [&str; 0]);
        assert_eq!(words("a/", None), ["a/b#5"]);
    }
}

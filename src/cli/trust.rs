//! `kugetsu hosts trust`

use super::context::Context;
use super::error::{CliError, Exit};
use super::host;
use super::output::ask;
use crate::hosts::{
    Difference, Form, HostEntry, Hosts, HostsError, Lookup, Pending, SearchPath, Source, differences,
};
use crate::text::{harmless, plain};
use clap::{Args, ValueHint};
use serde::Serialize;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Allows the hosts of a project's files, which came with it, once you have seen what they say
///
/// Whoever wrote the project wrote these files, too: they could lead a session to another machine, or have another program
/// run there. So they count once they are allowed, and again once they have changed.
#[derive(Args)]
pub(super) struct TrustArgs {
    /// A hosts.json, or an opencode.json with hosts in it; without one, all that the project here has
    #[arg(value_hint = ValueHint::FilePath)]
    file: Vec<PathBuf>,
    /// Allow it without asking
    #[arg(short, long)]
    yes: bool,
}

#[derive(Serialize)]
struct Document {
    file: String,
    hosts: Vec<EntryChange>,
}

/// What a file would make of a name.
#[derive(Serialize)]
struct EntryChange {
    name: String,
    host: String,
    /// The file whose host of that name it replaces.
    replaces: Option<String>,
    /// The fields in which it differs from that one, or all that are set.
    differs: Vec<String>,
}

pub(super) fn run(arguments: &TrustArgs, context: &Context) -> Result<Exit, CliError> {
    let ui = &context.ui;
    let allowed = context.allowed();
    let mut hosts = Hosts::load(&context.hosts_files(), &allowed)?;
    let wanted = wanted(&arguments.file, &mut hosts, context)?;
    let asks = !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut documents = Vec::new();
    for file in wanted {
        let path = context.tilde(&file.path);
        if !arguments.yes || !ui.quiet {
            describe(&file, &hosts, context).iter().for_each(|line| ui.line(line));
        }
        let agreed = arguments.yes || (asks && ask("Allow it? Type yes: ") == "yes");
        if !agreed {
            return Err(refused(&file, asks, context));
        }
        let changes = file.entries.iter().map(|entry| change(entry, &hosts, context)).collect();
        allowed.allow(&file).map_err(HostsError::from)?;
        documents.push(Document { file: path.clone(), hosts: changes });
        hosts.accept(file);
        ui.done(&format!("{} is allowed, until it changes", plain(&path)));
    }
    if ui.json {
        ui.document(&documents);
    } else if documents.is_empty() {
        ui.note("Nothing here waits to be allowed.");
    }
    Ok(Exit::Done)
}

/// The files that are to be allowed, and are not yet.
fn wanted(named: &[PathBuf], hosts: &mut Hosts, context: &Context) -> Result<Vec<Pending>, CliError> {
    if named.is_empty() {
        if !hosts.unusable.is_empty() {
            return Err(hosts.unusable.swap_remove(0).into());
        }
        return Ok(std::mem::take(&mut hosts.pending));
    }
    let SearchPath { files, home, .. } = context.hosts_files();
    let mut wanted = Vec::new();
    for name in named {
        let path = whole(&context.working_directory().join(name));
        // The user's own files count as they are.
        if files.iter().any(|file| !file.is_project && whole(&file.path) == path) {
            continue;
        }
        let source = Source { form: Form::of(&path), path, is_project: true };
        let file = Pending::read(&source, home.as_deref())?;
        let Some(file) = file else {
            let message = format!("no host is named in {}", plain(&context.tilde(&source.path)));
            return Err(CliError::usage(message, "see which files name hosts: kugetsu hosts"));
        };
        if !context.allowed().allows(&file).map_err(HostsError::from)? {
            wanted.push(file);
        }
    }
    Ok(wanted)
}

/// The path without `.` and `..`, as far as its directory is there; the file itself may be a link.
fn whole(path: &Path) -> PathBuf {
    let directory = path.parent().and_then(|directory| std::fs::canonicalize(directory).ok());
    directory.zip(path.file_name()).map_or_else(|| path.to_owned(), |(directory, name)| directory.join(name))
}

fn refused(file: &Pending, asked: bool, context: &Context) -> CliError {
    let path = plain(&context.tilde(&file.path));
    let message = match asked {
        true => format!("{path} is not allowed"),
        false => format!("{path} is not allowed: there is no terminal to ask on"),
    };
    let mut error = CliError::new(Exit::Refused, "hosts", message);
    error.safe = Some("its hosts are not used".to_owned());
    error.ways = vec![("allow it without being asked", format!("{} --yes", host::trust(&file.path)))];
    error
}

/// The host that an entry of a project's file would replace.
fn replaced<'h>(entry: &HostEntry, hosts: &'h Hosts) -> Option<&'h HostEntry> {
    match hosts.find(&entry.name) {
        Lookup::Entry(known) => Some(known),
        _ => None,
    }
}

fn change(entry: &HostEntry, hosts: &Hosts, context: &Context) -> EntryChange {
    let known = replaced(entry, hosts);
    EntryChange {
        name: entry.name.clone(),
        host: entry.host.clone(),
        replaces: known.and_then(|known| known.source.as_ref()).map(|source| context.tilde(source)),
        differs: differences(entry, known).into_iter().map(|found| found.field).collect(),
    }
}

/// What a file would change, in lines.
fn describe(file: &Pending, hosts: &Hosts, context: &Context) -> Vec<String> {
    let mut lines =
        vec![format!("{} came with the project and names hosts:", plain(&context.tilde(&file.path)))];
    for entry in &file.entries {
        lines.extend(entry_lines(entry, replaced(entry, hosts), |path| context.tilde(path)));
    }
    lines.extend(file.warnings.iter().map(|warning| format!("  {}", harmless(&warning.to_string()))));
    lines
}

/// What an entry would change, in lines; `known` is the host of that name so far.
fn entry_lines(entry: &HostEntry, known: Option<&HostEntry>, tilde: impl Fn(&Path) -> String) -> Vec<String> {
    let source = known.and_then(|known| known.source.as_deref()).map(tilde);
    let whose = if known.is_some_and(|known| known.is_project) { "the project's" } else { "your" };
    let name = &entry.name;
    let differs = differences(entry, known);
    let mut lines = vec![match &source {
        None => format!("  {name}  is new"),
        Some(source) if differs.is_empty() => {
            format!("  {name}  is the same as {whose} {name} of {}", plain(source))
        }
        Some(source) => format!("  {name}  replaces {whose} {name} of {}", plain(source)),
    }];
    let fields: Vec<String> = differs.iter().map(|found| plain(&found.field)).collect();
    let width = fields.iter().map(|field| field.chars().count()).max().unwrap_or(0);
    for (Difference { from, to, .. }, field) in differs.iter().zip(fields) {
        let shown = match (from, to) {
            (None, Some(to)) => plain(to),
            (Some(from), None) => format!("{} → not set", plain(from)),
            (Some(from), Some(to)) => format!("{} → {}", plain(from), plain(to)),
            (None, None) => String::new(),
        };
        lines.push(format!("      {field:<width$}  {shown}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tell(entry: &HostEntry, known: Option<&HostEntry>) -> String {
        entry_lines(entry, known, |path| path.display().to_string()).join("\n")
    }

    #[test]
    fn what_a_file_would_change_is_told_without_the_users_secrets_and_without_escapes() {
        let own = HostEntry {
            name: "pi".into(),
            host: "me@pi".into(),
            agent: Some("plan".into()),
            env: [("TOKEN".into(), "s3cret".into())].into(),
            source: Some("/home/me/.config/opencode/hosts.json".into()),
            ..HostEntry::default()
        };
        let theirs = HostEntry {
            host: "me@evil".into(),
            agent: None,
            directory: Some("a\u{1b}[2Jb\nc".into()),
            env: [("TOKEN".into(), "0ther".into()), ("PATH".into(), "/tmp".into())].into(),
            permission: json!({ "bash\u{1b}[1m": "allow" }).as_object().unwrap().clone(),
            source: Some("/p/hosts.json".into()),
            is_project: true,
            ..own.clone()
        };
        assert_eq!(
            tell(&theirs, Some(&own)),
            "  pi  replaces your pi of /home/me/.config/opencode/hosts.json
      host             me@pi → me@evil
      agent            plan → not set
      directory        ab c
      env.PATH         /tmp
      env.TOKEN        … → 0ther
      permission.bash  \"allow\""
        );
        let new = tell(&theirs, None);
        assert!(new.starts_with("  pi  is new\n      host             me@evil\n"), "{new}");
        assert!(
            tell(&own, Some(&own))
                .ends_with("pi  is the same as your pi of /home/me/.config/opencode/hosts.json")
        );
        assert!(tell(&own, Some(&theirs)).contains("pi  replaces the project's pi of /p/hosts.json"));
        for text in [tell(&theirs, Some(&own)), new] {
            assert!(!text.contains("s3cret"), "{text}");
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
    }
}

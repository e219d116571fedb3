//! HOST, wherever one is asked for, and the hosts of trips that are under way.

use super::context::Context;
use super::error::{CliError, Exit};
use crate::dispatch::{HostOrigin, ProjectHost, Record};
use crate::hosts::{HostEntry, Hosts, Lookup};
use crate::text::{harmless, plain, quoted};
use std::path::Path;

/// A host by its name in a file, or an alias that ssh may know; and the nearest name for when it does not.
pub(super) fn find(context: &Context, name: &str) -> Result<(HostEntry, Option<String>), CliError> {
    let valid = !name.is_empty()
        && !name.starts_with('-')
        && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    if !valid {
        return Err(CliError::usage(format!("{name:?} cannot be a host"), "list the hosts: kugetsu hosts"));
    }
    let hosts = context.hosts()?;
    let found = look_up(context, &hosts, name)?;
    if found.0.source.is_some() {
        for file in hosts.pending_of(name) {
            let path = context.tilde(&file.path);
            context
                .ui
                .note(&format!("{path} has another {name}, which is not allowed yet (kugetsu hosts trust)"));
        }
        for error in &hosts.unusable {
            context.ui.note(&format!("{error}; a {name} that it may have does not count"));
        }
    }
    Ok(found)
}

/// The host of a trip that is gone on with: whatever became of its name since, the machine that the trip went to.
pub(super) fn of(
    context: &Context,
    hosts: &Hosts,
    record: &Record,
) -> Result<(HostEntry, Option<String>), CliError> {
    let name = record.host.as_str();
    match &record.origin {
        Some(HostOrigin::Project(kept)) => {
            of_project(context, hosts, record, kept).map(|entry| (entry, None))
        }
        Some(HostOrigin::User | HostOrigin::Alias) if hosts.own(name).is_some() => {
            Ok((hosts.own(name).cloned().unwrap_or_default(), None))
        }
        // A file that came with a project since is no reason to look elsewhere.
        Some(HostOrigin::Alias) => Ok((alias(name), None)),
        Some(HostOrigin::User) | None => look_up(context, hosts, name),
    }
}

/// The host of a trip that a project's file named: as the file has it now, where the user has allowed that; else as the
/// trip went to it. A trip whose run was not launched needs all of the entry, and gets it from the file alone.
fn of_project(
    context: &Context,
    hosts: &Hosts,
    record: &Record,
    kept: &ProjectHost,
) -> Result<HostEntry, CliError> {
    let name = record.host.as_str();
    let file = Path::new(&kept.file);
    let current = hosts.entries.iter().find(|entry| entry.name == name);
    if let Some(entry) = current.filter(|entry| hosts.is_named || entry.source.as_deref() == Some(file)) {
        return Ok(entry.clone());
    }
    if record.is_unlaunched() {
        return Err(not_usable(context, hosts, record, file));
    }
    Ok(as_it_was(name, kept))
}

/// A trip was to go to the host of a file that does not count, or is not read in this directory.
fn not_usable(context: &Context, hosts: &Hosts, record: &Record, file: &Path) -> CliError {
    let path = context.tilde(file);
    let mut ways = Vec::new();
    let why = if hosts.pending.iter().any(|pending| pending.path == file) {
        ways.push(("see what it says, and allow it", trust(file)));
        "has changed, and is not allowed yet"
    } else if hosts.files.iter().any(|known| known == file) {
        "does not name it any more"
    } else {
        let parent = file.parent().unwrap_or(file);
        let project = if parent.ends_with(".opencode") { parent.parent().unwrap_or(parent) } else { parent };
        let project = quoted(&harmless(&project.to_string_lossy()));
        ways.push(("go on with it in its project", format!("cd {project} && kugetsu wait {}", record.id)));
        "does not count in this directory"
    };
    ways.push(("call the trip off", format!("kugetsu cancel {}", record.id)));
    let message = format!("this trip was to go to the host {} of {path}, which {why}", plain(&record.host));
    let safe = Some("nothing was launched".to_owned());
    CliError { safe, ways, ..CliError::new(Exit::Refused, "resolve", harmless(&message)) }
}

/// The host that a trip called off, ended or looked at went to: nothing is launched there any more.
pub(super) fn to_reach(
    context: &Context,
    hosts: &Hosts,
    record: &Record,
) -> Result<(HostEntry, Option<String>), CliError> {
    match (&record.origin, record.is_unlaunched()) {
        (Some(HostOrigin::Project(kept)), true) => Ok((as_it_was(&record.host, kept), None)),
        _ => of(context, hosts, record),
    }
}

fn as_it_was(name: &str, kept: &ProjectHost) -> HostEntry {
    let ProjectHost { file, host, port, identity_file, opencode, env } = kept.clone();
    HostEntry {
        name: name.to_owned(),
        host,
        port,
        identity_file: identity_file.map(Into::into),
        opencode,
        env,
        source: Some(file.into()),
        is_project: true,
        ..HostEntry::default()
    }
}

fn alias(name: &str) -> HostEntry {
    HostEntry { name: name.to_owned(), host: name.to_owned(), ..HostEntry::default() }
}

fn look_up(context: &Context, hosts: &Hosts, name: &str) -> Result<(HostEntry, Option<String>), CliError> {
    match hosts.find(name) {
        Lookup::Entry(entry) => Ok((entry.clone(), None)),
        Lookup::Unknown { nearest } => Ok((alias(name), nearest)),
        Lookup::Pending(file) => {
            let path = context.tilde(&file.path);
            let message = format!(
                "the host {name} is only in {path}, which came with the project and is not allowed yet"
            );
            let ways = vec![("see what it says, and allow it", trust(&file.path))];
            Err(CliError { ways, ..CliError::new(Exit::Refused, "resolve", harmless(&message)) }
                .with_hint(format!("a {name} of your own hosts.json would come before it")))
        }
        Lookup::Unusable(error) => {
            let hint =
                format!("no other file has a host {name}: name it in your own hosts.json, or mend this one");
            Err(CliError::new(Exit::Usage, "hosts", error.to_string()).with_hint(hint))
        }
    }
}

/// The command by which the user allows a project's file.
pub(super) fn trust(file: &Path) -> String {
    format!("kugetsu hosts trust {}", quoted(&harmless(&file.to_string_lossy())))
}

//! `kugetsu hosts`

use super::context::Context;
use super::error::{CliError, Exit};
use super::trust::{self, TrustArgs};
use crate::hosts::{HostEntry, Hosts, Pending, differences};
use clap::{Args, Subcommand};
use serde::Serialize;

/// Lists the hosts that files name, and says what of a project's files is not allowed yet
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct HostsArgs {
    #[command(subcommand)]
    verb: Option<HostsVerb>,
}

#[derive(Subcommand)]
enum HostsVerb {
    Trust(TrustArgs),
}

#[derive(Serialize)]
struct HostReport<'a> {
    name: &'a str,
    host: &'a str,
    port: Option<u16>,
    agent: Option<&'a str>,
    model: Option<&'a str>,
    variant: Option<&'a str>,
    directory: Option<&'a str>,
    source: Option<String>,
    plugin: Option<&'a str>,
    allowed: bool,
    replaces: Vec<Other<'a>>,
    not_allowed: Vec<Other<'a>>,
}

/// Another host of the same name.
#[derive(Serialize)]
struct Other<'a> {
    host: &'a str,
    port: Option<u16>,
    source: Option<String>,
    plugin: Option<&'a str>,
    /// The fields in which it differs.
    differs: Vec<String>,
}

pub(super) fn run(arguments: &HostsArgs, context: &Context) -> Result<Exit, CliError> {
    if let Some(HostsVerb::Trust(arguments)) = &arguments.verb {
        return trust::run(arguments, context);
    }
    let hosts = context.hosts()?;
    for file in &hosts.pending {
        file.warnings.iter().for_each(|warning| context.ui.note(&warning.to_string()));
    }
    for error in &hosts.unusable {
        context.ui.wrapped("  ", &format!("{error}; no host of this file is used"));
    }
    let rows = rows(&hosts, context);
    if context.ui.json {
        context.ui.document(&rows);
    } else if rows.is_empty() {
        context.ui.note("No hosts.json names a host; any alias that ssh knows works as well.");
        context.ui.note("hosts.example.json shows what can be said of one.");
    } else {
        context.ui.answer(&rows.iter().map(paragraph).collect::<String>());
        if !hosts.pending.is_empty() {
            context.ui.note("See what is not allowed yet, and allow it: kugetsu hosts trust");
        }
    }
    Ok(Exit::Done)
}

/// One row for each name: the host that counts, or else the first that would.
fn rows<'a>(hosts: &'a Hosts, context: &Context) -> Vec<HostReport<'a>> {
    let pending = |name: &'a str| {
        let files = hosts.pending_of(name).flat_map(|file: &Pending| &file.entries);
        files.filter(move |entry| entry.name == name)
    };
    let mut rows: Vec<HostReport<'a>> = hosts.entries.iter().map(|entry| row(entry, true, context)).collect();
    for (row, entry) in rows.iter_mut().zip(&hosts.entries) {
        let replaced = hosts.replaced.iter().filter(|other| other.name == entry.name);
        row.replaces = replaced.map(|other| self::other(other, entry, context)).collect();
        row.not_allowed = pending(&entry.name).map(|other| self::other(other, entry, context)).collect();
    }
    for entry in hosts.pending.iter().flat_map(|file| &file.entries) {
        if !rows.iter().any(|row| row.name == entry.name) {
            let others = pending(&entry.name).skip(1);
            let not_allowed = others.map(|other| self::other(other, entry, context)).collect();
            rows.push(HostReport { not_allowed, ..row(entry, false, context) });
        }
    }
    rows
}

fn row<'a>(entry: &'a HostEntry, allowed: bool, context: &Context) -> HostReport<'a> {
    HostReport {
        name: &entry.name,
        host: &entry.host,
        port: entry.port,
        agent: entry.agent.as_deref(),
        model: entry.model.as_deref(),
        variant: entry.variant.as_deref(),
        directory: entry.directory.as_deref(),
        source: entry.source.as_ref().map(|source| context.tilde(source)),
        plugin: entry.plugin.as_deref(),
        allowed,
        replaces: Vec::new(),
        not_allowed: Vec::new(),
    }
}

fn other<'a>(other: &'a HostEntry, than: &HostEntry, context: &Context) -> Other<'a> {
    let HostEntry { host, port, source, plugin, .. } = other;
    Other {
        host,
        port: *port,
        source: source.as_ref().map(|source| context.tilde(source)),
        plugin: plugin.as_deref(),
        differs: differences(other, Some(than)).into_iter().map(|found| found.field).collect(),
    }
}

fn paragraph(row: &HostReport<'_>) -> String {
    let mut text = format!("{}  {}\n", row.name, address(row.host, row.port));
    let with: Vec<&str> = [row.agent, row.model, row.variant].into_iter().flatten().collect();
    if !with.is_empty() {
        text.push_str(&format!("    as {}\n", with.join(", ")));
    }
    if let Some(directory) = row.directory {
        text.push_str(&format!("    in {directory}\n"));
    }
    text.push_str(&format!("    from {}\n", from(row.source.as_deref(), row.plugin)));
    if !row.allowed {
        text.push_str("    not allowed yet, and not used\n");
    }
    for Other { host, port, source, plugin, .. } in &row.replaces {
        let (address, from) = (address(host, *port), from(source.as_deref(), *plugin));
        text.push_str(&format!("    in place of {address} from {from}\n"));
    }
    for Other { host, port, source, plugin, differs } in &row.not_allowed {
        let (address, from) = (address(host, *port), from(source.as_deref(), *plugin));
        let how = if differs.is_empty() {
            "the same".to_owned()
        } else {
            format!("differs in {}", differs.join(", "))
        };
        text.push_str(&format!("    not allowed yet: {address} from {from} ({how})\n"));
    }
    text
}

fn address(host: &str, port: Option<u16>) -> String {
    port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn from(source: Option<&str>, plugin: Option<&str>) -> String {
    let plugin = plugin.map(|plugin| format!(" (plugin {plugin})")).unwrap_or_default();
    format!("{}{plugin}", source.unwrap_or("ssh"))
}

//! `kugetsu hosts`

use super::context::Context;
use super::error::{CliError, Exit};
use crate::hosts::HostEntry;
use clap::Args;
use serde::Serialize;

/// Lists the hosts of hosts.json
#[derive(Args)]
pub(super) struct HostsArgs {}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    host: &'a str,
    port: Option<u16>,
    agent: Option<&'a str>,
    model: Option<&'a str>,
    variant: Option<&'a str>,
    directory: Option<&'a str>,
    source: Option<String>,
}

pub(super) fn run(_: &HostsArgs, context: &Context) -> Result<Exit, CliError> {
    let hosts = context.hosts()?;
    if context.ui.json {
        let rows: Vec<Row<'_>> = hosts.entries.iter().map(|entry| row(entry, context)).collect();
        context.ui.document(&rows);
        return Ok(Exit::Done);
    }
    if hosts.entries.is_empty() {
        context.ui.note("No hosts.json names a host; any alias that ssh knows works as well.");
        context.ui.note("hosts.example.json shows what can be said of one.");
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for entry in &hosts.entries {
        let port = entry.port.map(|port| format!(":{port}")).unwrap_or_default();
        text.push_str(&format!("{}  {}{port}\n", entry.name, entry.host));
        let with = [entry.agent.as_deref(), entry.model.as_deref(), entry.variant.as_deref()];
        let with: Vec<&str> = with.into_iter().flatten().collect();
        if !with.is_empty() {
            text.push_str(&format!("    as {}\n", with.join(", ")));
        }
        if let Some(directory) = &entry.directory {
            text.push_str(&format!("    in {directory}\n"));
        }
        if let Some(source) = &entry.source {
            text.push_str(&format!("    from {}\n", context.tilde(source)));
        }
    }
    context.ui.answer(&text);
    Ok(Exit::Done)
}

fn row<'a>(entry: &'a HostEntry, context: &Context) -> Row<'a> {
    Row {
        name: &entry.name,
        host: &entry.host,
        port: entry.port,
        agent: entry.agent.as_deref(),
        model: entry.model.as_deref(),
        variant: entry.variant.as_deref(),
        directory: entry.directory.as_deref(),
        source: entry.source.as_ref().map(|source| context.tilde(source)),
    }
}

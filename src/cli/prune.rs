//! `kugetsu prune`

use super::context::Context;
use super::error::{CliError, Exit};
use super::host;
use super::output::Ui;
use crate::dispatch::{Dispatch, Record};
use crate::text::plain;
use crate::trip::{LeftOnHosts, Remains, left_on_hosts};
use crate::work::{self, Item};
use clap::Args;
use console::measure_text_width;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Shows what is no longer of use, and removes it with --force
///
/// That is: issues whose session opencode has no more, files and entries of the index that lack the other, trips that
/// came to their end, and what hosts still keep of those, logs and files of sessions that no issue has any more, what is
/// remembered of sessions that opencode has no more, and the cache. Never the base, what is away, running or to be taken up, what is another's on a host, or what cannot be read.
#[derive(Args)]
pub(super) struct PruneArgs {
    /// Remove it
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    removed: bool,
    items: Vec<PrunedItem<'a>>,
    /// Hosts that could not be asked.
    unreachable: Vec<&'a str>,
}

#[derive(Serialize)]
struct PrunedItem<'a> {
    kind: &'static str,
    what: String,
    why: &'a str,
}

pub(super) async fn run(arguments: PruneArgs, context: &Context) -> Result<Exit, CliError> {
    let ui = &context.ui;
    let mut hosts = on_hosts(context).await?;
    for (host, why) in &hosts.silent {
        ui.wrapped("  ", &format!("what {host} keeps stays: {}", plain(why)));
    }
    let silent: Vec<String> = hosts.silent.iter().map(|(host, _)| host.clone()).collect();
    let there = match arguments.force {
        false => std::mem::take(&mut hosts.remains),
        true => {
            let tools = context.tools_that_ask_nothing().await?;
            let (removed, left) = hosts.remove(&tools).await?;
            for (remains, why) in &left {
                ui.wrapped("  ", &format!("stays on {}: {} ({why})", remains.host, remains.dispatch));
            }
            removed
        }
    };
    // Looked for after the hosts: a trip's record goes once its host keeps nothing of it.
    let (_, database) = context.opencode().await?;
    let found = work::removable(context.kugetsu_home(), &database)?;
    for trouble in &found.troubles {
        ui.wrapped("  ", &format!("{trouble}; what it may be about stays"));
    }
    if !arguments.force {
        show(ui, &there, &found.items, false, &silent);
        if !(there.is_empty() && found.items.is_empty()) {
            ui.note("Nothing was removed yet. Do it: kugetsu prune --force");
        }
        return Ok(Exit::Done);
    }
    let done = found.remove()?;
    for item in &done.left {
        ui.wrapped("  ", &format!("in use again, and stays: {} {}", item.kind.name(), plain(&item.what)));
    }
    show(ui, &there, &done.removed, true, &silent);
    Ok(Exit::Done)
}

/// What the hosts of trips keep. Where no trip is recorded there is nobody to ask.
async fn on_hosts(context: &Context) -> Result<LeftOnHosts, CliError> {
    let recorded = context.store().each()?;
    let dispatches: Vec<Dispatch> = recorded.into_iter().flatten().collect();
    if dispatches.is_empty() {
        return Ok(LeftOnHosts::default());
    }
    let tools = context.tools_that_ask_nothing().await?;
    let hosts = context.hosts()?;
    let untold = RefCell::new(BTreeSet::new());
    let host_of = |record: &Record| match host::to_reach(context, &hosts, record) {
        Ok((entry, _)) => Some(entry),
        Err(error) => {
            untold.borrow_mut().insert(format!(
                "{} is not asked: {}",
                plain(&record.host),
                error.in_one_line()
            ));
            None
        }
    };
    let left = left_on_hosts(&tools, &dispatches, host_of).await?;
    untold.take().iter().for_each(|line| context.ui.wrapped("  ", line));
    Ok(left)
}

fn show(ui: &Ui, there: &[Remains], items: &[Item], removed: bool, silent: &[String]) {
    let there = there.iter().map(|remains| PrunedItem {
        kind: "host",
        what: format!("{}:{}", remains.host, remains.dispatch),
        why: &remains.why,
    });
    let here = items.iter().map(|item| PrunedItem {
        kind: item.kind.name(),
        what: item.what.clone(),
        why: &item.why,
    });
    let rows: Vec<PrunedItem<'_>> = there.chain(here).collect();
    if ui.json {
        let unreachable = silent.iter().map(String::as_str).collect();
        return ui.document(&Document { removed, items: rows, unreachable });
    }
    if rows.is_empty() {
        return ui.note("Nothing is of no more use.");
    }
    let columns = ui.answer_columns();
    let mut text = String::new();
    for row in &rows {
        let (head, why) = (format!("{:<8}  {}", row.kind, plain(&row.what)), plain(row.why));
        let fits = measure_text_width(&head) + measure_text_width(&why) + 2 <= columns;
        text.push_str(&format!("{head}{}{why}\n", if fits { "  " } else { "\n    " }));
    }
    ui.answer(&text);
    if removed {
        ui.note(&format!("{} removed.", rows.len()));
    }
}

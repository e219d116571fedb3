//! `kugetsu prune`

use super::context::Context;
use super::error::{CliError, Exit};
use super::output::Ui;
use crate::text::plain;
use crate::work::{self, Item};
use clap::Args;
use console::measure_text_width;
use serde::Serialize;

/// Shows what is no longer of use, and removes it with --force
///
/// That is: issues whose session opencode has no more, files and entries of the index that lack the other, trips that
/// came to their end, logs and files of sessions that no issue has any more, and the cache. Never the base, what is
/// away or running, or what cannot be read.
#[derive(Args)]
pub(super) struct PruneArgs {
    /// Remove it
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    removed: bool,
    items: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    kind: &'static str,
    what: &'a str,
    why: &'a str,
}

pub(super) async fn run(arguments: PruneArgs, context: &Context) -> Result<Exit, CliError> {
    let ui = &context.ui;
    let (_, database) = context.opencode().await?;
    let found = work::litter(context.kugetsu_home(), &database)?;
    for trouble in &found.troubles {
        ui.wrapped("  ", &format!("{trouble}; what it may be about stays"));
    }
    if !arguments.force {
        show(ui, &found.items, false);
        if !found.items.is_empty() {
            ui.note("Nothing was removed yet. Do it: kugetsu prune --force");
        }
        return Ok(Exit::Done);
    }
    let done = found.remove()?;
    for item in &done.left {
        ui.wrapped("  ", &format!("in use again, and stays: {} {}", item.kind.name(), plain(&item.what)));
    }
    show(ui, &done.removed, true);
    Ok(Exit::Done)
}

fn show(ui: &Ui, items: &[Item], removed: bool) {
    if ui.json {
        let rows = items.iter().map(|item| Row { kind: item.kind.name(), what: &item.what, why: &item.why });
        return ui.document(&Document { removed, items: rows.collect() });
    }
    if items.is_empty() {
        return ui.note("Nothing is of no more use.");
    }
    let columns = ui.answer_columns();
    let mut text = String::new();
    for item in items {
        let (head, why) = (format!("{:<8}  {}", item.kind.name(), plain(&item.what)), plain(&item.why));
        let fits = measure_text_width(&head) + measure_text_width(&why) + 2 <= columns;
        text.push_str(&format!("{head}{}{why}\n", if fits { "  " } else { "\n    " }));
    }
    ui.answer(&text);
    if removed {
        ui.note(&format!("{} removed.", items.len()));
    }
}

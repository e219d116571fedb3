//! `kugetsu undo`

use super::context::Context;
use super::error::{CliError, Exit};
use super::session;
use crate::dispatch;
use crate::opencode::{DatabaseError, RowCount, UndoError, UndoLogError, undo, undo_log_session};
use crate::text::{plain, quoted};
use crate::trip::{HeldRows, TripError};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Puts a session back as it was before a trip came home, or before it was repaired
///
/// Refused where the session has changed since then. What is taken away is kept in a file, and can be had back the same
/// way.
#[derive(Args)]
pub(super) struct UndoArgs {
    /// The dispatch that brought it home, or the file that a repair named
    #[arg(value_name = "DISPATCH|FILE")]
    what: String,
}

#[derive(Serialize)]
struct Document<'a> {
    session: &'a str,
    dispatch: Option<&'a str>,
    already: bool,
    removed: RowCount,
    restored: RowCount,
    sessions: usize,
    after: Option<&'a Path>,
}

pub(super) async fn run(arguments: UndoArgs, context: &Context) -> Result<Exit, CliError> {
    let (before, dispatch) = find(context, &arguments.what)?;
    let session = undo_log_session(&before).map_err(UndoError::from)?;
    let (_, database) = context.opencode().await?;
    // Held until all is written: no run or trip begins meanwhile.
    let _lock = session::hold(context, &session, "undo")?;
    let after = aside(&before);
    let holding = HeldRows::look(context.kugetsu_home(), &database, &session);
    let undone = undo(&database, &before, &after)?;
    if !undone.already {
        holding.record_removal(&after);
    }
    let ui = &context.ui;
    let kept = (!undone.already).then_some(after);
    if ui.json {
        ui.document(&Document {
            session: &undone.session,
            dispatch: dispatch.as_deref(),
            already: undone.already,
            removed: undone.removed,
            restored: undone.restored,
            sessions: undone.sessions,
            after: kept.as_deref(),
        });
        return Ok(Exit::Done);
    }
    let Some(kept) = kept else {
        ui.note(&format!("{} is as it was before, already.", plain(&undone.session)));
        return Ok(Exit::Done);
    };
    ui.done(&format!("{} is as it was before", plain(&undone.session)));
    let counts = [
        (undone.removed.messages, "messages gone"),
        (undone.restored.messages, "messages as before"),
        (undone.sessions as u64, "sub-agents gone"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !counts.is_empty() {
        ui.wrapped("  ", &counts.join(", "));
    }
    let path = quoted(&kept.display().to_string());
    ui.wrapped("  ", &format!("have it back: kugetsu undo {path}"));
    Ok(Exit::Done)
}

/// The file that tells how it was, and the dispatch that it belongs to.
fn find(context: &Context, what: &str) -> Result<(PathBuf, Option<String>), CliError> {
    if dispatch::is_id(what) {
        let found = context.store().open(what)?;
        let found = found.ok_or_else(|| TripError::UnknownDispatch(plain(what)))?;
        return Ok((found.file("before"), Some(what.to_owned())));
    }
    let path = context.working_directory().join(what);
    if path.is_file() {
        return Ok((path, None));
    }
    Err(CliError::usage(
        format!("{} is neither a dispatch nor a file that a repair wrote", plain(what)),
        "see the trips: kugetsu status",
    ))
}

/// Where what is undone is kept: `before` becomes `before.undone`, and that one `before` again.
fn aside(before: &Path) -> PathBuf {
    const MARK: &str = ".undone";
    let name = before.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.strip_suffix(MARK) {
        Some(first) => before.with_file_name(format!("{first}.redone")),
        None => before.with_file_name(format!("{}{MARK}", name.strip_suffix(".redone").unwrap_or(&name))),
    }
}

impl From<UndoError> for CliError {
    fn from(error: UndoError) -> Self {
        let (exit, hint) = match &error {
            UndoError::Changed { .. }
            | UndoError::Mismatch { .. }
            | UndoError::Database(DatabaseError::UnknownSchema { .. }) => (Exit::Refused, None),
            UndoError::UndoLog(UndoLogError::Missing { .. }) => {
                (Exit::Refused, Some("see where it stands: kugetsu status".to_owned()))
            }
            _ => (Exit::Failed, None),
        };
        Self { hint, ..Self::new(exit, "undo", error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undone_never_takes_the_place_of_what_undoes_it() {
        let mut path = PathBuf::from("/x/before");
        for expected in ["before.undone", "before.redone", "before.undone"] {
            let next = aside(&path);
            assert_eq!(next, Path::new("/x").join(expected));
            path = next;
        }
    }
}

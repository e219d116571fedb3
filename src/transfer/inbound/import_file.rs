//! What comes home, as a file for `opencode import`: for a database whose schema is not known.

use crate::session::message::Pieces;
use crate::session::out::Out;
use crate::transfer::baseline::Baseline;
use crate::transfer::error::HomeError;
use crate::transfer::inbound::change_reader::{MergedChange, MergedChanges};
use crate::transfer::inbound::result::MergeResult;
use std::io::{Read, Write};

/// Writes to `output` what import can bring home of a change set: the session's own new messages and parts. What
/// changed, todos and sub-agents cannot come that way, since import changes no row and takes one session.
///
/// `merged` is what [`crate::transfer::reconcile`] returned. Returns what is left out, in words.
pub(crate) fn import_file(
    change_set: impl Read,
    undo: &Baseline,
    merged: &MergeResult,
    output: impl Write,
) -> Result<Vec<&'static str>, HomeError> {
    let mut left_out = Vec::new();
    let mut out = Out::new(output);
    out.info(undo.sent.info.get()).map_err(HomeError::Write)?;
    let mut changes = MergedChanges::new(change_set)?;
    while let Some(change) = changes.take()? {
        if change.session() != undo.session {
            continue;
        }
        match change {
            MergedChange::Patch(_, fields) => left_out.extend(fields.into_iter().map(|(name, _)| name)),
            MergedChange::Todos(..) => left_out.push("todos"),
            MergedChange::Message { id, info, .. } => {
                let (_, parts) = changes.of_message(&id)?;
                let parts = parts.iter().map(|(_, part)| part.as_ref()).collect();
                let message = serde_json::to_string(&Pieces { info: &info, parts })?;
                out.message(&message).map_err(HomeError::Write)?;
            }
            // Such a part is of a message that left, and import changes no message that is there.
            MergedChange::Part { .. } | MergedChange::Session(..) => {}
        }
    }
    out.end().map_err(HomeError::Write)?;
    left_out.extend((merged.children > 0).then_some("sub-agents"));
    left_out.extend((merged.changed > 0).then_some("changes of older messages"));
    Ok(left_out)
}

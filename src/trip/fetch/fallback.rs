//! What came back is brought home by `opencode import`, where opencode's database is not understood here.

use crate::disk;
use crate::opencode::apply::ApplyError;
use crate::session::Outline;
use crate::transfer::{MergeResult, import_file};
use crate::trip::error::TripError;
use crate::trip::fetch::apply::{ApplyOutcome, ReturnedWork, open};
use crate::trip::observer::News;
use crate::trip::tools::{Tools, blocking};
use std::collections::HashSet;

impl ReturnedWork {
    /// Brings home what `opencode import` can: new messages. `why` is why the home step could not do it.
    ///
    /// # Errors
    /// As for [`ReturnedWork::apply`].
    pub(crate) async fn fall_back(
        &self,
        tools: &Tools,
        merged: &MergeResult,
        why: ApplyError,
    ) -> Result<ApplyOutcome, TripError> {
        if self.has_moved_on(tools, merged)? {
            return Ok(ApplyOutcome::HomeChanged);
        }
        Ok(ApplyOutcome::Imported(why.to_string(), self.import(tools, merged).await?))
    }

    /// Whether somebody changed the session at home since it was sent. What an earlier import, cut short, brought does not count.
    fn has_moved_on(&self, tools: &Tools, merged: &MergeResult) -> Result<bool, TripError> {
        let database = self.database(tools)?;
        let unknown = || TripError::UnknownSession { session: self.session.clone() };
        let now = database.fingerprint(&self.session)?.ok_or_else(unknown)?;
        if database.is_undone(&self.session)? {
            return Ok(true);
        }
        if now.same_rows(&self.sent_state.fingerprint) {
            return Ok(false);
        }
        let here = database.outline(&self.session)?;
        let left: HashSet<&str> = self.left().sorted().into_iter().collect();
        let (old, new): (Vec<&str>, Vec<&str>) = here.sorted().into_iter().partition(|id| left.contains(id));
        let mut coming: HashSet<&str> = merged.new_messages.sorted().into_iter().collect();
        coming.extend(merged.late_parts.iter().map(|late| late.part.as_str()));
        Ok(old.len() < left.len() || new.is_empty() || new.iter().any(|id| !coming.contains(id)))
    }

    /// Imports new messages, and sees that they are there. What could not come that way, in words.
    async fn import(&self, tools: &Tools, merged: &MergeResult) -> Result<Vec<&'static str>, TripError> {
        let (files, of, host) = (self.files.clone(), merged.clone(), self.host.clone());
        let undo = self.undo.clone();
        let left_out = blocking(move || {
            disk::remove(&files.import)?;
            let output = disk::create_new_private(&files.import)?;
            import_file(open(&files.change_set)?, &undo, &of, output).map_err(|source| TripError::Home {
                host,
                source,
                kept: files.back,
            })
        })
        .await?;
        tools.tell(News::Critical(true));
        let imported = tools.program.import(&self.files.import, &self.directory, &self.session).await;
        tools.tell(News::Critical(false));
        imported?;
        let missing = self.database(tools)?.missing(&self.session, &ids(&merged.new_messages))?;
        match missing.len() {
            0 => Ok(left_out),
            missing => Err(TripError::RowsMissing {
                host: self.host.clone(),
                missing,
                kept: self.files.back.clone(),
            }),
        }
    }
}

fn ids(outline: &Outline) -> Vec<(String, Vec<String>)> {
    outline
        .iter()
        .map(|message| (message.id().to_owned(), message.parts().map(str::to_owned).collect()))
        .collect()
}

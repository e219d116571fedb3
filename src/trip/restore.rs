//! A session that was deleted here while it was away is put back as it left, so that the work has somewhere to go.

use super::arrive::Arriving;
use super::departed::Departed;
use super::{News, Tools, TripError};
use crate::opencode::Fingerprint;
use crate::opencode::arrival::ArrivalError;

impl Arriving {
    /// Whether the session is not here any more. Where the schema is not known, applying does not tell.
    pub(super) fn is_gone(&self, tools: &Tools, error: &ArrivalError) -> Result<bool, TripError> {
        Ok(match error {
            ArrivalError::Gone { .. } => true,
            error => error.falls_back() && !self.database(tools)?.contains(&self.session)?,
        })
    }

    /// Puts it back; what it looks like now.
    pub(super) async fn restore(&self, tools: &Tools, departed: &Departed) -> Result<Fingerprint, TripError> {
        tools.program.import(&self.files.export, &self.directory, &self.session).await?;
        let unknown = || TripError::UnknownSession { session: self.session.clone() };
        let fingerprint = self.database(tools)?.fingerprint(&self.session)?.ok_or_else(unknown)?;
        // Else a kill before the work is there would make it look like a session that has moved on.
        let departed = Departed { fingerprint: fingerprint.clone(), outline: departed.outline.clone() };
        departed.write(&self.files.departed)?;
        tools
            .tell(News::Warning("the session was deleted here meanwhile; it is back, as it left".to_owned()));
        Ok(fingerprint)
    }
}

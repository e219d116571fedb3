//! The words of home in those of the host: ids, times and paths of the outgoing copy.

use crate::session::message::Message;
use crate::session::snapshots::leaving;
use crate::session::{Clock, ExportError, Outline};
use crate::transfer::outbound::id_map::IdMap;
use crate::transfer::paths::Paths;
use crate::transfer::terms::{Replacements, Said, in_other_terms};
use std::borrow::Cow;

/// Translates a session, message by message, in its order.
pub(crate) struct ToHost<'a> {
    clock: Option<Clock>,
    paths: Option<&'a Paths>,
    pub(crate) places: IdMap,
    /// When the message before was made, by the host's clock.
    last_ms: i64,
}

impl<'a> ToHost<'a> {
    pub(crate) fn new(home: &Outline, clock: Option<Clock>, paths: Option<&'a Paths>) -> Self {
        let last_ms = clock.map_or(0, |clock| clock.from_ms);
        Self { clock, paths, places: IdMap::new(home, clock.as_ref()), last_ms }
    }

    /// When a message was made, by the host's clock: as late as the one before at least, and before the host's now.
    /// Must be asked for each message, in the session's order.
    pub(crate) fn created(&mut self, home_ms: i64) -> i64 {
        let Some(clock) = self.clock else { return home_ms };
        let there = home_ms.saturating_add(clock.ahead_ms);
        self.last_ms = there.max(self.last_ms).min(clock.there_ms() - 1);
        self.last_ms
    }

    /// A message, made at `created_ms` by the host's clock. Its snapshots stay here.
    pub(crate) fn message<'t>(
        &self,
        text: &'t str,
        message: &Message<'_>,
        created_ms: i64,
    ) -> Result<Cow<'t, str>, ExportError> {
        leaving(self.translated(text, message, created_ms)?, message)
    }

    fn translated<'t>(
        &self,
        text: &'t str,
        message: &Message<'_>,
        created_ms: i64,
    ) -> Result<Cow<'t, str>, ExportError> {
        if self.clock.is_none() && self.paths.is_none() {
            return Ok(Cow::Borrowed(text));
        }
        let moved = self.clock.map(|clock| {
            let home_ms = message.info.time.created_ms();
            // Of a message that was moved, nothing may be older than itself.
            let shifted = home_ms.saturating_add(clock.ahead_ms) == created_ms;
            (clock, if shifted { clock.from_ms } else { created_ms })
        });
        let fields = Replacements {
            id: &|id| self.places.found(id).map(str::to_owned),
            time: &|said, ms| {
                let (clock, floor) = moved.filter(|_| ms > 0)?;
                Some(match said {
                    Said::Created => created_ms,
                    Said::Part(_) | Said::Other => ahead(clock, ms, floor),
                })
            },
            path: &|style, text| self.paths.and_then(|paths| paths.outward(style, text)),
        };
        Ok(Cow::Owned(in_other_terms(text, Some(message), &fields)?))
    }

    pub(crate) fn record<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, ExportError> {
        let Some(clock) = self.clock else { return Ok(Cow::Borrowed(text)) };
        let fields = Replacements {
            id: &|id| self.places.found(id).map(str::to_owned),
            time: &|_, ms| (ms > 0).then(|| ahead(clock, ms, clock.from_ms)),
            path: &|_, _| None,
        };
        Ok(Cow::Owned(in_other_terms(text, None, &fields)?))
    }
}

/// A time of home by the host's clock, from `floor` on and before its now.
fn ahead(clock: Clock, ms: i64, floor: i64) -> i64 {
    ms.saturating_add(clock.ahead_ms).max(floor).min(clock.there_ms() - 1)
}

//! What earlier trips of a session left behind.

use crate::clock;
use crate::dispatch::{Dispatch, State, Step};
use crate::host::{self, HostEnv, Refusal};
use crate::text::plain_bytes;
use crate::trip::connection::HostConnection;
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::tools::{PATIENCE, Tools, UNDER_WAY, message};
use crate::trip::under_way::Trip;

/// Characters of a message by which the user knows it again.
const WORDS: usize = 40;

/// What became of a dispatch that was to be removed from its host.
pub(crate) enum SweepResult {
    /// Nothing of it is there, and none of it can be launched any more.
    Removed,
    /// It was launched, and is left alone.
    Launched,
    Unknown,
}

impl HostConnection {
    /// Removes a dispatch from the host and account of `env`; one that was launched only if `launched` says so.
    pub(crate) async fn sweep(
        &mut self,
        tools: &Tools,
        env: &HostEnv,
        id: &str,
        launched: bool,
    ) -> SweepResult {
        match self.ask(tools, Step::Clean, &host::clean(env, id, launched), PATIENCE).await {
            Ok(_) => SweepResult::Removed,
            Err(TripError::Script { source, .. }) if source.refusal() == Some(Refusal::Launched) => {
                SweepResult::Launched
            }
            Err(_) => SweepResult::Unknown,
        }
    }
}

impl Trip {
    /// Gives up the trips of this session that were cut short before their launch, for this one, and removes what ended
    /// ones have left on the same host.
    ///
    /// # Errors
    /// [`TripError::Away`] where one of them turns out to have been launched.
    pub(crate) async fn supersede_earlier(&mut self, tools: &Tools, env: &HostEnv) -> Result<(), TripError> {
        for mut old in std::mem::take(&mut self.earlier) {
            let cut_short = old.record.is_unlaunched();
            let left_behind = old.record.is_on_host && old.record.state.is_end();
            if !(cut_short || left_behind) {
                continue;
            }
            if old.record.host == self.connection.host.name {
                let home = matches!(old.record.state, State::Home { .. });
                let env = HostEnv { account: old.record.account.clone(), ..env.clone() };
                match self.connection.sweep(tools, &env, &old.record.id, home).await {
                    SweepResult::Removed => old.record.is_on_host = false,
                    SweepResult::Unknown => {}
                    SweepResult::Launched => {
                        old.record.ended_ms = None;
                        old.reach(State::Launched { identity: "found by a later trip".to_owned() })?;
                        return Err(TripError::away(&old.record));
                    }
                }
            }
            if cut_short {
                tools.tell(News::Superseded { record: &old.record, words: &message_start(&old) });
                old.record.ended_ms = Some(clock::now_ms());
                for name in UNDER_WAY {
                    old.discard(name)?;
                }
                // Its host was never told to launch it, and nobody will tell it any more.
                old.reach(State::Cancelled { launched: false })?;
            } else {
                old.save()?;
            }
        }
        Ok(())
    }
}

/// How the message of a dispatch begins; empty where it is not known.
pub(crate) fn message_start(dispatch: &Dispatch) -> String {
    let mut words = plain_bytes(&message(dispatch).unwrap_or_default());
    if let Some((end, _)) = words.char_indices().nth(WORDS) {
        words.truncate(end);
        words.push('…');
    }
    words
}

//! A session is fetched: home at once where its run is over, or not at all.

use crate::dispatch::{State, Step};
use crate::host::{self, AnswerError, HostEnv, Standing, Statuses};
use crate::trip::connection::WhenUnreachable;
use crate::trip::error::TripError;
use crate::trip::tools::{PATIENCE, Tools};
use crate::trip::under_way::Trip;
use std::time::Duration;

/// How long a host that was reached may be out of reach in between.
const OUTAGE: Duration = Duration::from_secs(120);

impl Trip {
    /// Brings the session home if its run is over, whatever became of that. A trip that was not launched yet is
    /// launched, and its run goes on.
    ///
    /// # Errors
    /// [`TripError::StillRunning`]; [`TripError::NotOnHost`]; as [`Trip::bring_home`]. The session here is as it was then.
    pub(crate) async fn fetch_home(&mut self, tools: &Tools) -> Result<(), TripError> {
        if self.record().state.is_end() {
            return self.bring_home(tools).await;
        }
        // A host that cannot be reached now is said to be so; one that is lost on the way is waited for.
        self.connection.connect(tools).await?;
        self.connection.set_outage_limit(Some(OUTAGE));
        self.continue_sending(tools).await?;
        if self.record().is_away() && self.record().state != State::Finished {
            match self.standing(tools).await? {
                Standing::Running => {
                    return Err(TripError::StillRunning {
                        host: self.connection.host.name.clone(),
                        dispatch: self.record().id.clone(),
                    });
                }
                Standing::Gone => return Err(TripError::not_on_host(self.record())),
                // Launching: it was launched, and its claim went with the host's power.
                Standing::Ended | Standing::Dead | Standing::Launching => self.take_result(tools).await?,
            }
        }
        self.bring_home(tools).await
    }

    /// Takes what a run that is over has left, and has it made where the runner could not any more.
    async fn take_result(&mut self, tools: &Tools) -> Result<(), TripError> {
        match self.follow_without_end(tools).await {
            Err(TripError::Lost { .. }) => {
                self.begin(tools, Step::Wait)?;
                self.make_back(tools, "").await?;
                self.reach(tools, Step::Wait, State::Finished)
            }
            followed => followed,
        }
    }

    /// How the host says that the dispatch stands.
    pub(crate) async fn standing(&mut self, tools: &Tools) -> Result<Standing, TripError> {
        let id = self.record().id.clone();
        let script = host::status(&HostEnv::default(), &[&id], 0);
        let answer =
            self.connection.ask_again(tools, Step::Wait, WhenUnreachable::Retry, (&script, PATIENCE)).await?;
        let statuses = Statuses::from_answer(&answer).and_then(|statuses| {
            let standing = statuses.of(&id).map(|status| status.standing);
            standing.ok_or_else(|| AnswerError::Garbled(format!("the host did not tell of {id}")))
        });
        statuses.map_err(TripError::garbled(&self.connection.host.name, Step::Wait))
    }
}

//! The launch: the session is imported on the host, and its run started, once.

use crate::clock;
use crate::dispatch::{Sent, State, Step};
use crate::host::{self, AnswerError, Facts, HostEnv, Launched, Refusal, Run};
use crate::trip::connection::WhenUnreachable;
use crate::trip::error::{DivergedReason, TripError};
use crate::trip::observer::News;
use crate::trip::send::supersede::SweepResult;
use crate::trip::tools::{PATIENCE, Tools, WORK_PATIENCE};
use crate::trip::under_way::Trip;

impl Trip {
    /// Imports there and starts the runner. The host starts a dispatch once, however often it is told to: so a
    /// connection that is lost before the answer came is made again, and the same is asked again.
    pub(crate) async fn start(&mut self, tools: &Tools, env: &HostEnv, home: &str) -> Result<(), TripError> {
        let Sent { run, launch, .. } = self.sent()?;
        self.begin(tools, Step::Launch)?;
        let script = host::launch(env, &run, &launch);
        let host = self.connection.host.name.clone();
        let answer = match self
            .connection
            .ask_again(tools, Step::Launch, WhenUnreachable::Retry, (&script, WORK_PATIENCE))
            .await
        {
            Err(
                error @ (TripError::Transport { .. }
                | TripError::Connect { .. }
                | TripError::Slow { .. }
                | TripError::OutOfReach { .. }),
            ) => return Err(TripError::LaunchUnknown { host, dispatch: run.id, why: error.to_string() }),
            Err(TripError::Script { source: AnswerError::Apart { messages }, .. }) => {
                let why = DivergedReason::NotReplaced;
                return Err(TripError::HostDiverged { host, session: run.session, messages, why });
            }
            answer => answer?,
        };
        let launched = Launched::from_answer(&answer).map_err(TripError::garbled(&host, Step::Launch))?;
        self.abandon_other_trips(tools)?;
        self.dispatch.record.launched_ms = Some(clock::now_ms());
        self.reach(tools, Step::Launch, State::Launched { identity: launched.identity })?;
        self.tell_of_run(tools, &run, home);
        Ok(())
    }

    /// Abandons the trip whose host held the session when this one was forced: not before this one's host has it.
    fn abandon_other_trips(&self, tools: &Tools) -> Result<(), TripError> {
        if !self.record().plan.forced {
            return Ok(());
        }
        for mut other in tools.store.of(&self.record().session)? {
            if other.record.id != self.record().id && other.record.is_away() {
                other.record.is_abandoned = true;
                other.save()?;
            }
        }
        Ok(())
    }

    fn tell_of_run(&self, tools: &Tools, run: &Run, home: &str) {
        let model = if run.model.is_empty() { "its default model" } else { &run.model };
        let agent = if run.agent.is_empty() { "the default agent" } else { &run.agent };
        let directory = match run.directory.strip_prefix(home) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
            _ => run.directory.clone(),
        };
        tools.tell(News::Working { agent, model, host: &self.connection.host.name, directory: &directory });
    }

    /// Starts a run whose launch was cut short: whether it took place is known only there.
    pub(crate) async fn relaunch(&mut self, tools: &Tools) -> Result<(), TripError> {
        let host = self.connection.host.clone();
        let account = self.record().account.clone();
        let mut env = HostEnv { path: String::new(), variables: host.env.clone(), account };
        let directory = &self.record().plan.directory;
        let probe = host::probe(&env, host.opencode.as_deref().unwrap_or_default(), directory);
        let answer =
            self.connection.ask_again(tools, Step::Probe, WhenUnreachable::Retry, (&probe, PATIENCE)).await?;
        let facts = Facts::from_answer(&answer).map_err(TripError::garbled(&host.name, Step::Probe))?;
        env.path = facts.path;
        let error = match self.start(tools, &env, &facts.home).await {
            Err(TripError::Script { source, .. }) if source.refusal() == Some(Refusal::Elsewhere) => {
                return Err(TripError::not_on_host(self.record()));
            }
            Err(
                error @ (TripError::Script { .. }
                | TripError::Unfit { .. }
                | TripError::RunsThere { .. }
                | TripError::HostDiverged { .. }),
            ) => error,
            started => return started,
        };
        // It cannot be started any more. Where it never was, the session is not away.
        let id = self.record().id.clone();
        match self.connection.sweep(tools, &env, &id, false).await {
            SweepResult::Removed => {
                self.dispatch.record.is_on_host = false;
                self.dispatch.record.ended_ms = Some(clock::now_ms());
                let message = error.to_string();
                self.dispatch.reach(State::Failed { step: error.step(), message })?;
                Err(error)
            }
            SweepResult::Launched | SweepResult::Unknown => {
                Err(TripError::LaunchUnknown { host: host.name, dispatch: id, why: error.to_string() })
            }
        }
    }
}

//! A host is looked at before anything is written there.

use super::line::{Line, Unreached};
use super::steps::Steps;
use super::{News, PATIENCE, Tools, TripError, checked, fitness};
use crate::clock;
use crate::dispatch::{Plan, Step};
use crate::host::{self, AnswerError, Checked, Facts, HostEnv, Refusal};
use crate::text::{plain, span};
use std::time::Duration;

/// A host that was looked at and found fit.
pub(super) struct Found {
    pub(super) env: HostEnv,
    pub(super) facts: Facts,
    pub(super) program: String,
    pub(super) version: String,
    /// How far its clock is ahead of ours.
    pub(super) ahead_ms: i64,
}

/// Connects, looks at the host, and asks opencode there what it has, unless that is remembered.
pub(super) async fn look(
    tools: &Tools,
    steps: &Steps<'_>,
    line: &mut Line,
    plan: &Plan,
    id: &str,
) -> Result<Found, TripError> {
    let host = line.host.clone();
    let name = &host.name;
    steps.begin(Step::Connect)?;
    line.connect(tools).await?;
    steps.done(Step::Connect)?;
    tools.tell(News::Connected);

    steps.begin(Step::Probe)?;
    let mut env = HostEnv { variables: host.env.clone(), ..HostEnv::default() };
    let probe = host::probe(&env, host.opencode.as_deref().unwrap_or_default(), &plan.directory);
    let answer = line.ask_again(tools, Step::Probe, Unreached::GivenUp, (&probe, PATIENCE)).await?;
    let now = clock::now_ms();
    let garbled = |source| TripError::Script { host: name.clone(), step: Step::Probe, source };
    let facts = Facts::from_answer(&answer).map_err(garbled)?;
    let program = fitness::check_facts(name, &facts, now)?;
    env.path.clone_from(&facts.path);
    steps.done(Step::Probe)?;

    steps.begin(Step::Check)?;
    let checked = match checked::recall(&tools.kugetsu_home, name, &facts.fingerprint) {
        Some(checked) => checked,
        None => {
            let check = host::check(&env, id, &program, &facts.directory);
            Checked::from_answer(
                &line.ask_again(tools, Step::Check, Unreached::GivenUp, (&check, PATIENCE)).await?,
            )
        }
    };
    fitness::check_opencode(&host, &checked, &plan.setting)?;
    // Only what led to a trip is remembered: after a refusal the user changes things there.
    checked::remember(&tools.kugetsu_home, name, &facts.fingerprint, &checked);
    steps.done(Step::Check)?;
    let ahead_ms = fitness::clock_ahead(&facts, now).unwrap_or_default();
    Ok(Found { env, facts, program, version: checked.version, ahead_ms })
}

/// What it means for the user that a script did not answer.
pub(super) fn refused(host: &str, step: Step, source: AnswerError) -> TripError {
    let unfit =
        |what: String, cure: &str| TripError::Unfit { host: host.to_owned(), what, cure: cure.to_owned() };
    match source {
        AnswerError::Busy { dispatch, since } => {
            let age = since.and_then(|since| u64::try_from(clock::now_ms() / 1000 - since).ok());
            let since =
                age.map(|age| format!(", for {}", span(Duration::from_secs(age)))).unwrap_or_default();
            TripError::RunsThere { host: host.to_owned(), dispatch: plain(&dispatch), since }
        }
        AnswerError::Refused { refusal: refusal @ Refusal::Room, detail } => {
            unfit(format!("{refusal}: {detail}"), "make room there, then the same again")
        }
        AnswerError::Refused { refusal: Refusal::Hangs, detail } => unfit(
            format!("opencode there does not answer: {detail} did not answer in time"),
            "log in there and see what holds it up",
        ),
        AnswerError::Refused { refusal: refusal @ Refusal::Directory, detail } => {
            unfit(format!("{refusal}: {detail}"), "name another: --dir DIR")
        }
        AnswerError::Refused { refusal: Refusal::Moved, detail } => unfit(
            format!("the directory turned out to be {detail}: a link there changed meanwhile"),
            "the same again",
        ),
        source => TripError::Script { host: host.to_owned(), step, source },
    }
}

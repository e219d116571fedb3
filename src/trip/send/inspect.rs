//! A host is looked at before anything is written there.

use crate::clock;
use crate::dispatch::{Plan, Step};
use crate::host::{self, Facts, HostEnv, HostOpencode};
use crate::trip::connection::{HostConnection, WhenUnreachable};
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::send::{fitness, listings};
use crate::trip::steps::Steps;
use crate::trip::tools::{PATIENCE, Tools};

/// A host that was looked at and found fit.
pub(crate) struct InspectedHost {
    pub(crate) env: HostEnv,
    pub(crate) facts: Facts,
    pub(crate) program: String,
    pub(crate) version: String,
    /// How far its clock is ahead of ours.
    pub(crate) ahead_ms: i64,
}

/// Connects, looks at the host, and asks opencode there what it has, unless that is remembered.
pub(crate) async fn inspect(
    tools: &Tools,
    steps: &Steps<'_>,
    connection: &mut HostConnection,
    plan: &Plan,
    id: &str,
) -> Result<InspectedHost, TripError> {
    let host = connection.host.clone();
    let name = &host.name;
    steps.begin(Step::Connect)?;
    connection.connect(tools).await?;
    steps.done(Step::Connect)?;
    tools.tell(News::Connected);

    steps.begin(Step::Probe)?;
    let mut env = HostEnv { variables: host.env.clone(), ..HostEnv::default() };
    let probe = host::probe(&env, host.opencode.as_deref().unwrap_or_default(), &plan.directory);
    let answer =
        connection.ask_again(tools, Step::Probe, WhenUnreachable::GiveUp, (&probe, PATIENCE)).await?;
    let now = clock::now_ms();
    let facts = Facts::from_answer(&answer).map_err(TripError::garbled(name, Step::Probe))?;
    let program = fitness::check_facts(name, &facts, now)?;
    env.path.clone_from(&facts.path);
    steps.done(Step::Probe)?;

    steps.begin(Step::Check)?;
    let checked = match listings::recall(&tools.kugetsu_home, name, &facts.fingerprint) {
        Some(checked) => checked,
        None => {
            let check = host::check(&env, id, &program, &facts.directory);
            HostOpencode::from_answer(
                &connection
                    .ask_again(tools, Step::Check, WhenUnreachable::GiveUp, (&check, PATIENCE))
                    .await?,
            )
        }
    };
    fitness::check_opencode(&host, &checked, &plan.setting)?;
    // Only what led to a trip is remembered: after a refusal the user changes things there.
    listings::remember(&tools.kugetsu_home, name, &facts.fingerprint, &checked);
    steps.done(Step::Check)?;
    let ahead_ms = fitness::clock_ahead(&facts, now).unwrap_or_default();
    Ok(InspectedHost { env, facts, program, version: checked.version, ahead_ms })
}

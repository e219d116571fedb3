//! A host is looked at before anything is written there.

use super::link::Link;
use super::plan::Request;
use super::{ANSWER, News, PATIENCE, Tools, TripError, checked, fitness};
use crate::clock;
use crate::dispatch::{Plan, Step};
use crate::host::{self, Answer, AnswerError, Checked, Facts, HostEnv};
use crate::transport::{Output, Script};
use std::time::Duration;

/// A host that was looked at and found fit.
pub(super) struct Found {
    pub(super) link: Link,
    pub(super) env: HostEnv,
    pub(super) facts: Facts,
    pub(super) program: String,
    pub(super) version: String,
    /// How far its clock is ahead of ours.
    pub(super) ahead_ms: i64,
}

impl Request {
    /// Connects, looks at the host, and asks opencode there what it has, unless that is remembered.
    pub(super) async fn look(&self, tools: &Tools, plan: &Plan, id: &str) -> Result<Found, TripError> {
        let name = &self.host.name;
        tools.tell(News::Began(Step::Connect));
        let mut link = tools.connect(&self.host).await?;
        tools.tell(News::Connected);
        let mut env = HostEnv { path: String::new(), variables: self.host.env.clone() };
        let probe = host::probe(&env, self.host.opencode.as_deref().unwrap_or_default(), &plan.directory);
        let answer = ask(&mut link, name, Step::Probe, probe, PATIENCE).await?;
        let now = clock::now_ms();
        let garbled = |source| TripError::Script { host: name.clone(), step: Step::Probe, source };
        let facts = Facts::from_answer(&answer).map_err(garbled)?;
        let program = fitness::check_facts(name, &facts, now)?;
        env.path.clone_from(&facts.path);
        let checked = match checked::recall(&tools.kugetsu_home, name, &facts.fingerprint) {
            Some(checked) => checked,
            None => {
                tools.tell(News::Began(Step::Check));
                let check = host::check(&env, id, &program, &facts.directory);
                let answer = ask(&mut link, name, Step::Check, check, 2 * PATIENCE).await?;
                Checked::from_answer(&answer)
            }
        };
        fitness::check_opencode(&self.host, &checked, &plan.setting)?;
        // Only what led to a trip is remembered: after a refusal the user changes things there.
        checked::remember(&tools.kugetsu_home, name, &facts.fingerprint, &checked);
        let ahead_ms = fitness::clock_ahead(&facts, now).unwrap_or_default();
        Ok(Found { link, env, facts, program, version: checked.version, ahead_ms })
    }
}

/// Runs a script and reads its answer.
pub(super) async fn ask(
    link: &mut Link,
    host: &str,
    step: Step,
    script: Script,
    patience: Duration,
) -> Result<Answer, TripError> {
    let ran = link.call(move |transport| transport.run(&script, ANSWER, patience)).await;
    let Output { status, stdout, stderr } =
        ran.map_err(|source| TripError::Transport { host: host.to_owned(), step, source })?;
    Answer::parse(&stdout, status, &stderr).map_err(|source| refused(host, step, source))
}

/// What a script's `fail` word means for the user.
pub(super) fn refused(host: &str, step: Step, source: AnswerError) -> TripError {
    let unfit =
        |what: String, cure: &str| TripError::Unfit { host: host.to_owned(), what, cure: cure.to_owned() };
    match &source {
        AnswerError::Failed { reason, detail } => match reason.as_str() {
            "room" => unfit(
                format!("no room or no permission there: {detail}"),
                "make room there, then the same again",
            ),
            "hangs" => unfit(
                format!("opencode there does not answer: {detail} was given up after 20 s"),
                "log in there and see what holds it up",
            ),
            "directory" => {
                unfit(format!("the directory cannot be made or entered: {detail}"), "name another: --dir DIR")
            }
            "moved" => unfit(
                format!("the directory turned out to be {detail}: a link there changed meanwhile"),
                "the same again",
            ),
            _ => TripError::Script { host: host.to_owned(), step, source },
        },
        _ => TripError::Script { host: host.to_owned(), step, source },
    }
}

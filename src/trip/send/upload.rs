//! What is written on the host: the parcel is made and sent.

use crate::clock;
use crate::disk::DiskError;
use crate::dispatch::{Plan, Sent, State, Step};
use crate::host::{self, Launch, Run};
use crate::opencode::{self, Database, Fingerprint};
use crate::session::{Clock, SAME_CLOCK_MS, Scan};
use crate::transfer::{Paths, Spec};
use crate::transport::TransportError;
use crate::trip::connection::{WhenUnreachable, moved_within};
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::send::delta::delta;
use crate::trip::send::inspect::InspectedHost;
use crate::trip::send::parcel::Contents;
use crate::trip::send::{fitness, parcel, prompt};
use crate::trip::sent_state::SentState;
use crate::trip::tools::{Tools, blocking};
use crate::trip::under_way::Trip;
use crate::trip::{last_sync, sent_state};
use std::sync::Arc;
use std::time::Duration;

/// The longest list of tasks that a launch is told, in bytes.
const LONGEST_LIST: usize = 64 * 1024;

impl Trip {
    /// Makes the parcel, sends it, and starts the run.
    pub(crate) async fn deliver(
        &mut self,
        tools: &Tools,
        found: &InspectedHost,
        (scan, fingerprint): (Scan, Fingerprint),
        message: &[u8],
    ) -> Result<(), TripError> {
        let clock = clock_there(tools, &self.connection.host.name, found.ahead_ms);
        let (sent, newest_ms) = self.pack(tools, found, &scan, message, clock).await?;
        SentState { fingerprint, outline: scan.outline }.write(&self.dispatch.file(sent_state::FILE))?;
        self.dispatch.record.sent = Some(sent);
        self.reach(tools, Step::Prepare, State::Exported)?;
        self.upload(tools).await?;
        wait_for_clock(newest_ms, found.ahead_ms).await;
        self.start(tools, &found.env, &found.facts.home).await
    }

    async fn pack(
        &mut self,
        tools: &Tools,
        found: &InspectedHost,
        scan: &Scan,
        message: &[u8],
        clock: Option<Clock>,
    ) -> Result<(Sent, Option<i64>), TripError> {
        let host = self.connection.host.clone();
        let (export, parcel) = (self.dispatch.file("export.json"), self.dispatch.file("parcel"));
        self.begin(tools, Step::Prepare)?;
        let bytes = std::fs::metadata(&export).map_err(|source| DiskError::at(&export, source))?.len();
        fitness::check_room(&host, &found.facts, bytes)?;
        let session = self.record().session.clone();
        let there = (&found.env, found.program.as_str());
        let plan = self.record().plan.clone();
        let run = self.run(found, tools.owner()?);
        let paths = paths(&plan, &run.directory);
        let terms = (clock, paths.as_ref());
        let delta = delta(tools, &mut self.connection, there, (&session, &scan.outline), terms).await?;
        let list = Database::open(&tools.database)?.todos(&session)?;
        // A variable of the environment is bounded.
        let todos = list
            .as_ref()
            .map(|list| list.get())
            .filter(|list| list.len() <= LONGEST_LIST)
            .unwrap_or_default()
            .to_owned();
        let contents = Contents {
            prompt: prompt::whole(&host, &plan, &run.directory, message),
            runner: host::run(&found.env, &run).text().as_bytes().to_vec(),
            spec: Spec {
                directory: run.directory.clone(),
                setting: plan.setting.clone(),
                host: prompt::name_for_model(&host).to_owned(),
                now_ms: clock::now_ms(),
                handoff_call: None,
                clock,
                paths,
                todos: list,
                subset: delta.subset,
            },
            gzip: run.gzip,
        };
        let (prompt_bytes, runner_bytes) = (contents.prompt.len(), contents.runner.len());
        let before = scan.clone();
        let packing = blocking(move || parcel::pack(&host.name, &export, &before, &parcel, &contents));
        let (prepared, sum) = packing.await?;
        let launch = Launch {
            sum,
            prompt_bytes,
            runner_bytes,
            messages: prepared.messages,
            parts: prepared.parts,
            sending: delta.sending,
            known: delta.known.list,
            rows_held: delta.known.rows,
            todos_held: delta.known.todos,
            todos,
        };
        let (undo, path) = (prepared.undo, found.env.path.clone());
        Ok((Sent { run, launch, undo, path, host_is_ahead: delta.host_is_ahead }, prepared.newest_ms))
    }

    fn run(&self, found: &InspectedHost, owner: String) -> Run {
        let plan = &self.record().plan;
        let model = plan.setting.model.as_ref();
        Run {
            id: self.record().id.clone(),
            session: self.record().session.clone(),
            program: found.program.clone(),
            directory: found.facts.directory.clone(),
            agent: plan.setting.agent.clone().unwrap_or_default(),
            model: model.map(ToString::to_string).unwrap_or_default(),
            variant: model.and_then(|model| model.variant.clone()).unwrap_or_default(),
            permission: opencode::permission(&self.connection.host.permission, plan.auto),
            gzip: found.facts.gzip,
            run_timeout: plan.run_timeout,
            owner,
        }
    }

    async fn upload(&mut self, tools: &Tools) -> Result<(), TripError> {
        let (host, ssh) = (self.connection.host.name.clone(), self.connection.host.ssh());
        let local = self.dispatch.file("parcel");
        let remote = format!("{}/parcel", host::dispatch_directory(&self.record().id));
        let total = std::fs::metadata(&local).map_err(|source| DiskError::at(&local, source))?.len();
        self.begin(tools, Step::Upload)?;
        let observer = Arc::clone(&tools.observer);
        let within = (Step::Upload, Some(moved_within(total)));
        let sent = self.connection.call_again(tools, within, WhenUnreachable::GiveUp, move |transport| {
            transport.upload(&local, &remote, &mut |done| observer.tell(News::Bytes { done, total }))
        });
        sent.await.map_err(|error| {
            let (what, cure) = match error {
                TripError::Transport { source: TransportError::Refused { detail }, .. } => (
                    format!("what was sent cannot be kept there: {detail}"),
                    "make room there, or mend what may be written in ~/.kugetsu, then the same again"
                        .to_owned(),
                ),
                TripError::Transport { source: TransportError::NoScp { detail }, .. } => {
                    (detail, format!("have this print nothing: {ssh} scp -f .profile </dev/null"))
                }
                error => return error,
            };
            TripError::Unfit { host, what, cure }
        })?;
        self.reach(tools, Step::Upload, State::Uploaded)?;
        tools.tell(News::Sent { bytes: total });
        Ok(())
    }
}

/// The host's clock, where it is another than home's: that of the last trip, as long as it is still right, since what
/// the host got by it then has its ids by it. The user is told once, and again when it is another.
fn clock_there(tools: &Tools, host: &str, ahead_ms: i64) -> Option<Clock> {
    let now = clock::now_ms();
    let measured = Clock::new(ahead_ms, now)?;
    let near = |clock: &Clock| clock.ahead_ms.abs_diff(ahead_ms) <= SAME_CLOCK_MS.unsigned_abs();
    if let Some(clock) = last_sync::recall_clock(&tools.kugetsu_home, host).filter(near) {
        let clock = clock.later(now);
        last_sync::remember_clock(&tools.kugetsu_home, host, clock);
        return Some(clock);
    }
    last_sync::remember_clock(&tools.kugetsu_home, host, measured);
    let by = humantime::format_duration(Duration::from_secs(ahead_ms.unsigned_abs() / 1000));
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    tools.tell(News::Warning(format!(
        "the clock of {host} is {by} {side} the one here; what goes there and comes back is put right"
    )));
    Some(measured)
}

fn paths(plan: &Plan, there: &str) -> Option<Paths> {
    if plan.keep_paths { None } else { Paths::new(&plan.home_directory, there) }
}

/// A host whose clock is a little behind must not see the session's last message, made at `newest_ms` by its clock, in
/// its future.
async fn wait_for_clock(newest_ms: Option<i64>, ahead_ms: i64) {
    let there = clock::now_ms().saturating_add(ahead_ms);
    let behind = newest_ms.unwrap_or_default().saturating_sub(there).saturating_add(1);
    if (1..=5000).contains(&behind) {
        tokio::time::sleep(Duration::from_millis(behind.unsigned_abs())).await;
    }
}

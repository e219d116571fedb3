//! The way out: from a request to a run on the host.

use super::link::Link;
use super::local::{Local, local};
use super::look::{Found, ask, refused};
use super::parcel::{self, Contents};
use super::plan::Request;
use super::{LAUNCH_PATIENCE, News, PATIENCE, Tools, Trip, TripError, blocking, fitness, prompt};
use crate::clock;
use crate::disk::DiskError;
use crate::dispatch::{Dispatch, Plan, Record, Sent, State, Step, new_id};
use crate::host::{self, AnswerError, Facts, HostEnv, Launch, Launched, Run};
use crate::opencode;
use crate::prepare::Spec;
use crate::session::{Scan, Setting};
use crate::text::plain;
use crate::transport::TransportError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a trip would do; nothing of it was done.
#[derive(Debug)]
pub struct DryRun {
    /// The session's title.
    pub title: String,
    /// Its messages.
    pub messages: u64,
    /// Its size in opencode's database, in bytes.
    pub bytes: u64,
    /// The directory there.
    pub directory: String,
    /// Agent and model there.
    pub setting: Setting,
    /// opencode there: version and path.
    pub opencode: (String, String),
    /// The prompt, as the model would read it.
    pub prompt: Vec<u8>,
}

impl Request {
    /// Everything up to the first change: what would be done, or why it cannot be.
    ///
    /// # Errors
    /// Whatever a real trip would meet by then.
    pub async fn dry_run(&self, tools: &Tools) -> Result<DryRun, TripError> {
        self.check_message()?;
        let local = local(tools, &self.session)?;
        let plan = self.plan(&local.own, &tools.user_home)?;
        let found = self.look(tools, &plan, &new_id(clock::now_ms())).await?;
        fitness::check_room(&self.host, &found.facts, local.bytes)?;
        let prompt = self.prompt(&plan, &found.facts.directory);
        Ok(DryRun {
            title: local.title,
            messages: local.messages,
            bytes: local.bytes,
            directory: found.facts.directory,
            setting: plan.setting,
            opencode: (found.version, found.program),
            prompt,
        })
    }

    /// Sends the session and starts its run there; returns as soon as it runs.
    ///
    /// # Errors
    /// By phase; nothing runs on the host unless the error says that this is not known.
    pub async fn launch(&self, tools: &Tools) -> Result<Trip, TripError> {
        self.check_message()?;
        let local = local(tools, &self.session)?;
        let plan = self.plan(&local.own, &tools.user_home)?;
        let lock = tools.lock(&self.session, &format!("remote {}", self.host.name))?;
        if let Some(away) = tools.store.away(&self.session)? {
            return Err(TripError::Away {
                session: self.session.clone(),
                host: away.record.host.clone(),
                dispatch: away.record.id.clone(),
                state: away.record.state.name(),
            });
        }
        let remains = crate::process::find(&crate::process::run_mark(&self.session), None);
        if let Some(first) = remains.first() {
            let by =
                format!("an earlier run here left {} alive (process {})", plain(&first.command), first.pid);
            return Err(TripError::Busy { session: self.session.clone(), by });
        }
        // Nobody else has the lock: a trip of this session that is neither away nor at its end was cut short.
        let stale = tools.store.unfinished(&self.session)?;
        let mut dispatch = tools.store.create(self.record(&local, plan))?;
        tools.tell(News::Recorded(&dispatch.record));
        match self.go(tools, &mut dispatch, stale).await {
            Ok((link, scan)) => Ok(Trip {
                dispatch,
                host: self.host.clone(),
                link: Some(link),
                left: Some(scan.outline),
                reply: None,
                _lock: lock,
            }),
            Err(error) => {
                give_up(&mut dispatch, &error)?;
                Err(error)
            }
        }
    }

    /// The host as the model may know it. A name is fine; what was typed in place of one may be an address.
    fn told(&self) -> &str {
        let name = &self.host.name;
        let address = name.contains(['@', ':']) || name.parse::<std::net::IpAddr>().is_ok();
        if address { "another host" } else { name }
    }

    fn record(&self, local: &Local, plan: Plan) -> Record {
        let now = clock::now_ms();
        Record {
            version: crate::dispatch::VERSION,
            id: new_id(now),
            session: self.session.clone(),
            title: local.title.clone(),
            issue: self.issue.clone(),
            host: self.host.name.clone(),
            mode: self.mode,
            created_ms: now,
            launched_ms: None,
            ended_ms: None,
            plan,
            sent: None,
            state: State::Planned,
            doing: None,
            result: None,
            outcome: None,
            trouble: None,
        }
    }

    async fn go(
        &self,
        tools: &Tools,
        dispatch: &mut Dispatch,
        stale: Vec<Dispatch>,
    ) -> Result<(Link, Scan), TripError> {
        let export = dispatch.file("export.json");
        dispatch.begin(Step::Export)?;
        let (plan, id) = (dispatch.record.plan.clone(), dispatch.record.id.clone());
        // The host is looked at, and a directory made there, while opencode exports: on most machines neither waits
        // for the other. Both are awaited, so that what was made there can be removed again.
        let there = async {
            let mut found = self.look(tools, &plan, &id).await?;
            ask(&mut found.link, &self.host.name, Step::Open, host::open(&found.env, &id), PATIENCE).await?;
            Ok::<_, TripError>(found)
        };
        let (exported, found) = tokio::join!(self.export(tools, &export), there);
        let mut found = found?;
        for old in stale {
            let swept = if old.record.host == self.host.name {
                sweep(&mut found.link, &found.env, &self.host.name, &old.record.id).await
            } else if old.record.state == State::Planned {
                // At most an empty directory is on that host.
                Swept::Removed
            } else {
                Swept::Unknown
            };
            match swept {
                Swept::Removed => old.remove()?,
                Swept::Unknown => {}
                Swept::Launched => {
                    let away = found_launched(old)?;
                    sweep(&mut found.link, &found.env, &self.host.name, &id).await;
                    return Err(away);
                }
            }
        }
        // From here on something of it is on the host.
        dispatch.record.state = State::Exported;
        let delivered = match exported {
            Ok(scan) => self.deliver(tools, dispatch, &mut found, &scan).await.map(|()| scan),
            Err(error) => Err(error),
        };
        match delivered {
            Ok(scan) => Ok((found.link, scan)),
            Err(error @ TripError::LaunchUnknown { .. }) => Err(error),
            Err(error) => match sweep(&mut found.link, &found.env, &self.host.name, &id).await {
                Swept::Removed => {
                    dispatch.record.state = State::Planned;
                    Err(error)
                }
                // A launch that failed may have started the runner all the same.
                Swept::Launched | Swept::Unknown if dispatch.record.is_away() => {
                    let host = self.host.name.clone();
                    Err(TripError::LaunchUnknown { host, dispatch: id, why: error.to_string() })
                }
                Swept::Launched | Swept::Unknown => Err(error),
            },
        }
    }

    /// Everything that is written on the host.
    async fn deliver(
        &self,
        tools: &Tools,
        dispatch: &mut Dispatch,
        found: &mut Found,
        scan: &Scan,
    ) -> Result<(), TripError> {
        let name = &self.host.name;
        let (export, parcel) = (dispatch.file("export.json"), dispatch.file("parcel"));
        let bytes = std::fs::metadata(&export).map_err(|source| DiskError::at(&export, source))?.len();
        fitness::check_room(&self.host, &found.facts, bytes)?;
        dispatch.begin(Step::Prepare)?;
        let plan = &dispatch.record.plan;
        let run = self.run(&dispatch.record.id, plan, found);
        let contents = Contents {
            prompt: self.prompt(plan, &run.directory),
            runner: host::run(&found.env, &run).text().as_bytes().to_vec(),
            spec: Spec {
                directory: run.directory.clone(),
                setting: plan.setting.clone(),
                host: self.told().to_owned(),
                now_ms: clock::now_ms(),
                handoff_call: None,
            },
            gzip: run.gzip,
        };
        let (prompt_bytes, runner_bytes) = (contents.prompt.len(), contents.runner.len());
        let (host, before, packed) = (name.clone(), scan.clone(), parcel.clone());
        let packing = blocking(move || parcel::pack(&host, &export, &before, &packed, &contents));
        let (undo, sum) = packing.await?;
        let parts = scan.outline.part_count() + undo.added.len();
        let launch = Launch { sum, prompt_bytes, runner_bytes, messages: scan.outline.len(), parts };
        dispatch.record.sent = Some(Sent { run: run.clone(), launch: launch.clone(), undo });
        dispatch.begin(Step::Upload)?;
        dispatch.discard("export.json")?;
        tools.tell(News::Began(Step::Upload));
        let bytes = upload(tools, &mut found.link, name, &parcel, &run.id).await?;
        dispatch.reach(State::Uploaded)?;
        tools.tell(News::Sent { bytes });

        wait_for_clock(scan, found.ahead_ms).await;
        start(tools, dispatch, &mut found.link, &found.env, &found.facts.home).await
    }

    fn run(&self, id: &str, plan: &Plan, found: &Found) -> Run {
        let model = plan.setting.model.as_ref();
        Run {
            id: id.to_owned(),
            session: self.session.clone(),
            program: found.program.clone(),
            directory: found.facts.directory.clone(),
            agent: plan.setting.agent.clone().unwrap_or_default(),
            model: model.map(ToString::to_string).unwrap_or_default(),
            variant: model.and_then(|model| model.variant.clone()).unwrap_or_default(),
            permission: opencode::permission(&self.host.permission, plan.auto),
            gzip: found.facts.gzip,
        }
    }

    fn prompt(&self, plan: &Plan, directory: &str) -> Vec<u8> {
        let head = std::fs::read_to_string(Path::new(&plan.home_directory).join(".git/HEAD"));
        let branch = head.ok().and_then(|head| prompt::branch(&head));
        prompt::prompt(self.told(), directory, branch.as_deref(), &self.message, plan.bare)
    }
}

async fn upload(
    tools: &Tools,
    link: &mut Link,
    host: &str,
    parcel: &Path,
    id: &str,
) -> Result<u64, TripError> {
    let total = std::fs::metadata(parcel).map_err(|source| DiskError::at(parcel, source))?.len();
    let (local, remote): (PathBuf, String) =
        (parcel.to_owned(), format!("{}/parcel", host::dispatch_directory(id)));
    let observer = std::sync::Arc::clone(&tools.observer);
    let sent = link
        .call(move |transport| {
            transport.upload(&local, &remote, &mut |done| observer.tell(News::Bytes { done, total }))
        })
        .await;
    sent.map(|()| total).map_err(|source| match source {
        TransportError::Refused { detail } => {
            refused(host, Step::Upload, AnswerError::Failed { reason: "room".to_owned(), detail })
        }
        source => TripError::Transport { host: host.to_owned(), step: Step::Upload, source },
    })
}

/// A host whose clock is a little behind must not see the session's last message in its future.
async fn wait_for_clock(scan: &Scan, ahead_ms: i64) {
    let there = clock::now_ms().saturating_add(ahead_ms.min(0));
    let behind = scan.newest_ms.unwrap_or_default().saturating_sub(there).saturating_add(1);
    if (1..=5000).contains(&behind) {
        tokio::time::sleep(Duration::from_millis(behind.unsigned_abs())).await;
    }
}

/// Imports there and starts the runner. The host starts a dispatch once, however often it is told to.
async fn start(
    tools: &Tools,
    dispatch: &mut Dispatch,
    link: &mut Link,
    env: &HostEnv,
    home: &str,
) -> Result<(), TripError> {
    let host = dispatch.record.host.clone();
    let Some(Sent { run, launch, .. }) = dispatch.record.sent.clone() else {
        return Err(TripError::UnknownDispatch(dispatch.record.id.clone()));
    };
    dispatch.begin(Step::Launch)?;
    tools.tell(News::Began(Step::Launch));
    let script = host::launch(env, &run, &launch);
    let answer = match ask(link, &host, Step::Launch, script, LAUNCH_PATIENCE).await {
        Err(TripError::Transport { source, .. }) => {
            return Err(TripError::LaunchUnknown { host, dispatch: run.id, why: source.to_string() });
        }
        answer => answer?,
    };
    let launched = Launched::from_answer(&answer).map_err(|source| TripError::Script {
        host,
        step: Step::Launch,
        source,
    })?;
    dispatch.record.launched_ms = Some(clock::now_ms());
    dispatch.reach(State::Launched { identity: launched.identity })?;
    let model = if run.model.is_empty() { "its default model" } else { &run.model };
    let agent = if run.agent.is_empty() { "the default agent" } else { &run.agent };
    let directory = match run.directory.strip_prefix(home) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => run.directory.clone(),
    };
    tools.tell(News::Working { agent, model, host: &dispatch.record.host, directory: &directory });
    Ok(())
}

impl Trip {
    /// Starts a run whose launch was cut short: whether it took place is known only there.
    pub(super) async fn relaunch(&mut self, tools: &Tools) -> Result<(), TripError> {
        let name = self.host.name.clone();
        let mut env = HostEnv { path: String::new(), variables: self.host.env.clone() };
        let probe = host::probe(
            &env,
            self.host.opencode.as_deref().unwrap_or_default(),
            &self.record().plan.directory,
        );
        let mut link = match self.link.take() {
            Some(link) => link,
            None => tools.connect(&self.host).await?,
        };
        let answer = ask(&mut link, &name, Step::Probe, probe, PATIENCE).await?;
        let garbled = |source| TripError::Script { host: name.clone(), step: Step::Probe, source };
        let facts = Facts::from_answer(&answer).map_err(garbled)?;
        env.path = facts.path;
        let started = start(tools, &mut self.dispatch, &mut link, &env, &facts.home).await;
        if let Err(error @ (TripError::Script { .. } | TripError::Unfit { .. })) = started {
            // It cannot be started any more. Where it never was, the session is not away.
            let dispatch = self.record().id.clone();
            return match sweep(&mut link, &env, &name, &dispatch).await {
                Swept::Removed => {
                    self.dispatch.record.ended_ms = Some(clock::now_ms());
                    self.dispatch.reach(State::Failed { step: error.step(), message: error.to_string() })?;
                    Err(error)
                }
                Swept::Launched | Swept::Unknown => {
                    Err(TripError::LaunchUnknown { host: name, dispatch, why: error.to_string() })
                }
            };
        }
        self.link = Some(link);
        started
    }
}

/// What became of a dispatch that was to be removed from its host.
enum Swept {
    /// Nothing of it is there, and none of it can be launched any more.
    Removed,
    /// It was launched, and is left alone.
    Launched,
    /// The host did not say.
    Unknown,
}

/// Removes what a dispatch that was not launched has on the host.
async fn sweep(link: &mut Link, env: &HostEnv, host: &str, id: &str) -> Swept {
    match ask(link, host, Step::Clean, host::clean(env, id, false), PATIENCE).await {
        Ok(_) => Swept::Removed,
        Err(TripError::Script { source: AnswerError::Failed { reason, .. }, .. }) if reason == "launched" => {
            Swept::Launched
        }
        Err(_) => Swept::Unknown,
    }
}

/// An earlier trip turns out to have been launched: the session is with it.
fn found_launched(mut old: Dispatch) -> Result<TripError, TripError> {
    old.record.ended_ms = None;
    old.reach(State::Launched { identity: "found by a later trip".to_owned() })?;
    let Record { session, host, id, state, .. } = old.record;
    Ok(TripError::Away { session, host, dispatch: id, state: state.name() })
}

/// Puts the record of a trip that did not come to a run into order. If nothing of it is on the host, nothing of it
/// need be kept here; if it may have been launched, all of it is.
fn give_up(dispatch: &mut Dispatch, error: &TripError) -> Result<(), TripError> {
    if dispatch.record.is_away() {
        return Ok(());
    }
    if dispatch.record.state == State::Planned {
        return Ok(dispatch.remove()?);
    }
    for name in ["export.json", "parcel"] {
        dispatch.discard(name)?;
    }
    dispatch.record.ended_ms = Some(clock::now_ms());
    Ok(dispatch.reach(State::Failed { step: error.step(), message: error.to_string() })?)
}

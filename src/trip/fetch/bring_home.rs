//! The way home: what came back is fetched, checked, imported, and seen to be there. Nothing on the host is
//! removed before that.

use crate::clock;
use crate::dispatch::{Record, State, Step};
use crate::host::{self, BackFileKind, HostEnv, RunResult, Sending};
use crate::opencode::Database;
use crate::session::{Setting, new_session_id};
use crate::transfer::MergeResult;
use crate::trip::connection::WhenUnreachable;
use crate::trip::error::TripError;
use crate::trip::fetch::apply::{ApplyOutcome, ReturnedWork};
use crate::trip::last_sync;
use crate::trip::last_sync::LastSync;
use crate::trip::observer::News;
use crate::trip::tools::{PATIENCE, Tools, UNDER_WAY};
use crate::trip::under_way::Trip;
use crate::trip::watch::journal;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long an interruption waits for a host that is being cleaned up.
const MANNERS: Duration = Duration::from_millis(800);

/// A run that made more than these is told of.
const MANY_SUB_AGENTS: usize = 50;
const MANY_TODOS: usize = 1000;

/// A refused file larger than this is not kept at home; the host has it.
const KEPT: u64 = 64 << 20;

/// How long a host is tried to be cleaned up: what stays there costs only room.
const CLEAN_PATIENCE: Duration = Duration::from_secs(10);

impl Trip {
    /// Brings the session of a finished run home.
    ///
    /// # Errors
    /// By phase. The session here is as it was, and what came back is kept, unless it is home.
    pub(crate) async fn bring_home(&mut self, tools: &Tools) -> Result<(), TripError> {
        match self.record().state {
            State::Finished => {}
            State::Home { .. } => {
                self.clean_up(tools).await?;
                return self.check_fork();
            }
            _ => return Ok(()),
        }
        let result = self.fetch_back(tools).await?;
        let arrived_ms = *self.dispatch.record.arrived_ms.get_or_insert_with(clock::now_ms);
        self.begin(tools, Step::Verify)?;
        self.unpack(&result).await?;
        let undo = self.sent()?.undo;
        let mut returned = ReturnedWork::new(&self.dispatch, &self.dispatch.directory, undo, arrived_ms)?;
        let merged = match returned.read(tools).await {
            Ok(merged) => merged,
            Err(error) => {
                self.drop_refused(&error)?;
                return Err(error);
            }
        };
        self.judge(&merged);
        self.reply.clone_from(&merged.reply);
        if let Some(reply) = &self.reply {
            journal::keep_answer(&self.dispatch.directory, reply)?;
        }
        self.done(tools, Step::Verify)?;
        self.begin(tools, Step::Import)?;
        let landed = self.apply(tools, &mut returned, &merged).await?;
        self.save_last_sync(tools, &result, &merged, (landed.as_ref(), returned.left().len()))?;
        self.note(tools, landed, &merged);
        self.dispatch.record.ended_ms = Some(clock::now_ms());
        self.dispatch.record.older_changed = merged.older_changed;
        let new_messages = merged.new_messages.len();
        self.reach(tools, Step::Import, State::Home { new_messages })?;
        // A message from the near future would keep opencode here from answering the next one.
        let ahead = merged.newest_ms.unwrap_or_default().saturating_sub(clock::now_ms()).saturating_add(1);
        if (1..=5000).contains(&ahead) {
            tokio::time::sleep(Duration::from_millis(ahead.unsigned_abs())).await;
        }
        self.clean_up(tools).await?;
        self.check_fork()
    }

    /// What was refused is kept, and named, unless it is large.
    fn drop_refused(&self, error: &TripError) -> Result<(), TripError> {
        if matches!(error, TripError::Home { .. }) {
            self.dispatch.discard("arrival")?;
            let size = std::fs::metadata(self.dispatch.file("back.json")).map_or(0, |file| file.len());
            if size > KEPT {
                self.dispatch.discard("back.json")?;
            }
        }
        Ok(())
    }

    /// Says that what came back became a fork, each time that the trip is asked for.
    fn check_fork(&self) -> Result<(), TripError> {
        let Record { session, host, fork, undone, refused, .. } = self.record().clone();
        match fork {
            Some(copy) => Err(TripError::Diverged { session, host, copy, undone, refused }),
            None => Ok(()),
        }
    }

    /// Writes what came back into the session. If home changed, or the host undid what was sent, it becomes a fork: `None`.
    async fn apply(
        &mut self,
        tools: &Tools,
        returned: &mut ReturnedWork,
        merged: &MergeResult,
    ) -> Result<Option<ApplyOutcome>, TripError> {
        returned.restore_if_deleted(tools).await?;
        if self.record().fork.is_none() {
            let undone = merged.remaining.is_some();
            if !undone && merged.breaches.is_empty() {
                match returned.apply(tools, merged).await? {
                    ApplyOutcome::HomeChanged => {}
                    landed => return Ok(Some(landed)),
                }
            }
            self.dispatch.record.undone = undone;
            self.dispatch.record.refused = merged.breaches.iter().map(ToString::to_string).collect();
            let mut random = || RandomState::new().hash_one(0);
            self.dispatch.record.fork = Some(new_session_id(clock::now_ms(), &mut random));
            // A copy that a kill leaves unrecorded would be made twice.
            self.dispatch.save()?;
        }
        if let Some(copy) = self.record().fork.clone() {
            returned.fork(tools, merged, &copy).await?;
        }
        Ok(None)
    }

    /// Remembers what the host has now, so that the next trip there sends only what is new.
    ///
    /// `landed`: the outcome here; `None` if the result became a fork. `left`: messages sent.
    fn save_last_sync(
        &self,
        tools: &Tools,
        result: &RunResult,
        merged: &MergeResult,
        (landed, left): (Option<&ApplyOutcome>, usize),
    ) -> Result<(), TripError> {
        let Record { host, session, sent, fork, .. } = self.record();
        let database = || Database::open(&tools.database);
        // What was there before and was not replaced comes home only where it changes there.
        let launch = sent.as_ref().map(|sent| &sent.launch);
        let (rows, todos) = launch.map_or((false, false), |launch| {
            let replaced = launch.sending == Sending::Replace;
            (replaced || launch.rows_held, replaced || launch.todos_held)
        });
        let (messages, known) = (left + merged.new_messages.len(), result.known.clone());
        let last_sync = LastSync { messages, known, translated: true, rows, todos, ..LastSync::default() };
        let (holder, last_sync) = match (landed, fork) {
            _ if result.kind != BackFileKind::Bundle || result.known.is_empty() => (session, None),
            (Some(ApplyOutcome::Home(applied)), _) => {
                let undo = sent.as_ref().map(|sent| &sent.undo);
                let clock = undo.and_then(|undo| undo.clock);
                let last_sync = LastSync {
                    // A row that did not fit got another id here: no clock tells which.
                    translated: !merged.keeps_ids || clock.is_some(),
                    clock: clock.filter(|_| merged.keeps_ids),
                    paths: undo.and_then(|undo| undo.paths.clone()),
                    todos: todos && applied.kept.is_empty(),
                    ..last_sync
                };
                (session, Some(last_sync))
            }
            // `opencode import` leaves out what changed in rows that were here: only the host has that.
            (Some(ApplyOutcome::Imported(..) | ApplyOutcome::HomeChanged), _) | (None, None) => {
                (session, None)
            }
            // The fork holds all of that: as long as it does, the next trip may replace what the host has.
            (None, Some(copy)) => {
                let row = database()?.session(copy)?;
                let messages = row.map(|row| usize::try_from(row.messages).unwrap_or(usize::MAX));
                let fork = Some(copy.clone());
                (copy, messages.map(|messages| LastSync { messages, fork, ..last_sync }))
            }
        };
        let stamp = last_sync.as_ref().map(|last_sync| database()?.stamp(holder, last_sync.messages));
        match last_sync.zip(stamp.transpose()?.flatten()) {
            Some((last_sync, stamp)) => {
                last_sync::remember(&tools.kugetsu_home, host, session, LastSync { stamp, ..last_sync });
            }
            None => last_sync::forget(&tools.kugetsu_home, host, session),
        }
        Ok(())
    }

    /// Says what of the session is not as it was on the host.
    fn note(&self, tools: &Tools, landed: Option<ApplyOutcome>, merged: &MergeResult) {
        let mut left_behind: Vec<&str> = merged.not_carried.clone();
        if merged.sub_agents.len() > MANY_SUB_AGENTS {
            let many = merged.sub_agents.len();
            tools
                .tell(News::Warning(format!("the run made {many} sub-agents' sessions; they are here, too")));
        }
        if merged.todos > MANY_TODOS {
            tools.tell(News::Warning(format!("a list of todos came home that has {} items", merged.todos)));
        }
        match landed {
            Some(ApplyOutcome::Home(applied)) => {
                left_behind.extend(applied.not_carried);
                if !applied.kept.is_empty() {
                    let kept = applied.kept.join(", ");
                    tools.tell(News::Warning(format!("changed on both sides, kept as here: {kept}")));
                }
            }
            Some(ApplyOutcome::HomeChanged) | None => {}
            Some(ApplyOutcome::Imported(why, left_out)) => {
                let mut what = "new messages came home, by opencode import".to_owned();
                if !left_out.is_empty() {
                    what = format!("only {what}; not brought home: {}", left_out.join(", "));
                }
                tools.tell(News::Warning(format!("{why}; {what}")));
            }
        }
        let host = &self.record().host;
        let kept = [
            (
                merged.has_other_rules,
                format!(
                    "the permission rules on {host} are others; they stay there, and those here are as before"
                ),
            ),
            (
                merged.is_overcounted,
                format!("{host} counted more cost or tokens than its messages say; the messages count"),
            ),
            (
                merged.kept_rows > 0,
                format!(
                    "{} rows of sub-agents' sessions are otherwise on {host}; those here stay",
                    merged.kept_rows
                ),
            ),
        ];
        for (_, text) in kept.into_iter().filter(|(is_so, _)| *is_so) {
            tools.tell(News::Warning(text));
        }
        if !left_behind.is_empty() {
            let what = left_behind.join(", ");
            tools.tell(News::Warning(format!("not brought home, since one side does not have it: {what}")));
        }
    }

    /// The events said how the run went; the rows that it left must agree.
    fn judge(&mut self, merged: &MergeResult) {
        let record = &mut self.dispatch.record;
        // The last answer of a session that somebody went on with there is not the run's.
        if record.trouble.is_some() || record.result.as_ref().is_some_and(|result| result.later) {
            return;
        }
        let asked: &Setting = &record.plan.setting;
        record.trouble = match &merged.last_assistant {
            None => Some("it left no answer in the session".to_owned()),
            Some(last) => match (&last.error, &asked.agent, &last.agent) {
                (Some(error), ..) => Some(crate::text::plain(error)),
                (None, Some(asked), Some(ran)) if asked != ran => {
                    Some(format!("it ran as agent {}, not {asked}", crate::text::plain(ran)))
                }
                _ if !last.completed => Some("its last answer was never completed".to_owned()),
                _ => None,
            },
        };
    }

    /// The session is home: what is on the host of it costs only room, and that it stays is no reason to fail.
    async fn clean_up(&mut self, tools: &Tools) -> Result<(), TripError> {
        for name in ["back.json", "home.json", "arrival", "beside", "back"].iter().chain(&UNDER_WAY) {
            self.dispatch.discard(name)?;
        }
        if !self.record().is_on_host {
            return Ok(());
        }
        self.begin(tools, Step::Clean)?;
        // Where that account is not there any more, nothing is known of what it keeps.
        let env = HostEnv { account: self.record().account.clone(), ..HostEnv::default() };
        let script = host::clean(&env, &self.record().id, true);
        // Where it is done at once, it is not left half done.
        tools.tell(News::Critical(self.connection.is_connected()));
        let mut cleaned = {
            let mut asking = std::pin::pin!(self.connection.ask(tools, Step::Clean, &script, PATIENCE));
            match tokio::time::timeout(MANNERS, &mut asking).await {
                Ok(cleaned) => cleaned,
                Err(_) => {
                    tools.tell(News::Critical(false));
                    asking.await
                }
            }
        };
        tools.tell(News::Critical(false));
        if cleaned.as_ref().is_err_and(TripError::is_transient) {
            self.connection.set_outage_limit(Some(CLEAN_PATIENCE));
            cleaned = self
                .connection
                .ask_again(tools, Step::Clean, WhenUnreachable::Retry, (&script, PATIENCE))
                .await;
        }
        if let Err(error) = cleaned {
            let left = host::dispatch_directory(&self.record().id);
            let host = &self.connection.host.name;
            tools.tell(News::Warning(format!(
                "~/{left} is left on {host} ({error}); remove it: kugetsu prune --force"
            )));
            return Ok(());
        }
        self.dispatch.record.is_on_host = false;
        self.done(tools, Step::Clean)
    }
}

//! A message is worked on in a session, on this machine.

use super::files::survivor;
use super::guard::{GRACE, terminate};
use super::job::Job;
use super::{Bench, RunFiles, WorkError, WorkState};
use crate::clock;
use crate::disk::{self, DiskError, Task};
use crate::events::{Event, Lines, Outcome, Reply};
use crate::index::timestamp;
use crate::opencode::{self, Database, Permissions};
use crate::process::{MarkedProcess, RUN_MARK, end_all, find, run_mark};
use crate::text::{plain, quoted};
use std::fs::File;
use std::future::Future;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// The verb by which kugetsu starts itself as the guard.
pub(crate) const GUARD: &str = "__guard";
const TICK: Duration = Duration::from_millis(60);
/// Characters of a message that the list of sessions keeps.
const KEPT: usize = 200;

#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// Exit status of opencode, where it ended by itself.
    pub(crate) exit: Option<i32>,
    pub(crate) trouble: Option<String>,
    pub(crate) stopped: bool,
    pub(crate) reply: Option<String>,
}

pub(crate) trait Watcher {
    /// The run has begun; nobody else can begin one.
    fn began(&self);
    /// Processes that an earlier run left alive; they are ended now.
    fn remains(&self, found: &[MarkedProcess]);
    /// Questions that the session's own rules allowed, and deny from now on.
    fn denied(&self, names: &[&str]);
    /// The run has ended, and the index could not be told.
    fn unrecorded(&self, why: &WorkError);
    fn event(&self, event: &Event);
    /// The run began and did not do its work; `words` is the end of its standard error.
    fn failed(&self, why: &str, words: &str);
}

/// Works on a message until it is done, or until `stop` comes: then everything that the run started is ended.
///
/// # Errors
/// [`WorkError::Busy`], [`WorkError::Away`], [`WorkError::lost`]: nothing was done. A run that did not do its
/// work is no error; see [`Done`].
pub(crate) async fn run(
    bench: &Bench,
    job: &Job,
    watcher: &dyn Watcher,
    stop: impl Future<Output = ()>,
) -> Result<Done, WorkError> {
    let taken = disk::take_session(&bench.kugetsu_home, &job.session, Task::Run(job.name.clone()))?;
    let _lock = taken.map_err(|by| WorkError::Busy { name: job.name.clone(), by })?;
    let last = check(bench, job).await?;
    let mark = run_mark(&job.session);
    let remains = find(&mark, None);
    if !remains.is_empty() {
        watcher.remains(&remains);
        end_all(&mark, None, GRACE);
    }
    let files = RunFiles::of(&bench.kugetsu_home, job);
    files.make()?;
    disk::write_atomic(&files.prompt(), job.message.as_bytes())?;
    let denied = Permissions::open(&bench.database)?.deny_answerless(&job.session)?;
    if !denied.is_empty() {
        watcher.denied(&denied);
    }
    files.forget_survivors()?;
    note(bench, job, WorkState::Used, None)?;
    let child = spawn(bench, job, &files)?;
    watcher.began();
    let done = attend(bench, job, &files, child, last.as_deref(), watcher, stop).await;
    // Told before the lock is free: whoever follows the log stops reading then.
    match &done {
        Ok(Done { trouble: Some(trouble), stopped, .. }) => {
            watcher.failed(trouble, &if *stopped { String::new() } else { files.last_words() });
        }
        Ok(_) => {}
        Err(error) => watcher.failed(&error.to_string(), ""),
    }
    done
}

/// Sees a run through to its end; `last` was the session's last prompt before it.
async fn attend(
    bench: &Bench,
    job: &Job,
    files: &RunFiles,
    mut child: Child,
    last: Option<&str>,
    watcher: &dyn Watcher,
    stop: impl Future<Output = ()>,
) -> Result<Done, WorkError> {
    let mark = run_mark(&job.session);
    let mut events = Events::open(files)?;
    let mut stop = std::pin::pin!(stop);
    let mut stopped = false;
    let status = loop {
        tokio::select! {
            biased;
            status = child.wait() => break status.map_err(WorkError::Start)?,
            () = &mut stop, if !stopped => {
                stopped = true;
                child.id().into_iter().for_each(terminate);
            }
            // What cannot be read now is read at the end; the run is not left alone for it.
            () = tokio::time::sleep(TICK) => drop(events.take(watcher)),
        }
    };
    let mut survivors = files.survivors();
    if status.code().is_none() {
        // The guard was killed, and what it guarded may be alive.
        survivors.extend(end_all(&mark, None, GRACE).iter().map(survivor));
    }
    events.take(watcher)?;
    let Events { outcome, reply, .. } = events;
    let trouble = if stopped {
        Ok(None)
    } else {
        let name = quoted(&job.name);
        let cure = format!("kugetsu permit {name} PERMISSION PATTERN gives it beforehand");
        match outcome.trouble_with(exit(status), &files.cause(), &cure) {
            None => other_agent(bench, job, last),
            trouble => Ok(trouble),
        }
    };
    let why = trouble.as_ref().map_or_else(|error| Some(error.to_string()), Clone::clone);
    // The work is done whether or not it can be written down. The message is there while there is something to take up.
    let forgotten = disk::remove(&files.prompt()).map_err(WorkError::from);
    for recorded in [forgotten, note(bench, job, WorkState::Idle, why)] {
        if let Err(error) = recorded {
            watcher.unrecorded(&error);
        }
    }
    if !survivors.is_empty() {
        return Err(WorkError::Survived { name: job.name.clone(), survivors });
    }
    let trouble = if stopped { Some("it was stopped".to_owned()) } else { trouble? };
    Ok(Done { exit: status.code(), trouble, stopped, reply: reply.text().map(str::to_owned) })
}

/// The session's last prompt until now.
async fn check(bench: &Bench, job: &Job) -> Result<Option<String>, WorkError> {
    bench.check_here(&job.session, &job.name)?;
    let lost = || WorkError::lost(&job.name, &job.session);
    let row = Database::open(&bench.database)?.session(&job.session)?.ok_or_else(lost)?;
    if !job.directory.is_dir() {
        return Err(WorkError::NoDirectory { path: job.directory.clone() });
    }
    if row.directory != job.directory.display().to_string() {
        relocate(bench, job, &row.title).await?;
    }
    Ok(row.last_user.map(|user| user.id))
}

/// Says so if another agent ran than was asked for: opencode silently takes one where it does not have that. The prompt
/// that came after `last` names the agent.
fn other_agent(bench: &Bench, job: &Job, last: Option<&str>) -> Result<Option<String>, WorkError> {
    let row = Database::open(&bench.database)?.session(&job.session)?;
    let prompt = row.and_then(|row| row.last_user).filter(|user| Some(user.id.as_str()) != last);
    Ok(match (prompt.and_then(|user| user.setting.agent), &job.setting.agent) {
        (Some(ran), Some(asked)) if ran != *asked => {
            Some(format!("it ran as agent {}, not {}", plain(&ran), plain(asked)))
        }
        _ => None,
    })
}

/// Moves the session to another directory. opencode 1.18 works in the session's own, whatever `--dir` says, and then never
/// ends; importing it without any messages is what changes its row's directory and nothing else.
async fn relocate(bench: &Bench, job: &Job, title: &str) -> Result<(), WorkError> {
    let files = RunFiles::new(&bench.kugetsu_home, &job.session);
    files.make()?;
    let path = files.directory().join("move.json");
    let now = clock::now_ms();
    let session = serde_json::json!({
        "info": {
            "id": job.session, "slug": "moved", "version": "1", "projectID": "global", "title": title,
            "directory": job.directory, "time": {"created": now, "updated": now},
        },
        "messages": [],
    });
    disk::write_atomic(&path, session.to_string().as_bytes())?;
    bench.program.import(&path, &job.directory, &job.session).await?;
    Ok(std::fs::remove_file(&path).map_err(|source| DiskError::at(&path, source))?)
}

/// Writes down in the index what is going on, and why the last run did not do its work.
fn note(bench: &Bench, job: &Job, state: WorkState, trouble: Option<String>) -> Result<(), WorkError> {
    let Some(file) = &job.file else { return Ok(()) };
    bench.index.change(&format!("run {}", job.name), file, |file| {
        file.state = Some(state.name().to_owned());
        file.last_activity = Some(timestamp(clock::now_ms()));
        file.directory = Some(job.directory.display().to_string());
        if state == WorkState::Used {
            file.message = Some(plain(&job.message).chars().take(KEPT).collect());
        }
        file.trouble = trouble.as_deref().map(plain);
    })?;
    Ok(())
}

fn spawn(bench: &Bench, job: &Job, files: &RunFiles) -> Result<Child, WorkError> {
    let prompt = files.prompt();
    let stdin = File::open(&prompt).map_err(|source| DiskError::at(&prompt, source))?;
    let (stdout, stderr) = (RunFiles::fresh(&files.events())?, RunFiles::fresh(&files.stderr())?);
    let mut command = Command::new(&bench.kugetsu);
    command
        .arg(GUARD)
        .arg(std::process::id().to_string())
        .arg(&job.session)
        .arg("--")
        .arg(bench.program.path());
    // On 1.18 a run whose PWD is not the session's directory does its work and never ends.
    command.args(["run", "--session", &job.session, "--format", "json", "--dir"]).arg(&job.directory);
    if let Some(agent) = &job.setting.agent {
        command.args(["--agent", agent]);
    }
    if let Some(model) = &job.setting.model {
        command.arg("--model").arg(model.to_string());
        if let Some(variant) = &model.variant {
            command.args(["--variant", variant]);
        }
    }
    if job.debug {
        command.args(["--print-logs", "--log-level", "DEBUG"]);
    }
    command
        .env("OPENCODE_PERMISSION", opencode::permission(&serde_json::Map::new(), false))
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        // A run that was started from within another one is not a part of it.
        .env(RUN_MARK, "")
        .env("PWD", &job.directory)
        .current_dir(&job.directory)
        .stdin(stdin)
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr));
    command.spawn().map_err(WorkError::Start)
}

/// The exit status as a shell tells it: 128 and the signal, where one ended the program.
pub(crate) fn exit(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The events of the run, as its file grows.
struct Events {
    path: PathBuf,
    file: File,
    lines: Lines,
    outcome: Outcome,
    reply: Reply,
}

impl Events {
    fn open(files: &RunFiles) -> Result<Self, WorkError> {
        let path = files.events();
        let file = File::open(&path).map_err(|source| DiskError::at(&path, source))?;
        Ok(Self { path, file, lines: Lines::default(), outcome: Outcome::default(), reply: Reply::default() })
    }

    fn take(&mut self, watcher: &dyn Watcher) -> Result<(), WorkError> {
        let Self { path, file, lines, outcome, reply } = self;
        let read = lines.read(file, |event| {
            outcome.add(event);
            reply.add(event);
            watcher.event(event);
        });
        Ok(read.map_err(|source| DiskError::at(path, source))?)
    }
}

//! What `start`, `continue` and `resume` have in common: a message is worked on here.

use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::told_to_stop;
use super::lines::{lines, said_aside};
use super::output::tell_parent;
use super::progress::Progress;
use super::session::Resolved;
use crate::clock;
use crate::disk::{self, LOG_BYTES, LOG_FILES, RotatingLog};
use crate::events::Event;
use crate::index::timestamp;
use crate::opencode::Database;
use crate::process::{MarkedProcess, RUN_MARK};
use crate::session::{Model, Setting, Wish};
use crate::text::{plain, quoted};
use crate::trip::{News, Observer as _};
use crate::work::{self, Bench, Done, Guarded, Job, RunFiles, Watcher};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// The hidden verb by which kugetsu goes on without a terminal.
pub(super) const DETACHED: &str = "__detached";

/// What is said of a run that failed.
const NOT_DONE: &str = "the run did not do its work";

/// The agents that every opencode has, unless its user switched them off.
const OWN_AGENTS: [&str; 2] = ["build", "plan"];

/// How to work.
#[derive(Args, Clone)]
pub(super) struct WorkArgs {
    /// Return at once; the run goes on without this terminal
    #[arg(long)]
    detach: bool,
    /// Keep opencode's own log of the run
    #[arg(long)]
    debug: bool,
    /// Directory to work in, from now on
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Agent to run as
    #[arg(long)]
    agent: Option<String>,
    /// Model to run with
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<Model>,
    /// Variant of the model
    #[arg(long)]
    variant: Option<String>,
}

impl WorkArgs {
    /// A flag that says nothing where nothing is run.
    pub(super) fn about_a_run(&self) -> Option<&'static str> {
        let flags = [
            (self.agent.is_some(), "--agent"),
            (self.model.is_some(), "--model"),
            (self.variant.is_some(), "--variant"),
            (self.detach, "--detach"),
            (self.debug, "--debug"),
        ];
        flags.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// Which session, as it is in the index.
pub(super) struct RunTarget {
    pub(super) name: String,
    pub(super) session: String,
    pub(super) file: Option<String>,
}

impl RunTarget {
    pub(super) fn of(found: Resolved) -> Self {
        let Resolved { session, issue, file } = found;
        Self { name: issue.unwrap_or_else(|| session.clone()), session, file }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    session: &'a str,
    issue: Option<&'a str>,
    state: &'a str,
    run: Run<'a>,
    reply: Option<&'a str>,
}

#[derive(Serialize, Default)]
struct Run<'a> {
    ok: Option<bool>,
    exit: Option<i32>,
    error: Option<&'a str>,
}

/// Tells a script of a session in which nothing was run.
pub(super) fn tell_idle(context: &Context, target: &RunTarget) {
    if context.ui.json {
        let issue = target.file.is_some().then_some(target.name.as_str());
        let (state, run) = ("idle", Run::default());
        context.ui.document(&Document { session: &target.session, issue, state, run, reply: None });
    }
}

/// Works on `message` in a session, here or detached.
pub(super) async fn work(
    context: &Context,
    bench: &Bench,
    target: RunTarget,
    message: Vec<u8>,
    arguments: WorkArgs,
) -> Result<Exit, CliError> {
    let (directory, setting) = how(context, bench, &target, &arguments).await?;
    work_with(context, bench, target, message, arguments, directory, setting).await
}

/// Where a session is worked in, and with what.
pub(super) async fn how(
    context: &Context,
    bench: &Bench,
    target: &RunTarget,
    arguments: &WorkArgs,
) -> Result<(PathBuf, Setting), CliError> {
    let lost = || work::WorkError::lost(&target.name, &target.session);
    let row = Database::open(&bench.database)?.session(&target.session)?.ok_or_else(lost)?;
    let own = row.setting();
    let directory = match &arguments.dir {
        Some(given) => directory(context, given)?,
        None => PathBuf::from(row.directory),
    };
    let setting = setting(bench, &own, &directory, arguments).await?;
    Ok((directory, setting))
}

/// As [`work`], where it is known how.
pub(super) async fn work_with(
    context: &Context,
    bench: &Bench,
    target: RunTarget,
    message: Vec<u8>,
    arguments: WorkArgs,
    directory: PathBuf,
    setting: Setting,
) -> Result<Exit, CliError> {
    let RunTarget { name, session, file } = target;
    // Both ways to get here, `message::read` and the prompt of an earlier run, have seen that it is text.
    let message = String::from_utf8_lossy(&message).into_owned();
    let job = Job { name, session, file, directory, setting, message, debug: arguments.debug };
    match arguments.detach {
        true => leave(context, bench, &job),
        false => here(context, bench, &job).await,
    }
}

/// What a session, whose own setting is `own`, is run with in `directory`. An agent that opencode does not know is refused:
/// opencode would take another one.
pub(super) async fn setting(
    bench: &Bench,
    own: &Setting,
    directory: &Path,
    given: &WorkArgs,
) -> Result<Setting, CliError> {
    let (agent, model, variant) = (given.agent.clone(), given.model.clone(), given.variant.clone());
    let setting = own.wished(&[Wish { agent, model, variant }]);
    let setting =
        setting.map_err(|error| CliError::usage(error.to_string(), "add --model PROVIDER/MODEL"))?;
    // To ask takes a second; what opencode has of itself need not be asked for unless the user names it.
    let doubtful = |agent: &&String| given.agent.is_some() || !OWN_AGENTS.contains(&agent.as_str());
    if let Some(agent) = setting.agent.as_ref().filter(doubtful) {
        let known = bench.program.agents(directory).await?;
        if !known.contains(agent) {
            return Err(work::WorkError::UnknownAgent { name: plain(agent), known }.into());
        }
    }
    Ok(setting)
}

/// A directory as the user gave it: real and absolute.
pub(super) fn directory(context: &Context, given: &Path) -> Result<PathBuf, CliError> {
    let path = context.working_directory().join(given);
    if path.to_str().is_none() {
        let place = path.display();
        let message =
            format!("the directory {place} has a name that is not UTF-8, which opencode cannot keep");
        return Err(CliError::usage(message, "name another: --dir DIR"));
    }
    Ok(std::fs::canonicalize(&path).map_err(|_| work::WorkError::NoDirectory { path })?)
}

/// Works on it in this process, and shows the work.
async fn here(context: &Context, bench: &Bench, job: &Job) -> Result<Exit, CliError> {
    let progress = Arc::new(Progress::new(&context.ui));
    progress.say(&context.ui.strong(&job.name));
    let shown = Shown::new(bench, job, &progress, false)?;
    let done = work::run(bench, job, &shown, told_to_stop()).await;
    progress.clear();
    let done = done?;
    if job.debug {
        let files = RunFiles::of(&bench.kugetsu_home, job);
        context.ui.note(&format!("opencode's own log: {}", context.tilde(&files.stderr())));
    }
    conclude(context, job, &done)
}

fn conclude(context: &Context, job: &Job, done: &Done) -> Result<Exit, CliError> {
    let ui = &context.ui;
    if done.stopped {
        let message = "interrupted: the run and all that it started were ended";
        let safe = Some("what was done until then is in the session".to_owned());
        return Err(CliError { safe, ..CliError::new(Exit::Interrupted, "run", message) }
            .with_hint(format!("go on: kugetsu continue {} \"go on\"", quoted(&job.name))));
    }
    if let Some(trouble) = &done.trouble {
        ui.run_failed(&format!("{NOT_DONE}: {}", plain(trouble)));
    }
    let ok = Some(done.trouble.is_none());
    let run = Run { ok, exit: done.exit, error: done.trouble.as_deref() };
    let issue = job.file.is_some().then_some(job.name.as_str());
    let reply = done.reply.as_deref();
    ui.reply(&Document { session: &job.session, issue, state: "idle", run, reply }, reply);
    Ok(if done.trouble.is_some() { Exit::RunFailed } else { Exit::Done })
}

/// Why a detached run did not begin, as it tells whoever started it.
#[derive(Serialize, Deserialize)]
struct RunRefusal {
    refused: bool,
    step: String,
    message: String,
    safe: Option<String>,
    hint: Option<String>,
    retryable: bool,
}

/// Starts a run that this terminal has nothing to do with any more.
fn leave(context: &Context, bench: &Bench, job: &Job) -> Result<Exit, CliError> {
    let failed = |error: std::io::Error| {
        CliError::failed("start", format!("the run could not be left alone: {error}"))
    };
    let mut child = Command::new(&bench.kugetsu)
        .arg(DETACHED)
        // A run that was started from within another one is not a part of it.
        .env(RUN_MARK, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // Through a pipe: what it works on is what this command was given, whoever else starts one now.
    let text = serde_json::to_vec(job).map_err(|error| failed(error.into()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).map_err(failed)?;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    match serde_json::from_str::<RunRefusal>(&line) {
        _ if line == "began\n" => {}
        Ok(RunRefusal { refused, step, message, safe, hint, retryable }) => {
            let exit = if refused { Exit::Refused } else { Exit::Failed };
            return Err(CliError { safe, hint, retryable, ..CliError::new(exit, step, message) });
        }
        Err(_) => return Err(CliError::failed("run", "the run ended before it had begun")),
    }
    let ui = &context.ui;
    ui.done(&format!("{} works on it without us", job.name));
    ui.wrapped("  ", &format!("look at it: kugetsu logs {} -f", quoted(&job.name)));
    if job.debug {
        let files = RunFiles::of(&bench.kugetsu_home, job);
        ui.note(&format!("  opencode's own log: {}", context.tilde(&files.stderr())));
    }
    if ui.json {
        let run = Run::default();
        let issue = job.file.is_some().then_some(job.name.as_str());
        ui.document(&Document { session: &job.session, issue, state: "used", run, reply: None });
    }
    Ok(Exit::Done)
}

/// Goes on with what [`leave`] has left.
pub(super) async fn detached(context: &Context) -> Result<Exit, CliError> {
    let done = begun(context).await;
    if let Err(error) = &done {
        let CliError { exit, step, message, safe, hint, retryable, .. } = error.clone();
        let refused = exit == Exit::Refused;
        let refusal = RunRefusal { refused, step: step.into_owned(), message, safe, hint, retryable };
        let line = serde_json::to_string(&refusal).unwrap_or_default();
        tell_parent(&line);
    }
    done
}

async fn begun(context: &Context) -> Result<Exit, CliError> {
    let failed = |error: std::io::Error| CliError::failed("start", error.to_string());
    // What ends the terminal or its session does not reach this one.
    rustix::process::setsid().map_err(|error| failed(error.into()))?;
    let bench = context.bench().await?;
    let job: Job = serde_json::from_reader(std::io::stdin().lock()).map_err(|error| failed(error.into()))?;
    let shown = Shown::new(&bench, &job, &Arc::new(Progress::new(&context.ui)), true)?;
    let done = work::run(&bench, &job, &shown, told_to_stop()).await?;
    Ok(if done.trouble.is_some() { Exit::RunFailed } else { Exit::Done })
}

/// Stands between kugetsu and opencode; see [`work::guard`].
#[derive(Args)]
pub(super) struct GuardArgs {
    parent: u32,
    session: String,
    #[arg(last = true)]
    program: Vec<OsString>,
}

pub(super) async fn guard(arguments: GuardArgs, context: &Context) -> Result<Exit, CliError> {
    let mark = crate::process::run_mark(&arguments.session);
    match work::guard(arguments.parent, &mark, &arguments.program).await {
        Ok(Guarded::Ended(status)) => Ok(Exit::Passed(work::exit(status))),
        Ok(Guarded::Stopped(left)) => {
            // Where it cannot be said, they are not ended either.
            let _ = RunFiles::new(context.kugetsu_home(), &arguments.session).keep_survivors(&left);
            Ok(Exit::Passed(143))
        }
        Err(error) => Err(CliError::failed("run", format!("opencode could not be started: {error}"))),
    }
}

/// Shows a run as it goes on.
struct Shown {
    progress: Arc<Progress>,
    /// What is shown is written down as well.
    log: Mutex<RotatingLog>,
    message: String,
    /// Whoever started this process waits to hear that the run has begun.
    tells_parent: bool,
}

impl Shown {
    fn new(bench: &Bench, job: &Job, progress: &Arc<Progress>, tells_parent: bool) -> Result<Self, CliError> {
        let path = work::log_path(&bench.kugetsu_home, &job.session);
        if let Some(logs) = path.parent() {
            disk::private_dir(logs)?;
        }
        let log = RotatingLog::open(&path, LOG_FILES, LOG_BYTES)?;
        Ok(Self {
            progress: Arc::clone(progress),
            log: Mutex::new(log),
            message: job.message.clone(),
            tells_parent,
        })
    }

    /// A log that cannot be written is no reason to end a run.
    fn write(&self, text: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = log.write_all(text.as_bytes()).and_then(|()| log.flush());
    }
}

impl Watcher for Shown {
    fn began(&self) {
        self.write(&format!("{} > {}\n", timestamp(clock::now_ms()), plain(&self.message)));
        if self.tells_parent {
            tell_parent("began");
        }
        self.progress.working("working (Ctrl-C ends it)");
    }

    fn remains(&self, found: &[MarkedProcess]) {
        for found in found {
            self.progress.say(&format!(
                "ending what an earlier run left: {} ({})",
                plain(&found.command),
                found.pid
            ));
        }
    }

    fn denied(&self, names: &[&str]) {
        let what = names.join(", ");
        let line = format!("the session's own rules deny {what} from now on: nobody answers in such a run");
        self.write(&format!("{line}\n"));
        self.progress.say(&line);
    }

    fn unrecorded(&self, why: &work::WorkError) {
        self.progress.say(&format!("the session's record could not be written: {why}"));
    }

    fn event(&self, event: &Event) {
        self.write(&lines(event));
        self.progress.tell(News::Event(event));
    }

    fn failed(&self, why: &str, words: &str) {
        self.write(&format!("✗ {NOT_DONE}: {}\n{}", plain(why), said_aside(words)));
    }
}

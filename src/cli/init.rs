//! `kugetsu init`

use super::context::Context;
use super::error::{CliError, Exit, LIST_SESSIONS};
use super::interrupt::told_to_stop;
use crate::clock;
use crate::disk::{DiskError, Lock, private_dir};
use crate::index::{SessionFile, SessionKind};
use crate::opencode::{Database, Program, Version};
use crate::session::{empty, is_session_id, new_session_id};
use crate::text::plain;
use crate::work::WorkError;
use clap::Args;
use serde_json::json;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// The title of a base session that nobody made by hand.
const TITLE: &str = "kugetsu base";

/// Makes the base session, from which the sessions of issues are copied
///
/// In a terminal opencode opens, and the session that is made there is the base. Without a terminal, or with --json,
/// the base is an empty session.
#[derive(Args)]
pub(super) struct InitArgs {
    /// Take this session of opencode's
    #[arg(long, value_name = "ses_…")]
    session: Option<String>,
    /// Take another base in place of the one there is; issues that were started keep their sessions
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(arguments: InitArgs, context: &Context) -> Result<Exit, CliError> {
    let locks = context.kugetsu_home().join("locks");
    private_dir(&locks)?;
    let path = locks.join("init.lock");
    let Some(_lock) = Lock::try_exclusive(&path, "init")? else {
        let by = Lock::busy(&path);
        return Err(CliError::new(Exit::Refused, "lock", format!("a base session is being made: {by}")));
    };
    let index = context.index().index()?;
    let (program, database) = context.opencode().await?;
    if let Some(base) = index.base().filter(|_| !arguments.force) {
        return Err(there_already(base, &database)?);
    }
    let version = context.check_version(&program).await?;
    let directory = context.working_directory();
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !context.ui.json;
    let session = match &arguments.session {
        Some(session) => existing(session, &database)?,
        None if terminal => by_hand(&program, directory, &database).await?,
        None => made_empty(&program, version, &database, context).await?,
    };
    let mut file = SessionFile::new(SessionKind::Base, None, session.clone(), clock::now_ms());
    file.directory = Database::open(&database)?.session(&session)?.map(|row| row.directory);
    context.index().set_base("init", &file)?;
    if context.ui.json {
        context.ui.document(&json!({ "base": session }));
    } else {
        context.ui.done(&format!("{session} is the base session"));
        context.ui.note("  start an issue: kugetsu start '#14' \"…\"");
    }
    Ok(Exit::Done)
}

fn there_already(base: &str, database: &Path) -> Result<CliError, CliError> {
    // Where opencode has no database at all, it has no session either.
    let known = database.is_file() && Database::open(database)?.contains(base)?;
    let (message, hint) = if known {
        (
            format!("there is a base session already: {base}"),
            "take another in its place: kugetsu init --force",
        )
    } else {
        (format!("opencode has lost the base session {base}"), "make another: kugetsu init --force")
    };
    Ok(CliError::new(Exit::Refused, "resolve", message).with_hint(hint))
}

fn existing(session: &str, database: &Path) -> Result<String, CliError> {
    if !is_session_id(session) {
        let message = format!("{:?} is no id of a session", plain(session));
        return Err(CliError::usage(message, format!("write it as ses_…; {LIST_SESSIONS}")));
    }
    if Database::open(database)?.contains(session)? {
        return Ok(session.to_owned());
    }
    Err(CliError::new(Exit::Refused, "resolve", format!("opencode has no session {session}"))
        .with_hint(LIST_SESSIONS))
}

/// Whoever sits at the terminal makes it, in opencode's own interface.
async fn by_hand(program: &Program, directory: &Path, database: &Path) -> Result<String, CliError> {
    // Ctrl-C is for opencode; listened to, it does not end kugetsu.
    let _interrupt = signal(SignalKind::interrupt());
    let since = clock::now_ms();
    program.interface(directory).await?;
    let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let names = [directory, &real].map(|path| path.display().to_string());
    let made = match database.is_file() {
        true => Database::open(database)?.newest_since(since, [&names[0], &names[1]])?,
        false => None,
    };
    made.ok_or_else(|| {
        CliError::failed("run", "no session was made in opencode, so there is no base session")
            .with_hint("say something in a new session there, or name one: kugetsu init --session ses_…")
    })
}

/// opencode imports a session in which nothing was said.
async fn made_empty(
    program: &Program,
    version: Version,
    database: &Path,
    context: &Context,
) -> Result<String, CliError> {
    let (cache, directory) = (context.kugetsu_home().join("cache"), context.working_directory());
    let session = new_session_id(clock::now_ms(), &mut || RandomState::new().hash_one(0));
    let place = directory.display().to_string();
    let document = empty(&session, TITLE, &place, &version.to_string(), clock::now_ms());
    let at = |path: &Path, source| CliError::from(DiskError::at(path, source));
    let file = tempfile::Builder::new().prefix("base-").suffix(".json").tempfile_in(&cache);
    let mut file = file.map_err(|source| at(&cache, source))?;
    file.write_all(&document).map_err(|source| at(file.path(), source))?;
    let path = PathBuf::from(file.path());
    tokio::select! {
        biased;
        imported = program.import(&path, directory, &session) => imported?,
        () = told_to_stop() => {
            // opencode imports row by row, so a part of it may be there.
            let deleted = program.delete(&session).await;
            let is_there = deleted.is_err() && database.is_file() && Database::open(database)?.contains(&session)?;
            return Err(WorkError::Interrupted { left: is_there.then_some(session) }.into());
        }
    }
    if Database::open(database)?.contains(&session)? {
        return Ok(session);
    }
    Err(CliError::failed("import", format!("opencode said that it imported {session}, and does not have it")))
}

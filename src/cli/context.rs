//! The environment of this process, and the adapters made from it. The only place that makes them.

use super::asker::TerminalAsker;
use super::error::CliError;
use super::global::Global;
use super::output::Ui;
use super::progress::Progress;
use crate::disk;
use crate::dispatch::{Moment, Step, Store};
use crate::hosts::{self, Allowed, HostEntry, Hosts, SearchPath};
use crate::index;
use crate::issue::{self, RemoteError, Repository};
use crate::opencode::{Program, Surroundings, Version};
use crate::ssh::{self, NoAsker, Target};
use crate::transport::{ConnectError, Connector, Transport};
use crate::trip::Tools;
use crate::work::Bench;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(super) struct Context {
    pub(super) ui: Ui,
    user_home: PathBuf,
    working_directory: PathBuf,
    kugetsu_home: PathBuf,
    /// The repository of the working directory, once git has told it.
    remote: OnceLock<Repository>,
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

impl Context {
    pub(super) fn new(global: &Global) -> Result<Self, CliError> {
        let no_home = || CliError::failed("start", "the home directory is not known: set HOME");
        let user_home = directories::BaseDirs::new().ok_or_else(no_home)?.home_dir().to_owned();
        let working_directory = std::env::current_dir().map_err(|error| {
            CliError::failed("start", format!("the working directory cannot be read: {error}"))
        })?;
        let kugetsu_home = variable("KUGETSU_HOME")
            .map_or_else(|| user_home.join(".kugetsu"), |home| working_directory.join(home));
        let remote = OnceLock::new();
        Ok(Self { ui: Ui::new(global), user_home, working_directory, kugetsu_home, remote })
    }

    pub(super) fn store(&self) -> Store {
        Store::new(&self.kugetsu_home)
    }

    /// The repository whose issues are meant where only a number is given.
    pub(super) fn remote(&self) -> Result<Repository, RemoteError> {
        if let Some(remote) = self.remote.get() {
            return Ok(remote.clone());
        }
        let remote = self.remote_of(&self.working_directory)?;
        Ok(self.remote.get_or_init(|| remote).clone())
    }

    pub(super) fn remote_of(&self, directory: &Path) -> Result<Repository, RemoteError> {
        if let (true, Some(remote)) = (directory == self.working_directory, self.remote.get()) {
            return Ok(remote.clone());
        }
        let remote = issue::remote_of(directory)?;
        Ok(remote.behind(|alias| ssh::hostname(alias, &self.user_home)))
    }

    /// The hosts of all files; what is odd about them is said.
    pub(super) fn hosts(&self) -> Result<Hosts, CliError> {
        let hosts = Hosts::load(&self.hosts_files(), &self.allowed())?;
        for warning in &hosts.warnings {
            self.ui.note(&warning.to_string());
        }
        Ok(hosts)
    }

    pub(super) fn hosts_files(&self) -> SearchPath {
        let (config_home, file) = (variable("XDG_CONFIG_HOME"), variable("KUGETSU_HOSTS"));
        SearchPath::new(hosts::Surroundings {
            home: Some(&self.user_home),
            config_home: config_home.as_deref(),
            hosts_file: file.as_deref(),
            working_directory: &self.working_directory,
        })
    }

    pub(super) fn allowed(&self) -> Allowed {
        Allowed::new(&self.kugetsu_home)
    }

    /// Finds out, by its name alone, whether there is such a host.
    pub(super) fn look_up(&self, host: &HostEntry) -> Result<(), ConnectError> {
        ssh::look_up(&Target::new(host, &self.user_home, None))
    }

    pub(super) fn index(&self) -> index::Store {
        index::Store::new(&self.kugetsu_home)
    }

    pub(super) fn kugetsu_home(&self) -> &Path {
        &self.kugetsu_home
    }

    pub(super) fn working_directory(&self) -> &Path {
        &self.working_directory
    }

    /// What work on this machine is done with.
    pub(super) async fn bench(&self) -> Result<Bench, CliError> {
        let (program, database) = self.opencode().await?;
        disk::private_dir(&self.kugetsu_home)?;
        let kugetsu = std::env::current_exe()
            .map_err(|error| CliError::failed("start", format!("kugetsu does not find itself: {error}")))?;
        Ok(Bench {
            kugetsu_home: self.kugetsu_home.clone(),
            kugetsu,
            program,
            database,
            index: self.index(),
            dispatches: self.store(),
        })
    }

    /// As [`Self::bench`], for those who are going to have opencode write something.
    pub(super) async fn bench_to_work(&self) -> Result<Bench, CliError> {
        let bench = self.bench().await?;
        self.check_version(&bench.program).await?;
        Ok(bench)
    }

    /// Its version; an opencode that kugetsu does not know is refused. Asked once for each that is installed.
    pub(super) async fn check_version(&self, program: &Program) -> Result<Version, CliError> {
        let cache = self.kugetsu_home.join("cache");
        disk::private_dir(&cache)?;
        Ok(program.version(Some(&cache.join("opencode.json"))).await?)
    }

    /// The local opencode, and where its database is.
    pub(super) async fn opencode(&self) -> Result<(Program, PathBuf), CliError> {
        let (path, explicit) = (variable("PATH"), variable("KUGETSU_OPENCODE"));
        let (data_home, database) = (variable("XDG_DATA_HOME"), variable("OPENCODE_DB"));
        let surroundings = Surroundings {
            home: Some(&self.user_home),
            path: path.as_deref(),
            opencode: explicit.as_deref(),
            data_home: data_home.as_deref(),
            database: database.as_deref(),
        };
        let program = Program::locate(surroundings)?;
        let database = program.db_path(surroundings).await?;
        Ok((program, database))
    }

    /// What several hosts are asked with, at the same time: nobody is asked for a passphrase then.
    pub(super) async fn tools_that_ask_nothing(&self) -> Result<Tools, CliError> {
        let mut tools = self.tools(Arc::new(Progress::new(&self.ui))).await?;
        tools.connector = Arc::new(self.connector(None));
        Ok(tools)
    }

    fn connector(&self, asker: Option<TerminalAsker>) -> SshConnector {
        let agent_socket = variable("SSH_AUTH_SOCK").map(PathBuf::from);
        SshConnector { user_home: self.user_home.clone(), agent_socket, asker }
    }

    pub(super) async fn tools(&self, progress: Arc<Progress>) -> Result<Tools, CliError> {
        let (program, database) = self.opencode().await?;
        let asks = std::io::stdin().is_terminal() && self.ui.live;
        let asker = asks.then(|| TerminalAsker { progress: Arc::clone(&progress) });
        disk::private_dir(&self.kugetsu_home)?;
        Ok(Tools {
            kugetsu_home: self.kugetsu_home.clone(),
            user_home: self.user_home.clone(),
            program,
            database,
            store: self.store(),
            connector: Arc::new(self.connector(asker)),
            observer: progress,
            stall_after: stall_after(),
            kill_at: kill_at(),
        })
    }

    /// `path` as a user writes it.
    pub(super) fn tilde(&self, path: &Path) -> String {
        match path.strip_prefix(&self.user_home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

/// A run that says nothing for so long may be asking a dead provider again and again.
const STALL_AFTER: Duration = Duration::from_secs(600);

/// Debug builds can be told a shorter time, for tests.
fn stall_after() -> Duration {
    let value = if cfg!(debug_assertions) { std::env::var("KUGETSU_STALL_AFTER").ok() } else { None };
    value.and_then(|value| humantime::parse_duration(&value).ok()).unwrap_or(STALL_AFTER)
}

/// Debug builds can be told where to die, for tests: `KUGETSU_KILL_AT=before:launch`.
fn kill_at() -> Option<(Moment, Step)> {
    let value = if cfg!(debug_assertions) { std::env::var("KUGETSU_KILL_AT").ok()? } else { return None };
    let (moment, step) = value.split_once(':')?;
    let moment = Moment::ALL.into_iter().find(|known| known.name() == moment)?;
    Some((moment, Step::ALL.into_iter().find(|known| known.name() == step)?))
}

struct SshConnector {
    user_home: PathBuf,
    agent_socket: Option<PathBuf>,
    asker: Option<TerminalAsker>,
}

impl Connector for SshConnector {
    fn connect(&self, host: &HostEntry, patience: Duration) -> Result<Box<dyn Transport>, ConnectError> {
        let target = Target::new(host, &self.user_home, self.agent_socket.clone());
        let connection = match &self.asker {
            Some(asker) => ssh::connect(&target, asker, patience)?,
            None => ssh::connect(&target, &NoAsker, patience)?,
        };
        Ok(Box::new(connection))
    }
}

//! A simulated machine: a HOME of its own with opencode configured for the stand-in model, and a
//! PATH of its own. What still runs in that HOME when the machine is dropped is killed.

use super::model::Model;
use super::opencode::Release;
use super::process::{self, Finished, PATIENCE, Running, install_program};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// A machine with opencode on it.
#[derive(Debug)]
pub struct Machine {
    name: String,
    release: Release,
    environment: BTreeMap<String, String>,
    home: PathBuf,
    root: TempDir,
}

impl Machine {
    /// A machine called `name`, which is also its key for the model: see
    /// [`Request::machine`](super::model::Request::machine).
    ///
    /// opencode knows the models `fake/m1` (the default) and `fake/m2`; m2 has the variants `high` and
    /// `low`, which reach the model as `reasoning_effort`. Using them costs something, so that costs
    /// can be compared. Every tool is allowed.
    pub fn start(name: &str, release: Release, model: &Model) -> Self {
        Self::start_in("home", name, release, model)
    }

    /// As [`Machine::start`], with a HOME of this name.
    pub fn start_in(directory: &str, name: &str, release: Release, model: &Model) -> Self {
        super::times::making(|| Self::make(directory, name, release, model))
    }

    fn make(directory: &str, name: &str, release: Release, model: &Model) -> Self {
        let root = tempfile::Builder::new().prefix(&format!("kugetsu-{name}-")).tempdir().unwrap();
        // opencode resolves symbolic links in directories; a test compares what it says with ours.
        let home = root.path().canonicalize().unwrap().join(directory);
        super::times::count_home(&home);
        let bin = home.join("bin");
        fs::create_dir_all(&bin).unwrap();
        // A link and no wrapper: a shell in between would put a wrong PWD right.
        symlink(release.program(), bin.join("opencode")).unwrap();
        if release.needs_node() {
            symlink(which("node"), bin.join("node")).unwrap();
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
        let mut environment = BTreeMap::from([
            ("HOME", home.display().to_string()),
            ("PATH", path),
            ("LANG", "C.UTF-8".to_owned()),
        ])
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect::<BTreeMap<_, _>>();
        environment.extend(offline().chain(hasty()));
        let catalogue = home.join(".config/models.json");
        environment.insert("OPENCODE_MODELS_PATH".to_owned(), catalogue.display().to_string());
        let machine = Self { name: name.to_owned(), release, environment, home, root };
        machine.write_config(&configuration(name, model));
        // opencode's own list of all providers' models is half of what a run of the newest release costs.
        machine.write_file(&catalogue, "{}");
        machine
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The opencode on it.
    pub fn release(&self) -> Release {
        self.release
    }

    /// Its HOME, symbolic links resolved. `bin/` in it comes first on the PATH.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A directory outside its HOME that goes when the machine goes.
    pub fn outside(&self) -> &Path {
        self.root.path()
    }

    /// The whole environment of what runs on it.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Its PATH.
    pub fn path(&self) -> &str {
        &self.environment["PATH"]
    }

    /// Sets a variable for what is started from now on.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    /// Has opencode clean up behind itself: see [`UNHURRIED`].
    pub fn take_time(&mut self) {
        self.environment.extend(UNHURRIED.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    /// Replaces opencode's configuration.
    pub fn write_config(&self, config: &Value) {
        let path = self.config_path();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_vec_pretty(config).unwrap()).unwrap();
    }

    /// Changes opencode's configuration.
    pub fn change_config(&self, change: impl FnOnce(&mut Value)) {
        let mut config = serde_json::from_slice(&fs::read(self.config_path()).unwrap()).unwrap();
        change(&mut config);
        self.write_config(&config);
    }

    /// Takes opencode off its PATH, or puts `program` in its place.
    pub fn replace_opencode(&self, program: Option<&Path>) {
        let link = self.home.join("bin/opencode");
        fs::remove_file(&link).unwrap();
        if let Some(program) = program {
            symlink(program, link).unwrap();
        }
    }

    /// Puts a script on its PATH.
    pub fn install_script(&self, name: &str, script: &str) {
        let path = self.home.join("bin").join(name);
        // Its place may be held by a link, through which a write would reach the real program.
        let _ = fs::remove_file(&path);
        install_program(&path, script.as_bytes());
    }

    /// Makes (or finds) a directory under `projects/`.
    pub fn project(&self, name: &str) -> PathBuf {
        let path = self.home.join("projects").join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes a file of a project.
    pub fn write_file(&self, path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    /// As [`Machine::project`], with a git repository that has one commit.
    ///
    /// That commit is the same on every machine, and so is opencode's project id.
    pub fn git_project(&self, name: &str) -> PathBuf {
        let path = self.project(name);
        fs::write(path.join("README.md"), format!("# {name}\n")).unwrap();
        let git = |args: &[&str]| {
            let mut command = self.command("git", &path);
            command.args(["-c", "user.name=Test", "-c", "user.email=test@example.org"]).args(args);
            command.env("GIT_AUTHOR_DATE", "2025-01-01T00:00:00Z");
            command.env("GIT_COMMITTER_DATE", "2025-01-01T00:00:00Z");
            Running::start(command, None).wait(PATIENCE).expect_success();
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "Begin"]);
        path
    }

    /// A program, found on its PATH, to be run in `dir` with its environment and no other.
    pub fn command(&self, program: &str, dir: &Path) -> Command {
        let own = self.home.join("bin").join(program);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(program) };
        command.env_clear().envs(&self.environment).current_dir(dir).env("PWD", dir);
        command
    }

    /// Runs `opencode ARGS` in `dir` to its end.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn opencode(&self, dir: &Path, args: &[&str]) -> Finished {
        self.start_opencode(dir, args, None).wait(PATIENCE)
    }

    /// Starts `opencode ARGS` in `dir`, with `stdin` as standard input.
    pub fn start_opencode(&self, dir: &Path, args: &[&str], stdin: Option<&str>) -> Running {
        let mut command = self.command("opencode", dir);
        command.args(args);
        Running::start(command, stdin.map(str::as_bytes))
    }

    /// Has the real opencode make a session in `dir` with `prompt`; returns its id.
    ///
    /// # Panics
    /// When the run fails.
    #[track_caller]
    pub fn new_session(&self, dir: &Path, prompt: &str) -> String {
        let run = self.start_opencode(dir, &["run", "--format", "json"], Some(prompt)).wait(PATIENCE);
        session_id(&run.expect_success().stdout).expect("a run that worked prints events")
    }

    /// Goes on with a session; `flags` may name an agent, a model, a variant.
    #[track_caller]
    pub fn continue_session(&self, dir: &Path, id: &str, prompt: &str, flags: &[&str]) -> Finished {
        let dir_text = dir.to_str().unwrap();
        let mut args = vec!["run", "--session", id, "--dir", dir_text, "--format", "json"];
        args.extend(flags);
        self.start_opencode(dir, &args, Some(prompt)).wait(PATIENCE)
    }

    /// The session as `opencode export` prints it.
    ///
    /// # Panics
    /// Where there is no such session.
    #[track_caller]
    pub fn export(&self, id: &str) -> Value {
        self.opencode(&self.home, &["export", id]).expect_success().json()
    }

    /// Imports a session into `dir`, as `opencode export` printed it.
    ///
    /// # Panics
    /// When opencode does not say that it did.
    #[track_caller]
    pub fn import(&self, dir: &Path, session: &Value) {
        let mut file = tempfile::NamedTempFile::new_in(self.root.path()).unwrap();
        serde_json::to_writer(&mut file, session).unwrap();
        let done = self.opencode(dir, &["import", file.path().to_str().unwrap()]);
        assert!(
            done.stdout.contains("Imported session: ses_"),
            "import said\n{}\n{}",
            done.stdout,
            done.stderr
        );
    }

    /// Where opencode keeps its database; it is there after opencode's first start.
    pub fn database_path(&self) -> PathBuf {
        self.home.join(".local/share/opencode/opencode.db")
    }

    /// opencode's database, for reading and writing.
    ///
    /// # Panics
    /// Where opencode has not made it yet.
    #[track_caller]
    pub fn database(&self) -> Connection {
        let path = self.database_path();
        assert!(path.exists(), "opencode has not been started on {} yet", self.name);
        let database = Connection::open(path).unwrap();
        database.busy_timeout(PATIENCE).unwrap();
        database.pragma_update(None, "foreign_keys", true).unwrap();
        database
    }

    /// The ids of the processes that run on it.
    pub fn processes(&self) -> Vec<u32> {
        process::living_in(&self.home)
    }

    fn config_path(&self) -> PathBuf {
        self.home.join(".config/opencode/opencode.json")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        process::clear_out(&self.home);
    }
}

/// The id in the first event that names one.
pub fn session_id(events: &str) -> Option<String> {
    let mut events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.find_map(|event| event["sessionID"].as_str().map(str::to_owned))
}

/// What keeps opencode and its package managers off the network: a registry that refuses at once.
/// (At its first start opencode fetches `@opencode-ai/plugin` with npm or bun.)
fn offline() -> impl Iterator<Item = (String, String)> {
    const NOBODY: &str = "http://127.0.0.1:1/";
    [
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("npm_config_registry", NOBODY),
        // A machine with a plugin asks it at every start, and else waits between two tries.
        ("npm_config_fetch_retries", "0"),
        ("BUN_CONFIG_REGISTRY", NOBODY),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// What opencode's JavaScript engine does for those that run long: it optimises code, and collects garbage.
const OPTIMISE: &str = "BUN_JSC_useDFGJIT";
const COLLECT: &str = "BUN_JSC_useGC";

/// Both, for what goes on for minutes or holds a session of 60 MB, of which a run would need three gigabytes otherwise.
pub const UNHURRIED: [(&str, &str); 2] = [(OPTIMISE, "1"), (COLLECT, "1")];

/// Neither, for a process that ends in a moment: they are two fifths of the processor's time that a start takes, and what
/// opencode does is the same. Without the second a run needs a gigabyte, so only where there is enough for a dozen.
fn hasty() -> impl Iterator<Item = (String, String)> {
    static ROOMY: LazyLock<bool> = LazyLock::new(|| {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let free =
            memory.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next());
        free.and_then(|kilobytes| kilobytes.parse().ok()).is_some_and(|kilobytes: u64| kilobytes > 12 << 20)
    });
    let collect = if *ROOMY { "0" } else { "1" };
    [(OPTIMISE, "0"), (COLLECT, collect)].into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn configuration(name: &str, model: &Model) -> Value {
    let cost = json!({ "input": 1.0, "output": 2.0 });
    let variants = json!({ "high": { "reasoningEffort": "high" }, "low": { "reasoningEffort": "low" } });
    json!({
        "autoupdate": false,
        "share": "disabled",
        "model": "fake/m1",
        "small_model": "fake/m1",
        "permission": { "bash": "allow", "edit": "allow" },
        "provider": { "fake": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Fake",
            "options": { "baseURL": model.url(), "apiKey": name },
            "models": {
                "m1": { "name": "M1", "tool_call": true, "cost": cost },
                "m2": { "name": "M2", "tool_call": true, "cost": cost, "variants": variants },
            },
        }},
    })
}

/// Where a program is on the PATH of whoever runs the tests.
///
/// # Panics
/// Where it is not, naming the command that installs it.
pub fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| File::open(file).is_ok());
    found.unwrap_or_else(|| {
        panic!("{program} is not on the PATH: run scripts/prerequisites, which installs it")
    })
}

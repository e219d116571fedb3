//! A host with a recorder in opencode's place, and all that kugetsu does with it but SSH.

use super::local::{Local, Sh};
use super::machine::Machine;
use super::process::{self, install_program, until};
use crc::{CRC_32_CKSUM, Crc};
use flate2::{Compression, write::GzEncoder};
use kugetsu::host::{
    self, Answer, AnswerError, Frame, Frames, HostEnv, Launch, Launched, Run, RunResult, Sending, Status,
    Statuses,
};
use kugetsu::transport::{Script, Transport as _};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The session that the recorder knows.
pub const SESSION: &str = "ses_recorded";
/// The longest that a script may be silent.
pub const PATIENCE: Duration = process::PATIENCE;
const CKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_CKSUM);

/// A host, gone with everything that runs on it when its last clone is dropped.
#[derive(Clone)]
pub struct Recorder {
    /// Scripts run here.
    pub local: Local,
    /// Given to every script.
    pub env: HostEnv,
    root: Arc<Root>,
}

struct Root {
    /// Part of its dispatches' ids: a test that ends its own run must not end another's.
    tag: String,
    directory: TempDir,
    home: PathBuf,
}

impl Recorder {
    /// With a HOME whose name is harmless.
    pub fn new(sh: Sh) -> Self {
        Self::with_home(sh, "home")
    }

    /// With a HOME of this name.
    pub fn with_home(sh: Sh, name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        let (home, tools) = (base.join(name), base.join("tools"));
        for directory in [&home, &tools, &home.join("oc"), &home.join("oc/seen")] {
            fs::create_dir(directory).unwrap();
        }
        let program = home.join("oc/opencode");
        install_program(&program, include_bytes!("recorder.sh"));
        let local = Local::new(sh, &home, &tools);
        Self { local, env: HostEnv::default(), root: Arc::new(Root { tag: tag(), directory: root, home }) }
    }

    /// With the opencode of a machine, and no recorder.
    pub fn with_opencode(sh: Sh, machine: &Machine) -> Self {
        let root = tempfile::tempdir().unwrap();
        let tools = root.path().canonicalize().unwrap().join("tools");
        fs::create_dir(&tools).unwrap();
        let mut local = Local::new(sh, machine.home(), &tools);
        let own = local.environment[OsStr::new("PATH")].clone();
        local
            .environment
            .extend(machine.environment().iter().map(|(name, value)| (name.into(), value.into())));
        let path = [OsStr::new(&format!("{}/bin", machine.home().display())), &own].join(OsStr::new(":"));
        local.environment.insert("PATH".into(), path);
        let home = machine.home().to_owned();
        Self { local, env: HostEnv::default(), root: Arc::new(Root { tag: tag(), directory: root, home }) }
    }

    /// HOME there.
    pub fn home(&self) -> &Path {
        &self.local.home
    }

    /// A dispatch's id, which no other host has; `n` is below 1000.
    pub fn id(&self, n: usize) -> String {
        format!("20261120-103015-{}{n:03}", self.root.tag)
    }

    /// Has the recorder do `script` before it answers to `verb`.
    pub fn before(&self, verb: &str, script: &str) {
        fs::write(self.home().join(format!("oc/{verb}.sh")), script).unwrap();
    }

    /// A run with nothing special about it.
    pub fn plain_run(&self, id: &str) -> Run {
        Run {
            id: id.to_owned(),
            session: SESSION.to_owned(),
            program: self.home().join("oc/opencode").to_str().unwrap().to_owned(),
            directory: self.home().join("work").to_str().unwrap().to_owned(),
            agent: "build".to_owned(),
            model: "fake/m1".to_owned(),
            variant: String::new(),
            permission: "{}".to_owned(),
            gzip: true,
            run_timeout: 0,
            owner: "the home of this test".to_owned(),
        }
    }

    /// Opens the dispatch and sends its parcel, as a trip does, with an empty session.
    #[track_caller]
    pub fn send(&self, run: &Run, prompt: &[u8]) -> Launch {
        let session = format!("{{\"info\":{{\"id\":\"{}\"}},\"messages\":[]}}", run.session);
        self.send_session(run, prompt, session.as_bytes())
    }

    /// As [`Recorder::send`], with this session.
    #[track_caller]
    pub fn send_session(&self, run: &Run, prompt: &[u8], session: &[u8]) -> Launch {
        self.ask(&host::open(&self.env, &run.id, &run.owner)).unwrap();
        let runner = host::run(&self.env, run).text().as_bytes().to_vec();
        let mut parcel = [prompt, &runner].concat();
        if run.gzip {
            let mut packer = GzEncoder::new(&mut parcel, Compression::fast());
            packer.write_all(session).unwrap();
            packer.finish().unwrap();
        } else {
            parcel.extend_from_slice(session);
        }
        let mut file = tempfile::NamedTempFile::new_in(self.root.directory.path()).unwrap();
        file.write_all(&parcel).unwrap();
        let to = format!("{}/parcel", host::dispatch_directory(&run.id));
        self.local.clone().upload(file.path(), &to, &mut |_| {}).unwrap();
        let (sum, prompt_bytes, runner_bytes) = (cksum(&parcel), prompt.len(), runner.len());
        Launch {
            sum,
            prompt_bytes,
            runner_bytes,
            messages: 3,
            parts: 4,
            sending: Sending::Full,
            known: String::new(),
            rows_held: false,
            todos_held: false,
            todos: String::new(),
        }
    }

    /// Launches what was sent.
    pub fn launch(&self, run: &Run, launch: &Launch) -> Result<Launched, AnswerError> {
        self.ask(&host::launch(&self.env, run, launch)).and_then(|answer| Launched::from_answer(&answer))
    }

    /// Runs a script to its end and reads what it said.
    pub fn ask(&self, script: &Script) -> Result<Answer, AnswerError> {
        let output = self.local.clone().run(script, 16 << 20, PATIENCE).unwrap();
        Answer::parse(&output.stdout, output.status, &output.stderr)
    }

    /// Follows a run to its end: the events from `offset` on, and the end.
    #[track_caller]
    pub fn watch(&self, id: &str, offset: u64) -> (Vec<u8>, Option<Frame>) {
        let (mut frames, mut events) = (Frames::default(), Vec::new());
        let script = host::watch(&self.env, id, offset);
        let ended = self.local.clone().stream(&script, PATIENCE, &mut |bytes| {
            for frame in frames.feed(bytes).unwrap() {
                if let Frame::Events(more) = frame {
                    events.extend(more);
                }
            }
            ControlFlow::Continue(())
        });
        assert_eq!(ended.unwrap(), Some(0));
        (events, frames.end().unwrap())
    }

    /// How a dispatch stands.
    #[track_caller]
    pub fn status(&self, id: &str) -> Status {
        let answer = self.ask(&host::status(&self.env, &[id], 16 * 1024)).unwrap();
        Statuses::from_answer(&answer).unwrap().0.remove(0)
    }

    /// The directory of a dispatch there.
    pub fn dispatch(&self, id: &str) -> PathBuf {
        self.home().join(host::dispatch_directory(id))
    }

    /// Waits for the result.
    #[track_caller]
    pub fn result(&self, id: &str) -> RunResult {
        let file = self.dispatch(id).join("result");
        let text = until(PATIENCE, || fs::read_to_string(&file).map_err(|e| format!("{file:?}: {e}")));
        assert!(RunResult::is_whole(&text), "{text}");
        RunResult::parse(&text).unwrap()
    }

    /// The process id of the runner.
    #[track_caller]
    pub fn runner(&self, id: &str) -> u32 {
        let identity = fs::read_to_string(self.dispatch(id).join("run/identity")).unwrap();
        identity.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// What the recorder wrote down of a run (or, as `ID/import`, of an import): `argv`, `stdin`, `environ`, `cwd`.
    #[track_caller]
    pub fn seen(&self, id: &str, what: &str) -> Vec<u8> {
        let path = self.home().join("oc/seen").join(id).join(what);
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The processes there that carry the mark of a dispatch.
    pub fn marked(&self, id: &str) -> Vec<u32> {
        let mark = format!("KUGETSU_DISPATCH={id}");
        let carries = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|variable| variable == mark.as_bytes())
        };
        process::living_in(self.home()).into_iter().filter(carries).collect()
    }

    /// How often the recorder ran for a dispatch.
    pub fn runs(&self, id: &str) -> usize {
        let path = self.home().join("oc/seen").join(id).join("times");
        fs::read_to_string(path).unwrap_or_default().lines().count()
    }

    /// The value of a variable of a run, as the recorder found it.
    pub fn variable(&self, id: &str, name: &str) -> Option<Vec<u8>> {
        let environ = self.seen(id, "environ");
        let prefix = format!("{name}=").into_bytes();
        environ.split(|b| *b == 0).find_map(|pair| Some(pair.strip_prefix(prefix.as_slice())?.to_vec()))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        process::clear_out(&self.home);
    }
}

/// Five letters at random.
fn tag() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let mut noise = RandomState::new().hash_one(0);
    let mut letter = || {
        noise /= 26;
        char::from(b'a' + u8::try_from(noise % 26).unwrap())
    };
    (0..5).map(|_| letter()).collect()
}

/// As `cksum` prints it: the size is summed behind the bytes, low byte first, without leading zeros.
fn cksum(bytes: &[u8]) -> String {
    let mut digest = CKSUM.digest();
    digest.update(bytes);
    let size = (bytes.len() as u64).to_le_bytes();
    let significant = size.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    digest.update(&size[..significant]);
    format!("{} {}", digest.finalize(), bytes.len())
}

/// Everything below `path` with its size, mode and times.
pub fn listing(path: &Path) -> BTreeMap<PathBuf, (u64, u32, i64, i64)> {
    let mut all = BTreeMap::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        if data.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.insert(path, (data.len(), data.mode(), data.mtime(), data.mtime_nsec()));
    }
    all
}

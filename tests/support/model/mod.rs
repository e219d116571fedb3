//! The stand-in model: an OpenAI-compatible endpoint that does what the prompt tells it, and
//! remembers what it was asked.
//!
//! With no directive (see [`script::Step`]) it answers `You said: …`. It keeps no state per session:
//! how many tool results follow the last user message says how far the script has come.

mod answer;
mod request;
mod script;

pub use request::Request;

use super::http::{self, Call, Server};
use super::process::PATIENCE;
use answer::Answer;
use script::Step;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tool calls of all models of this process: a session that one of them made is gone on with by another.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// The model; dropping it stops it and lets go of every answer that it holds.
#[derive(Debug)]
pub struct Model {
    server: Server,
    world: Arc<World>,
}

#[derive(Debug, Default)]
struct World {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Arc<Request>>,
    released: HashSet<String>,
    holding: HashSet<String>,
    journal: Option<File>,
    stopping: bool,
}

impl Model {
    /// Starts on a free loopback port.
    pub fn start() -> Self {
        Self::with_journal(None)
    }

    /// As [`Model::start`], and writes each request into `journal`, one JSON document per line:
    /// `{"machine","body"}`.
    pub fn start_recording(journal: &Path) -> Self {
        let file = File::create(journal).unwrap_or_else(|e| panic!("{}: {e}", journal.display()));
        Self::with_journal(Some(file))
    }

    fn with_journal(journal: Option<File>) -> Self {
        let world = Arc::new(World::default());
        world.lock().journal = journal;
        let served = Arc::clone(&world);
        // An error here is a client that went away: its own business.
        let server = Server::start(move |call, stream| drop(served.serve(&call, stream)));
        Self { server, world }
    }

    /// The base URL for a provider's configuration: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.server.port())
    }

    /// All that it was asked so far, title requests included.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.world.lock().requests.clone()
    }

    /// The requests that brought a user's prompt; one each per run, where nothing was retried.
    pub fn prompts(&self) -> Vec<Arc<Request>> {
        self.requests().into_iter().filter(|request| request.is_prompt()).collect()
    }

    /// As [`Model::prompts`], of the machine called `machine` alone: what a host was asked to do does not
    /// mix with what made the session at home.
    pub fn prompts_of(&self, machine: &str) -> Vec<Arc<Request>> {
        self.prompts().into_iter().filter(|request| request.machine == machine).collect()
    }

    /// Waits until `enough` says so of the requests, and returns them.
    ///
    /// # Panics
    /// When `limit` passes first.
    #[track_caller]
    pub fn wait_for(&self, limit: Duration, enough: impl Fn(&[Arc<Request>]) -> bool) -> Vec<Arc<Request>> {
        self.wait(limit, |state| enough(&state.requests)).requests.clone()
    }

    /// Waits until an answer is held by `[[hold NAME]]`.
    ///
    /// # Panics
    /// When `limit` passes first.
    #[track_caller]
    pub fn wait_for_hold(&self, name: &str, limit: Duration) {
        drop(self.wait(limit, |state| state.holding.contains(name)));
    }

    /// Whether an answer is held by `[[hold NAME]]`.
    pub fn holds(&self, name: &str) -> bool {
        self.world.lock().holding.contains(name)
    }

    /// Lets every answer go on that `[[hold NAME]]` holds or comes to.
    pub fn release(&self, name: &str) {
        self.world.lock().released.insert(name.to_owned());
        self.world.changed.notify_all();
    }

    #[track_caller]
    fn wait(&self, limit: Duration, enough: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let limit = limit.max(PATIENCE);
        let guard = self.world.lock();
        let (state, result) =
            self.world.changed.wait_timeout_while(guard, limit, |state| !enough(state)).unwrap();
        let count = state.requests.len();
        assert!(!result.timed_out(), "the model was not asked for that within {limit:?} ({count} requests)");
        state
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.world.lock().stopping = true;
        self.world.changed.notify_all();
    }
}

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it looked at the requests broke nothing in them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, call: &Call, stream: TcpStream) -> io::Result<()> {
        let model = |id| json!({ "id": id, "object": "model", "created": 1, "owned_by": "standin" });
        match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/v1/chat/completions") => {
                let Ok(body) = serde_json::from_slice(&call.body) else {
                    http::respond(&stream, 400, "text/plain", b"the body is not JSON");
                    return Ok(());
                };
                let machine = call.header("authorization").unwrap_or_default().trim_start_matches("Bearer ");
                let request = Arc::new(Request { machine: machine.to_owned(), body });
                self.record(&request)?;
                self.answer(&request, stream)
            }
            ("GET", "/v1/models") => {
                let body = json!({ "object": "list", "data": [model("m1"), model("m2")] });
                http::respond(&stream, 200, "application/json", body.to_string().as_bytes());
                Ok(())
            }
            _ => {
                http::respond(&stream, 404, "text/plain", b"no such endpoint");
                Ok(())
            }
        }
    }

    fn record(&self, request: &Arc<Request>) -> io::Result<()> {
        let mut state = self.lock();
        if let Some(journal) = &mut state.journal {
            writeln!(journal, "{}", json!({ "machine": request.machine, "body": request.body }))?;
        }
        state.requests.push(Arc::clone(request));
        self.changed.notify_all();
        Ok(())
    }

    fn answer(&self, request: &Request, stream: TcpStream) -> io::Result<()> {
        let streaming = request.body["stream"] == Value::Bool(true);
        let mut answer = Answer::new(stream, request.model(), streaming);
        if request.is_title() {
            answer.say("A stand-in title")?;
            return answer.finish();
        }
        let prompt = request.user_text();
        let steps = script::next_steps(&prompt, request.results());
        for step in steps {
            match step {
                Step::Say(text) => answer.say(&text)?,
                Step::Call { tool, arguments } => {
                    // opencode keeps the id in the session: it must not come twice.
                    let number = CALLS.fetch_add(1, Ordering::Relaxed);
                    answer.call(&format!("call_{}_{number}", std::process::id()), &tool, &arguments)?;
                }
                Step::Wait(time) => {
                    answer.say("Waiting. ")?;
                    drop(self.changed.wait_timeout_while(self.lock(), time, |state| !state.stopping));
                }
                Step::Hold(name) => {
                    answer.say("Holding. ")?;
                    self.hold(&name);
                }
                Step::Status(status) => return answer.fail(status),
                Step::Refuse => return Ok(()),
                Step::Usage(tokens) => answer.set_prompt_tokens(tokens),
            }
        }
        if answer.is_empty() {
            let said: String = prompt.trim().chars().take(60).collect();
            answer.say(&if request.results() == 0 {
                format!("You said: {said}")
            } else {
                "Done.".to_owned()
            })?;
        }
        answer.finish()
    }

    fn hold(&self, name: &str) {
        let mut state = self.lock();
        state.holding.insert(name.to_owned());
        self.changed.notify_all();
        let held = |state: &mut State| !state.stopping && !state.released.contains(name);
        drop(self.changed.wait_while(state, held));
    }
}

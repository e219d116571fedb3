//! A prompt is run once, and nothing is lost, whatever is killed or cut and however often a command is repeated.
//!
//! Each part shows a sample always, and all of it where `KUGETSU_ALL` is set: see docs/testing.md.
#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

mod at_once;
mod cuts;
mod disks;
mod points;

use crate::support::copies;
use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE, Running, until};
use crate::support::proxy::{Proxy, ProxyOptions};
use crate::support::times;
use kugetsu::dispatch::{Record, State, Store};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::json;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");
/// How long what was started may take to end once nothing keeps it.
const SOON: Duration = Duration::from_secs(30);
/// The files of a dispatch that are of use until its session is home.
const UNDER_WAY: [&str; 7] =
    ["export.json", "parcel", "departed", "back", "back.json", "arrival", "home.json"];

/// A home and a host, "pi", with a line between them, and a session of which there can be any number.
struct World {
    model: Model,
    home: Home,
    host: Host,
    proxy: Proxy,
    origin: String,
    made: AtomicUsize,
}

/// A session and a prompt that nobody else has.
struct Errand {
    session: String,
    /// Stands in the prompt, and in what it does.
    mark: String,
    /// By which the model holds its answer until the test releases it.
    hold: Option<&'static str>,
}

impl World {
    fn new() -> Self {
        Self::with(Host::start)
    }

    /// For a session of 60 MB.
    fn for_much() -> Self {
        let mut world = Self::with(Host::start_for_much);
        world.home.machine.take_time();
        world
    }

    fn with(host: impl FnOnce(&str, Release, &Model) -> Host) -> Self {
        let model = Model::start();
        let mut home = Home::start(KUGETSU, Release::New, &model);
        let host = host("pi", Release::New, &model);
        home.machine.exports_at_once();
        host.machine.has_been_used();
        let proxy = Proxy::start(host.sshd.port(), ProxyOptions::default());
        home.add_host_behind("pi", &host, &proxy, json!({}));
        let project = home.machine.project("app");
        let origin = home.machine.made_session(&project, "[[bash echo from home]]\n[[say hello from home]]");
        // Else made up, another each time.
        home.machine.database().execute("UPDATE session SET slug = 'made-up'", []).unwrap();
        Self { model, home, host, proxy, origin, made: AtomicUsize::new(0) }
    }

    /// A session as it was before anybody sent it.
    fn errand(&self) -> Errand {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let session = copies::copy(&self.home.machine, &self.origin, number);
        Errand { session, mark: format!("mark{number:04}"), hold: None }
    }

    /// kugetsu's home.
    fn state(&self) -> PathBuf {
        PathBuf::from(&self.home.machine.environment()["KUGETSU_HOME"])
    }

    /// Starts kugetsu; it is killed at `kill_at`, a point of a trip.
    fn start(&self, args: &[impl AsRef<OsStr>], kill_at: Option<&str>) -> Running {
        let mut command = self.home.machine.command(KUGETSU, self.home.machine.home());
        command.args(args);
        command.envs(kill_at.map(|point| ("KUGETSU_KILL_AT", point)));
        Running::start(command, None)
    }

    fn kugetsu(&self, args: &[impl AsRef<OsStr>]) -> Finished {
        self.start(args, None).wait(PATIENCE)
    }

    /// A trip that nothing disturbs, and what it makes of the session.
    #[track_caller]
    fn undisturbed(&self) -> String {
        self.undisturbed_by(self.errand())
    }

    /// As [`World::undisturbed`], of a model that holds its answer for a moment.
    #[track_caller]
    fn undisturbed_though_held(&self) -> String {
        self.model.release("a moment");
        self.undisturbed_by(Errand { hold: Some("a moment"), ..self.errand() })
    }

    #[track_caller]
    fn undisturbed_by(&self, errand: Errand) -> String {
        self.kugetsu(&errand.remote(&["--round-trip"])).expect_success();
        self.is_over(&errand);
        self.told(&errand)
    }

    /// The session at home, row for row: ids by the order of their appearance, and no times.
    fn told(&self, errand: &Errand) -> String {
        // One column has no slash in front.
        let machine = |path: &Path| path.to_str().unwrap().trim_start_matches('/').to_owned();
        let same = [
            (machine(self.home.machine.home()), "HOME"),
            (machine(self.host.machine.home()), "THERE"),
            (errand.mark.clone(), "MARK"),
            (format!("[[hold {}]]", errand.hold.unwrap_or_default()), "[[hold HOLD]]"),
        ];
        let mut told = rows(&self.home.machine.database(), &errand.session);
        for (own, word) in same {
            told = told.replace(&own, word);
        }
        anonymous(&told)
    }

    /// The session ends as after a trip that nothing disturbs.
    #[track_caller]
    fn is_as(&self, errand: &Errand, expected: &str) {
        let told = self.told(errand);
        let (told, expected): (Vec<&str>, Vec<&str>) = (told.lines().collect(), expected.lines().collect());
        for (told, expected) in told.iter().zip(&expected) {
            assert_eq!(told, expected, "the session is another than after an undisturbed trip");
        }
        assert_eq!(told.len(), expected.len(), "rows are missing or too many: {told:#?}");
    }

    /// The work was done once, and nothing of it is left anywhere but in the session at home.
    #[track_caller]
    fn is_over(&self, errand: &Errand) {
        let asked = self.model.prompts_of("pi");
        let asked = asked.iter().filter(|request| request.user_text().contains(&errand.mark)).count();
        assert_eq!(asked, 1, "the model was asked for {} so many times", errand.mark);
        let ran = std::fs::read_to_string(self.host.machine.home().join("ran")).unwrap_or_default();
        let ran = ran.lines().filter(|line| *line == errand.mark).count();
        assert_eq!(ran, 1, "what the prompt wants was done so many times");

        let records = self.records(&errand.session);
        let newest = records.last().expect("there is a record");
        assert!(matches!(newest.state, State::Home { .. }), "{newest:#?}");
        for record in &records {
            assert!(record.state.is_end() && !record.is_on_host, "{record:#?}");
            let at = self.state().join("dispatches").join(&record.id);
            let left: Vec<_> = UNDER_WAY.iter().filter(|name| at.join(name).exists()).collect();
            assert!(left.is_empty(), "{left:?} of {record:#?} are left here");
        }
        self.is_quiet();
        let there = self.dispatches_there();
        assert!(there.is_empty(), "left on the host: {there:?}");
    }

    /// Nothing runs any more, here or there.
    #[track_caller]
    fn is_quiet(&self) {
        for machine in [&self.home.machine, &self.host.machine] {
            until(SOON, || match machine.processes().as_slice() {
                [] => Ok(()),
                left => Err(format!("{} on {}", described(left), machine.name())),
            });
        }
    }

    fn records(&self, session: &str) -> Vec<Record> {
        let dispatches = Store::new(&self.state()).of(session).unwrap();
        dispatches.into_iter().map(|dispatch| dispatch.record).collect()
    }

    fn dispatches_there(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.host.machine.home().join(".kugetsu/dispatches"));
        let names = entries.into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    fn dispatch_there(&self, dispatch: &str) -> PathBuf {
        self.host.machine.home().join(".kugetsu/dispatches").join(dispatch)
    }
}

impl Errand {
    /// The prompt: something is done that can be counted, and said.
    fn message(&self) -> String {
        let hold = self.hold.map(|name| format!("[[hold {name}]]\n")).unwrap_or_default();
        format!("[[bash echo {0} >>\"$HOME/ran\"; echo {0}]]\n{hold}[[say {0} is done]]", self.mark)
    }

    fn remote(&self, flags: &[&str]) -> Vec<String> {
        let message = self.message();
        let args = ["remote", "pi", &self.session, &message];
        args.iter().chain(flags).map(|arg| (*arg).to_owned()).collect()
    }
}

/// The session and all of it, in order.
fn rows(database: &Connection, session: &str) -> String {
    let mut all = Vec::new();
    for query in [
        "SELECT * FROM session WHERE id = ?1",
        "SELECT * FROM message WHERE session_id = ?1 ORDER BY time_created, id",
        "SELECT part.* FROM part JOIN message ON message.id = part.message_id WHERE part.session_id = ?1 \
         ORDER BY message.time_created, message.id, part.id",
        "SELECT * FROM todo WHERE session_id = ?1 ORDER BY position",
        "SELECT * FROM session WHERE parent_id = ?1",
    ] {
        let mut query = database.prepare(query).unwrap();
        let width = query.column_count();
        let found = query.query_map([session], |row| {
            (0..width).map(|n| row.get::<_, Cell>(n)).collect::<Result<Vec<_>, _>>()
        });
        all.extend(found.unwrap().map(|row| format!("{:?}", row.unwrap())));
    }
    all.join("\n")
}

/// Ids by the order in which they appear, and times as a word.
fn anonymous(text: &str) -> String {
    let mut seen: HashMap<&str, String> = HashMap::new();
    let mut all = String::with_capacity(text.len());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.split(|c| !is_word(c)).next().unwrap_or_default();
        let kind = word.split('_').next().unwrap_or_default();
        if word.len() == 13 && word.bytes().all(|b| b.is_ascii_digit()) {
            all.push_str("TIME");
        } else if ["ses", "msg", "prt", "call"].contains(&kind) && word.len() > 8 {
            let number = seen.len();
            all.push_str(seen.entry(word).or_insert_with(|| format!("{kind}#{number}")));
        } else {
            all.push_str(word);
        }
        rest = &rest[word.len()..];
        let other = rest.find(is_word).unwrap_or(rest.len());
        all.push_str(&rest[..other]);
        rest = &rest[other..];
    }
    all
}

fn described(pids: &[u32]) -> String {
    let name = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!(
            "{pid} ({})",
            String::from_utf8_lossy(&line).replace('\0', " ").chars().take(100).collect::<String>()
        )
    };
    pids.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The command that a hint names by which the session comes home.
fn hinted(words: &str) -> Option<Vec<String>> {
    let of = |verb: &str| {
        let rest = words.rsplit_once(&format!("kugetsu {verb} "))?.1;
        let what = rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).next()?;
        Some(vec![verb.to_owned(), what.to_owned()])
    };
    of("wait").or_else(|| of("fetch"))
}

/// Does `work` with each of `jobs`, as many at a time as the machine bears, each time in a world that nothing else
/// happens in. Told is what all of them found wrong.
#[track_caller]
fn each<J: Send + std::fmt::Debug>(jobs: Vec<J>, work: impl Fn(&World, &str, &J) + Sync) {
    // The worlds are made on other threads.
    let counts = times::count();
    let count = jobs.len();
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8).min(count);
    let jobs = Mutex::new(jobs.into_iter());
    let wrong = Mutex::new(Vec::new());
    let undisturbed = std::sync::OnceLock::new();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                times::count_for(counts.as_ref());
                let mut world = World::new();
                loop {
                    let Some(job) = jobs.lock().unwrap().next() else { return };
                    let expected = undisturbed.get_or_init(|| world.undisturbed());
                    let done = catch_unwind(AssertUnwindSafe(|| work(&world, expected, &job)));
                    if let Err(panic) = done {
                        let words = panic.downcast_ref::<String>().cloned();
                        let words =
                            words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
                        wrong.lock().unwrap().push(format!("{job:?}: {}", words.unwrap_or_default()));
                        world = World::new();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {count} went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

//! What the demo plays in: a stand-in model, a home, and the host "pi" behind a private sshd.

use crate::screen::Screen;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process;
use crate::support::sshd::{Sshd, SshdOptions};
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

/// What the signal handler needs to know of the story.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// Set when it has to end.
    pub(crate) stopping: AtomicBool,
    homes: Mutex<Vec<PathBuf>>,
}

impl Stage {
    /// Kills what runs on the machines.
    pub(crate) fn clear(&self) {
        for home in self.homes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            process::clear_out(home);
        }
    }

    fn add(&self, machine: &Machine) {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner).push(machine.home().to_owned());
    }
}

/// The actors. Dropping it stops them all and removes what they wrote.
pub(crate) struct World {
    sshd: Sshd,
    pub(crate) host: Machine,
    pub(crate) home: Machine,
    pub(crate) kugetsu: PathBuf,
    _model: Model,
}

impl World {
    pub(crate) fn build(screen: &Screen, stage: &Stage) -> Self {
        screen.step("a model that does as it is told");
        let model = Model::start();
        screen.step("the host \"pi\": a HOME, keys and an sshd of its own");
        let host = Machine::start("pi", Release::New, &model);
        stage.add(&host);
        let environment = host.environment().iter().filter(|(name, _)| *name != "HOME" && *name != "PATH");
        let sshd = Sshd::start(SshdOptions {
            path: host.path().to_owned(),
            env: environment.map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..SshdOptions::new(host.home())
        });
        let home = Machine::start("home", Release::New, &model);
        stage.add(&home);
        let identity = sshd.client_config(home.home(), "pi");
        let entry = json!({ "pi": {
            "host": format!("{}@127.0.0.1", sshd.user()),
            "port": sshd.port(),
            "identity_file": identity,
            "directory": "~/projects/fan",
        }});
        let hosts = home.home().join(".config/opencode/hosts.json");
        fs::write(hosts, serde_json::to_vec_pretty(&entry).unwrap()).unwrap();
        fs::write(host.project("fan").join("speed.log"), "10:01 900 rpm\n10:02 4100 rpm\n").unwrap();
        fs::write(home.project("fan").join("notes.md"), "The fan of the pi is loud.\n").unwrap();
        // Built together with this program: target/release/kugetsu beside target/release/examples/demo.
        let beside = std::env::current_exe().unwrap();
        let kugetsu = beside.parent().and_then(Path::parent).unwrap().join("kugetsu");
        Self { sshd, host, home, kugetsu, _model: model }
    }

    /// Copies what tells why something went wrong to a place that stays.
    pub(crate) fn keep_logs(&self) -> io::Result<PathBuf> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/demo-logs");
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        for machine in [&self.home, &self.host] {
            let to = place.join(machine.name());
            fs::create_dir_all(&to)?;
            for (from, name) in [(".local/share/opencode/log", "opencode"), (".kugetsu", "kugetsu")] {
                let from = machine.home().join(from);
                if from.exists() {
                    Command::new("cp").arg("-R").arg(from).arg(to.join(name)).status()?;
                }
            }
        }
        fs::write(place.join("sshd.log"), self.sshd.log())?;
        Ok(place)
    }
}

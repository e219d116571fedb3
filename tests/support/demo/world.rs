//! What the demo plays in: a stand-in model, a home, and the host "pi" behind a private sshd.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "as in the support modules: a broken world ends the demo with a sentence"
)]

use crate::screen::Screen;
use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process;
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
    /// The host that hosts.json calls "pi".
    pub(crate) host: Host,
    /// Where the session is at home.
    pub(crate) home: Home,
    _model: Model,
}

impl World {
    pub(crate) fn build(screen: &Screen, stage: &Stage) -> Self {
        screen.step("a model that does as it is told");
        let model = Model::start();
        screen.step("a home, with opencode and kugetsu");
        let mut home = Home::start(kugetsu(), Release::New, &model);
        stage.add(&home.machine);
        screen.step("the host \"pi\": a HOME, keys and an sshd of its own");
        let host = Host::start("pi", Release::New, &model);
        stage.add(&host.machine);
        home.add_host("pi", &host, json!({ "directory": "~/projects/fan" }));
        let measurements = "10:01   900 rpm\n10:02  4100 rpm\n";
        fs::write(host.machine.project("fan").join("speed.log"), measurements).unwrap();
        fs::write(home.machine.project("fan").join("notes.md"), "The fan of the pi is loud.\n").unwrap();
        Self { host, home, _model: model }
    }

    /// Writes what a shell has to read to be at home, and returns where that is.
    pub(crate) fn write_environment(&self) -> io::Result<PathBuf> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let home = &self.home.machine;
        let mut text = String::new();
        for (name, value) in home.environment().iter().filter(|(name, _)| *name != "PATH") {
            text.push_str(&format!("export {name}={}\n", quoted(value)));
        }
        let (bin, program) = (home.home().join("bin"), kugetsu());
        let programs = program.parent().unwrap_or(Path::new("/"));
        for (name, value) in
            [("KUGETSU_HOSTS", self.home.hosts_path()), ("KUGETSU_OPENCODE", bin.join("opencode"))]
        {
            text.push_str(&format!("export {name}={}\n", quoted(&value.display().to_string())));
        }
        let path = format!("{}:{}:", bin.display(), programs.display());
        text.push_str(&format!("export PATH={}\"$PATH\"\n", quoted(&path)));
        text.push_str(&format!("cd {}\n", quoted(&home.project("fan").display().to_string())));
        let file = home.outside().join("env");
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Copies what tells why something went wrong to a place that stays.
    pub(crate) fn keep_logs(&self) -> io::Result<PathBuf> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/demo-logs");
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        for machine in [&self.home.machine, &self.host.machine] {
            let to = place.join(machine.name());
            fs::create_dir_all(&to)?;
            for (from, name) in [(".local/share/opencode/log", "opencode"), (".kugetsu", "kugetsu")] {
                let from = machine.home().join(from);
                if from.exists() {
                    Command::new("cp").arg("-R").arg(from).arg(to.join(name)).status()?;
                }
            }
        }
        fs::write(place.join("sshd.log"), self.host.sshd.log())?;
        Ok(place)
    }
}

/// Built together with this program: `target/release/kugetsu` beside `target/release/examples/demo`.
pub(crate) fn kugetsu() -> PathBuf {
    let demo = std::env::current_exe().unwrap();
    demo.ancestors().nth(2).unwrap().join("kugetsu")
}

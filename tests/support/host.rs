//! A simulated host: a machine that can be logged in to.

use super::machine::{Machine, UNHURRIED};
use super::model::Model;
use super::opencode::Release;
use super::sshd::{Sshd, SshdOptions};

/// A machine behind a private sshd of its own. Dropping it kills all that runs there.
pub struct Host {
    /// The sshd: its port, its log, ways to stop, cut and restart it.
    pub sshd: Sshd,
    /// What is behind it. (Declared, and so dropped, after the sshd.)
    pub machine: Machine,
}

impl Host {
    /// A host with `/bin/sh` as login shell. `name` is its key for the model; what kugetsu calls it
    /// is said in [`Home::add_host`](super::home::Home::add_host).
    pub fn start(name: &str, release: Release, model: &Model) -> Self {
        Self::start_with(name, release, model, |_| ())
    }

    /// As [`Host::start`], for large sessions: see [`UNHURRIED`].
    pub fn start_for_much(name: &str, release: Release, model: &Model) -> Self {
        let unhurried = UNHURRIED.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::start_with(name, release, model, |options| options.env.extend(unhurried))
    }

    /// As [`Host::start`], with something changed about its sshd: the login shell, the PATH, …
    pub fn start_with(
        name: &str,
        release: Release,
        model: &Model,
        change: impl FnOnce(&mut SshdOptions),
    ) -> Self {
        Self::behind(Machine::start(name, release, model), change)
    }

    /// A machine, behind an sshd.
    pub fn behind(machine: Machine, change: impl FnOnce(&mut SshdOptions)) -> Self {
        let mut options = SshdOptions::new(machine.home());
        machine.path().clone_into(&mut options.path);
        let further =
            machine.environment().iter().filter(|(name, _)| !matches!(name.as_str(), "HOME" | "PATH"));
        options.env = further.map(|(name, value)| (name.clone(), value.clone())).collect();
        change(&mut options);
        Self { sshd: Sshd::start(options), machine }
    }
}

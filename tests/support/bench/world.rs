//! What the trips are made in: a home, a host, and two lines between them.

use crate::support::copies;
use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::until;
use crate::support::proxy::{Proxy, ProxyOptions};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How long the host may take to come to rest after a trip.
const REST: Duration = Duration::from_secs(300);

/// A way to the host.
#[derive(Debug)]
pub(crate) struct Line {
    /// The host's name on this way, for hosts.json and for ssh.
    pub(crate) host: &'static str,
    /// How long a round trip takes.
    pub(crate) round_trip: Duration,
    /// What carries it.
    pub(crate) proxy: Proxy,
}

/// The actors; dropping it stops them all.
pub(crate) struct World {
    /// Both ways to the host, the short one first.
    pub(crate) lines: [Line; 2],
    /// Where sessions are at home.
    pub(crate) project: PathBuf,
    /// Where they go to.
    pub(crate) directory_there: PathBuf,
    /// The home.
    pub(crate) home: Home,
    /// The host.
    pub(crate) host: Host,
    copies: usize,
    /// The model of both.
    pub(crate) model: Model,
}

impl World {
    /// Builds it around the program `kugetsu`.
    pub(crate) fn build(kugetsu: &str) -> Self {
        let model = Model::start();
        let host = Host::start_for_much("pi", Release::New, &model);
        let mut home = Home::start(kugetsu, Release::New, &model);
        home.machine.take_time();
        let lines = [("near", 0), ("far", 50)].map(|(name, delay)| {
            let delay = Duration::from_millis(delay);
            let options = ProxyOptions { delay, ..ProxyOptions::default() };
            let proxy = Proxy::start(host.sshd.port(), options);
            home.add_host_behind(name, &host, &proxy, json!({ "directory": "~/projects/app" }));
            Line { host: name, round_trip: delay * 2, proxy }
        });
        let directory_there = host.machine.project("app");
        // A host on which opencode has been used: its first start makes the database.
        host.machine.new_session(&directory_there, "[[say ok]]");
        Self { lines, project: home.machine.project("app"), directory_there, home, host, copies: 0, model }
    }

    /// A copy of `session` that nobody has sent yet.
    pub(crate) fn copy(&mut self, session: &str) -> String {
        self.copies += 1;
        copies::copy(&self.home.machine, session, self.copies)
    }

    /// Waits until nothing runs on the host and nothing is on its way, so that trips do not overlap.
    pub(crate) fn rest(&self, line: &Line) {
        until(REST, || match self.host.machine.processes().as_slice() {
            [] => Ok(()),
            busy => Err(format!("{busy:?} still run on the host")),
        });
        let mut before = line.proxy.stats();
        until(REST, || {
            std::thread::sleep(line.round_trip + Duration::from_millis(20));
            let now = line.proxy.stats();
            let still = now == before;
            before = now;
            if still { Ok(()) } else { Err("bytes are still on their way".to_owned()) }
        });
    }
}

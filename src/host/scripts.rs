//! The scripts, each with its parameters by name.

use crate::transport::Script;
use std::collections::BTreeMap;

macro_rules! body {
    ($name:literal) => {
        concat!(include_str!("scripts/prelude.sh"), "\n", include_str!(concat!("scripts/", $name, ".sh")))
    };
}

/// The environment that every script and the run itself get.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostEnv {
    /// The search path found by the probe; empty before it.
    pub path: String,
    /// From the host's entry; names are `[A-Za-z_][A-Za-z0-9_]*`, which hosts.json checks.
    pub variables: BTreeMap<String, String>,
}

impl HostEnv {
    fn script(&self, body: &str, parameters: &[(&str, &str)]) -> Script {
        let names: Vec<&str> = self.variables.keys().map(String::as_str).collect();
        let exports = names.join(" ");
        let variables: Vec<(String, &str)> =
            self.variables.iter().map(|(name, value)| (format!("kenv_{name}"), value.as_str())).collect();
        let mut all: Vec<(&str, &[u8])> =
            vec![("exports", exports.as_bytes()), ("path", self.path.as_bytes())];
        all.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        all.extend(parameters.iter().map(|(name, value)| (*name, value.as_bytes())));
        Script::new(body, &all)
    }
}

/// Looks at the host and changes nothing. `directory` as the user wrote it, `opencode` likewise or empty.
pub fn probe(env: &HostEnv, opencode: &str, directory: &str) -> Script {
    env.script(body!("probe"), &[("opencode", opencode), ("directory", directory)])
}

/// Asks the opencode at `program` for its version, agents and models, as seen from `directory`.
pub fn check(env: &HostEnv, id: &str, program: &str, directory: &str) -> Script {
    env.script(body!("check"), &[("id", id), ("program", program), ("directory", directory)])
}

/// Makes the dispatch's directory.
pub fn open(env: &HostEnv, id: &str) -> Script {
    env.script(body!("open"), &[("id", id)])
}

/// What the launch needs beside the runner's own parameters.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Launch {
    /// Checksum and size of the parcel as POSIX `cksum` prints them.
    pub sum: String,
    /// Bytes of the prompt, the parcel's first part.
    pub prompt_bytes: usize,
    /// Bytes of the runner, its second part; the session is the rest.
    pub runner_bytes: usize,
    /// Messages in the session sent.
    pub messages: usize,
    /// Parts in the session sent.
    pub parts: usize,
}

/// One run: what the runner needs.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// The dispatch.
    pub id: String,
    /// The session, the same id on both sides.
    pub session: String,
    /// opencode there.
    pub program: String,
    /// The directory to work in, real and absolute.
    pub directory: String,
    /// Agent; empty: opencode's default.
    pub agent: String,
    /// `provider/model`; empty: opencode's default.
    pub model: String,
    /// Variant of the model, or empty.
    pub variant: String,
    /// `OPENCODE_PERMISSION`, JSON.
    pub permission: String,
    /// Whether session and back-file travel packed by gzip.
    pub gzip: bool,
}

impl Run {
    fn packed(&self) -> &'static str {
        if self.gzip { "gzip" } else { "plain" }
    }
}

/// Imports the parcel's session and starts the runner; a second launch finds the first.
pub fn launch(env: &HostEnv, run: &Run, launch: &Launch) -> Script {
    let (prompt_bytes, runner_bytes) = (launch.prompt_bytes.to_string(), launch.runner_bytes.to_string());
    let (messages, parts) = (launch.messages.to_string(), launch.parts.to_string());
    env.script(
        body!("launch"),
        &[
            ("id", &run.id),
            ("session", &run.session),
            ("program", &run.program),
            ("directory", &run.directory),
            ("sum", &launch.sum),
            ("prompt_bytes", &prompt_bytes),
            ("runner_bytes", &runner_bytes),
            ("packed", run.packed()),
            ("rows", include_str!("scripts/rows.js")),
            ("messages", &messages),
            ("parts", &parts),
        ],
    )
}

/// The runner, which travels in the parcel.
pub fn run(env: &HostEnv, run: &Run) -> Script {
    env.script(
        body!("run"),
        &[
            ("id", &run.id),
            ("session", &run.session),
            ("program", &run.program),
            ("directory", &run.directory),
            ("agent", &run.agent),
            ("model", &run.model),
            ("variant", &run.variant),
            ("permission", &run.permission),
            ("packed", run.packed()),
        ],
    )
}

/// Follows a run's events from byte `offset` on until its result is there.
pub fn watch(env: &HostEnv, id: &str, offset: u64) -> Script {
    env.script(body!("watch"), &[("id", id), ("offset", &offset.to_string())])
}

/// Removes the dispatch from the host; refuses one that was launched unless `launched`.
pub fn clean(env: &HostEnv, id: &str, launched: bool) -> Script {
    env.script(body!("clean"), &[("id", id), ("launched", if launched { "yes" } else { "no" })])
}

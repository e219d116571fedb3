//! The scripts, each with its parameters by name.

use crate::transport::Script;
use std::collections::BTreeMap;

/// Shell files one behind the other; the last is the script.
macro_rules! shell {
    ($($name:literal),+) => { concat!($(include_str!(concat!("scripts/", $name, ".sh")), "\n"),+) };
}

/// A shell function that prints a JavaScript file: NAME_js.
macro_rules! javascript {
    ($name:literal) => {
        concat!(
            $name,
            "_js() {\n\tcat <<'KUGETSU_END'\n",
            include_str!(concat!("scripts/", $name, ".js")),
            "KUGETSU_END\n}\n"
        )
    };
}

/// The environment that every script and the run itself get.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostEnv {
    /// The search path found by the probe; empty before it.
    pub path: String,
    /// From the host's entry; names are `[A-Za-z_][A-Za-z0-9_]*`, which is checked where they are read; no other reaches a script.
    pub variables: BTreeMap<String, String>,
    /// Which account it is, as [`super::account`] has it; empty where nobody knows it.
    pub account: String,
}

impl HostEnv {
    fn script(&self, body: &str, parameters: &[(&str, &str)]) -> Script {
        // The prelude has the shell read these names: see `Script::new`.
        let named = self.variables.iter().filter(|(name, _)| Script::takes(name));
        let exports = named.clone().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
        let variables: Vec<(String, &str)> =
            named.map(|(name, value)| (format!("kenv_{name}"), value.as_str())).collect();
        let mut all: Vec<(&str, &[u8])> =
            vec![("exports", exports.as_bytes()), ("path", self.path.as_bytes())];
        all.push(("account", self.account.as_bytes()));
        all.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        all.extend(parameters.iter().map(|(name, value)| (*name, value.as_bytes())));
        Script::new(body, &all)
    }
}

/// Looks at the host and changes nothing. `directory` as the user wrote it, `opencode` likewise or empty.
pub fn probe(env: &HostEnv, opencode: &str, directory: &str) -> Script {
    env.script(shell!("prelude", "probe"), &[("opencode", opencode), ("directory", directory)])
}

/// Asks the opencode at `program` for its version, agents and models, as seen from `directory`.
pub fn check(env: &HostEnv, id: &str, program: &str, directory: &str) -> Script {
    env.script(shell!("prelude", "check"), &[("id", id), ("program", program), ("directory", directory)])
}

/// Makes the dispatch's directory; `owner` is the home that it belongs to. Answers with [`super::account`].
pub fn open(env: &HostEnv, id: &str, owner: &str) -> Script {
    env.script(shell!("prelude", "open"), &[("id", id), ("owner", owner)])
}

/// Which of a host's messages are named in one answer: `most` of those behind the first `skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many were named before.
    pub skip: usize,
    /// How many more are named.
    pub most: usize,
}

/// Finds out what the host has of a session. `known` is the SHA-256 (hex) of the host's list of what home
/// has, as the last result from there told it, or empty. See [`super::Holds`].
pub fn holds(env: &HostEnv, program: &str, session: &str, known: &str, page: Page) -> Script {
    let (skip, most) = (page.skip.to_string(), page.most.to_string());
    env.script(
        concat!(javascript!("base"), javascript!("holds"), shell!("prelude", "bun", "holds")),
        &[("program", program), ("session", session), ("known", known), ("skip", &skip), ("most", &most)],
    )
}

/// What a session file is to what the host has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sending {
    /// The whole session; rows that are there stay as they are.
    #[default]
    Full,
    /// Only messages that the host is not known to have.
    Delta,
    /// The whole session, in place of what is there. The launch fails with `apart` where that has anything that home has not.
    Replace,
}

impl Launch {
    /// What of the host's list home holds, in words for the script.
    fn held(&self) -> &'static str {
        match (self.rows_held, self.todos_held) {
            (true, true) => "rows todos",
            (true, false) => "rows",
            (false, true) => "todos",
            (false, false) => "",
        }
    }
}

impl Sending {
    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Delta => "delta",
            Self::Replace => "replace",
        }
    }
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
    /// What the session sent is to what is there.
    #[serde(default)]
    pub sending: Sending,
    /// SHA-256 (hex) of the host's list of what home got from there: a delta goes by it, and where the session there is
    /// replaced, rows of it may go. Empty where nothing is known.
    #[serde(default)]
    pub known: String,
    /// Home holds all rows of that list now, or nothing of the session was there. Where it is not so, a row that is to be removed
    /// shows by what it says that home has it.
    #[serde(default)]
    pub rows_held: bool,
    /// So it is with the list of tasks, as that list of rows has it.
    #[serde(default)]
    pub todos_held: bool,
    /// Home's list of tasks, as JSON; empty where it is not known, or long. A list there that is another is not removed.
    #[serde(default)]
    pub todos: String,
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
    /// Seconds after which the run is ended on the host; 0: never.
    #[serde(default)]
    pub run_timeout: u64,
    /// The home that the dispatch belongs to.
    #[serde(default)]
    pub owner: String,
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
        concat!(
            javascript!("base"),
            javascript!("clear"),
            javascript!("left"),
            javascript!("present"),
            javascript!("unimport"),
            shell!("prelude", "account", "processes", "session", "bun", "launch")
        ),
        &[
            ("id", &run.id),
            ("session", &run.session),
            ("program", &run.program),
            ("directory", &run.directory),
            ("sum", &launch.sum),
            ("prompt_bytes", &prompt_bytes),
            ("runner_bytes", &runner_bytes),
            ("packed", run.packed()),
            ("messages", &messages),
            ("parts", &parts),
            ("sending", launch.sending.name()),
            ("known", &launch.known),
            ("held", launch.held()),
            ("todos", &launch.todos),
        ],
    )
}

/// The runner, which travels in the parcel.
pub fn run(env: &HostEnv, run: &Run) -> Script {
    env.script(
        concat!(
            javascript!("base"),
            javascript!("back"),
            shell!("prelude", "processes", "session", "bun", "finish", "run")
        ),
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
            ("run_timeout", &run.run_timeout.to_string()),
        ],
    )
}

/// Follows a run's events from byte `offset` on until its result is there.
pub fn watch(env: &HostEnv, id: &str, offset: u64) -> Script {
    env.script(shell!("prelude", "processes", "watch"), &[("id", id), ("offset", &offset.to_string())])
}

/// Removes the dispatch from the host; refuses one that was launched unless `launched`.
pub fn clean(env: &HostEnv, id: &str, launched: bool) -> Script {
    env.script(
        shell!("prelude", "account", "clean"),
        &[("id", id), ("launched", if launched { "yes" } else { "no" })],
    )
}

/// Ends a run and all that it started, or sees to it that it never begins. See [`super::Cancelled`].
pub fn cancel(env: &HostEnv, id: &str) -> Script {
    env.script(shell!("prelude", "processes", "cancel"), &[("id", id)])
}

/// Makes the back-file and the result of a run that is over afresh, from what the host's database holds; as a
/// `snapshot` also of one that is at work, into `snapshot-N` and its result. See [`super::Made`].
pub fn back(env: &HostEnv, run: &Run, snapshot: bool) -> Script {
    back_unless(env, run, snapshot, "")
}

/// As [`back`], of a run that is over; nothing is made where the session there is as it was when `known` was the SHA-256
/// (hex) of the host's list of its rows.
pub fn back_since(env: &HostEnv, run: &Run, known: &str) -> Script {
    back_unless(env, run, false, known)
}

fn back_unless(env: &HostEnv, run: &Run, snapshot: bool, unless: &str) -> Script {
    env.script(
        concat!(
            javascript!("base"),
            javascript!("back"),
            shell!("prelude", "processes", "session", "bun", "finish", "back")
        ),
        &[
            ("id", &run.id),
            ("session", &run.session),
            ("program", &run.program),
            ("packed", run.packed()),
            ("snapshot", if snapshot { "yes" } else { "no" }),
            ("unless", unless),
        ],
    )
}

/// Asks how dispatches stand, all in one answer, each with the last `tail` bytes of its events. See [`super::Statuses`].
pub fn status(env: &HostEnv, ids: &[&str], tail: usize) -> Script {
    let (ids, tail) = (ids.join(" "), tail.to_string());
    env.script(shell!("prelude", "processes", "status"), &[("ids", &ids), ("tail", &tail)])
}

/// Asks which dispatches are kept there. See [`super::KeptList`].
pub fn list(env: &HostEnv) -> Script {
    env.script(shell!("prelude", "processes", "list"), &[])
}

/// Asks of which sessions the host remembers something for the home `owner`. See [`super::Remembered`].
pub fn remembered(env: &HostEnv, owner: &str) -> Script {
    env.script(shell!("prelude", "owners", "remembered"), &[("owner", owner)])
}

/// Has the host forget what it remembers of sessions for the home `owner`; answers as [`remembered`], with what went.
pub fn forget(env: &HostEnv, owner: &str, remembered: &super::Remembered) -> Script {
    let (known, claims) = (remembered.known.join(" "), remembered.claims.join(" "));
    env.script(
        shell!("prelude", "processes", "owners", "forget"),
        &[("owner", owner), ("known", &known), ("claims", &claims)],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_variables_stand_in_a_header() {
        let env = |variables: &[(&str, &str)]| HostEnv {
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..HostEnv::default()
        };
        let odd = env(&[("A", "b"), ("B;id", "c"), ("$(id)", "d"), ("", "e"), ("1", "f")]);
        assert!(list(&odd).text() == list(&env(&[("A", "b")])).text(), "a header has another name");
    }
}

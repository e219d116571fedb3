//! What can be wrong with a hosts.json: where it is, what it is, and what to write instead.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::DiskError;
use crate::text::harmless;

use jsonc_parser::errors::ParseErrorKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", shown(&self.path), self.line, self.column)
    }
}

/// Why the hosts could not be read. Nothing of the file is used then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostsError {
    #[error("{}: there is no such hosts file", shown(path))]
    Missing { path: PathBuf },
    /// A directory, a pipe or a device stands where the file is looked for.
    #[error("{} is not a file", shown(path))]
    NotAFile { path: PathBuf },
    #[error("{} cannot be read: {source}", shown(path))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is larger than {limit} bytes", shown(path))]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("{place}: not UTF-8 text")]
    NotUtf8 { place: Place },
    #[error("{place}: {problem}")]
    Syntax { place: Place, problem: SyntaxProblem },
    #[error(
        "{place}: {}expected an object {{ \"NAME\": HOST, … }}, found {found}",
        if *is_wrapper { "\"hosts\": " } else { "" }
    )]
    NotAnObject { is_wrapper: bool, place: Place, found: &'static str },
    #[error(transparent)]
    Allowed(#[from] AllowedError),
    #[error("{place}: host \"{host}\": {problem}")]
    Host { place: Place, host: String, problem: EntryProblem },
    #[error("{place}: host \"{host}\", field \"{field}\": {problem}")]
    Field {
        place: Place,
        host: String,
        /// The field, with a dot before what lies inside it (`env.PATH`), bounded and printable.
        field: String,
        problem: Box<EntryProblem>,
    },
}

/// What is remembered of the files that the user allowed cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AllowedError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} cannot be read: {reason}; it was left as it is", shown(path))]
    Damaged { path: PathBuf, reason: String },
    #[error("{} has format {version}, written by a newer kugetsu", shown(path))]
    Newer { path: PathBuf, version: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SyntaxProblem {
    #[error("not valid JSON: {0}")]
    Json(ParseErrorKind),
    #[error("not valid JSON: a comma is missing before this")]
    MissingComma,
    #[error("not valid JSON: write \"double quotes\" instead of single ones")]
    SingleQuotes,
    /// Deeper than any entry, and than the parser's stack.
    #[error("objects and arrays are nested more than {0} deep")]
    TooDeep(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryProblem {
    #[error(
        "a name is 1 to 64 characters of a-z, A-Z, 0-9, \".\", \"_\" and \"-\", and starts with a letter or digit"
    )]
    Name,
    #[error("is there twice, first on line {first}; remove one")]
    Twice { first: usize },
    #[error("expected {expected}, found {found}")]
    Type { expected: &'static str, found: &'static str },
    #[error(
        "\"host\" is missing; {}",
        meant.as_ref().map_or_else(
            || "add \"host\": \"user@address\"".to_owned(),
            |meant| format!("write \"host\" instead of \"{meant}\"")
        )
    )]
    NoHost {
        /// The field of the entry that is spelled nearly so, bounded and printable.
        meant: Option<String>,
    },
    #[error("is empty; give it a value or remove the field")]
    Empty,
    #[error("holds a control character; remove it")]
    Control,
    /// `host` that ssh would take for an option, or that holds whitespace, or half of a `user@address`.
    #[error(
        "write \"address\", \"user@address\" or an ssh alias, without spaces and not beginning with \"-\""
    )]
    Address,
    #[error("write the port as a field of its own: \"port\": 2222")]
    PortInAddress,
    #[error("write an IPv6 address without brackets")]
    Brackets,
    #[error("a port is a whole number from 1 to 65535")]
    Port,
    #[error("write \"provider/model\", as \"opencode models\" prints it")]
    Model,
    #[error("a variable's name is made of letters, digits and \"_\", and does not start with a digit")]
    Variable,
    #[error("holds a NUL character; remove it")]
    Nul,
    #[error("only \"~/\" is understood, not another user's home; write the whole path")]
    OthersHome,
    #[error("the home directory is not known (HOME is not set); write the whole path")]
    NoHome,
    #[error("write \"allow\", \"ask\" or \"deny\", or an object of patterns with these")]
    Action,
    #[error(
        "Windows is not supported as a host; install sshd inside WSL and name that, with \"os\": \"linux\""
    )]
    Windows,
    #[error("is not known; write \"linux\" or \"macos\"")]
    Os,
    #[error("is not a time; write it as \"90s\" or \"1h 30m\"")]
    Duration,
}

/// Something that kugetsu does not know; it is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) place: Place,
    /// What it is called, bounded and printable.
    pub(crate) name: String,
    pub(crate) unknown: Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    Field {
        host: String,
        nearest: Option<&'static str>,
    },
    /// It stands beside the object `"hosts"` that holds all hosts.
    Beside,
    /// An option of a plugin, much like `hosts`.
    Option {
        plugin: &'static str,
    },
    /// Options of a plugin that have no `hosts`.
    Options {
        plugin: &'static str,
    },
    /// An object behind the name of a plugin, where both should stand in a list of their own.
    Loose {
        plugin: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, name, unknown } = self;
        match unknown {
            Unknown::Field { host, nearest } => {
                write!(f, "{place}: host \"{host}\": unknown field \"{name}\" is ignored")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
                    None => Ok(()),
                }
            }
            Unknown::Beside => {
                write!(f, "{place}: \"{name}\" beside \"hosts\" is ignored; a host belongs inside \"hosts\"")
            }
            Unknown::Option { plugin } => write!(
                f,
                "{place}: plugin \"{plugin}\": option \"{name}\" is ignored; did you mean \"hosts\"?"
            ),
            Unknown::Options { plugin } => write!(
                f,
                "{place}: plugin \"{plugin}\" names no hosts: write {{ \"hosts\": {{ \"NAME\": HOST, … }} }}"
            ),
            Unknown::Loose { plugin } => write!(
                f,
                "{place}: plugin \"{plugin}\": these options are ignored; write [[\"{plugin}\", {{ … }}]]"
            ),
        }
    }
}

/// `text` as it may be shown: what a terminal would obey is escaped, and what is longer than a name is cut.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// `path` as it may be shown: the name of a directory that came with a clone may hold anything.
fn shown(path: &Path) -> String {
    harmless(&path.to_string_lossy()).replace('\n', " ")
}

//! What can be wrong with a hosts.json: where it is, what it is, and what to write instead.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::DiskError;
use crate::text::harmless;

use jsonc_parser::errors::ParseErrorKind;

/// A place in a file, shown as `file:line:column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", shown(&self.path), self.line, self.column)
    }
}

/// Why the hosts could not be read. Nothing of the file is used then.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// The one file that was asked for does not exist.
    #[error("{}: there is no such hosts file", shown(path))]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A directory, a pipe or a device stands where the file is looked for.
    #[error("{} is not a file", shown(path))]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// It could not be read.
    #[error("{} cannot be read: {source}", shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's own answer.
        source: io::Error,
    },
    /// It is larger than any list of hosts.
    #[error("{} is larger than {limit} bytes", shown(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound, in bytes.
        limit: u64,
    },
    /// It is not text.
    #[error("{place}: not UTF-8 text")]
    NotUtf8 {
        /// Where the first such byte stands.
        place: Place,
    },
    /// It is not JSON, comments and trailing commas allowed.
    #[error("{place}: {problem}")]
    Syntax {
        /// Where.
        place: Place,
        /// What.
        problem: SyntaxProblem,
    },
    /// It is not an object of hosts.
    #[error(
        "{place}: {}expected an object {{ \"NAME\": HOST, … }}, found {found}",
        if *is_wrapper { "\"hosts\": " } else { "" }
    )]
    NotAnObject {
        /// What `hosts` is, and not the whole file.
        is_wrapper: bool,
        /// Where.
        place: Place,
        /// What stands there.
        found: &'static str,
    },
    /// Whether a project's file counts is not known.
    #[error(transparent)]
    Allowed(#[from] AllowedError),
    /// A host's entry is wrong as a whole.
    #[error("{place}: host \"{host}\": {problem}")]
    Host {
        /// Where.
        place: Place,
        /// The host's name, bounded and printable.
        host: String,
        /// What, and the cure.
        problem: Problem,
    },
    /// A field of a host's entry is wrong.
    #[error("{place}: host \"{host}\", field \"{field}\": {problem}")]
    Field {
        /// Where.
        place: Place,
        /// The host's name, bounded and printable.
        host: String,
        /// The field, with a dot before what lies inside it (`env.PATH`), bounded and printable.
        field: String,
        /// What, and the cure.
        problem: Box<Problem>,
    },
}

/// What is remembered of the files that the user allowed cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AllowedError {
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something else than the format.
    #[error("{} cannot be read: {reason}; it was left as it is", shown(path))]
    Damaged {
        /// The record.
        path: PathBuf,
        /// Why, in the JSON parser's words.
        reason: String,
    },
    /// Written by a later kugetsu.
    #[error("{} has format {version}, written by a newer kugetsu", shown(path))]
    Newer {
        /// The record.
        path: PathBuf,
        /// Its format.
        version: u64,
    },
}

/// What is wrong with the text of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxProblem {
    /// In the parser's words.
    #[error("not valid JSON: {0}")]
    Json(ParseErrorKind),
    /// Two values with nothing between them.
    #[error("not valid JSON: a comma is missing before this")]
    MissingComma,
    /// JSON knows double quotes only.
    #[error("not valid JSON: write \"double quotes\" instead of single ones")]
    SingleQuotes,
    /// Deeper than any entry, and than the parser's stack.
    #[error("objects and arrays are nested more than {0} deep")]
    TooDeep(usize),
}

/// What is wrong with an entry, and the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a name.
    #[error(
        "a name is 1 to 64 characters of a-z, A-Z, 0-9, \".\", \"_\" and \"-\", and starts with a letter or digit"
    )]
    Name,
    /// The same name twice in one object.
    #[error("is there twice, first on line {first}; remove one")]
    Twice {
        /// Line of the first one.
        first: usize,
    },
    /// Another type of value.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What belongs here.
        expected: &'static str,
        /// What stands here.
        found: &'static str,
    },
    /// No `host` in an entry.
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
    /// Nothing in it.
    #[error("is empty; give it a value or remove the field")]
    Empty,
    /// A control character in it.
    #[error("holds a control character; remove it")]
    Control,
    /// `host` that ssh would take for an option, or that holds whitespace, or half of a `user@address`.
    #[error(
        "write \"address\", \"user@address\" or an ssh alias, without spaces and not beginning with \"-\""
    )]
    Address,
    /// `host` with a port in it.
    #[error("write the port as a field of its own: \"port\": 2222")]
    PortInAddress,
    /// `host` with an IPv6 address in brackets.
    #[error("write an IPv6 address without brackets")]
    Brackets,
    /// Not a port.
    #[error("a port is a whole number from 1 to 65535")]
    Port,
    /// Not a model.
    #[error("write \"provider/model\", as \"opencode models\" prints it")]
    Model,
    /// Not the name of an environment variable.
    #[error("a variable's name is made of letters, digits and \"_\", and does not start with a digit")]
    Variable,
    /// A NUL, which neither a variable nor a path can hold.
    #[error("holds a NUL character; remove it")]
    Nul,
    /// `~name/…`.
    #[error("only \"~/\" is understood, not another user's home; write the whole path")]
    OthersHome,
    /// `~/…`, and nobody knows where that is.
    #[error("the home directory is not known (HOME is not set); write the whole path")]
    NoHome,
    /// Not what opencode does about a permission.
    #[error("write \"allow\", \"ask\" or \"deny\", or an object of patterns with these")]
    Action,
    /// Windows itself.
    #[error(
        "Windows is not supported as a host; install sshd inside WSL and name that, with \"os\": \"linux\""
    )]
    Windows,
    /// Something else.
    #[error("is not known; write \"linux\" or \"macos\"")]
    Os,
    /// Not a time.
    #[error("is not a time; write it as \"90s\" or \"1h 30m\"")]
    Duration,
}

/// Something that kugetsu does not know; it is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What it is called, bounded and printable.
    pub name: String,
    /// What it is a part of.
    pub unknown: Unknown,
}

/// What something unknown is a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// A field of a host's entry.
    Field {
        /// The host's name.
        host: String,
        /// The field that may have been meant.
        nearest: Option<&'static str>,
    },
    /// It stands beside the object `"hosts"` that holds all hosts.
    Beside,
    /// An option of a plugin, much like `hosts`.
    Option {
        /// The plugin's name.
        plugin: &'static str,
    },
    /// Options of a plugin that have no `hosts`.
    Options {
        /// The plugin's name.
        plugin: &'static str,
    },
    /// An object behind the name of a plugin, where both should stand in a list of their own.
    Loose {
        /// The plugin's name.
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

//! The scripts that run on hosts, with a recorder in opencode's place: no SSH, no opencode, no model.
#![allow(clippy::disallowed_methods, reason = "the files of a test are private by their directory")]

mod asking;
mod detached;
mod hostile;
mod launching;
mod looking;
mod watching;

use crate::support::local::Sh;

const SHELLS: [Sh; 3] = [Sh::Dash, Sh::Bash, Sh::BusyBox];

/// A dispatch's id.
fn id(n: usize) -> String {
    format!("20261120-103015-{n:08}")
}

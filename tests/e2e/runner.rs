//! The scripts that run on hosts, without SSH: most with a recorder in opencode's place, what reads and writes its
//! database with the real one.
#![allow(clippy::disallowed_methods, reason = "the files of a test are private by their directory")]

mod asking;
mod bundles;
mod detached;
mod ending;
mod hostile;
mod knowing;
mod launching;
mod looking;
mod real;
mod settling;
mod sharing;
mod telling;
mod watching;

use crate::support::local::Sh;

const SHELLS: [Sh; 3] = [Sh::Dash, Sh::Bash, Sh::BusyBox];

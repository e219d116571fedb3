//! Issue sessions on this machine.
#![allow(clippy::disallowed_methods, reason = "tests write what they like into homes of their own")]

mod answers;
mod copying;
mod disks;
mod ending;
mod failing;
mod growing;
mod init;
mod kept;
mod left;
mod listing;
mod naming;
mod permit;
mod reference;
mod runs;
mod said;
mod shells;
mod tidying;
mod told;
mod trips;

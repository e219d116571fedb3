//! Issue sessions on this machine.

mod runs;
mod trips;

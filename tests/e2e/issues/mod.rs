//! Issue sessions on this machine.

mod init;
mod kept;
mod listing;
mod naming;
mod permit;
mod reference;
mod runs;
mod shells;
mod tidying;
mod told;
mod trips;

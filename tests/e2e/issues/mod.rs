//! Issue sessions on this machine.

mod init;
mod naming;
mod permit;
mod reference;
mod runs;
mod shells;

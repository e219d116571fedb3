//! The use cases: a session goes to a host, is worked on there, and comes home. Plans, then applies;
//! prints nothing and reads no environment.

mod connection;
mod cure;
mod error;
mod fetch;
mod holding;
mod last_sync;
mod link;
mod observer;
mod owner;
mod prune;
mod refusal;
mod report;
mod send;
mod sent_state;
mod steps;
#[cfg(test)]
mod tests;
mod tools;
mod under_way;
mod watch;

pub use error::{ApartReason, Kind, TripError};
pub use fetch::snapshot::{Snapshot, snapshot};
pub use holding::Holding;
pub use last_sync::Term;
pub use observer::{News, Observer};
pub use prune::leftovers::{LeftOnHosts, left_on_hosts};
pub use prune::remains::{Remains, Removed};
pub use report::{Report, RunReport};
pub use send::begin::check_here;
pub use send::dry_run::DryRun;
pub use send::plan::Request;
pub use tools::{Tools, message};
pub use under_way::Trip;
pub use watch::cancel::{CancelReport, Ended, cancel};
pub use watch::listen::{Hear, Heard, Listener};
pub use watch::status::{Look, look_at};

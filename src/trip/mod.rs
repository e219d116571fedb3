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
pub(crate) mod report;
mod send;
mod sent_state;
mod steps;
#[cfg(test)]
mod tests;
mod tools;
mod under_way;
mod watch;

pub(crate) use error::{FailureKind, TripError};
pub(crate) use fetch::snapshot::{Snapshot, snapshot};
pub(crate) use holding::HeldRows;
pub(crate) use observer::{News, Observer};
pub(crate) use prune::leftovers::{LeftOnHosts, left_on_hosts};
pub(crate) use prune::remains::Remains;
pub(crate) use report::TripReport;
pub(crate) use send::begin::check_here;
pub(crate) use send::dry_run::DryRun;
pub(crate) use send::plan::Request;
pub(crate) use tools::{Tools, message};
pub(crate) use under_way::Trip;
pub(crate) use watch::cancel::{Ended, cancel};
pub(crate) use watch::listen::{Listener, OnEvent};
pub(crate) use watch::status::{TripStatus, statuses};

//! Making a session fit for another host, and undoing that when it comes home.
//!
//! A pure room, on streams; see [`crate::session`] for what a session file is. The way of a trip through here:
//! [`crate::session::scan`] the export, [`prepare`] it and keep the [`Baseline`], send it; later [`reconcile`] checks
//! the file that came back against what was sent, merges both, and writes a change set.

mod baseline;
mod edit;
mod error;
mod inbound;
mod outbound;
mod paths;
mod setting;
mod settle;
mod terms;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use baseline::Baseline;
pub(crate) use error::{HomeError, PrepareError};
pub(crate) use inbound::fork::{ForkInput, fork};
pub(crate) use inbound::import_file::import_file;
pub(crate) use inbound::reconcile::reconcile;
pub(crate) use inbound::result::{MergeContext, MergeResult};
pub(crate) use outbound::copy::Prepared;
pub use outbound::copy::{Spec, prepare};
pub(crate) use outbound::id_map::messages_there;
pub(crate) use paths::Paths;

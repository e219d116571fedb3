//! The way out: from what the user asks for to a run on the host.

pub(crate) mod begin;
pub(crate) mod decision;
pub(crate) mod delta;
pub(crate) mod dry_run;
pub(crate) mod fitness;
pub(crate) mod inspect;
pub(crate) mod launch;
pub(crate) mod listings;
pub(crate) mod local;
pub(crate) mod parcel;
pub(crate) mod plan;
pub(crate) mod prompt;
pub(crate) mod supersede;
pub(crate) mod upload;

//! The way home: what the run left is fetched, checked, and applied to the session here.

pub(crate) mod apply;
pub(crate) mod bring_home;
pub(crate) mod download;
pub(crate) mod fallback;
pub(crate) mod on_demand;
pub(crate) mod restore;
pub(crate) mod snapshot;

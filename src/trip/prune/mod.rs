//! What hosts still keep of trips that ended, and its removal.

pub(crate) mod leftovers;
pub(crate) mod remains;
pub(crate) mod remembered;

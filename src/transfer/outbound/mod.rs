//! The copy that leaves: fit for the host, in the host's terms.

pub(crate) mod copy;
pub(crate) mod id_map;
pub(crate) mod to_host;

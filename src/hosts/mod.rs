//! hosts.json: which hosts there are. Pure but for the reading of files.

mod entry;

pub use entry::HostEntry;

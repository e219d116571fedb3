//! hosts.json: which hosts there are, and whose word that is. Pure but for the reading of files, and what is remembered of
//! those that the user allowed.

mod allowed;
mod book;
mod difference;
mod entry;
mod error;
mod file;
mod jsonc;
mod nearest;
mod pending;
mod root;
mod search;
mod text_file;
mod value;

pub(crate) use allowed::Allowed;
pub(crate) use book::{Hosts, Lookup};
pub(crate) use difference::{Difference, differences};
pub(crate) use entry::HostEntry;
pub(crate) use error::HostsError;
pub(crate) use nearest::nearest;
pub(crate) use pending::Pending;
pub(crate) use search::{Form, SearchPath, Source, Surroundings};
pub(crate) use value::{is_address, is_path, is_variable};

//! hosts.json: which hosts there are. Pure but for the reading of files.

mod book;
mod entry;
mod error;
mod file;
mod jsonc;
mod nearest;
mod search;
mod value;

pub use book::{Hosts, Lookup};
pub use entry::HostEntry;
pub use error::{HostsError, Place, Problem, SyntaxProblem, Warning};
pub use nearest::nearest;
pub use search::{SearchPath, Surroundings};

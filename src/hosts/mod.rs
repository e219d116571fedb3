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
mod value;

pub use allowed::Allowed;
pub use book::{Hosts, Lookup};
pub use difference::{Difference, differences};
pub use entry::HostEntry;
pub use error::{AllowedError, HostsError, Place, Problem, SyntaxProblem, Unknown, Warning};
pub use nearest::nearest;
pub use pending::{Pending, Unusable};
pub use search::{Form, SearchPath, Source, Surroundings};
pub use value::{is_address, is_path, is_variable};

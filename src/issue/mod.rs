//! Which issue is meant: a reference in any of its forms, completed from the git remote of a directory.
//!
//! Pure, but for [`remote_of`], which asks git.

mod argument;
mod azure;
mod error;
mod git;
mod reference;
mod remote;
mod repository;
mod url;

pub use argument::{Argument, Meant, Named};
pub use error::{IssueError, RefError, RemoteError};
pub use git::remote_of;
pub use reference::IssueRef;
pub use remote::{choose, listed};
pub use repository::{By, Likeness, Repository};

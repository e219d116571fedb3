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

pub(crate) use argument::Argument;
pub(crate) use error::{IssueError, RefError, RemoteError};
pub(crate) use git::remote_of;
pub(crate) use reference::IssueRef;
pub(crate) use repository::{By, Likeness, Meant, Repository};

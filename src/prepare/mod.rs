//! Making a session fit for another host, and undoing that when it comes home.
//!
//! A pure room, on streams; see [`crate::session`] for what a session file is. The way of a trip through here:
//! [`crate::session::scan`] the export, [`prepare`] it and keep the [`Undo`], send it; later [`homecoming`] checks
//! the file that came back against what left and writes an import file with only what is new.

mod arrivals;
mod back;
mod before;
mod beside;
mod came;
mod changes;
mod children;
mod departure;
mod edit;
mod error;
mod home;
mod import;
mod inward;
mod limits;
mod merge;
mod outgoing;
mod outward;
mod paths;
mod places;
mod record;
mod rights;
mod rows;
mod setting;
mod settle;
mod spent;
mod terms;
#[cfg(test)]
mod tests;
mod undo;
mod url;
mod within;

pub(crate) use beside::{Away, beside};
pub(crate) use came::{HomeRows, Homecoming, Homeward};
pub(crate) use error::{HomeError, PrepareError};
pub(crate) use home::homecoming;
pub(crate) use import::import_file;
pub(crate) use outgoing::Prepared;
pub use outgoing::{Spec, prepare};
pub(crate) use paths::Paths;
pub(crate) use places::messages_there;
pub(crate) use undo::Undo;

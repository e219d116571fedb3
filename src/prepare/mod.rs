//! Making a session fit for another host, and undoing that when it comes home.
//!
//! A pure room, on streams; see [`crate::session`] for what a session file is. The way of a trip through here:
//! [`crate::session::scan`] the export, [`prepare`] it and keep the [`Undo`], send it; later [`homecoming`] checks
//! the file that came back against what left and writes an import file with only what is new.

mod edit;
mod error;
mod home;
mod outgoing;
mod setting;
mod settle;
#[cfg(test)]
mod tests;
mod undo;

pub use error::{HomeError, PrepareError};
pub use home::{Homecoming, LastAssistant, LatePart, homecoming};
pub use outgoing::{Spec, prepare};
pub use undo::{AddedPart, CompletedMessage, FormerInfo, FormerUser, SettledPart, UNDO_VERSION, Undo};

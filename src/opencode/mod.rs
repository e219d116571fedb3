//! The opencode of this machine: the program, and the database that it keeps its sessions in.

pub mod apply;
pub(crate) mod checkup;
mod child;
mod database;
mod exported;
mod family;
mod fingerprint;
mod headless;
mod permission;
mod program;
mod schema;
#[cfg(test)]
mod tests;
mod undo;
mod undo_log;
mod unreadable;
mod version;
mod version_cache;
mod writer;

pub(crate) use child::{cause, tail};
pub use database::Database;
pub(crate) use database::{DatabaseError, Listed};
pub use exported::scan_export;
pub use fingerprint::Fingerprint;
pub(crate) use headless::permission;
pub(crate) use permission::{Action, PermissionError, Permissions, Rule};
pub(crate) use program::{Program, ProgramError, Surroundings};
pub(crate) use undo::RowCount;
pub use undo::{UndoError, undo};
pub(crate) use undo_log::{UndoLogError, session as undo_log_session};
pub(crate) use unreadable::{Unreadable, unreadable};
pub(crate) use version::Version;

//! The opencode of this machine: the program, and the database that it keeps its sessions in.

pub mod arrival;
pub mod checkup;
mod child;
mod database;
mod exported;
mod family;
mod fingerprint;
mod headless;
mod image;
mod permission;
mod program;
mod schema;
#[cfg(test)]
mod tests;
mod undo;
mod unreadable;
mod version;
mod version_cache;
mod writer;

pub use child::cause;
pub use database::{Database, DatabaseError, LastUser, Listed, SessionRow};
pub use exported::scan_export;
pub use fingerprint::Fingerprint;
pub use headless::permission;
pub use image::{ImageError, session as image_session};
pub use permission::{Action, PermissionError, Permissions, Rule};
pub use program::{Exported, Program, ProgramError, Surroundings};
pub use undo::{Rows, UndoError, Undone, undo};
pub use unreadable::{Unreadable, unreadable};
pub use version::Version;

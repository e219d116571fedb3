//! The opencode of this machine: the program, and the database that it keeps its sessions in.

mod child;
mod database;
mod headless;
mod permission;
mod program;
mod version;
mod version_cache;

pub use database::{Database, DatabaseError, LastUser, Listed, SessionRow};
pub use headless::permission;
pub use permission::{Action, PermissionError, Permissions, Rule};
pub use program::{Exported, Program, ProgramError, Surroundings};
pub use version::Version;

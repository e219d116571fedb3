//! The sessions of issues: `index.json` and `sessions/*.json` in kugetsu's home, as the earlier kugetsu script has them.
//!
//! The script goes on reading and writing the same files. So nothing that it wrote is taken away or moved: what is
//! changed here is changed in its place, and what is added are fields that the script does not know.

mod contents;
mod error;
mod session_file;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use contents::Index;
pub(crate) use error::IndexError;
pub(crate) use session_file::{SessionFile, SessionKind, moment, timestamp};
pub(crate) use store::{Entry, IndexedFile, Store};

/// The format of the fields that this kugetsu adds; the script's own files have none.
pub(crate) const FORMAT: u32 = 1;

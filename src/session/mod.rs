//! What an opencode session is, as `opencode export` writes it: `{"info": {…}, "messages": [{"info", "parts"}, …]}`.
//!
//! A pure room: bytes in, bytes out. A session can be hundreds of megabytes (pictures are data URLs inside a
//! part), so a file is read as a stream of messages, each in one reused buffer; nothing here holds a whole one.
//! What is not looked at stays raw JSON and is copied byte for byte.

#[cfg(test)]
pub(crate) mod arbitrary;
pub(crate) mod bundle;
mod change_set;
mod clock;
mod complete;
mod copy;
#[cfg(test)]
mod copy_tests;
mod empty;
pub(crate) mod ending;
mod error;
mod filler;
mod fresh;
mod id;
pub(crate) mod message;
pub(crate) mod out;
mod outline;
pub(crate) mod place;
mod printed;
pub(crate) mod raw;
pub(crate) mod reader;
pub(crate) mod same;
mod scan;
mod setting;
pub(crate) mod snapshots;
mod splitter;
pub(crate) mod stamp;
#[cfg(test)]
mod tests;
pub(crate) mod walk;

pub(crate) use change_set::{Change, ChangeReader, NewMessage, NewSession, Patch, Todos};
pub(crate) use clock::{Clock, SAME_CLOCK_MS};
pub(crate) use complete::{Completing, complete};
pub(crate) use copy::{CopyError, Renaming, record as record_of_copy};
pub use copy::{CopySpec, copy};
pub(crate) use empty::empty;
pub(crate) use error::ExportError;
pub(crate) use filler::Filler;
pub(crate) use fresh::copied_session_id;
pub use fresh::{FreshIds, new_session_id};
pub(crate) use id::{following_part_id, is_message_id, is_part_id, is_session_id};
pub(crate) use outline::{MessageIds, Outline};
pub(crate) use printed::find_export;
pub(crate) use raw::Raw;
pub use scan::scan;
pub(crate) use scan::{LastUser, Scan};
pub use setting::Setting;
pub(crate) use setting::{Model, Wish};

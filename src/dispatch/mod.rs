//! One trip of one session to one host: its id, its states, and its record on disk.
//!
//! The record is written before and after each step, so that any later command can tell where a
//! trip stands, whatever was killed in between.

mod check;
mod id;
mod origin;
mod record;
mod state;
mod step;
mod store;
mod table;

pub use id::{is_id, new_id};
pub use origin::{HostOrigin, ProjectHost};
pub use record::{Mode, Plan, Record, Sent, VERSION};
pub use state::State;
pub use step::{Moment, Step};
pub use store::{Dispatch, Store, StoreError};

//! Files and directories of our own: private, whole or absent, and locks that die with their holder.

mod atomic;
mod error;
mod lock;
mod private;
mod room;
mod rotate;

pub(crate) use atomic::{AtomicFile, write_atomic};
pub use error::DiskError;
pub use lock::{Busy, Holder, Lock, Task, session_lock, take_session};
pub use private::private_dir;
pub(crate) use private::{create_new_private, names, read, remove};
pub(crate) use room::is_full;
pub use rotate::RotatingLog;
pub(crate) use rotate::{LOG_BYTES, LOG_FILES};

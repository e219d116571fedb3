//! Files and directories of our own: private, whole or absent, and locks that die with their holder.

mod atomic;
mod error;
mod lock;
mod private;
mod room;
mod rotate;

pub use atomic::{AtomicFile, write_atomic};
pub use error::DiskError;
pub use lock::{Busy, Holder, Lock, Taken, Task, session_lock, take_session};
pub use private::{create_new_private, private_dir, remove};
pub use room::is_full;
pub use rotate::{LOG_BYTES, LOG_FILES, RotatingLog};

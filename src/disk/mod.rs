//! Files and directories of our own: private, whole or absent, and locks that die with their holder.

mod atomic;
mod error;
mod lock;
mod private;
mod rotate;

pub use atomic::{AtomicFile, write_atomic};
pub use error::DiskError;
pub use lock::{Holder, Lock, session_lock};
pub use private::{create_new_private, private_dir};
pub use rotate::{LOG_BYTES, LOG_FILES, RotatingLog};

//! The processes of a run on this machine: bound to whoever started them, found again by a mark in their
//! environment, and ended with all that they started. opencode leaves its tools' shells alive when it is killed
//! (measured on 1.3 to 1.18), so killing it alone is not enough.

mod bound;
mod marked;
mod tree;

pub use bound::{BOUND, run_bound};
pub use marked::{Found, Mark, end_all, find};

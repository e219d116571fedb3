//! The processes of a run on this machine: found again by a mark in their environment or by who began them, and ended with
//! all that they started. opencode leaves its tools' shells alive when it is killed (measured on 1.3 to 1.18), so killing it
//! alone is not enough.

mod marked;
mod tree;

pub(crate) use marked::{Mark, MarkedProcess, RUN_MARK, end_all, find, marked, run_mark};

//! End-to-end tests: one binary, a module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy knows tests by #[test] only, and this binary is nothing else"
)]

#[path = "../support/mod.rs"]
mod support;

mod copy;
mod faults;
mod house;
mod issues;
mod runner;
mod ssh;
mod support_itself;
mod trip;
mod tui;

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
mod dispatches;
mod faults;
mod home_step;
mod house;
mod intact;
mod issues;
mod runner;
mod ssh;
mod support_itself;
mod trip;
mod tui;
mod unbroken;
mod verify;

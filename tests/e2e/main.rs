//! End-to-end tests: one binary, a module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends where one strikes")]

#[path = "../support/mod.rs"]
mod support;

mod ssh;
mod support_itself;

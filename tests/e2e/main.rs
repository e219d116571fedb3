//! End-to-end tests: one binary, a module per subject.

#[path = "../support/mod.rs"]
mod support;

mod ssh;
mod support_itself;

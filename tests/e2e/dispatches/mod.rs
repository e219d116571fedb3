//! Trips that are cut short, taken up, looked at and ended.
#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

mod points;
mod verbs;
mod waits;

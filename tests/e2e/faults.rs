//! Bad input and faults: one clear sentence, the step, the cure; nothing lost, nothing left behind.
//!
//! opencode is a stand-in where a test is not about opencode itself (`support/stand_in.js`).
#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

mod bad_input;
mod bounds;
mod coming_home;
mod hosts;
mod interrupted;
mod launches;
mod runs;
pub(crate) mod scene;
mod terminal;
mod trusted;
pub(crate) mod turns;

//! A small world to test in: a model that does as the prompt says, the real opencode releases,
//! machines with a HOME of their own, hosts behind a private sshd, and a slow or broken line between.
//!
//! Plain modules, so that the end-to-end tests, the demo and the bench can each include them.

#![allow(dead_code, unreachable_pub, reason = "each including crate uses another part of it")]
#![allow(
    unused_imports,
    reason = "a bench without a harness has the test modules, but none of the tests in them"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a broken test world ends the test with a sentence; nothing here ships"
)]

pub mod copies;
pub mod history;
pub mod home;
pub mod host;
pub mod http;
pub mod local;
pub mod machine;
pub mod made;
pub mod model;
pub mod opencode;
pub mod process;
pub mod proxy;
pub mod recorder;
pub mod sample;
pub mod serve;
pub mod shapes;
pub mod sshd;
pub mod stand_in;
pub mod stored;
pub mod times;
pub mod used;

//! What the tests, the demo and the benches stand on.
#![allow(dead_code, unreachable_pub, reason = "several binaries include this, each uses a part of it")]

pub mod sshd;

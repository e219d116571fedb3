//! While the run goes on: it is followed, listened to, looked at, and ended.

pub(crate) mod cancel;
pub(crate) mod follow;
pub(crate) mod journal;
pub(crate) mod listen;
pub(crate) mod segments;
pub(crate) mod status;
pub(crate) mod stream;

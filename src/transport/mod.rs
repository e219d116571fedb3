//! How a trip talks to a host: run a script, stream a script's output, move a file either way.
//!
//! The trip knows this trait and nothing of SSH. All calls block; the trip makes them on a
//! worker thread. Implementations: [`crate::ssh`], and a local one in the tests.

mod connect;
mod error;
mod script;

pub use connect::ConnectError;
pub use error::TransportError;
pub use script::Script;

use crate::hosts::HostEntry;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// What a script left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 128 + n where a signal ended it.
    pub status: i32,
    /// Its standard output, whole.
    pub stdout: Vec<u8>,
    /// Its standard error, cut at 64 KiB.
    pub stderr: Vec<u8>,
}

/// One connection to one host.
pub trait Transport: Send {
    /// Runs `script` under `sh -s` whatever the login shell is, and waits for its end.
    /// `limit` bounds standard output, in bytes; `patience` is the longest silence to bear.
    fn run(&mut self, script: &Script, limit: usize, patience: Duration) -> Result<Output, TransportError>;

    /// Runs `script` and hands over its standard output as it arrives, until it ends (its exit
    /// status is returned) or `sink` breaks (`None`; the script is left to find its output closed).
    /// Silence longer than `patience` counts as a lost connection.
    fn stream(
        &mut self,
        script: &Script,
        patience: Duration,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Option<i32>, TransportError>;

    /// Sends a file with mode 0600 to `remote`, a path relative to the home directory made of
    /// `[A-Za-z0-9._/-]` only. `progress` gets the bytes sent so far.
    fn upload(
        &mut self,
        local: &Path,
        remote: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TransportError>;

    /// Fetches `remote` (as in [`Transport::upload`]) into the new file `local`, mode 0600, synced;
    /// returns its size. Refuses more than `limit` bytes before writing one.
    fn download(
        &mut self,
        remote: &str,
        local: &Path,
        limit: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, TransportError>;
}

/// Makes connections. Implemented where adapters are put together.
pub trait Connector: Send + Sync {
    /// Connects to a host and logs in; blocks.
    fn connect(&self, host: &HostEntry, patience: Duration) -> Result<Box<dyn Transport>, ConnectError>;
}

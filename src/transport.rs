//! How a trip talks to a host: run a script, stream a script's output, move a file either way.
//!
//! The trip knows this trait and nothing of SSH. All calls block; the trip makes them on a
//! worker thread. Implementations: [`crate::ssh`], and a local one in the tests.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A script for the host's POSIX `sh`, fed on its standard input.
///
/// Values that a user, a session or a host wrote enter only through [`Script::new`]'s parameters.
/// They are spelled as octal escapes for `printf %b`, so the shell's parser sees digits, never the value.
#[derive(Debug, Clone)]
pub struct Script {
    text: String,
}

impl Script {
    /// A fixed `body` behind a header that sets one shell variable per parameter.
    ///
    /// Names are ours: `[a-z_]+`. Values are any bytes but NUL, which no shell variable can hold
    /// (a NUL and what follows it is left out).
    pub fn new(body: &str, parameters: &[(&str, &[u8])]) -> Self {
        let mut text = String::with_capacity(body.len() + 256);
        for (name, value) in parameters {
            // `$(…)` drops trailing newlines: a sentinel keeps them. A full stop is the second byte of no character
            // in any locale's encoding, so that it comes off alone.
            text.push_str(name);
            text.push_str("=$(printf %b '");
            for byte in value.iter().take_while(|b| **b != 0) {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                        text.push(char::from(*byte));
                    }
                    _ => text.push_str(&format!("\\0{byte:03o}")),
                }
            }
            text.push_str(&format!(".'); {name}=${{{name}%.}}\n"));
        }
        text.push_str(body);
        Self { text }
    }

    /// What is written to `sh -s`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

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

/// Why a call on a connection that stood did not go through.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The connection is gone or silent. Says nothing about what runs on the host.
    #[error("the connection was lost while {during} ({detail})")]
    Lost {
        /// What was being done, as a gerund: "sending session.json".
        during: String,
        /// The transport's own words, control characters stripped.
        detail: String,
    },
    /// The host answered and said no (no such file, no space, no permission, no scp).
    #[error("{detail}")]
    Refused {
        /// The host's own words, control characters stripped.
        detail: String,
    },
    /// More came than the caller allowed.
    #[error("more than {limit} bytes came back")]
    TooLarge {
        /// The bound that was given, in bytes.
        limit: u64,
    },
    /// A file on this machine could not be read or written.
    #[error("{}: {source}", path.display())]
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn echoed(shell: &[&str], value: &[u8]) -> Vec<u8> {
        let script = Script::new("printf %s \"$v\"\n", &[("v", value)]);
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.text().as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn only_safe_characters_reach_the_shells_parser() {
        let script = Script::new("", &[("v", b"'; rm -rf ~ $(x) `y` \n%s\\")]);
        let quoted = script.text().split('\'').nth(1).unwrap();
        assert!(quoted.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-\\".contains(&b)), "{quoted}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_value_arrives_byte_for_byte(value in proptest::collection::vec(1u8..=255, 0..200)) {
            prop_assert_eq!(&echoed(&["dash", "-s"], &value), &value);
            prop_assert_eq!(&echoed(&["bash", "-s"], &value), &value);
            prop_assert_eq!(&echoed(&["busybox", "sh", "-s"], &value), &value);
        }
    }
}

//! Files to and from a host, by the SCP protocol.
//!
//! The protocol is spoken here, over a channel, because libssh2's `scp_send` and `scp_recv` read what the host says
//! when it refuses (no space, no such directory) and throw it away.

use super::connection::{Connection, status};
use crate::text::plain_bytes;
use crate::transport::TransportError;
use ssh2::Channel;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempPath;

/// Bytes that are read or written at once.
const CHUNK: usize = 256 * 1024;
/// The longest line of the protocol that is believed, in bytes.
const LINE: usize = 4096;
/// The longest silence within a transfer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn upload(
    connection: &mut Connection,
    local: &Path,
    remote: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<(), TransportError> {
    let local_fault = |source| TransportError::Local { path: local.to_owned(), source };
    let name = file_name(remote)?;
    let file = File::open(local).map_err(local_fault)?;
    let size = file.metadata().map_err(local_fault)?.len();
    let during = format!("sending {name}");
    let mut scp = Scp::start(connection, &format!("scp -t {}", at_home(remote)), &during)?;
    scp.write(format!("C0600 {size} {name}\n").as_bytes())?;
    scp.acknowledged()?;
    // No data before it agreed to this file: what nobody takes would be read as commands.
    scp.acknowledged()?;
    let mut file = file.take(size);
    let mut chunk = vec![0; CHUNK];
    let mut sent = 0;
    while sent < size {
        let n = file.read(&mut chunk).map_err(local_fault)?;
        if n == 0 {
            return Err(local_fault(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "it became shorter while it was sent",
            )));
        }
        scp.write(&chunk[..n])?;
        sent += n as u64;
        progress(sent);
    }
    scp.write(&[0])?;
    scp.acknowledged()
}

pub(super) fn download(
    connection: &mut Connection,
    remote: &str,
    local: &Path,
    limit: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, TransportError> {
    let local_fault = |source| TransportError::Local { path: local.to_owned(), source };
    let during = format!("fetching {}", file_name(remote)?);
    let mut scp = Scp::start(connection, &format!("scp -f {}", at_home(remote)), &during)?;
    // Ready, and the file it announces is welcome: said at once, it saves a round trip. One that is too large is
    // given up with its channel, whose window bounds what comes by then.
    scp.write(&[0, 0])?;
    let size = scp.announced()?;
    if size > limit {
        return Err(TransportError::TooLarge { limit });
    }
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(local).map_err(local_fault)?;
    // Removed again unless it is kept.
    let unfinished = TempPath::try_from_path(local).map_err(local_fault)?;
    let mut chunk = vec![0; CHUNK];
    let mut got = 0;
    while got < size {
        let most = usize::try_from(size - got).unwrap_or(CHUNK).min(CHUNK);
        let n = scp.read(&mut chunk[..most])?;
        if n == 0 {
            return Err(scp.ended());
        }
        file.write_all(&chunk[..n]).map_err(local_fault)?;
        got += n as u64;
        progress(got);
    }
    // The host's verdict on its own reading: a file that shrank there is filled up with zeros.
    scp.acknowledged()?;
    scp.write(&[0])?;
    drop(scp);
    file.sync_all().map_err(local_fault)?;
    unfinished.keep().map_err(|e| local_fault(e.error))?;
    Ok(size)
}

/// The last part of a path that is fit for the host's login shell as it is.
fn file_name(remote: &str) -> Result<&str, TransportError> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let name = remote.rsplit('/').next().unwrap_or_default();
    if remote.starts_with('-') || !remote.chars().all(safe) || matches!(name, "" | "." | "..") {
        return Err(TransportError::Refused {
            detail: format!("{} is no path to copy", plain_bytes(remote.as_bytes())),
        });
    }
    Ok(name)
}

/// Where the scripts look for it, for any login shell: one whose start-up file changed the directory has the same `HOME`.
fn at_home(remote: &str) -> String {
    if remote.starts_with('/') { remote.to_owned() } else { format!("\"$HOME/{remote}\"") }
}

/// The host's `scp` at the other end of a channel; dismissed when dropped.
struct Scp<'a> {
    connection: &'a mut Connection,
    channel: Option<Channel>,
    during: &'a str,
}

impl<'a> Scp<'a> {
    fn start(connection: &'a mut Connection, command: &str, during: &'a str) -> Result<Self, TransportError> {
        let channel = connection.start(command, PATIENCE, during)?;
        Ok(Self { connection, channel: Some(channel), during })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let Some(channel) = &mut self.channel else { return Ok(()) };
        channel.write_all(bytes).map_err(|e| match self.connection.io_fault(self.during, &e) {
            TransportError::Refused { .. } => self.ended(),
            lost => lost,
        })
    }

    /// 0 at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError> {
        let Some(channel) = &mut self.channel else { return Ok(0) };
        channel.read(buffer).map_err(|e| self.connection.io_fault(self.during, &e))
    }

    fn byte(&mut self) -> Result<u8, TransportError> {
        let mut byte = [0];
        match self.read(&mut byte)? {
            0 => Err(self.ended()),
            _ => Ok(byte[0]),
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, TransportError> {
        let mut line = Vec::new();
        while line.len() < LINE {
            match self.byte()? {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        Ok(line)
    }

    fn acknowledged(&mut self) -> Result<(), TransportError> {
        match self.byte()? {
            0 => Ok(()),
            other => Err(self.refusal(other)),
        }
    }

    /// The size in the line `C<mode> <size> <name>`.
    fn announced(&mut self) -> Result<u64, TransportError> {
        let first = self.byte()?;
        if first != b'C' {
            return Err(self.refusal(first));
        }
        let line = self.line()?;
        let size = std::str::from_utf8(&line).ok().and_then(|l| l.split(' ').nth(1)?.parse().ok());
        size.ok_or_else(|| garbled(&line))
    }

    /// 1 and 2 are followed by the host's words; anything else was not written by scp.
    fn refusal(&mut self, first: u8) -> TransportError {
        let line = match self.line() {
            Ok(line) => line,
            Err(e) => return e,
        };
        match first {
            1 | 2 => {
                let words = line.strip_prefix(b"scp: ").unwrap_or(&line);
                TransportError::Refused {
                    detail: format!("the host refused while {}: {}", self.during, plain_bytes(words)),
                }
            }
            _ => garbled(&[&[first], line.as_slice()].concat()),
        }
    }

    /// Why the other end is gone.
    fn ended(&mut self) -> TransportError {
        let Some(mut channel) = self.channel.take() else {
            return TransportError::Refused { detail: format!("scp ended while {}", self.during) };
        };
        let mut words = Vec::new();
        let read = channel.stderr().take(LINE as u64).read_to_end(&mut words);
        if let Err(e) = read.and_then(|_| Ok(channel.close().and_then(|()| channel.wait_close())?)) {
            return self.connection.io_fault(self.during, &e);
        }
        let detail = match status(&channel) {
            Ok(127) => "there is no scp on the host (Debian has it in openssh-client)".to_owned(),
            // tcsh says 1 where others say 127.
            Ok(_) if words.windows(9).any(|w| w == b"not found") => {
                format!("there is no scp on the host ({})", plain_bytes(&words))
            }
            Ok(status) => format!("scp ended with {status} while {}: {}", self.during, plain_bytes(&words)),
            Err(e) => return self.connection.fault(self.during, &e),
        };
        TransportError::NoScp { detail }
    }
}

impl Drop for Scp<'_> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.connection.dismiss(channel);
        }
    }
}

fn garbled(line: &[u8]) -> TransportError {
    TransportError::NoScp {
        detail: format!(
            "the host's login shell prints text of its own where scp should speak: {}",
            plain_bytes(line)
        ),
    }
}

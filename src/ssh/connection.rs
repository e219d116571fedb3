//! A connection that stands: scripts run on it.

use super::proxy::Proxy;
use crate::text::plain_bytes;
use crate::transport::{Script, TransportError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode, Session};
use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How much of a script's standard error is kept, in bytes.
const STDERR_LIMIT: usize = 64 * 1024;
/// How often a quiet connection says that it is still there (routers forget quiet ones after a minute or so).
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a host may take to be told goodbye.
const FAREWELL: Duration = Duration::from_secs(1);
/// libssh2's codes for what ends one channel and leaves the connection whole: not opened (-21), request denied
/// (-22), closed (-26), its end sent (-27).
const CHANNEL_FAULTS: [i32; 4] = [-21, -22, -26, -27];

/// libssh2's code for a call that is to be repeated.
const WOULD_BLOCK: ErrorCode = ErrorCode::Session(-37);

/// One SSH connection; says goodbye when dropped.
pub struct Connection {
    // Dropped before the proxy that carries it.
    pub(super) session: Session,
    polled: OwnedFd,
    _proxy: Option<Proxy>,
    /// Why it cannot be used any more: libssh2 resumes an interrupted call by its state, so that nothing else
    /// may be called on a session that a call gave up on.
    broken: Option<String>,
}

impl Connection {
    pub(super) fn new(session: Session, polled: OwnedFd, proxy: Option<Proxy>) -> Self {
        session.set_keepalive(true, u32::try_from(KEEP_ALIVE.as_secs()).unwrap_or(15));
        Self { session, polled, _proxy: proxy, broken: None }
    }

    /// A channel on which the login shell started `command`. (Its input cannot be sent along: sshd opens the
    /// window when it has accepted the command.)
    pub(super) fn start(
        &mut self,
        command: &str,
        patience: Duration,
        during: &str,
    ) -> Result<Channel, TransportError> {
        if let Some(detail) = &self.broken {
            return Err(TransportError::Lost { during: during.to_owned(), detail: detail.clone() });
        }
        self.session.set_timeout(millis(patience));
        self.session.set_blocking(true);
        let opened = self.session.channel_session().and_then(|mut channel| {
            channel.exec(command)?;
            Ok(channel)
        });
        opened.map_err(|e| match self.fault(during, &e) {
            TransportError::Refused { .. } => {
                TransportError::Denied { detail: plain_bytes(e.message().as_bytes()) }
            }
            lost => lost,
        })
    }

    fn has_unsent(&self) -> bool {
        matches!(self.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both)
    }

    /// What an error of libssh2 means for the connection.
    pub(super) fn fault(&mut self, during: &str, error: &ssh2::Error) -> TransportError {
        let detail = plain_bytes(error.message().as_bytes());
        match error.code() {
            ErrorCode::Session(code) if CHANNEL_FAULTS.contains(&code) => {
                TransportError::Refused { detail: format!("the host broke off while {during} ({detail})") }
            }
            _ => self.lost(during, detail),
        }
    }

    /// The same for reads and writes, whose errors have lost their code.
    pub(super) fn io_fault(&mut self, during: &str, error: &std::io::Error) -> TransportError {
        match ssh2::Error::last_session_error(&self.session) {
            Some(last) => self.fault(during, &last),
            None => self.lost(during, plain_bytes(error.to_string().as_bytes())),
        }
    }

    fn lost(&mut self, during: &str, detail: String) -> TransportError {
        self.broken = Some(detail.clone());
        TransportError::Lost { during: during.to_owned(), detail }
    }

    /// Closes a channel whose other end may go on for a while, without waiting for it.
    pub(super) fn dismiss(&mut self, mut channel: Channel) {
        const DURING: &str = "closing a channel";
        self.session.set_blocking(false);
        let started = Instant::now();
        while self.broken.is_none() {
            match channel.close() {
                // Half a packet left behind would spoil the next call.
                Err(e) if e.code() == WOULD_BLOCK && self.has_unsent() => {
                    if started.elapsed() > FAREWELL {
                        self.lost(DURING, "the host takes nothing any more".into());
                    } else if let Err(e) = self.wait(FAREWELL, DURING) {
                        self.broken = Some(e.to_string());
                    }
                }
                _ => return,
            }
        }
    }

    /// Starts `sh -s`, feeds it `script`, and hands over what comes until both outputs end.
    pub(super) fn feed(
        &mut self,
        script: &Script,
        patience: Duration,
        stderr: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Option<i32>, TransportError> {
        const DURING: &str = "running a script";
        let mut channel = self.start("sh -s", patience, DURING)?;
        if let Err(e) = channel.write_all(script.text().as_bytes()).and_then(|()| Ok(channel.send_eof()?)) {
            // A login shell that ends at once says why in its output.
            match self.io_fault(DURING, &e) {
                TransportError::Refused { .. } => {}
                other => return Err(other),
            }
        }
        if self.drain(&mut channel, patience, stderr, sink, DURING)?.is_break() {
            self.dismiss(channel);
            return Ok(None);
        }
        self.session.set_blocking(true);
        channel.close().and_then(|()| channel.wait_close()).map_err(|e| self.fault(DURING, &e))?;
        status(&channel).map(Some).map_err(|e| self.fault(DURING, &e))
    }

    /// Reads both outputs as they come: one that is not read would stall the other.
    fn drain(
        &mut self,
        channel: &mut Channel,
        patience: Duration,
        stderr: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
        during: &str,
    ) -> Result<ControlFlow<()>, TransportError> {
        self.session.set_blocking(false);
        let mut chunk = vec![0; 64 * 1024];
        let mut heard = Instant::now();
        loop {
            let mut quiet = true;
            for id in [0, 1] {
                match channel.stream(id).read(&mut chunk) {
                    Ok(0) => {}
                    Ok(n) if id == 0 => {
                        quiet = false;
                        if sink(&chunk[..n]).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    Ok(n) => {
                        quiet = false;
                        let room = STDERR_LIMIT.saturating_sub(stderr.len());
                        stderr.extend_from_slice(&chunk[..n.min(room)]);
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Err(self.io_fault(during, &e)),
                }
            }
            if channel.eof() {
                return Ok(ControlFlow::Continue(()));
            }
            // Reading one output may have queued something of the other.
            if !quiet || channel.read_window().available > 0 {
                heard = Instant::now();
                continue;
            }
            let left = patience.saturating_sub(heard.elapsed());
            if left.is_zero() {
                return Err(self.lost(during, format!("nothing was heard for {} s", patience.as_secs())));
            }
            self.wait(left.min(KEEP_ALIVE), during)?;
        }
    }

    /// Waits until the socket can go on, or says after a while that we are still here.
    fn wait(&mut self, most: Duration, during: &str) -> Result<(), TransportError> {
        let mut events = PollFlags::IN;
        if self.has_unsent() {
            events |= PollFlags::OUT;
        }
        let timeout = Timespec::try_from(most).ok();
        let ready = match poll(&mut [PollFd::new(&self.polled, events)], timeout.as_ref()) {
            Ok(ready) => ready,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(e) => return Err(self.lost(during, e.to_string())),
        };
        if ready == 0 {
            match self.session.keepalive_send() {
                Err(e) if e.code() != WOULD_BLOCK => return Err(self.fault(during, &e)),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.broken.is_none() {
            self.session.set_blocking(true);
            self.session.set_timeout(millis(FAREWELL));
            let _ = self.session.disconnect(Some(ssh2::DisconnectCode::ByApplication), "done", None);
        }
    }
}

/// libssh2 counts in milliseconds, and takes 0 for ever.
pub(super) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// The exit status of a channel that is closed; 128 + n for a signal, as shells have it.
pub(super) fn status(channel: &Channel) -> Result<i32, ssh2::Error> {
    match channel.exit_signal()?.exit_signal {
        Some(signal) => Ok(128 + signal_number(&signal)),
        None => channel.exit_status(),
    }
}

/// RFC 4254 sends names; 0 for one that it does not have.
fn signal_number(name: &str) -> i32 {
    match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "ABRT" => 6,
        "FPE" => 8,
        "KILL" => 9,
        "SEGV" => 11,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        _ => 0,
    }
}

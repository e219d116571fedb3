//! The bytes' way to a host: TCP to any of its addresses, or a proxy.

use super::config::Settings;
use super::proxy::Proxy;
use super::target::Target;
use crate::transport::ConnectError;
use ssh2::Session;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Gives `session` its stream; returns a second descriptor of it, to wait on, and the proxy behind it.
pub(super) fn attach(
    session: &mut Session,
    settings: &Settings,
    target: &Target,
    patience: Duration,
    may_ask: bool,
) -> Result<(OwnedFd, Option<Proxy>), ConnectError> {
    let unreachable =
        |e: std::io::Error| ConnectError::Unreachable { name: target.name.clone(), detail: e.to_string() };
    let started = Proxy::start(settings, target, may_ask).map_err(|e| ConnectError::Proxy {
        name: target.name.clone(),
        via: "its ProxyCommand or ProxyJump".into(),
        detail: e.to_string(),
    });
    let (stream, proxy): (OwnedFd, _) = match started? {
        Some((stream, proxy)) => (stream.into(), Some(proxy)),
        None => (dial(settings, target, patience)?.into(), None),
    };
    let polled = stream.try_clone().map_err(unreachable)?;
    session.set_tcp_stream(stream);
    Ok((polled, proxy))
}

/// What the host's name stands for.
pub(super) fn addresses(settings: &Settings, target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = (settings.host.as_str(), settings.port).to_socket_addrs();
    found.map(Iterator::collect).map_err(|e| unresolved(settings, target, e.to_string()))
}

fn unresolved(settings: &Settings, target: &Target, detail: String) -> ConnectError {
    ConnectError::Resolve { name: target.name.clone(), address: settings.host.clone(), detail }
}

/// The first of the host's addresses that takes the connection; all of them share `patience`.
fn dial(settings: &Settings, target: &Target, patience: Duration) -> Result<TcpStream, ConnectError> {
    let name = || target.name.clone();
    let addresses = addresses(settings, target)?;
    let deadline = Instant::now() + patience;
    let mut worst = unresolved(settings, target, "the name has no address".into());
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(stream) => {
                // Without these the connection is slower or found dead later, no more.
                let _ = stream.set_nodelay(true);
                let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
                return Ok(stream);
            }
            Err(e) => {
                worst = match e.kind() {
                    ErrorKind::ConnectionRefused => {
                        ConnectError::Refused { name: name(), port: settings.port }
                    }
                    ErrorKind::TimedOut => ConnectError::TimedOut {
                        name: name(),
                        during: "connecting",
                        seconds: patience.as_secs(),
                    },
                    _ => ConnectError::Unreachable { name: name(), detail: e.to_string() },
                };
            }
        }
    }
    Err(worst)
}

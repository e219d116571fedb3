//! A line between kugetsu and a host: it delays, counts, stalls and breaks.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A point in the traffic, in bytes since the proxy started, all connections together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// So many bytes went from the client to the host.
    Up(u64),
    /// So many bytes went from the host to the client.
    Down(u64),
    /// So many bytes went either way.
    Total(u64),
}

/// What the line is like.
#[derive(Debug, Clone, Default)]
pub struct ProxyOptions {
    /// The delay each way: 50 ms make a round trip of 100 ms, and so much for connecting.
    pub delay: Duration,
    /// Cut every connection at this point, once; later connections work.
    pub cut: Option<After>,
    /// Let nothing more through from this point on, connections staying open, until
    /// [`Proxy::resume`].
    pub stall: Option<After>,
}

/// What went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that were taken.
    pub connections: u64,
    /// Bytes from the client to the host.
    pub up: u64,
    /// Bytes from the host to the client.
    pub down: u64,
}

/// A TCP proxy on a free loopback port; dropping it closes what goes through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Line {
    delay: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stats: Stats,
    cut: Option<After>,
    stall: Option<After>,
    strand: Option<After>,
    /// Connections up to this number are dead.
    stranded: u64,
    stalled: bool,
    stopping: bool,
    open: Vec<TcpStream>,
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl Proxy {
    /// Starts one in front of `127.0.0.1:target`.
    pub fn start(target: u16, options: ProxyOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        let address = listener.local_addr().unwrap();
        let state = State { cut: options.cut, stall: options.stall, ..State::default() };
        let line = Arc::new(Line { delay: options.delay, state: Mutex::new(state), changed: Condvar::new() });
        let served = Arc::clone(&line);
        let acceptor = std::thread::spawn(move || {
            for client in listener.incoming() {
                if served.lock().stopping {
                    return;
                }
                let (Ok(client), line) = (client, Arc::clone(&served)) else { continue };
                std::thread::spawn(move || line.connect(&client, target));
            }
        });
        Self { address, line, acceptor: Some(acceptor) }
    }

    /// The port to connect to instead of the target's.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What went through so far.
    pub fn stats(&self) -> Stats {
        self.line.lock().stats
    }

    /// Cuts every connection that is open now.
    pub fn cut(&self) {
        self.line.lock().close_all();
    }

    /// Cuts at a later point, once.
    pub fn cut_after(&self, point: After) {
        self.line.lock().cut = Some(point);
    }

    /// At a later point, every connection that is open then dies without a word, once: nothing goes through it any
    /// more, and it is not closed. Later connections work.
    pub fn strand_after(&self, point: After) {
        self.line.lock().strand = Some(point);
    }

    /// Forgets the points that were not reached, and closes what is still open: in the end both sides learn of what died.
    pub fn mend(&self) {
        let mut state = self.line.lock();
        (state.cut, state.strand) = (None, None);
        state.close_all();
    }

    /// Lets nothing through until [`Proxy::resume`].
    pub fn stall(&self) {
        self.line.lock().stalled = true;
    }

    /// Lets everything through again, what waited first.
    pub fn resume(&self) {
        let mut state = self.line.lock();
        (state.stalled, state.stall) = (false, None);
        self.line.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        state.stopping = true;
        state.close_all();
        drop(state);
        self.line.changed.notify_all();
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl State {
    fn close_all(&mut self) {
        for stream in self.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many more bytes may go in `direction` before `point`.
    fn left(&self, point: Option<After>, direction: Direction) -> u64 {
        let Stats { up, down, .. } = self.stats;
        match (point, direction) {
            (Some(After::Up(n)), Direction::Up) => n.saturating_sub(up),
            (Some(After::Down(n)), Direction::Down) => n.saturating_sub(down),
            (Some(After::Total(n)), _) => n.saturating_sub(up + down),
            _ => u64::MAX,
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: &TcpStream, target: u16) {
        // The kernel's handshake with us took no time: the round trip of a real one is spent here.
        std::thread::sleep(self.delay * 2);
        // A host that is down shows as a connection that closes without a word.
        let Ok(host) = &TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
        let number = {
            let mut state = self.lock();
            if state.stopping {
                return;
            }
            state.stats.connections += 1;
            state.open.extend([client.try_clone().unwrap(), host.try_clone().unwrap()]);
            state.stats.connections
        };
        for (from, to, direction) in [(client, host, Direction::Up), (host, client, Direction::Down)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let _ = to.set_nodelay(true);
            let (send, receive) = channel();
            let delay = self.delay;
            std::thread::spawn(move || read(from, &send, delay));
            let line = Arc::clone(self);
            std::thread::spawn(move || line.deliver(to, &receive, direction, number));
        }
    }

    /// Writes each chunk when it is due. Later chunks travel meanwhile: the delay is one of distance,
    /// not of bandwidth.
    fn deliver(
        &self,
        mut to: TcpStream,
        chunks: &Receiver<(Instant, Vec<u8>)>,
        direction: Direction,
        number: u64,
    ) {
        while let Ok((due, chunk)) = chunks.recv() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut chunk = VecDeque::from(chunk);
            while !chunk.is_empty() {
                let Some((allowed, cut)) = self.allow(chunk.len(), direction, number) else { return };
                let bytes: Vec<u8> = chunk.drain(..allowed).collect();
                if to.write_all(&bytes).is_err() {
                    return;
                }
                if cut {
                    self.lock().close_all();
                    return;
                }
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    /// How much of `wanted` may be written now, counted already, and whether the line is cut behind
    /// it. Blocks while it is stalled, and once the connection of that number is dead.
    fn allow(&self, wanted: usize, direction: Direction, number: u64) -> Option<(usize, bool)> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if state.left(state.strand, direction) == 0 {
                state.strand = None;
                state.stranded = state.stats.connections;
            }
            if number > state.stranded {
                if !state.stalled && state.left(state.stall, direction) > 0 {
                    break;
                }
                state.stalled = true;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let before_cut = state.left(state.cut, direction);
        let before_fault = before_cut.min(state.left(state.strand, direction));
        let allowed = before_fault.min(state.left(state.stall, direction)).min(wanted as u64);
        match direction {
            Direction::Up => state.stats.up += allowed,
            Direction::Down => state.stats.down += allowed,
        }
        let cut = allowed == before_cut;
        if cut {
            state.cut = None;
        }
        Some((usize::try_from(allowed).unwrap(), cut))
    }
}

/// Stamps what arrives with the time at which it is due at the other end.
fn read(mut from: TcpStream, send: &Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if send.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

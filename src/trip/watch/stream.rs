//! The watch on a host: what it says of a run, over one connection.

use crate::dispatch::Step;
use crate::host::{self, Frame, Frames, HostEnv};
use crate::transport::{Transport, TransportError};
use crate::trip::connection::HostConnection;
use crate::trip::error::TripError;
use crate::trip::tools::{PATIENCE, Tools};
use std::ops::ControlFlow;
use std::time::Duration;

/// Watches the run of the dispatch `id`, with its events from the byte `from` on. `take` is given each frame as it comes, on a
/// worker thread, and breaks off where it has enough. Gives the frame that ended the watch; `None` where `take` broke off, or
/// after `most` bytes.
///
/// # Errors
/// [`TripError::Slow`] after `within`; a connection that was lost; frames that make no sense.
pub(crate) async fn watch(
    tools: &Tools,
    connection: &mut HostConnection,
    (id, from): (&str, u64),
    (within, most): (Option<Duration>, u64),
    mut take: impl FnMut(Frame) -> ControlFlow<()> + Send + 'static,
) -> Result<Option<Frame>, TripError> {
    let script = host::watch(&HostEnv::default(), id, from);
    let host = connection.host.name.clone();
    let watching = connection.call(tools, (Step::Wait, within), move |transport: &mut dyn Transport| {
        let (mut frames, mut problem, mut enough) = (Frames::default(), None, false);
        let mut heard: u64 = 0;
        transport.stream(&script, PATIENCE, &mut |bytes| {
            heard += bytes.len() as u64;
            enough |= heard > most;
            match frames.feed(bytes) {
                Ok(complete) => complete.into_iter().for_each(|frame| enough |= take(frame).is_break()),
                Err(error) => problem = Some(error),
            }
            if enough || problem.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(match problem {
            Some(problem) => Err(problem),
            None if enough => Ok(None),
            None => frames.end().map(Some),
        })
    });
    match watching.await?.map_err(|source| TripError::Watch { host: host.clone(), source })? {
        None => Ok(None),
        Some(Some(end)) => Ok(Some(end)),
        Some(None) => Err(TripError::Transport {
            host,
            step: Step::Wait,
            source: TransportError::Lost {
                during: "waiting".to_owned(),
                detail: "the watch there ended".to_owned(),
            },
        }),
    }
}

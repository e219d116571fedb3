//! What a host has of a session now becomes a session of its own here; the trip goes on as if nothing had been.

use crate::clock;
use crate::disk::DiskError;
use crate::dispatch::{Dispatch, Sent, Step};
use crate::host::{self, HostEnv, Made, Refusal};
use crate::hosts::HostEntry;
use crate::session::new_session_id;
use crate::trip::connection::HostConnection;
use crate::trip::error::TripError;
use crate::trip::fetch::apply::ReturnedWork;
use crate::trip::fetch::download::{download, limit, unpack};
use crate::trip::tools::{Tools, WORK_PATIENCE, blocking};
use std::hash::{BuildHasher, RandomState};

/// Everything of a snapshot until it is a session is in a directory of its own, in the dispatch's: its name begins so.
const ROOM: &str = "snapshot-";

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub session: String,
    pub reply: Option<String>,
}

/// Copies what the host has of the dispatch's session now. Takes no lock: whoever follows the run goes on.
///
/// # Errors
/// [`TripError::NotOnHost`] where nothing was launched; whatever the way home may meet. Nothing is changed then.
pub(crate) async fn snapshot(
    tools: &Tools,
    dispatch: &Dispatch,
    host: HostEntry,
) -> Result<Snapshot, TripError> {
    let at = |source| DiskError::at(&dispatch.directory, source);
    // Private, and gone when dropped.
    let directory = tempfile::Builder::new().prefix(ROOM).tempdir_in(&dispatch.directory).map_err(at)?;
    let room = directory.path();
    let id = dispatch.record.id.clone();
    let not_on_host = || TripError::not_on_host(&dispatch.record);
    let Sent { run, path, undo, .. } = dispatch.record.sent.clone().ok_or_else(not_on_host)?;
    let env = HostEnv { path, variables: host.env.clone(), ..HostEnv::default() };
    let mut connection = HostConnection::new(host);
    let back = host::back(&env, &run, true);
    let answer =
        connection.ask(tools, Step::Fetch, &back, WORK_PATIENCE).await.map_err(|error| match error {
            TripError::Script { source, .. }
                if matches!(source.refusal(), Some(Refusal::Gone | Refusal::Never)) =>
            {
                not_on_host()
            }
            error => error,
        })?;
    let garbled = TripError::garbled(&dispatch.record.host, Step::Fetch);
    let Made { result, turn } = Made::from_answer(&answer).map_err(garbled)?;
    let limit = limit(&dispatch.file("parcel"));
    let (packed, plain) = (room.join("back"), room.join("back.json"));
    let remote = format!("{}/snapshot-{turn}", host::dispatch_directory(&id));
    download(tools, &mut connection, (remote, packed.clone()), &result, limit).await?;
    let (name, gzip) = (dispatch.record.host.clone(), result.gzip);
    blocking(move || unpack(&name, &packed, &plain, gzip, limit)).await?;

    if dispatch.record.state.is_end() {
        // What was sent is not kept any more, and without it nothing can be told from what was done there.
        return Err(TripError::Over { dispatch: id, state: dispatch.record.state.name() });
    }
    let returned = ReturnedWork::new(dispatch, room, undo, clock::now_ms())?;
    let merged = returned.read(tools).await?;
    let session = new_session_id(clock::now_ms(), &mut || RandomState::new().hash_one(0));
    returned.fork(tools, &merged, &session).await?;
    Ok(Snapshot { session, reply: merged.reply })
}

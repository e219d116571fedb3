//! What comes back: fetched, made afresh where it is missing or not whole, and unpacked. Nothing on the host is removed.

use crate::disk::{self, DiskError};
use crate::dispatch::{Sent, Step};
use crate::host::{self, HostEnv, Made, Refusal, RunResult};
use crate::text::plain;
use crate::transport::{Transport, TransportError};
use crate::trip::connection::{HostConnection, WhenUnreachable, moved_within};
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::send::parcel::cksum;
use crate::trip::tools::{Tools, WORK_PATIENCE, blocking};
use crate::trip::under_way::Trip;
use crate::trip::watch::follow::ended_by;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Unpacked bytes that are allowed whatever was sent: a back-file of a megabyte may be two gigabytes of spaces.
const LARGEST: u64 = 1 << 30;
/// How many times larger than the parcel a back-file may be when it is unpacked.
const GROWTH: u64 = 16;

impl Trip {
    /// Fetches the back-file; where it is missing or not whole, tells less than it could, or somebody went on with the session
    /// there since, the host makes another, once.
    pub(crate) async fn fetch_back(&mut self, tools: &Tools) -> Result<RunResult, TripError> {
        let Some(found) = self.record().result.clone() else {
            return Err(TripError::UnknownDispatch(self.record().id.clone()));
        };
        // A result that may be applied already, or that became a fork, stays as it was fetched.
        let may_be_home = self.dispatch.file("before").exists() || self.record().fork.is_some();
        self.begin(tools, Step::Fetch)?;
        let result = if (self.has_latest_result && !found.is_fallback) || may_be_home {
            found
        } else {
            self.freshen(tools, found).await?
        };
        let result = match self.fetch(tools, &result).await {
            Err(TripError::Cut { what, .. }) => {
                tools.tell(News::Warning(format!("{what}; it is made afresh there")));
                let result = self.make_back(tools, "").await?;
                self.fetch(tools, &result).await?;
                result
            }
            fetched => fetched.map(|()| result)?,
        };
        self.done(tools, Step::Fetch)?;
        Ok(result)
    }

    /// The result of a run that ended some time ago: the host holds the session since, and somebody may have gone on with it
    /// there. That comes home, too.
    async fn freshen(&mut self, tools: &Tools, found: RunResult) -> Result<RunResult, TripError> {
        match self.make_back(tools, &found.known).await {
            Ok(result) => {
                if result != found {
                    // Its messages may be newer than what arrived before.
                    self.dispatch.record.arrived_ms = None;
                }
                Ok(result)
            }
            Err(
                error @ (TripError::Script { .. } | TripError::Unfit { .. } | TripError::RunsThere { .. }),
            ) => {
                tools.tell(News::Warning(format!(
                    "whether somebody went on with the session there is not known ({error}); what the run left comes home"
                )));
                Ok(found)
            }
            Err(error) => Err(error),
        }
    }

    /// Has the host write what its opencode has of the session, for a run that is over; unless its rows have the checksum
    /// `known`, which may be empty.
    pub(crate) async fn make_back(&mut self, tools: &Tools, known: &str) -> Result<RunResult, TripError> {
        let Sent { run, path, .. } = self.sent()?;
        let env = HostEnv { path, variables: self.connection.host.env.clone(), ..HostEnv::default() };
        let back = host::back_since(&env, &run, known);
        let answer = self
            .connection
            .ask_again(tools, Step::Fetch, WhenUnreachable::Retry, (&back, WORK_PATIENCE))
            .await;
        let host = &self.connection.host.name;
        let answer = answer.map_err(|error| match error {
            TripError::Script { source, .. } => match source.refusal() {
                Some(Refusal::Running) => TripError::StillRunning { host: host.clone(), dispatch: run.id },
                Some(Refusal::Gone | Refusal::Never) => TripError::not_on_host(self.record()),
                _ => TripError::garbled(host, Step::Fetch)(source),
            },
            error => error,
        })?;
        let result = Made::from_answer(&answer).map_err(TripError::garbled(host, Step::Fetch))?.result;
        let record = &mut self.dispatch.record;
        record.trouble = ended_by(&result).or_else(|| record.trouble.take());
        record.result = Some(result.clone());
        self.dispatch.save()?;
        self.has_latest_result = true;
        Ok(result)
    }

    async fn fetch(&mut self, tools: &Tools, result: &RunResult) -> Result<(), TripError> {
        let remote = format!("{}/back", host::dispatch_directory(&self.record().id));
        let (local, limit) = (self.dispatch.file("back"), limit(&self.dispatch.file("parcel")));
        download(tools, &mut self.connection, (remote, local), result, limit).await
    }

    /// Makes the back-file readable, beside itself.
    pub(crate) async fn unpack(&mut self, result: &RunResult) -> Result<(), TripError> {
        self.dispatch.discard("back.json")?;
        let (host, gzip, limit) =
            (self.connection.host.name.clone(), result.gzip, limit(&self.dispatch.file("parcel")));
        let (packed, plain) = (self.dispatch.file("back"), self.dispatch.file("back.json"));
        let unpacked = blocking(move || unpack(&host, &packed, &plain, gzip, limit)).await;
        if unpacked.is_err() {
            // A part of it is of no use, and may be a gigabyte.
            self.dispatch.discard("back.json")?;
        }
        // From here on the readable form is the one that is kept. What could not be unpacked the host still has.
        if !matches!(unpacked, Err(TripError::Disk(_))) {
            self.dispatch.discard("back")?;
        }
        unpacked
    }
}

/// What a back-file may come to, in bytes.
pub(crate) fn limit(parcel: &Path) -> u64 {
    let parcel = std::fs::metadata(parcel).map_or(0, |parcel| parcel.len());
    LARGEST.max(parcel.saturating_mul(GROWTH))
}

/// Fetches what `result` is the result of, and finds it whole.
///
/// # Errors
/// [`TripError::Cut`] where it is not, or not there.
pub(crate) async fn download(
    tools: &Tools,
    connection: &mut HostConnection,
    (remote, local): (String, PathBuf),
    result: &RunResult,
    limit: u64,
) -> Result<(), TripError> {
    let host = connection.host.name.clone();
    if !result.exported || result.size == 0 {
        let what = format!("opencode there could not export the session: {}", result.words);
        return Err(TripError::Cut { host, what });
    }
    if result.size > limit {
        let what = format!("it is said to be {} bytes, more than {limit}", result.size);
        return Err(TripError::Cut { host, what });
    }
    let (total, observer, into) = (result.size, Arc::clone(&tools.observer), local.clone());
    let download = move |transport: &mut dyn Transport| {
        // A connection that was lost has left a part of it, or nothing; what is in the way shows below.
        let _ = std::fs::remove_file(&into);
        transport.download(&remote, &into, total, &mut |done| observer.tell(News::Bytes { done, total }))
    };
    let within = (Step::Fetch, Some(moved_within(total)));
    match connection.call_again(tools, within, WhenUnreachable::Retry, download).await {
        Err(TripError::Transport { source: TransportError::Refused { detail }, .. }) => {
            return Err(TripError::Cut { host, what: plain(&detail) });
        }
        fetched => fetched?,
    };
    let file = local.clone();
    let sum = blocking(move || Ok(cksum(&file)?)).await?;
    if sum != result.sum {
        let what = format!("its checksum is {sum}, and {} was announced", result.sum);
        disk::remove(&local)?;
        return Err(TripError::Cut { host, what });
    }
    Ok(())
}

/// Unpacks a back-file beside itself, up to `limit` bytes.
pub(crate) fn unpack(
    host: &str,
    packed: &Path,
    plain: &Path,
    gzip: bool,
    limit: u64,
) -> Result<(), TripError> {
    if !gzip {
        return std::fs::rename(packed, plain).map_err(|source| DiskError::at(plain, source).into());
    }
    let cut = |what: String| TripError::Cut { host: host.to_owned(), what };
    let input = File::open(packed).map_err(|source| DiskError::at(packed, source))?;
    let mut input = GzDecoder::new(input).take(limit + 1);
    let mut output = disk::create_new_private(plain)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes: u64 = 0;
    loop {
        let n = input.read(&mut buffer).map_err(|error| cut(format!("it cannot be unpacked ({error})")))?;
        if n == 0 {
            break;
        }
        bytes += n as u64;
        io::Write::write_all(&mut output, buffer.get(..n).unwrap_or_default())
            .map_err(|source| DiskError::at(plain, source))?;
    }
    if bytes > limit {
        return Err(cut(format!("unpacked it is more than {limit} bytes")));
    }
    output.sync_all().map_err(|source| DiskError::at(plain, source).into())
}

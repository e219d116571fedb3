//! The way home: what came back is fetched, checked, imported, and seen to be there. Nothing on the host is
//! removed before that.

use super::look::ask;
use super::parcel::cksum;
use super::{News, PATIENCE, Tools, Trip, TripError, blocking};
use crate::clock;
use crate::disk::{self, DiskError};
use crate::dispatch::{State, Step};
use crate::host::{self, HostEnv, RunResult};
use crate::opencode::Database;
use crate::prepare::{Homecoming, homecoming};
use crate::session::{Outline, Setting, scan};
use crate::transport::TransportError;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a back-file may come to when unpacked, at least: one of a megabyte may be two gigabytes of spaces.
const LARGEST: u64 = 1 << 30;
/// How many times what left a back-file may come to.
const GROWTH: u64 = 16;

impl Trip {
    /// Brings the session of a finished run home.
    ///
    /// # Errors
    /// By phase. The session here is as it was, and what came back is kept, unless it is home.
    pub async fn bring_home(&mut self, tools: &Tools) -> Result<(), TripError> {
        if self.record().state != State::Finished {
            return Ok(());
        }
        let Some(result) = self.record().result.clone() else {
            return Err(TripError::UnknownDispatch(self.record().id.clone()));
        };
        self.fetch(tools, &result).await?;
        self.dispatch.begin(Step::Verify)?;
        let left = self.left().await?;
        let came = self.verify(left.clone(), result.gzip).await?;
        self.check_diverged(tools, &left, &came)?;
        self.judge(&came);
        self.reply.clone_from(&came.reply);
        self.import(tools, &came).await?;
        self.dispatch.record.ended_ms = Some(clock::now_ms());
        let new_messages = came.new_messages.len();
        // Nobody comes back for what is left on the host once the session is home.
        tools.tell(News::Critical(true));
        self.dispatch.reach(State::Home { new_messages })?;
        for name in ["back.json", "home.json", "parcel", "back"] {
            self.dispatch.discard(name)?;
        }
        self.clean(tools).await;
        tools.tell(News::Critical(false));
        Ok(())
    }

    async fn fetch(&mut self, tools: &Tools, result: &RunResult) -> Result<(), TripError> {
        let host = self.host.name.clone();
        if !result.exported || result.size == 0 {
            let what = format!("opencode there could not export the session: {}", result.words);
            return Err(TripError::Cut { host, what });
        }
        let limit = self.limit();
        if result.size > limit {
            let what = format!("it is said to be {} bytes, more than {limit}", result.size);
            return Err(TripError::Cut { host, what });
        }
        self.dispatch.begin(Step::Fetch)?;
        tools.tell(News::Began(Step::Fetch));
        self.dispatch.discard("back")?;
        let local = self.dispatch.file("back");
        let remote = format!("{}/back", host::dispatch_directory(&self.record().id));
        let (total, observer, into) = (result.size, Arc::clone(&tools.observer), local.clone());
        self.on_host(tools, Step::Fetch, move |transport| {
            transport.download(&remote, &into, total, &mut |done| observer.tell(News::Bytes { done, total }))
        })
        .await?;
        let came = cksum(&local)?;
        if came != result.sum {
            let what = format!("its checksum is {came}, and {} was announced", result.sum);
            return Err(TripError::Cut { host, what });
        }
        Ok(())
    }

    /// What a back-file may come to, in bytes.
    fn limit(&self) -> u64 {
        let parcel = std::fs::metadata(self.dispatch.file("parcel")).map_or(0, |parcel| parcel.len());
        LARGEST.max(parcel.saturating_mul(GROWTH))
    }

    /// What left: known, or read again from the parcel.
    async fn left(&mut self) -> Result<Outline, TripError> {
        if let Some(left) = &self.left {
            return Ok(left.clone());
        }
        let Some(sent) = &self.dispatch.record.sent else {
            return Err(TripError::UnknownDispatch(self.record().id.clone()));
        };
        let (path, gzip) = (self.dispatch.file("parcel"), sent.run.gzip);
        let before = (sent.launch.prompt_bytes + sent.launch.runner_bytes) as u64;
        let session = self.record().session.clone();
        let read = move || {
            let at = |source| TripError::Disk(DiskError::at(&path, source));
            let mut file = File::open(&path).map_err(at)?;
            file.seek(SeekFrom::Start(before)).map_err(at)?;
            let scanned = if gzip { scan(GzDecoder::new(file)) } else { scan(file) };
            Ok(scanned.map_err(|source| TripError::Export { session, source })?.outline)
        };
        let outline = blocking(read).await?;
        self.left = Some(outline.clone());
        Ok(outline)
    }

    /// Checks what came back against what left, and writes what is to be imported.
    async fn verify(&mut self, left: Outline, gzip: bool) -> Result<Homecoming, TripError> {
        let Some(sent) = self.dispatch.record.sent.clone() else {
            return Err(TripError::UnknownDispatch(self.record().id.clone()));
        };
        for name in ["back.json", "home.json"] {
            self.dispatch.discard(name)?;
        }
        let host = self.host.name.clone();
        let (packed, plain) = (self.dispatch.file("back"), self.dispatch.file("back.json"));
        let home = self.dispatch.file("home.json");
        let limit = self.limit();
        let verify =
            move || {
                unpack(&host, &packed, &plain, gzip, limit)?;
                let back = File::open(&plain).map_err(|source| DiskError::at(&plain, source))?;
                let output = BufWriter::new(disk::create_new_private(&home)?);
                homecoming(&left, &sent.undo, back, output, clock::now_ms())
                    .map_err(|source| TripError::Home { host, source, kept: plain })
            };
        let came = blocking(verify).await?;
        // From here on the readable form is the one that is kept.
        self.dispatch.discard("back")?;
        Ok(came)
    }

    /// Two histories are never interleaved: the session must hold what left, and no more than what came.
    fn check_diverged(&self, tools: &Tools, left: &Outline, came: &Homecoming) -> Result<(), TripError> {
        let session = &self.record().session;
        let database = Database::open(&tools.database)?;
        let unknown = || TripError::UnknownSession { session: session.clone() };
        let here = database.session(session)?.ok_or_else(unknown)?.messages;
        // An import that was cut short has brought some of them already.
        let missing = database.missing(session, &ids(&came.new_messages))?;
        let absent =
            came.new_messages.iter().filter(|message| missing.iter().any(|id| id == message.id())).count();
        let expected = left.len() + came.new_messages.len() - absent;
        if here == expected as u64 {
            return Ok(());
        }
        Err(TripError::Diverged {
            session: session.clone(),
            host: self.host.name.clone(),
            kept: self.dispatch.file("back.json"),
        })
    }

    /// The events said how the run went; the rows that it left must agree.
    fn judge(&mut self, came: &Homecoming) {
        let record = &mut self.dispatch.record;
        if record.trouble.is_some() {
            return;
        }
        let asked: &Setting = &record.plan.setting;
        record.trouble = match &came.last_assistant {
            None => Some("it left no answer in the session".to_owned()),
            Some(last) => match (&last.error, &asked.agent, &last.agent) {
                (Some(error), ..) => Some(crate::text::plain(error)),
                (None, Some(asked), Some(ran)) if asked != ran => {
                    Some(format!("it ran as agent {}, not {asked}", crate::text::plain(ran)))
                }
                _ if !last.completed => Some("its last answer was never completed".to_owned()),
                _ => None,
            },
        };
    }

    async fn import(&mut self, tools: &Tools, came: &Homecoming) -> Result<(), TripError> {
        let ids = ids(&came.new_messages);
        let late = !came.late_parts.is_empty();
        let session = self.record().session.clone();
        self.dispatch.begin(Step::Import)?;
        tools.tell(News::Began(Step::Import));
        tools.tell(News::Critical(true));
        let imported = async {
            if !ids.is_empty() || late {
                let directory = PathBuf::from(&self.dispatch.record.plan.home_directory);
                tools.program.import(&self.dispatch.file("home.json"), &directory, &session).await?;
            }
            let mut missing = Database::open(&tools.database)?.missing(&session, &ids)?;
            let late_ids: Vec<_> =
                came.late_parts.iter().map(|late| (late.message.clone(), vec![late.part.clone()])).collect();
            missing.extend(Database::open(&tools.database)?.missing(&session, &late_ids)?);
            match missing.len() {
                0 => Ok(()),
                missing => Err(TripError::RowsMissing {
                    host: self.host.name.clone(),
                    missing,
                    kept: self.dispatch.file("back.json"),
                }),
            }
        }
        .await;
        tools.tell(News::Critical(false));
        imported?;
        // A message from the near future would keep opencode here from answering the next one.
        let ahead = came.newest_ms.unwrap_or_default().saturating_sub(clock::now_ms()).saturating_add(1);
        if (1..=5000).contains(&ahead) {
            tokio::time::sleep(Duration::from_millis(ahead.unsigned_abs())).await;
        }
        Ok(())
    }

    /// What is left on the host costs only room; that it stays is no reason to fail.
    async fn clean(&mut self, tools: &Tools) {
        let script = host::clean(&HostEnv::default(), &self.record().id, true);
        let cleaned = match &mut self.link {
            Some(link) => ask(link, &self.host.name, Step::Clean, script, PATIENCE).await.map(|_| ()),
            None => Err(TripError::Transport {
                host: self.host.name.clone(),
                step: Step::Clean,
                source: TransportError::Lost {
                    during: "cleaning up".to_owned(),
                    detail: "no connection".to_owned(),
                },
            }),
        };
        if let Err(error) = cleaned {
            let what = format!("~/{} is left there ({error})", host::dispatch_directory(&self.record().id));
            tools.tell(News::Warning(what));
        }
    }
}

fn ids(outline: &Outline) -> Vec<(String, Vec<String>)> {
    outline
        .iter()
        .map(|message| (message.id().to_owned(), message.parts().map(str::to_owned).collect()))
        .collect()
}

/// Unpacks a back-file beside itself, up to `limit` bytes.
fn unpack(host: &str, packed: &Path, plain: &Path, gzip: bool, limit: u64) -> Result<(), TripError> {
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

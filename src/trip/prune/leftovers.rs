//! What hosts still keep of trips that ended.

use crate::dispatch::{Dispatch, Record, State, Step};
use crate::host::{self, HostEnv, Kept, KeptList, Remembered, Standing};
use crate::hosts::HostEntry;
use crate::trip::connection::{HostConnection, answer_within};
use crate::trip::error::TripError;
use crate::trip::prune::remains::{Remains, Removed, What};
use crate::trip::prune::remembered;
use crate::trip::prune::remembered::{UseOfSessions, remembered};
use crate::trip::send::supersede::SweepResult;
use crate::trip::tools::{PATIENCE, Tools};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// A host that does not answer by then counts as out of reach.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What hosts keep, and which could not be asked.
#[derive(Default)]
pub(crate) struct LeftOnHosts {
    pub remains: Vec<Remains>,
    /// Hosts that did not say, and why.
    pub silent: Vec<(String, String)>,
    /// Dispatches that are recorded as left there, and are not listed.
    gone: Vec<Record>,
    connections: HashMap<String, HostConnection>,
    /// What hosts remember for this home of sessions that have no more use for it.
    forgotten: Vec<(String, Remembered)>,
    owner: String,
}

/// Asks the hosts of all trips that are recorded here what they keep of ours; nothing is changed. `host` finds the host of
/// a trip.
///
/// # Errors
/// This home's own id cannot be read.
pub(crate) async fn left_on_hosts(
    tools: &Tools,
    dispatches: &[Dispatch],
    host: impl Fn(&Record) -> Option<HostEntry>,
) -> Result<LeftOnHosts, TripError> {
    // Where it was never made, no host has anything of ours.
    let Some(owner) = tools.known_owner()? else { return Ok(LeftOnHosts::default()) };
    let mut asking = BTreeMap::new();
    for dispatch in dispatches {
        let name = &dispatch.record.host;
        let Some(entry) = host(&dispatch.record).filter(|_| !asking.contains_key(name)) else { continue };
        let (tools, whose) = (tools.clone(), owner.clone());
        let ask = async move {
            let mut connection = HostConnection::new(entry);
            let kept = answer_within(ANSWERS_WITHIN, list(&tools, &mut connection)).await?;
            let asking = remembered(&tools, &mut connection, &whose);
            let remembered = answer_within(ANSWERS_WITHIN, asking).await;
            Ok((connection, kept, remembered))
        };
        asking.insert(name.clone(), tokio::spawn(ask));
    }
    let mut found = LeftOnHosts { owner: owner.clone(), ..LeftOnHosts::default() };
    let mut answers = Vec::new();
    for (name, ask) in asking {
        match ask.await.unwrap_or_else(|_| Err("asking it failed".to_owned())) {
            Ok((connection, kept, remembered)) => {
                found.connections.insert(name.clone(), connection);
                // What it told stands, though it did not tell the rest.
                if let Err(why) = &remembered {
                    found.silent.push((name.clone(), why.clone()));
                }
                answers.push((name, kept, remembered.unwrap_or_default()));
            }
            Err(why) => found.silent.push((name, why)),
        }
    }
    // Read after the hosts have answered: whatever began meanwhile has its record by now.
    let recorded = tools.store.each()?;
    let all_known = recorded.iter().all(Result::is_ok);
    let dispatches: Vec<Dispatch> = recorded.into_iter().flatten().collect();
    // Where a record or opencode's database cannot be read, any session may be of use.
    let use_of = all_known.then(|| UseOfSessions::look(tools, &dispatches).ok()).flatten();
    for (name, KeptList { listed: kept, more }, remembered) in answers {
        found
            .remains
            .extend(kept.iter().filter_map(|kept| remains(&name, kept, &owner, (&dispatches, all_known))));
        if let Some(remembered) = use_of.as_ref().map(|use_of| use_of.useless(remembered)) {
            found.remains.extend(remembered::rows(&name, &remembered));
            found.forgotten.push((name.clone(), remembered));
        }
        let records = dispatches.iter().map(|dispatch| &dispatch.record);
        // A trip of the same name may have gone to another machine, which was not asked.
        let asked = found.connections.get(&name).map(|connection| connection.host.ssh());
        let gone = records.filter(|record| {
            let is_over = record.host == name && record.is_on_host && record.state.is_end();
            let is_listed = kept.iter().any(|kept| kept.id == record.id);
            is_over && !more && !is_listed && host(record).map(|entry| entry.ssh()) == asked
        });
        found.gone.extend(gone.cloned());
    }
    Ok(found)
}

async fn list(tools: &Tools, connection: &mut HostConnection) -> Result<KeptList, TripError> {
    let answer = connection.ask(tools, Step::Clean, &host::list(&HostEnv::default()), PATIENCE).await?;
    KeptList::from_answer(&answer).map_err(TripError::garbled(&connection.host.name, Step::Clean))
}

/// Whether it is ours and over. What nobody here remembers is left alone while its session may be on that host only.
fn remains(
    host: &str,
    kept: &Kept,
    owner: &str,
    (dispatches, all_known): (&[Dispatch], bool),
) -> Option<Remains> {
    if matches!(kept.standing, Standing::Running) {
        return None;
    }
    let record = dispatches.iter().map(|dispatch| &dispatch.record).find(|record| record.id == kept.id);
    let (why, launched) = match record.map(|record| &record.state) {
        // One of a kugetsu that wrote no owner yet is known by its record.
        Some(_) if !(kept.owner == owner || kept.owner.is_empty()) => return None,
        Some(State::Home { .. }) => ("its session is home", true),
        Some(State::Failed { .. }) => ("it never began", false),
        Some(State::Cancelled { launched: false }) => ("it was cancelled before it began", false),
        Some(_) => return None,
        // Never launched there, and no record that it ever could be.
        None if all_known
            && kept.owner == owner
            && matches!(kept.standing, Standing::Launching | Standing::Gone) =>
        {
            ("nothing is known of it here, and it never began", false)
        }
        None => return None,
    };
    Some(Remains {
        host: host.to_owned(),
        dispatch: kept.id.clone(),
        why: format!("{why}, {} KiB", kept.size_kib),
        what: if launched { What::Launched } else { What::Unlaunched },
    })
}

impl LeftOnHosts {
    /// Removes what is of no more use.
    ///
    /// # Errors
    /// A record here cannot be written.
    pub(crate) async fn remove(&mut self, tools: &Tools) -> Result<Removed, TripError> {
        let (mut removed, mut left) = (Vec::new(), Vec::new());
        for Record { id, host, account, .. } in std::mem::take(&mut self.gone) {
            let Some(connection) = self.connections.get_mut(&host) else { continue };
            // Nothing may be left of it under another name, and it must be that account.
            let env = HostEnv { account, ..HostEnv::default() };
            match connection.sweep(tools, &env, &id, false).await {
                SweepResult::Removed => forget(tools, &id)?,
                SweepResult::Launched | SweepResult::Unknown => {
                    let why = "the host does not have it".to_owned();
                    let remains = Remains { host, dispatch: id, why, what: What::Unlaunched };
                    left.push((remains, "whether it is the account that had it is not known"));
                }
            }
        }
        for remains in std::mem::take(&mut self.remains) {
            if remains.what == What::Memory {
                continue;
            }
            let Some(connection) = self.connections.get_mut(&remains.host) else { continue };
            let launched = remains.what == What::Launched;
            let swept = connection.sweep(tools, &HostEnv::default(), &remains.dispatch, launched).await;
            match swept {
                SweepResult::Removed => {
                    forget(tools, &remains.dispatch)?;
                    removed.push(remains);
                }
                SweepResult::Launched => left.push((remains, "it was launched after all")),
                SweepResult::Unknown => left.push((remains, "the host did not say that it is gone")),
            }
        }
        for (host, remembered) in std::mem::take(&mut self.forgotten) {
            let Some(connection) = self.connections.get_mut(&host).filter(|_| !remembered.is_empty()) else {
                continue;
            };
            let answer = remembered::forget(tools, connection, &self.owner, &remembered).await;
            let gone = answer.map(|gone| HashSet::<String>::from_iter(remembered::places(&gone)));
            for row in remembered::rows(&host, &remembered) {
                match &gone {
                    Ok(gone) if gone.contains(&row.dispatch) => removed.push(row),
                    Ok(_) => left.push((row, "it is in use there")),
                    Err(_) => left.push((row, "the host did not say that it is gone")),
                }
            }
        }
        Ok((removed, left))
    }
}

/// Writes down that nothing of an ended dispatch is on its host any more.
fn forget(tools: &Tools, id: &str) -> Result<(), TripError> {
    if let Some(mut dispatch) = tools.store.open(id)?.filter(|dispatch| dispatch.record.state.is_end()) {
        dispatch.record.is_on_host = false;
        dispatch.save()?;
    }
    Ok(())
}

//! How trips stand, asked of their hosts side by side.

use super::journal::{self, Known};
use super::line::Line;
use super::{ANSWER, PATIENCE, Report, Tools, TripError};
use crate::clock;
use crate::dispatch::{Dispatch, Record, State, Step};
use crate::events::{Activity, Lines};
use crate::host::{self, HostEnv, Standing, Status, Statuses};
use crate::hosts::HostEntry;
use std::collections::BTreeMap;
use std::time::Duration;

/// A host that does not answer by then counts as out of reach.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The end of the events that a host tells, in bytes.
const TAIL: u64 = 16 * 1024;
/// Trips that one question is about: a tail comes in hexadecimal, and an answer is bounded.
const AT_ONCE: usize = 64;
const _: () = assert!(AT_ONCE * (TAIL as usize * 2 + 1024) <= ANSWER);

/// A trip as it stands.
#[derive(Debug, Clone)]
pub struct Look {
    /// What the record tells, with the state that the host tells where it was asked.
    pub report: Report,
    /// Whether the host answered; `None` where nobody had to ask it.
    pub reachable: Option<bool>,
    /// Why it did not.
    pub trouble: Option<String>,
    /// What the agent is doing, or did last.
    pub activity: Option<String>,
    /// Seconds since that began, by the host's clock.
    pub for_seconds: Option<u64>,
    /// Milliseconds since the run was launched, by ours, while it goes on.
    pub running_ms: Option<i64>,
    /// Tokens so far; `None` where not all events are known.
    pub tokens: Option<u64>,
    /// Nothing was heard of the run for a long time.
    pub stalled: Option<bool>,
    /// The session's title when it left.
    pub title: String,
}

/// A host's name, and the command by which ssh reaches it: two hosts may have one name, one of them a project's.
type Machine = (String, String);

/// Looks at trips; asks each host once, and all hosts at the same time. `host` finds the host of a trip, or says why it
/// cannot be asked.
pub async fn look_at(
    tools: &Tools,
    dispatches: &[Dispatch],
    host: impl Fn(&Record) -> Result<HostEntry, String>,
) -> Vec<Look> {
    let mut asked: BTreeMap<Machine, (Result<HostEntry, String>, Vec<String>)> = BTreeMap::new();
    let mut keys = Vec::new();
    for Dispatch { record, .. } in dispatches.iter() {
        let key = record.is_away().then(|| {
            let found = host(record);
            let key = (record.host.clone(), found.as_ref().map_or_else(String::clone, HostEntry::ssh));
            asked.entry(key.clone()).or_insert((found, Vec::new())).1.push(record.id.clone());
            key
        });
        keys.push(key);
    }
    let mut asking = Vec::new();
    for (key, (entry, ids)) in asked {
        let tools = tools.clone();
        let ask = async move {
            let entry = entry?;
            let (mut line, mut all) = (Line::new(entry), Statuses::default());
            for some in ids.chunks(AT_ONCE) {
                match tokio::time::timeout(ANSWERS_WITHIN, ask(&tools, &mut line, some)).await {
                    Ok(answered) => all.0.extend(answered.map_err(|error| error.to_string())?.0),
                    Err(_) => return Err(format!("it did not answer within {} s", ANSWERS_WITHIN.as_secs())),
                }
            }
            Ok(all)
        };
        asking.push((key, tokio::spawn(ask)));
    }
    let mut answers: BTreeMap<Machine, Result<Statuses, String>> = BTreeMap::new();
    for (key, ask) in asking {
        let answer = ask.await.unwrap_or_else(|_| Err("asking it failed".to_owned()));
        answers.insert(key, answer);
    }
    let answered = dispatches.iter().zip(keys);
    answered.map(|(dispatch, key)| look(tools, dispatch, key.and_then(|key| answers.get(&key)))).collect()
}

async fn ask(tools: &Tools, line: &mut Line, ids: &[String]) -> Result<Statuses, TripError> {
    let name = line.host.name.clone();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let script = host::status(&HostEnv::default(), &ids);
    let answer = line.ask(tools, Step::Wait, &script, PATIENCE).await?;
    Statuses::from_answer(&answer).map_err(|source| TripError::Script {
        host: name,
        step: Step::Wait,
        source,
    })
}

fn look(tools: &Tools, dispatch: &Dispatch, answer: Option<&Result<Statuses, String>>) -> Look {
    let record = &dispatch.record;
    let mut known = journal::known(&dispatch.directory);
    let mut look = Look {
        report: Report { reply: known.reply.take(), ..Report::of(dispatch) },
        reachable: None,
        trouble: None,
        activity: None,
        for_seconds: None,
        running_ms: None,
        tokens: None,
        stalled: None,
        title: record.title.clone(),
    };
    let answer = answer.filter(|_| record.is_away());
    look.reachable = answer.map(Result::is_ok);
    let status = match answer {
        Some(Ok(statuses)) => statuses.of(&record.id),
        Some(Err(why)) => {
            look.trouble = Some(why.clone());
            None
        }
        None => None,
    };
    let (activity, whole) = activity(known, status);
    look.tokens = whole.then(|| activity.tokens());
    let Some(status) = status else { return look };
    look.report.state = state(&record.state, status.standing);
    if status.standing == Standing::Running {
        look.activity = activity.doing().map(crate::text::plain).or_else(|| Some("starting".to_owned()));
        look.for_seconds = Some(status.quiet);
        look.running_ms = record.launched_ms.map(|since| clock::now_ms().saturating_sub(since).max(0));
        look.stalled = Some(u128::from(status.quiet) * 1000 >= tools.stall_after.as_millis());
    }
    look
}

/// The name of the state that the host's word makes of the recorded one. An end that the user made stays one.
fn state(recorded: &State, standing: Standing) -> &'static str {
    match (recorded, standing) {
        (State::Cancelled { .. } | State::Finished | State::Lost { .. }, _) | (_, Standing::Gone) => {
            recorded.name()
        }
        // Its claim went with the host's power.
        (State::Launched { .. } | State::Running { .. }, Standing::Launching) => "lost",
        (_, Standing::Launching) => "launched",
        (_, Standing::Running) => "running",
        (_, Standing::Ended) => "finished",
        (_, Standing::Dead) => "lost",
    }
}

/// What the events tell: those that are kept here, and the last ones from the host. And whether these are all, as far as is
/// known.
fn activity(known: Known, status: Option<&Status>) -> (Activity, bool) {
    let Known { mut activity, mut lines, is_whole, .. } = known;
    let Some(status) = status else { return (activity, is_whole && lines.taken() > 0) };
    let begins = status.bytes.saturating_sub(TAIL);
    let mut tail = status.tail.clone().into_bytes();
    // A shell that hands text on leaves the line feeds at its end out.
    let whole = usize::try_from(status.bytes - begins).unwrap_or_default();
    tail.resize(tail.len().max(whole), b'\n');
    let known = lines.taken();
    if known < begins {
        // Some in between are known to nobody here.
        let mut lines = Lines::default();
        lines.feed(&tail).iter().for_each(|event| activity.add(event));
        return (activity, false);
    }
    // Reckoned from the end: the beginning may have been cut within a character.
    let new = usize::try_from(status.bytes.saturating_sub(known)).unwrap_or_default();
    let new = tail.get(tail.len().saturating_sub(new)..).unwrap_or_default();
    lines.feed(new).iter().for_each(|event| activity.add(event));
    (activity, is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str =
        "{\"type\":\"step_finish\",\"part\":{\"reason\":\"tool-calls\",\"tokens\":{\"input\":7}}}\n";

    fn status(bytes: u64, tail: &str) -> Status {
        Status {
            id: "a".into(),
            standing: Standing::Running,
            orphaned: false,
            started: 0,
            ended: 0,
            bytes,
            quiet: 0,
            tail: tail.into(),
        }
    }

    fn known(kept: &str) -> Known {
        let mut known = Known { is_whole: true, ..Known::default() };
        known.lines.feed(kept.as_bytes()).iter().for_each(|event| known.activity.add(event));
        known
    }

    #[test]
    fn events_are_counted_once_wherever_they_are_known_from() {
        let all = STEP.repeat(3);
        for kept in 0..=all.len() {
            let there = status(all.len() as u64, if kept % 2 == 0 { &all } else { all.trim_end() });
            let (activity, whole) = activity(known(&all[..kept]), Some(&there));
            assert_eq!((activity.tokens(), whole), (21, true), "{kept}");
        }
        let later = status(TAIL + 500, "cut short\n");
        assert!(!activity(known(&all[..100]), Some(&later)).1);
    }

    #[test]
    fn what_the_user_ended_stays_ended() {
        let launched = State::Launched { identity: "b 1 2".into() };
        assert_eq!(state(&launched, Standing::Running), "running");
        assert_eq!(state(&launched, Standing::Dead), "lost");
        assert_eq!(state(&launched, Standing::Gone), "launched");
        assert_eq!(state(&launched, Standing::Launching), "lost");
        assert_eq!(state(&State::Uploaded, Standing::Launching), "launched");
        assert_eq!(state(&State::Cancelled { launched: true }, Standing::Ended), "cancelled");
    }
}

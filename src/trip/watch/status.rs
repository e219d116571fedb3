//! How trips stand, asked of their hosts side by side.

use crate::clock;
use crate::dispatch::{Dispatch, Record, State, Step};
use crate::events::{Activity, Lines};
use crate::host::{self, HostEnv, Standing, Status, Statuses};
use crate::hosts::HostEntry;
use crate::trip::connection::{HostConnection, answer_within};
use crate::trip::error::TripError;
use crate::trip::report::TripReport;
use crate::trip::tools::{ANSWER, PATIENCE, Tools};
use crate::trip::watch::journal;
use crate::trip::watch::journal::KnownRun;
use std::collections::BTreeMap;
use std::time::Duration;

/// A host that does not answer by then counts as out of reach.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How much longer it has for each trip.
const FOR_EACH: Duration = Duration::from_millis(20);
/// The end of the events that a host tells, in bytes, at most.
const TAIL: usize = 16 * 1024;
/// Trips that one question is about.
const AT_ONCE: usize = 2000;
/// What a host tells of a trip besides that, in bytes at most.
const FACTS: usize = 1024;
const _: () = assert!(tail(AT_ONCE) >= 512 && AT_ONCE * (tail(AT_ONCE) * 2 + FACTS) <= ANSWER);

/// The end of the events that is told of each of so many trips: it comes in hexadecimal, and an answer is bounded.
const fn tail(trips: usize) -> usize {
    let room = (ANSWER / trips).saturating_sub(FACTS) / 2;
    if room < TAIL { room } else { TAIL }
}

/// What a host told, and why it did not tell of the others.
#[derive(Default)]
struct HostAnswer {
    statuses: Statuses,
    trouble: Option<String>,
}

impl HostAnswer {
    /// How the dispatch `id` stands; `None` where the host was asked and does not tell.
    fn of(&self, id: &str) -> Result<Option<&Status>, &str> {
        match (self.statuses.of(id), &self.trouble) {
            (None, Some(trouble)) => Err(trouble),
            (status, _) => Ok(status),
        }
    }
}

/// A trip as it stands, and as scripts are told of it.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct TripStatus {
    /// What the record tells, with the state that the host tells where it was asked.
    #[serde(flatten)]
    pub report: TripReport,
    /// Whether the host answered; `None` where nobody had to ask it.
    pub reachable: Option<bool>,
    #[serde(skip)]
    pub trouble: Option<String>,
    /// What the agent is doing, or did last.
    pub activity: Option<String>,
    /// Seconds since that began, by the host's clock.
    pub for_seconds: Option<u64>,
    /// Milliseconds since the run was launched, by ours, while it goes on.
    #[serde(skip)]
    pub running_ms: Option<i64>,
    /// Tokens so far; `None` where not all events are known.
    pub tokens: Option<u64>,
    /// Nothing was heard of the run for a long time.
    pub stalled: Option<bool>,
    #[serde(skip)]
    pub title: String,
}

/// A host's name, and the command by which ssh reaches it: two hosts may have one name, one of them a project's.
type Machine = (String, String);

/// Looks at trips; asks each host once, and all hosts at the same time. `host` finds the host of a trip, or says why it
/// cannot be asked.
pub(crate) async fn statuses(
    tools: &Tools,
    dispatches: &[Dispatch],
    host: impl Fn(&Record) -> Result<HostEntry, String>,
) -> Vec<TripStatus> {
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
            let mut answer = HostAnswer::default();
            let mut connection = match entry {
                Ok(entry) => HostConnection::new(entry),
                Err(why) => return HostAnswer { trouble: Some(why), ..answer },
            };
            for some in ids.chunks(AT_ONCE) {
                let within = ANSWERS_WITHIN + FOR_EACH * u32::try_from(some.len()).unwrap_or_default();
                match answer_within(within, ask(&tools, &mut connection, some)).await {
                    Ok(answered) => answer.statuses.0.extend(answered.0),
                    Err(why) => {
                        // What it told before that stands.
                        answer.trouble = Some(why);
                        break;
                    }
                }
            }
            answer
        };
        asking.push((key, tokio::spawn(ask)));
    }
    let mut answers: BTreeMap<Machine, HostAnswer> = BTreeMap::new();
    for (key, ask) in asking {
        let failed = |_| HostAnswer { trouble: Some("asking it failed".to_owned()), ..HostAnswer::default() };
        answers.insert(key, ask.await.unwrap_or_else(failed));
    }
    let answered = dispatches.iter().zip(keys);
    answered
        .map(|(dispatch, key)| status_of(tools, dispatch, key.and_then(|key| answers.get(&key))))
        .collect()
}

async fn ask(tools: &Tools, connection: &mut HostConnection, ids: &[String]) -> Result<Statuses, TripError> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let script = host::status(&HostEnv::default(), &ids, tail(ids.len()));
    let answer = connection.ask(tools, Step::Wait, &script, PATIENCE).await?;
    Statuses::from_answer(&answer).map_err(TripError::garbled(&connection.host.name, Step::Wait))
}

fn status_of(tools: &Tools, dispatch: &Dispatch, answer: Option<&HostAnswer>) -> TripStatus {
    let record = &dispatch.record;
    let mut known = journal::known(&dispatch.directory);
    let mut look = TripStatus {
        report: TripReport { reply: known.reply.take(), ..TripReport::of(dispatch) },
        reachable: None,
        trouble: None,
        activity: None,
        for_seconds: None,
        running_ms: None,
        tokens: None,
        stalled: None,
        title: record.title.clone(),
    };
    let answer = answer.filter(|_| record.is_away()).map(|answer| answer.of(&record.id));
    look.reachable = answer.as_ref().map(Result::is_ok);
    look.trouble = answer.as_ref().and_then(|answer| answer.as_ref().err()).map(|why| (*why).to_owned());
    let status = answer.and_then(Result::ok).flatten();
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
fn activity(known: KnownRun, status: Option<&Status>) -> (Activity, bool) {
    let KnownRun { mut activity, mut lines, is_whole, .. } = known;
    let Some(status) = status else { return (activity, is_whole && lines.taken() > 0) };
    let begins = status.bytes.saturating_sub(status.tail_bytes);
    let tail = status.tail.as_bytes();
    let known = lines.taken();
    if known < begins {
        // Some in between are known to nobody here.
        let mut lines = Lines::default();
        lines.feed(tail).iter().for_each(|event| activity.add(event));
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

    fn status(bytes: usize, tail: &str) -> Status {
        let (bytes, tail_bytes) = (bytes as u64, tail.len() as u64);
        Status {
            id: "a".into(),
            standing: Standing::Running,
            orphaned: false,
            started: 0,
            ended: 0,
            bytes,
            quiet: 0,
            tail_bytes,
            tail: tail.into(),
        }
    }

    fn known(kept: &str) -> KnownRun {
        let mut known = KnownRun { is_whole: true, ..KnownRun::default() };
        known.lines.feed(kept.as_bytes()).iter().for_each(|event| known.activity.add(event));
        known
    }

    #[test]
    fn events_are_counted_once_wherever_they_are_known_from() {
        let all = STEP.repeat(3);
        for kept in 0..=all.len() {
            let there = status(all.len(), &all);
            let (activity, whole) = activity(known(&all[..kept]), Some(&there));
            assert_eq!((activity.tokens(), whole), (21, true), "{kept}");
        }
        let later = status(500 + TAIL, "cut short\n");
        assert!(!activity(known(&all[..100]), Some(&later)).1);
    }

    #[test]
    fn an_answer_that_comes_late_does_not_throw_away_what_was_told_before() {
        let mut answer = HostAnswer { statuses: Statuses(vec![status(0, "")]), trouble: None };
        assert_eq!((answer.of("a").map(|a| a.is_some()), answer.of("b")), (Ok(true), Ok(None)));
        answer.trouble = Some("late".into());
        assert_eq!((answer.of("a").map(|a| a.is_some()), answer.of("b")), (Ok(true), Err("late")));
    }

    #[test]
    fn a_thousand_trips_are_one_question() {
        assert_eq!((tail(1), tail(64)), (TAIL, TAIL));
        for trips in [65, 1000, AT_ONCE] {
            assert!(tail(trips) >= 512 && trips * (tail(trips) * 2 + FACTS) <= ANSWER, "{trips}");
        }
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

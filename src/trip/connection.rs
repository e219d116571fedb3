//! The connection to a host: made when it is needed, and made again when it was lost.

use crate::dispatch::Step;
use crate::host::Answer;
use crate::hosts::HostEntry;
use crate::transport::{ConnectError, Output, Script, Transport, TransportError};
use crate::trip::error::TripError;
use crate::trip::link::Link;
use crate::trip::observer::News;
use crate::trip::refusal::refused;
use crate::trip::tools::{ANSWER, PATIENCE, Tools, WORK_PATIENCE};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause before a lost connection is tried again. Most that are lost can be made again at once.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a host may take to answer a question, however often it says that it lives. The longest, a check, ends what hangs
/// there after less than three minutes.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// The same where opencode there imports or writes down a whole session, on a small machine.
const WORKED_WITHIN: Duration = Duration::from_secs(2 * 3600);
/// How long a transfer may take beside what its bytes do, and the slowest line that is waited for, in bytes a second.
const MOVED_WITHIN: Duration = Duration::from_secs(10 * 60);
const SLOWEST: u64 = 1024;

/// Logins that may be cut in a row once several keys were offered. A connection may be; a host that takes fewer keys than there
/// are hangs up each time, and would be asked for ever.
const CUT_LOGINS: usize = 4;

/// How long a host that takes no more connections for now is tried again, even if it was not reached before: it is there,
/// and others who are just logging in make room.
const FULL: Duration = Duration::from_secs(60);
/// The longest pause meanwhile.
const FULL_PAUSE: Duration = Duration::from_secs(4);

/// How long a host may be out of reach.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Until then, which is so long after it was asked for.
    Until(Instant, Duration),
    Each(Duration),
}

/// What is done about a host that has not been reached once, or lets us in and starts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenUnreachable {
    /// It is tried again, as one that was lost is.
    Retry,
    /// That is said: nothing has begun there.
    GiveUp,
}

/// The connection to one host.
pub(crate) struct HostConnection {
    pub(crate) host: HostEntry,
    link: Option<Link>,
    /// None: for ever.
    patience: Option<Patience>,
    /// What the user gives each call; none gets more than what is right for it.
    limit: Option<Duration>,
    /// Why there is no connection and since when, where one was lost or could not be made.
    outage: Option<(String, Instant)>,
    /// The host has been reached.
    reached: bool,
    /// Logins in a row that were cut behind several keys.
    cut_logins: usize,
}

impl HostConnection {
    pub(crate) fn new(host: HostEntry) -> Self {
        Self { host, link: None, patience: None, limit: None, outage: None, reached: false, cut_logins: 0 }
    }

    /// Gives the host so long to be reached, from now on; `None`: for ever.
    pub(crate) fn set_deadline(&mut self, after: Option<Duration>) {
        self.patience = after.map(|after| Patience::Until(Instant::now() + after, after));
    }

    /// Gives the host so long each time that it is out of reach; `None`: for ever.
    pub(crate) fn set_outage_limit(&mut self, outage: Option<Duration>) {
        self.patience = outage.map(Patience::Each);
    }

    /// Gives the host so long for each thing that it is asked to do, where that is less than it would get.
    pub(crate) fn set_call_limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// Whether a connection stands, as far as is known.
    pub(crate) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Why there is no connection, where one was lost or could not be made.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.outage.as_ref().map(|(why, _)| why.clone())
    }

    /// Since when there is no connection.
    fn out_since(&self) -> Instant {
        self.outage.as_ref().map_or_else(Instant::now, |(_, since)| *since)
    }

    fn out_of_reach(&self, after: Duration, why: String) -> TripError {
        TripError::OutOfReach { host: self.host.name.clone(), after, why, begun: true }
    }

    /// When the host is given up, and how long it will have been tried then.
    fn deadline(&self) -> Option<(Instant, Duration)> {
        Some(match self.patience? {
            Patience::Until(deadline, after) => (deadline, after),
            Patience::Each(outage) => (self.out_since() + outage, outage),
        })
    }

    pub(crate) async fn connect(&mut self, tools: &Tools) -> Result<&mut Link, TripError> {
        let link = match self.link.take() {
            Some(link) => link,
            None => self.made(tools).await?,
        };
        self.outage = None;
        self.cut_logins = 0;
        self.reached = true;
        Ok(self.link.insert(link))
    }

    /// Makes a connection, for which a host that has too many is asked again.
    async fn made(&mut self, tools: &Tools) -> Result<Link, TripError> {
        let (since, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let error = match self.dial(tools).await {
                Err(error) if error.is_full() && since.elapsed() < FULL => error,
                result => return result,
            };
            // Others who were sent away at the same moment do not come back at the same moment.
            let pause_now = pause.mul_f64(0.5 + RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64);
            let left = self.deadline().map_or(pause_now, |(until, _)| until - Instant::now());
            tools.tell(News::Reconnecting { pause: pause_now.min(left), why: error.to_string() });
            tokio::time::sleep(pause_now.min(left)).await;
            pause = (pause * 2).min(FULL_PAUSE);
        }
    }

    async fn dial(&mut self, tools: &Tools) -> Result<Link, TripError> {
        let (connector, entry) = (Arc::clone(&tools.connector), self.host.clone());
        let connecting = tokio::task::spawn_blocking(move || connector.connect(&entry, PATIENCE));
        let connected = match self.deadline() {
            Some((deadline, after)) => match tokio::time::timeout_at(deadline, connecting).await {
                Ok(connected) => connected,
                Err(_) => {
                    let why = self.trouble().unwrap_or_else(|| "it does not answer".to_owned());
                    return Err(self.out_of_reach(after, why));
                }
            },
            // Somebody here may be asked something meanwhile.
            None => match tokio::time::timeout(ANSWERED_WITHIN, connecting).await {
                Ok(connected) => connected,
                Err(_) => {
                    let (host, step) = (self.host.name.clone(), Step::Connect);
                    return Err(TripError::Slow { host, step, after: ANSWERED_WITHIN });
                }
            },
        };
        match connected {
            Ok(Ok(transport)) => Ok(Link::new(transport)),
            Ok(Err(source)) => {
                let source = self.classify_cut_login(source);
                if let ConnectError::Resolve { address, .. } = &source
                    && self.is_unheard_of(address)
                {
                    return Err(TripError::UnknownHost { name: self.host.name.clone(), nearest: None });
                }
                Err(TripError::Connect { host: self.host.name.clone(), ssh: self.host.ssh(), source })
            }
            Err(_) => Err(TripError::Broken("a worker thread ended before its work")),
        }
    }

    /// A host that hangs up during the login sends one away, or the connection was cut: who was let in before is more likely cut
    /// off, and nobody is, time after time.
    fn classify_cut_login(&mut self, source: ConnectError) -> ConnectError {
        let (name, user, tried, keys) = match source {
            ConnectError::Auth { name, user, tried, closed: true, .. } if self.reached => {
                let keys = tried.len();
                (name, user, tried, keys)
            }
            ConnectError::Lost { name, user, tried, keys } if keys > 1 => (name, user, tried, keys),
            source => return source,
        };
        self.cut_logins += 1;
        if self.cut_logins <= CUT_LOGINS {
            return ConnectError::Lost { name, user, tried, keys };
        }
        let (methods, detail) = (String::new(), String::new());
        ConnectError::Auth { name, user, tried, methods, closed: true, detail }
    }

    /// Neither hosts.json nor ssh make anything else of the host's name, and it has no address: it is more likely mistyped,
    /// or taken out of the files, than out of reach.
    fn is_unheard_of(&self, address: &str) -> bool {
        let name = self.host.name.rsplit('@').next();
        !self.reached && self.host.source.is_none() && name == Some(address)
    }

    /// Runs `call` on the connection, which is made now if there is none. `within` is the longest that it may take, whatever
    /// the host says meanwhile; `None`: for ever.
    ///
    /// # Errors
    /// [`TripError::Slow`]; the connection is given up then.
    pub(crate) async fn call<T: Send + 'static>(
        &mut self,
        tools: &Tools,
        (step, within): (Step, Option<Duration>),
        call: impl FnOnce(&mut dyn Transport) -> Result<T, TransportError> + Send + 'static,
    ) -> Result<T, TripError> {
        let limit = within.map(|within| self.limit.map_or(within, |limit| limit.min(within)));
        let calling = self.connect(tools).await?.call(call);
        let result = match limit {
            None => calling.await,
            Some(after) => match tokio::time::timeout(after, calling).await {
                Ok(result) => result,
                Err(_) => {
                    self.link = None;
                    return Err(TripError::Slow { host: self.host.name.clone(), step, after });
                }
            },
        };
        if result.as_ref().is_err_and(TransportError::is_transient) {
            self.link = None;
        }
        result.map_err(|source| TripError::Transport { host: self.host.name.clone(), step, source })
    }

    /// As [`HostConnection::call`], again over a new connection for as often as it is lost.
    pub(crate) async fn call_again<T: Send + 'static>(
        &mut self,
        tools: &Tools,
        (step, within): (Step, Option<Duration>),
        unreached: WhenUnreachable,
        call: impl Fn(&mut dyn Transport) -> Result<T, TransportError> + Clone + Send + 'static,
    ) -> Result<T, TripError> {
        let mut pauses = Pauses::default();
        loop {
            let error = match self.call(tools, (step, within), call.clone()).await {
                Err(error) if error.is_transient() => error,
                result => return result,
            };
            let denied = matches!(error, TripError::Transport { source: TransportError::Denied { .. }, .. });
            if (denied || !self.reached) && unreached == WhenUnreachable::GiveUp {
                return Err(error);
            }
            pauses.pause(tools, self, &error).await?;
        }
    }

    /// Runs a script and reads its answer.
    pub(crate) async fn ask(
        &mut self,
        tools: &Tools,
        step: Step,
        script: &Script,
        patience: Duration,
    ) -> Result<Answer, TripError> {
        let script = script.clone();
        let within = (step, Some(answered_within(patience)));
        let ran = self.call(tools, within, move |transport| transport.run(&script, ANSWER, patience)).await;
        self.answer(step, ran?)
    }

    /// As [`HostConnection::ask`], again over a new connection for as often as it is lost: for scripts that may be repeated.
    pub(crate) async fn ask_again(
        &mut self,
        tools: &Tools,
        step: Step,
        unreached: WhenUnreachable,
        (script, patience): (&Script, Duration),
    ) -> Result<Answer, TripError> {
        let script = script.clone();
        let run = move |transport: &mut dyn Transport| transport.run(&script, ANSWER, patience);
        let within = Some(answered_within(patience));
        let ran = self.call_again(tools, (step, within), unreached, run).await?;
        self.answer(step, ran)
    }

    fn answer(&self, step: Step, output: Output) -> Result<Answer, TripError> {
        let Output { status, stdout, stderr } = output;
        Answer::parse(&stdout, status, &stderr).map_err(|source| refused(&self.host.name, step, source))
    }
}

/// What a host answers by then, or why it did not, in words.
pub(crate) async fn answer_within<T>(
    within: Duration,
    asking: impl Future<Output = Result<T, TripError>>,
) -> Result<T, String> {
    match tokio::time::timeout(within, asking).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it did not answer within {} s", within.as_secs())),
    }
}

/// How long a host may take to answer whose silence is borne for so long.
fn answered_within(patience: Duration) -> Duration {
    if patience >= WORK_PATIENCE { WORKED_WITHIN } else { ANSWERED_WITHIN }
}

/// How long `bytes` may be on their way.
pub(crate) fn moved_within(bytes: u64) -> Duration {
    MOVED_WITHIN + Duration::from_secs(bytes / SLOWEST)
}

/// The pauses between attempts, which grow.
pub(crate) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// The connection was of use: the next pause is a short one.
    pub(crate) fn reset(&mut self) {
        self.0 = FIRST_PAUSE;
    }

    /// Says why, and waits for the next attempt.
    ///
    /// # Errors
    /// [`TripError::OutOfReach`] once the connection's time is over.
    pub(crate) async fn pause(
        &mut self,
        tools: &Tools,
        connection: &mut HostConnection,
        error: &TripError,
    ) -> Result<(), TripError> {
        let why = error.to_string();
        connection.outage = Some((why.clone(), connection.out_since()));
        let mut pause = self.0;
        if let Some((deadline, after)) = connection.deadline() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(connection.out_of_reach(after, why));
            }
            pause = pause.min(left);
        }
        tools.tell(News::Reconnecting { pause, why });
        tokio::time::sleep(pause).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_is_cut_time_after_time_behind_several_keys_was_refused() {
        let mut connection = HostConnection::new(HostEntry::default());
        let lost = |keys| {
            let (name, user, tried) = ("pi".to_owned(), "me".to_owned(), vec!["agent: 3 keys".to_owned()]);
            ConnectError::Lost { name, user, tried, keys }
        };
        for _ in 0..CUT_LOGINS {
            assert!(connection.classify_cut_login(lost(3)).retryable());
        }
        assert!(matches!(connection.classify_cut_login(lost(3)), ConnectError::Auth { closed: true, .. }));
        // One key is nobody's limit.
        assert!(connection.classify_cut_login(lost(1)).retryable());
        let sent_away = || ConnectError::Auth {
            name: "pi".into(),
            user: "me".into(),
            tried: Vec::new(),
            methods: String::new(),
            closed: true,
            detail: String::new(),
        };
        let mut connection = HostConnection::new(HostEntry::default());
        assert!(!connection.classify_cut_login(sent_away()).retryable());
        connection.reached = true;
        assert!(connection.classify_cut_login(sent_away()).retryable(), "who was let in before");
    }
}

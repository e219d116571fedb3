//! Ctrl-C, and the signals that mean the same.

use super::progress::Progress;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// Runs `work` until it ends (`Some`) or the user interrupts it (`None`). While the trip says that it must not be
/// interrupted, the interruption waits; the terminal is given back as it was found.
pub(super) async fn interruptible<T>(progress: &Progress, work: impl Future<Output = T>) -> Option<T> {
    let before = tcgetattr(std::io::stdin()).ok();
    let mut work = std::pin::pin!(work);
    // Listened to from before the work begins.
    let interrupted = told_to_stop();
    let ended = tokio::select! {
        biased;
        result = &mut work => Some(result),
        () = interrupted => None,
    };
    let ended = match ended {
        None if progress.is_critical() => {
            progress.say("finishing what must not be left half done …");
            tokio::select! {
                result = &mut work => Some(result),
                () = progress.uncritical() => None,
            }
        }
        ended => ended,
    };
    if ended.is_none() {
        progress.clear();
        if let Some(before) = before {
            // A question may have switched the echo off.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
        }
    }
    ended
}

/// Ctrl-C, and what means the same; heard from the moment of this call. Where a signal cannot be waited for, it ends the
/// process as it always did.
pub(super) fn told_to_stop() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut int), Ok(mut term)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = int.recv() => (),
            _ = term.recv() => (),
        }
    }
}

//! A host whose clock is not home's.

use serde::{Deserialize, Serialize};

/// Clocks that differ by no more milliseconds are taken for the same.
pub(crate) const SAME_CLOCK_MS: i64 = 2000;

/// The time in opencode's ids, 48 bits of milliseconds × 0x1000, begins anew after so many milliseconds.
pub(super) const WINDOW_MS: i64 = 1 << 36;

/// A host's clock, as it is seen from home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// By how many milliseconds it is ahead of home's; negative where it is behind.
    pub ahead_ms: i64,
    /// Home's clock when the session leaves, in milliseconds since the epoch.
    pub now_ms: i64,
    /// The host's time, in milliseconds since the epoch, when the time in ids last began anew. Nothing in the copy is
    /// older, since ids of two such windows would not be in the order of their times.
    pub from_ms: i64,
}

impl Clock {
    /// The clock of a host that is so far ahead of home; `None` if nothing need be translated.
    pub fn new(ahead_ms: i64, now_ms: i64) -> Option<Self> {
        (ahead_ms.saturating_abs() > SAME_CLOCK_MS).then(|| Self::exact(ahead_ms, now_ms))
    }

    /// The same, however near the clocks are.
    pub fn exact(ahead_ms: i64, now_ms: i64) -> Self {
        let there = now_ms.saturating_add(ahead_ms);
        Self { ahead_ms, now_ms, from_ms: there.div_euclid(WINDOW_MS).saturating_mul(WINDOW_MS).max(1) }
    }

    /// The host's clock when the session leaves, in milliseconds since the epoch.
    pub fn there_ms(self) -> i64 {
        self.now_ms.saturating_add(self.ahead_ms)
    }

    /// Whether a host with this clock is still so far ahead.
    pub fn agrees(self, ahead_ms: i64) -> bool {
        self.ahead_ms.abs_diff(ahead_ms) <= SAME_CLOCK_MS.unsigned_abs()
    }

    /// Whether both translate alike.
    pub fn translates_as(self, other: Self) -> bool {
        self.later(other.now_ms) == other
    }

    /// The same clock for a later trip: what the host got with it keeps its ids.
    pub fn later(self, now_ms: i64) -> Self {
        Self { now_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 26 * WINDOW_MS + 1000;

    #[test]
    fn clocks_that_are_near_are_the_same() {
        assert_eq!((Clock::new(2000, NOW), Clock::new(-2000, NOW)), (None, None));
        let clock = Clock::new(-2001, NOW).unwrap();
        assert_eq!((clock.from_ms, clock.there_ms()), (25 * WINDOW_MS, NOW - 2001));
        assert!(clock.agrees(-1) && !clock.agrees(0) && !clock.agrees(i64::MAX));
        assert_eq!(clock.later(NOW + 5).there_ms(), NOW - 1996);
        assert!(clock.translates_as(clock.later(NOW + 5)));
        assert!(!clock.translates_as(Clock::new(-2002, NOW).unwrap()));
        assert_eq!(Clock::new(5000 - NOW, NOW).unwrap().from_ms, 1, "1970");
        assert_eq!(Clock::exact(0, NOW).from_ms, 26 * WINDOW_MS);
    }
}

//! The time in opencode's ids.

use super::clock::WINDOW_MS;
use super::fresh::{DIGITS, own_head, spelled};
use sha2::{Digest, Sha256};

/// Counts in a millisecond.
pub(crate) const PER_MS: i64 = 0x1000;

/// Milliseconds that an id may be out of order by, before the time in it is taken for one of an earlier window.
pub(crate) const DISORDER_MS: i64 = 24 * 3600 * 1000;

/// The kinds of ids that are looked at here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    Message,
    Part,
}

impl IdKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Message => "msg_",
            Self::Part => "prt_",
        }
    }

    /// The id with this time, given as milliseconds × 0x1000 + counter, and this end.
    pub(crate) fn id(self, stamp: i64, tail: &str) -> String {
        spelled(self.prefix(), stamp.cast_unsigned(), tail)
    }

    /// This id with another time. One of another make is replaced by one that is the same every time.
    pub(crate) fn at(self, stamp: i64, id: &str) -> String {
        let tail = self.read(id).map_or_else(|| tail_for(id), |(_, tail)| tail.to_owned());
        self.id(stamp, &tail)
    }

    /// The time in an id of opencode's own shape, of which only the lower 48 bits are in it, and its random end.
    pub(crate) fn read(self, id: &str) -> Option<(i64, &str)> {
        let head = own_head(id, self.prefix())?;
        let bits = u64::from_str_radix(head.get(self.prefix().len()..)?, 16).ok()?;
        Some((bits.cast_signed(), id.get(head.len()..)?))
    }
}

/// The time with these lower bits that is the last one up to `latest`, both as milliseconds × 0x1000.
pub(crate) fn up_to(latest: i64, bits: i64) -> i64 {
    latest - (latest - bits).rem_euclid(WINDOW_MS * PER_MS)
}

/// The time with these lower bits that is nearest to `near`.
pub(crate) fn near(near: i64, bits: i64) -> i64 {
    up_to(near + WINDOW_MS * PER_MS / 2, bits)
}

/// The whole times in the ids of a session's messages, in its order; `None` for an id of another make. None is newer
/// than `now_ms`, and each than the one behind it, by more than what clocks are put back by.
pub(crate) fn unrolled<'i>(
    messages: impl DoubleEndedIterator<Item = &'i str>,
    now_ms: i64,
) -> Vec<Option<i64>> {
    let slack = DISORDER_MS * PER_MS;
    let end = now_ms.saturating_mul(PER_MS).saturating_add(slack);
    let mut latest = end;
    let mut all: Vec<Option<i64>> = messages
        .rev()
        .map(|id| {
            let (bits, _) = IdKind::Message.read(id)?;
            let stamp = up_to(latest, bits);
            latest = end.min(stamp.saturating_add(slack));
            Some(stamp)
        })
        .collect();
    all.reverse();
    all
}

/// An end for an id that is to stand for `id`: 14 characters that are the same every time, and another id's are not.
pub(crate) fn tail_for(id: &str) -> String {
    let digest = Sha256::digest(id);
    digest.iter().take(14).map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_read_and_written() {
        let id = "msg_1f87c92a1001sqlZm7ZOVRlqZb";
        let (bits, tail) = IdKind::Message.read(id).unwrap();
        assert_eq!((bits, tail), (0x1f87_c92a_1001, "sqlZm7ZOVRlqZb"));
        assert_eq!(IdKind::Message.id(bits, tail), id);
        assert_eq!(near(1_795_170_276_001 * PER_MS, bits), 1_795_170_276_001 * PER_MS + 1);
        for other in ["msgZ", "prt_1f87c92a1001sqlZm7ZOVRlqZb", "msg_1F87c92a1001sqlZm7ZOVRlqZb"] {
            assert_eq!(IdKind::Message.read(other), None);
        }
        let tail = tail_for("msgZ");
        assert!(tail == tail_for("msgZ") && tail != tail_for("msgY"));
        assert!(IdKind::Part.read(&IdKind::Part.id(7, &tail)).is_some());
    }

    #[test]
    fn a_session_may_be_older_than_the_ids_last_beginning() {
        let now = 26 * WINDOW_MS + 5000;
        let times =
            [25 * WINDOW_MS - 9, 25 * WINDOW_MS + WINDOW_MS / 2, 26 * WINDOW_MS - 1, 26 * WINDOW_MS + 1];
        let ids: Vec<String> =
            times.iter().map(|ms| IdKind::Message.id(ms * PER_MS, "00000000000000")).collect();
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        ids.insert(2, "msgZ");
        let unrolled = unrolled(ids.into_iter(), now);
        let expected = [Some(times[0]), Some(times[1]), None, Some(times[2]), Some(times[3])];
        assert_eq!(unrolled, expected.map(|ms| ms.map(|ms| ms * PER_MS)));
    }

    proptest! {
        #[test]
        fn bits_are_completed(stamp in 0..1_i64 << 54, off in -(1_i64 << 46)..1_i64 << 46) {
            let bits = stamp & 0xffff_ffff_ffff;
            prop_assert_eq!(near(stamp + off, bits), stamp);
            prop_assert_eq!(up_to(stamp + off.abs(), bits), stamp);
        }
    }
}

//! Fresh ids in opencode's own shape.

use super::outline::Outline;

/// Digits of opencode's base 62, in the order of their bytes.
pub(super) const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Bits of the time part.
const TIME_BITS: u32 = 48;

/// Length of prefix and time part.
const HEAD: usize = 16;

/// Length of a whole id.
const WHOLE: usize = 30;

/// An id for a new session. `random` is asked for 64 random bits at a time.
///
/// opencode's session ids are descending, the newest sorts first: `ses_`, 12 hex digits of the bitwise complement of
/// (milliseconds × 0x1000 + counter), cut to 48 bits, and 14 base-62 characters. Seen on all three releases.
pub fn new_session_id(now_ms: i64, random: &mut dyn FnMut() -> u64) -> String {
    spelled("ses_", !count(now_ms), &tail(random))
}

/// Milliseconds × 0x1000 + counter; opencode's counter begins at 1 in each millisecond.
fn count(ms: i64) -> u64 {
    ms.cast_unsigned().wrapping_mul(0x1000).wrapping_add(1)
}

/// An id: the lower bits of `number` are its time, `tail` its end.
pub(super) fn spelled(prefix: &str, number: u64, tail: &str) -> String {
    format!("{prefix}{:012x}{tail}", number & ((1 << TIME_BITS) - 1))
}

/// 14 random characters.
fn tail(random: &mut dyn FnMut() -> u64) -> String {
    let mut tail = String::with_capacity(14);
    for _ in 0..2 {
        // 62^7 is far below 2^64, so that the remainder is as good as even.
        let mut bits = random();
        for _ in 0..7 {
            let digit = usize::try_from(bits % 62).unwrap_or(0);
            tail.push(char::from(DIGITS[digit]));
            bits /= 62;
        }
    }
    tail
}

/// An id for a copy of this session; it keeps the time of `id`, if that has one.
pub(crate) fn copied_session_id(id: &str, now_ms: i64, random: &mut dyn FnMut() -> u64) -> String {
    sibling(id, "ses_", random).unwrap_or_else(|| new_session_id(now_ms, random))
}

/// The prefix and time part of an id of opencode's own shape.
pub(super) fn own_head<'a>(id: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = id.strip_prefix(prefix).filter(|_| id.len() == WHOLE)?;
    let (time, tail) = rest.split_at_checked(HEAD - prefix.len())?;
    let sound = time.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && tail.bytes().all(|b| b.is_ascii_alphanumeric());
    sound.then(|| &id[..HEAD])
}

/// An id with the same prefix and time, if `id` has opencode's own shape.
pub(super) fn sibling(id: &str, prefix: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    own_head(id, prefix).map(|head| format!("{head}{}", tail(random)))
}

/// Which fresh id stands for which old one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FreshIds {
    /// Sorted by the old id, and by the fresh one.
    pairs: Vec<(String, String)>,
}

impl FreshIds {
    /// The id in the copy of this message or part of the original.
    pub fn get(&self, old: &str) -> Option<&str> {
        let at = self.pairs.binary_search_by(|(id, _)| id.as_str().cmp(old)).ok()?;
        self.pairs.get(at).map(|(_, fresh)| fresh.as_str())
    }

    /// All pairs of an old and a fresh id, in the order of either.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(old, fresh)| (old.as_str(), fresh.as_str()))
    }

    /// Fresh ids for all messages and parts: the time part stays, the random part is new, and the order is that of the
    /// originals. `None` if `random` repeats itself.
    ///
    /// opencode takes any `msg…` from a client, and orders by id. So an id of another make gets the time of the id before it.
    pub(crate) fn of(outline: &Outline, now_ms: i64, random: &mut dyn FnMut() -> u64) -> Option<Self> {
        let ids = outline.sorted();
        let mut pairs = Vec::with_capacity(ids.len());
        for prefix in ["msg_", "prt_"] {
            let kind = prefix.trim_end_matches('_');
            let ids: Vec<&str> = ids.iter().copied().filter(|id| id.starts_with(kind)).collect();
            let first = ids.iter().find_map(|id| own_head(id, prefix)).map(str::to_owned);
            let mut current = first.unwrap_or_else(|| spelled(prefix, count(now_ms), ""));
            let heads: Vec<String> = ids
                .iter()
                .map(|id| {
                    if let Some(own) = own_head(id, prefix) {
                        own.clone_into(&mut current);
                    }
                    current.clone()
                })
                .collect();
            let mut rest = ids.as_slice();
            for group in heads.chunk_by(|a, b| a == b) {
                let (old, others) = rest.split_at(group.len());
                rest = others;
                let mut tails: Vec<String> = group.iter().map(|_| tail(random)).collect();
                tails.sort_unstable();
                if tails.windows(2).any(|pair| pair[0] == pair[1]) {
                    return None;
                }
                let fresh = group.iter().zip(tails).map(|(head, tail)| format!("{head}{tail}"));
                pairs.extend(old.iter().map(|id| (*id).to_owned()).zip(fresh));
            }
        }
        let map = Self { pairs };
        let collides = map.iter().any(|(_, fresh)| map.get(fresh).is_some());
        (!collides).then_some(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{is_message_id, is_part_id, is_session_id};
    use proptest::prelude::*;

    #[test]
    fn a_session_id_tells_its_time_as_opencode_writes_it() {
        let mut none = || 0;
        // What the three releases made at these times (their clock was read a millisecond apart, once).
        for (ms, real) in [
            (1_795_170_275_785, "ses_e07836e36ffeth5U8G1J1S36Fh"),
            (1_795_170_300_123, "ses_e07830f24ffeE339kfa49s4Iji"),
            (1_795_170_315_603, "ses_e0782d2acffe9s4foPwLtLVzi2"),
        ] {
            let id = new_session_id(ms, &mut none);
            assert_eq!(id[..HEAD], real[..HEAD]);
            assert_eq!(id.len(), real.len());
            assert!(own_head(real, "ses_").is_some() && is_session_id(&id));
        }
        assert_eq!(&new_session_id(0, &mut none)[HEAD..], "00000000000000");
    }

    #[test]
    fn what_repeats_itself_is_no_random_source() {
        let mut outline = Outline::default();
        outline.push("msg_1f87c92a1001sqlZm7ZOVRlqZb", ["prt_a", "prt_b"].into_iter()).unwrap();
        assert_eq!(FreshIds::of(&outline, 0, &mut || 7), None);
    }

    fn id(kind: &'static str) -> impl Strategy<Value = String> {
        prop_oneof![
            4 => ("[0-9a-f]", "[0-9A-Za-z]{14}").prop_map(move |(t, r)| format!("{kind}_1f87c92a100{t}{r}")),
            1 => "[-_0-9a-zA-Z]{1,6}".prop_map(move |rest| format!("{kind}_{rest}")),
            1 => "[-0-9a-zA-Z]{1,6}".prop_map(move |rest| format!("{kind}{rest}")),
            1 => Just(format!("{kind}_1f87c92a1001sqlZm7ZOVRlqZb0")),
        ]
    }

    proptest! {
        #[test]
        fn newer_sessions_sort_first(a in 0..1_i64 << 35, b in 0..1_i64 << 35, bits: u64) {
            let (one, two) = (new_session_id(a, &mut || bits), new_session_id(b, &mut || !bits));
            prop_assert!(a == b || (a < b) == (one > two));
        }

        #[test]
        fn order_is_kept_and_nothing_remains(
            messages in prop::collection::btree_set(id("msg"), 0..20),
            parts in prop::collection::btree_set(id("prt"), 0..20),
            seed: u64,
        ) {
            let mut outline = Outline::default();
            let all = messages.iter().map(String::as_str).chain(["msg_last"]);
            for (n, message) in all.enumerate() {
                let of = parts.iter().map(String::as_str).filter(|_| n == 0);
                outline.push(message, of).unwrap();
            }
            prop_assume!(outline.duplicate().is_none());
            let map = FreshIds::of(&outline, 1_795_170_275_785, &mut crate::session::arbitrary::random(seed)).unwrap();
            prop_assert_eq!(map.iter().count(), messages.len() + 1 + parts.len());
            prop_assert!(map.pairs.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
            for (old, fresh) in map.iter() {
                let prefix = if old.starts_with("msg") { "msg_" } else { "prt_" };
                prop_assert!(own_head(fresh, prefix).is_some() && map.get(fresh).is_none());
                prop_assert!(is_message_id(fresh) || is_part_id(fresh));
                if let Some(head) = own_head(old, prefix) {
                    prop_assert!(fresh.starts_with(head));
                }
            }
        }
    }
}

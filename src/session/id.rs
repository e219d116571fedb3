//! The shapes of opencode's ids.
//!
//! Ids from a file end up in file names, in SQL parameters and on command lines, so only safe characters pass.

use super::stamp::IdKind;

const LONGEST: usize = 64;

fn is_id(text: &str, prefix: &str) -> bool {
    text.len() <= LONGEST
        && text.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        })
}

/// `ses_` and safe characters, at most 64 in all.
pub(crate) fn is_session_id(text: &str) -> bool {
    is_id(text, "ses_")
}

/// `msg` and safe characters. opencode's own are `msg_…`, but it takes any `msg…` that a client makes up.
pub(crate) fn is_message_id(text: &str) -> bool {
    is_id(text, "msg")
}

/// `prt` and safe characters, as for messages.
pub(crate) fn is_part_id(text: &str) -> bool {
    is_id(text, "prt")
}

/// A part id that sorts right behind `last` and is the same on every call; `None` if there is none so short.
///
/// The next counter value keeps the time. An id of another make gets a character more.
pub(crate) fn following_part_id(last: &str) -> Option<String> {
    let next =
        IdKind::Part.read(last).map(|(bits, tail)| (bits + 1, tail)).filter(|(next, _)| *next < 1 << 48);
    let id = next.map_or_else(|| format!("{last}0"), |(next, tail)| IdKind::Part.id(next, tail));
    is_part_id(&id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert!(is_session_id("ses_e07836e36ffeth5U8G1J1S36Fh"));
        assert!(is_message_id("msg_1f87c92a1001sqlZm7ZOVRlqZb"));
        assert!(is_part_id("prt_1f87c92b60014hTR0fuYyNjtpS"));
        for bad in ["", "ses_", "ses", "ses_a/b", "ses_a b", "ses_é", "msg_a", "ses_a\n", "ses_../x"] {
            assert!(!is_session_id(bad), "{bad:?}");
        }
        assert!(!is_session_id(&format!("ses_{}", "a".repeat(61))));
        assert!(is_session_id(&format!("ses_{}", "a".repeat(60))));
    }

    #[test]
    fn the_following_id_sorts_behind() {
        for last in [
            "prt_1f87c92b60014hTR0fuYyNjtpS",
            "prt_ffffffffffff4hTR0fuYyNjtpS",
            "prt-mine",
            "prt_00000000000zzzzzzzzzzzzzzz",
        ] {
            let next = following_part_id(last).unwrap();
            assert!(next.as_str() > last, "{last} {next}");
            assert!(is_part_id(&next));
        }
        let next = following_part_id("prt_1f87c92b60ff4hTR0fuYyNjtpS");
        assert_eq!(next.as_deref(), Some("prt_1f87c92b61004hTR0fuYyNjtpS"));
        assert_eq!(following_part_id(&format!("prt_{}", "z".repeat(60))), None);
    }
}

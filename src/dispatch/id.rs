//! Names of dispatches.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, UNIX_EPOCH};

/// A new id: the UTC time to the second and 40 random bits, as `20261120-103015-4k2mtv7a`. It sorts
/// by age, to the second, and is made of `[a-z0-9-]`, so that it can stand in any path.
pub fn new_id(now_ms: i64) -> String {
    let since_epoch = Duration::from_millis(now_ms.try_into().unwrap_or(0));
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string();
    let mut id: String = time
        .chars()
        .filter_map(|c| match c {
            'T' => Some('-'),
            digit if digit.is_ascii_digit() => Some(digit),
            _ => None,
        })
        .collect();
    id.push('-');
    // Keyed by the operating system's randomness, afresh for each value.
    let mut random = RandomState::new().hash_one(now_ms);
    for _ in 0..8 {
        let digit = u32::try_from(random % 32).unwrap_or(0);
        id.push(char::from_digit(digit, 32).unwrap_or('0'));
        random /= 32;
    }
    id
}

/// Whether `text` has the shape of a dispatch's id. What does not is never put into a path.
pub fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 6, 8] && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn an_id_tells_its_time() {
        assert!(new_id(1_795_170_275_123).starts_with("20261120-102435-"));
        assert!(new_id(951_782_400_000).starts_with("20000229-000000-"));
    }

    #[test]
    fn ids_of_one_moment_differ() {
        let ids: HashSet<String> = (0..1000).map(|_| new_id(0)).collect();
        assert!(ids.len() == 1000 && ids.iter().all(|id| is_id(id)));
    }

    #[test]
    fn what_is_no_id_is_told() {
        for text in ["", "..", "20261120-102435-../../ab", "20261120-102435-ABCDEFGH", "ses_abc"] {
            assert!(!is_id(text), "{text}");
        }
    }
}

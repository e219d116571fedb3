//! What a host wrote, made fit for a terminal.

/// The longest piece of a host's text that an error quotes, in characters.
const MOST: usize = 300;

/// `bytes` as one bounded line without control characters or marks that reorder text.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST * 4)]);
    let text = console::strip_ansi_codes(&text);
    let safe: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| {
            !c.is_control()
                && !matches!(*c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect();
    safe.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_lose_their_power() {
        assert_eq!(printable(b"\x1b[31mred\x07\r\nnext\x1b]0;t\x07 line  "), "red next line");
    }

    proptest! {
        #[test]
        fn nothing_live_comes_through(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let text = printable(&bytes);
            prop_assert!(!text.chars().any(char::is_control) && text.chars().count() <= 300);
        }
    }
}

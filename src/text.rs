//! Text that others wrote, made fit to be shown.

/// Characters that one line of an error takes at most.
const LONGEST: usize = 400;

/// `text` fit for one line of a terminal: escape sequences are left out, white space and control characters become single spaces, marks that
/// turn the direction of writing are left out, and it is bounded.
pub fn plain(text: &str) -> String {
    let turning =
        |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    if text.len() <= LONGEST && is_plain_ascii(text.as_bytes()) {
        return text.to_owned();
    }
    let text = console::strip_ansi_codes(text);
    let spaced: String =
        text.chars().filter(|c| !turning(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Whether [`plain`] would leave it as it is; most texts are like that, and lists are long.
fn is_plain_ascii(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.starts_with(b" ")
        && !text.ends_with(b" ")
        && !text.windows(2).any(|pair| pair == b"  ")
}

/// [`plain`] of what may be no text at all; only the beginning of `bytes` is looked at.
pub fn plain_bytes(bytes: &[u8]) -> String {
    plain(&String::from_utf8_lossy(bytes.get(..LONGEST * 4).unwrap_or(bytes)))
}

/// Why a message cannot reach a model as it is; `None` if it can.
pub fn wrong_with_message(message: &[u8]) -> Option<&'static str> {
    if message.iter().all(u8::is_ascii_whitespace) {
        Some("the message is empty")
    } else if message.contains(&0) {
        Some("the message holds a NUL character, which opencode would not pass on")
    } else if std::str::from_utf8(message).is_err() {
        Some("the message is not UTF-8 text, which opencode would change")
    } else {
        None
    }
}

/// `text` with its lines kept and every other control character left out, as an answer is shown.
pub fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// `text` as one word for the user's shell, in a command that they are told to type.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_lose_their_power() {
        assert_eq!(plain("\x1b[2Jgone\r\n\tx\u{202e}y"), "gone xy");
        assert_eq!([plain(" a"), plain("a  b "), plain("a b")], ["a", "a b", "a b"]);
        assert_eq!(harmless("a\n\x1b]0;title\x07b\tc"), "a\n]0;titleb\tc");
    }

    proptest! {
        #[test]
        fn plain_text_is_one_bounded_line(text: String) {
            let plain = plain(&text);
            prop_assert!(!plain.chars().any(char::is_control) && plain.chars().count() <= LONGEST + 1);
        }
    }
}

//! Text that others wrote, made fit to be shown.

use std::borrow::Cow;

/// Characters that one line of an error takes at most.
const LONGEST: usize = 400;
/// Characters that are kept of somebody's last words: fewer, so that what is said before them does not push their end out.
const LAST_WORDS: usize = 300;

/// `text` fit for one line of a terminal: escape sequences are left out, white space and control characters become single spaces, marks that
/// turn the direction of writing are left out, and it is bounded.
pub(crate) fn plain(text: &str) -> String {
    if text.len() <= LONGEST && is_plain(text) {
        return text.to_owned();
    }
    let mut line = one_line(text);
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Whether [`plain`] leaves it as it is, as it does with most texts; seen without taking it apart.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains("  ") && text.trim() == text
}

/// The last words of a program, made [`plain`]: where they are too long, their end is kept, since it names the cause.
pub(crate) fn plain_end(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth_back(LAST_WORDS - 1) {
        Some((from, _)) if from > 0 => format!("…{}", line.get(from..).unwrap_or_default()),
        _ => line,
    }
}

fn one_line(text: &str) -> String {
    let turning = |c: &char| turns(*c) || matches!(c, '\u{200e}' | '\u{200f}');
    let text = console::strip_ansi_codes(text);
    let spaced: String =
        text.chars().filter(|c| !turning(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `c` turns the direction of all that follows.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// [`plain`] of what may be no text at all; only the beginning of `bytes` is looked at.
pub(crate) fn plain_bytes(bytes: &[u8]) -> String {
    plain(&String::from_utf8_lossy(bytes.get(..LONGEST * 4).unwrap_or(bytes)))
}

/// Why a message cannot reach a model as it is; `None` if it can.
pub(crate) fn wrong_with_message(message: &[u8]) -> Option<&'static str> {
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

/// `text` with its lines kept and every other control character left out, as an answer is shown; so are marks that turn
/// the direction of writing for more than a word.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let harms = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns(c);
    if !text.contains(harms) { Cow::Borrowed(text) } else { Cow::Owned(text.replace(harms, "")) }
}

/// JSON whose strings hold nothing that a terminal acts upon: such characters become escapes, which stand for the same.
pub(crate) fn harmless_json(json: &str) -> Cow<'_, str> {
    let harms = |c: char| matches!(c, '\u{7f}'..='\u{9f}') || turns(c);
    if !json.contains(harms) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if harms(c) { safe.push_str(&format!("\\u{:04x}", u32::from(c))) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// A duration in at most two units.
pub(crate) fn span(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} m {s:02} s"),
        (h, m, _) if h < 48 => format!("{h} h {m:02} m"),
        (h, ..) => format!("{} d", h / 24),
    }
}

/// `text` as one word for the user's shell, in a command that they are told to type.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether a text fits a pattern, in which `*` is any characters and `?` is one, as a byte is.
pub(crate) fn fits_glob(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and what is tried behind it.
    let mut star = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(c), _) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            (_, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_lose_their_power() {
        assert_eq!(plain("\x1b[2Jgone\r\n\tx\u{202e}y"), "gone xy");
        assert_eq!(
            [plain(" a"), plain("a  b "), plain("a b"), plain("a "), plain(" "), plain("")],
            ["a", "a b", "a b", "a", "", ""]
        );
        assert_eq!(harmless("a\n\x1b]0;title\x07b\tc"), "a\n]0;titleb\tc");
        assert_eq!(harmless("\u{202e}evil\u{2066}.\u{200f}"), "evil.\u{200f}");
    }

    #[test]
    fn json_says_the_same_and_reaches_no_terminal() {
        for text in ["\u{9b}2J", "a\u{7f}b", "\u{202e}é", "\u{1b}[2J"] {
            let json = serde_json::to_string_pretty(&[text, "日本"]).unwrap();
            let safe = harmless_json(&json);
            assert!(!safe.contains(|c: char| (c.is_control() && c != '\n') || turns(c)), "{safe}");
            assert_eq!(serde_json::from_str::<[String; 2]>(&safe).unwrap(), [text, "日本"]);
        }
    }

    #[test]
    fn of_last_words_the_end_is_kept() {
        let log = "INFO  doing this and that\n".repeat(80);
        let words = plain_end(&format!("{log}\x1b[31mError: Model not found\n"));
        assert!(words.starts_with('…') && words.ends_with("that Error: Model not found"), "{words}");
        assert_eq!(plain_end("no\n"), "no");
        // Behind a few words more, it is still the end that one line shows.
        assert!(plain(&format!("it did nothing (exit status 1): {words}")).ends_with("not found"));
    }

    #[test]
    fn durations_are_short() {
        let span = |s| span(std::time::Duration::from_secs(s));
        assert_eq!([span(9), span(64), span(3725), span(200_000)], ["9 s", "1 m 04 s", "1 h 02 m", "2 d"]);
    }

    proptest! {
        #[test]
        fn plain_text_is_one_bounded_line(text: String) {
            let plain = plain(&text);
            prop_assert!(!plain.chars().any(char::is_control) && plain.chars().count() <= LONGEST + 1);
            let end = plain_end(&text);
            prop_assert!(!end.chars().any(char::is_control) && end.chars().count() <= LAST_WORDS + 1);
        }

        #[test]
        fn what_is_plain_already_stays_as_it_is(text in "[ -~é\t\u{1b}]{0,200}") {
            let slowly = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let untouched = slowly == text && text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control());
            prop_assert_eq!(is_plain(&text), untouched);
            let kept: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
            prop_assert_eq!(harmless(&text).into_owned(), kept);
        }
    }
}

//! Paths of the session's directory in what the model reads: the host's in the copy, home's on return.
//!
//! Only whole paths, and whole beginnings of paths: `/home/me/app` is found in `cd "/home/me/app/src"`, and not in
//! `/home/me/app-old`, `/mnt/home/me/app` or `-I/home/me/app`. A path whose end is not certain is left alone. On return the
//! same is done the other way, so that a text comes back as it was, unless it named the host's directory before. (A row that
//! the host did not change does not come back through here.)

use crate::session::raw::quoted;
use crate::transfer::url::{self, joined};
use serde::{Deserialize, Serialize};

/// What a message may grow by, in bytes, when ids, times and paths in it are replaced. A host could make gigabytes of a text
/// of nothing but a short path.
pub(crate) const GROWTH: usize = 8 << 20;

/// Two directories that stand for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paths {
    /// The session's directory at home, absolute, without a slash at its end.
    here: String,
    /// That on the host, likewise; empty for the root directory.
    there: String,
}

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Whole,
    /// The string may hold paths among other things, as a command does.
    Text,
    Url,
}

impl Paths {
    /// For a session that works in `here` at home and in `there` on the host. `None` if paths cannot be translated by them:
    /// they are the same, home's is the root directory, or one is not absolute.
    pub fn new(here: &str, there: &str) -> Option<Self> {
        let trimmed = |path: &str| path.trim_end_matches('/').to_owned();
        let paths = Self { here: trimmed(here), there: trimmed(there) };
        let sound = here.starts_with('/') && there.starts_with('/') && !paths.here.is_empty();
        (sound && paths.here != paths.there).then_some(paths)
    }

    /// Whether [`Paths::new`] could have made them: they may have been read from a file.
    pub fn is_sound(&self) -> bool {
        let there = if self.there.is_empty() { "/" } else { &self.there };
        Self::new(&self.here, there).as_ref() == Some(self)
    }

    /// A string of raw JSON, with its quotes, in the words of the host; `None` if it stays as it is.
    pub(crate) fn outward(&self, style: Style, raw: &str) -> Option<String> {
        replaced(style, raw, &self.here, &self.there)
    }

    /// The same, in the words of home. If the host's directory is its root, no path is: any could be.
    pub(crate) fn homeward(&self, style: Style, raw: &str) -> Option<String> {
        if self.there.is_empty() { None } else { replaced(style, raw, &self.there, &self.here) }
    }
}

fn replaced(style: Style, raw: &str, from: &str, to: &str) -> Option<String> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    let (as_written, to_write) = (escaped(from), escaped(to));
    let changed = match style {
        Style::Whole => {
            let rest = inside.strip_prefix(as_written.as_str())?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
            joined(&to_write, rest)
        }
        Style::Text => in_text(inside, &as_written, &to_write)?,
        Style::Url if inside.contains('\\') => return None,
        Style::Url => return url::moved(inside, from, to).map(|url| quoted(&url)),
    };
    Some(format!("\"{changed}\""))
}

/// A directory as it stands in raw JSON, as JavaScript writes it.
fn escaped(path: &str) -> String {
    let quoted = quoted(path);
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

fn in_text(text: &str, from: &str, to: &str) -> Option<String> {
    let finder = memchr::memmem::Finder::new(from);
    let mut out = String::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(found) = finder.find(text.as_bytes().get(at..)?) {
        let start = at + found;
        let (before, rest) = (text.get(..start)?, text.get(start + from.len()..)?);
        let goes_on = kept > 0 && kept == start;
        if goes_on || !begins(before) || !ends(before, rest) {
            at = start + 1;
            continue;
        }
        out.push_str(text.get(kept..start)?);
        out.push_str(if to.is_empty() && !rest.starts_with('/') { "/" } else { to });
        if out.len() > start + GROWTH {
            return None;
        }
        at = start + from.len();
        kept = at;
    }
    out.push_str(text.get(kept..)?);
    (kept > 0).then_some(out)
}

/// One character of a JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Plain(char),
    /// Spelled with a backslash; the character behind it.
    Escaped(char),
}

/// The last character of the inside of a JSON string. A backslash that escapes what comes next counts as one.
fn last(text: &str) -> Option<Letter> {
    let is_escaped = |before: &str| (before.len() - before.trim_end_matches('\\').len()) % 2 == 1;
    let (at, last) = text.char_indices().next_back()?;
    if is_escaped(text.get(..at)?) {
        return Some(Letter::Escaped(last));
    }
    let code = text.len().checked_sub(6).and_then(|at| Some((text.get(..at)?, text.get(at..)?)));
    Some(match code {
        Some((before, code)) if code.starts_with("\\u") && !is_escaped(before) => Letter::Escaped('u'),
        _ => Letter::Plain(last),
    })
}

/// Whether a path can begin behind this text.
fn begins(before: &str) -> bool {
    match last(before) {
        None => true,
        Some(Letter::Escaped(c)) => "nrt\"".contains(c),
        Some(Letter::Plain(c)) => {
            c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./~+%#$})]*?\\".contains(c)
                || is_file_url(before)
        }
    }
}

fn is_file_url(before: &str) -> bool {
    before.strip_suffix("file://").is_some_and(
        |before| !matches!(last(before), Some(Letter::Plain(c)) if c.is_alphanumeric() || "+-.".contains(c)),
    )
}

/// Whether the path that stands between these two texts ends there, or goes on below itself.
fn ends(before: &str, rest: &str) -> bool {
    // A program that is written in a program has its own escapes.
    if let Some(escaped) = rest.strip_prefix("\\\\") {
        return escaped.starts_with(['n', 'r', 't', '\'']) || escaped.starts_with("\\\"");
    }
    let mut chars = rest.chars();
    match (chars.next(), chars.next()) {
        (None | Some('/'), _) => true,
        (Some('\\'), next) => matches!(next, Some('n' | 'r' | 't' | '"')),
        // Within quotes, and in a string that is a path, a blank is part of a name.
        (Some(' '), _) => !matches!(last(before), None | Some(Letter::Plain('\'') | Letter::Escaped('"'))),
        (Some('.'), next) => next.is_none_or(|c| c == ' ' || c == '\\' || "'`)".contains(c)),
        (Some(c), _) => "'`:,;)]}<>|&=!".contains(c),
    }
}

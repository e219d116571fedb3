//! The directory in a `file://` URL.

/// The URL with another directory, both as they stand in raw JSON; `None` if it does not name this directory.
///
/// opencode encodes some paths as URLs must be and writes others as they are. Each keeps its way, if that can be seen.
pub(crate) fn moved(url: &str, from: &str, to: &str) -> Option<String> {
    let path = url.strip_prefix("file://")?;
    if let Some(rest) = path.strip_prefix(from).filter(|rest| is_end(rest)) {
        let to = if from == encoded(from) { encoded(to) } else { to.to_owned() };
        return Some(format!("file://{}", joined(&to, rest)));
    }
    let rest = path.get(encoded_length(path, from)?..).filter(|rest| is_end(rest))?;
    Some(format!("file://{}", joined(&encoded(to), rest)))
}

/// A path below a directory, of which only the root directory (empty here) ends in a slash.
pub(crate) fn joined(directory: &str, rest: &str) -> String {
    if directory.is_empty() && !rest.starts_with('/') {
        format!("/{rest}")
    } else {
        format!("{directory}{rest}")
    }
}

fn is_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['/', '?', '#'])
}

/// How much of an encoded path spells `from`.
fn encoded_length(path: &str, from: &str) -> Option<usize> {
    let path = path.as_bytes();
    let mut at = 0;
    for byte in from.bytes() {
        let digits = path.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (path.get(at)?, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(code)) if code == byte => at += 3,
            (plain, _) if *plain == byte && byte != b'%' => at += 1,
            _ => return None,
        }
    }
    Some(at)
}

/// A path as it stands in a URL, as JavaScript's `pathToFileURL` writes it.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/!$&'()*+,;=:@[]|".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether a URL names a file below a directory: an absolute one, without a step up.
///
/// By the WHATWG's standard, white space at its ends, tabs and ends of lines are left out, and a backslash is a slash.
/// opencode makes no such URL, so that none is taken.
pub(crate) fn is_below(url: &str, directory: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let is_hidden = ["%5c", "%2f", "%7f", "%0", "%1"].iter().any(|code| lower.contains(code));
    if directory.is_empty() || is_hidden || url.ends_with(' ') || url.contains(is_odd) {
        return false;
    }
    let Some(path) = url.strip_prefix("file://").filter(|path| path.starts_with('/')) else { return false };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let directory = directory.trim_end_matches('/');
    let Some(length) = encoded_length(path, directory) else { return false };
    let rest = path.get(length..).unwrap_or_default();
    let is_up = |step: &str| matches!(step.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    rest.starts_with('/') && !rest.split('/').any(is_up)
}

/// Whether a path, absolute or from the directory on, is one below it.
pub(crate) fn is_path_below(path: &str, directory: &str) -> bool {
    let rest = match path.strip_prefix('/') {
        None => Some(path).filter(|path| !path.starts_with('~')),
        Some(_) if directory.is_empty() => None,
        Some(_) => path.strip_prefix(directory.trim_end_matches('/')).filter(|rest| rest.starts_with('/')),
    };
    !path.contains(is_odd) && rest.is_some_and(|rest| !rest.split('/').any(|step| step == ".."))
}

fn is_odd(c: char) -> bool {
    c.is_control() || c == '\\'
}

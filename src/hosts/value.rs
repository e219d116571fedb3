//! Single values of an entry: what they may be, whoever wrote them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonc_parser::ast::Value;

use super::error::EntryProblem;

pub(super) fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::NullKeyword(_) => "null",
    }
}

/// A host's name: `[A-Za-z0-9][A-Za-z0-9._-]*`, up to 64 characters.
pub(super) fn name(text: &str) -> Result<(), EntryProblem> {
    let tail = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fits = text.len() <= 64
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(tail);
    if fits { Ok(()) } else { Err(EntryProblem::Name) }
}

/// `address`, `user@address` or an ssh alias.
pub(super) fn address(text: &str) -> Result<(), EntryProblem> {
    let (user, address) = match text.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, text),
    };
    let odd = |part: &str| {
        part.is_empty() || part.starts_with('-') || part.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    if text.is_empty() {
        Err(EntryProblem::Empty)
    } else if odd(address) || user.is_some_and(odd) {
        Err(EntryProblem::Address)
    } else if address.starts_with('[') {
        Err(EntryProblem::Brackets)
    } else if address.matches(':').count() == 1 {
        Err(EntryProblem::PortInAddress)
    } else {
        Ok(())
    }
}

pub(super) fn port(text: &str) -> Result<u16, EntryProblem> {
    text.parse().ok().filter(|port| *port != 0).ok_or(EntryProblem::Port)
}

/// A word that becomes a flag's value: not empty, no control characters.
pub(super) fn word(text: &str) -> Result<(), EntryProblem> {
    if text.is_empty() {
        Err(EntryProblem::Empty)
    } else if text.chars().any(char::is_control) {
        Err(EntryProblem::Control)
    } else {
        Ok(())
    }
}

/// `provider/model`; the model may hold more slashes.
pub(super) fn model(text: &str) -> Result<(), EntryProblem> {
    word(text)?;
    match text.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => Ok(()),
        _ => Err(EntryProblem::Model),
    }
}

/// A path on the host: not empty, no NUL; anything else may be in a path.
pub(super) fn remote_path(text: &str) -> Result<(), EntryProblem> {
    if text.is_empty() { Err(EntryProblem::Empty) } else { no_nul(text) }
}

/// A path here: `~/` is the home directory, anything relative is relative to `directory`.
pub(super) fn local_path(text: &str, home: Option<&Path>, directory: &Path) -> Result<PathBuf, EntryProblem> {
    remote_path(text)?;
    match text.strip_prefix('~') {
        None => Ok(directory.join(text)),
        Some(rest) => match rest.strip_prefix('/') {
            Some(rest) => Ok(home.ok_or(EntryProblem::NoHome)?.join(rest.trim_start_matches('/'))),
            None => Err(EntryProblem::OthersHome),
        },
    }
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Result<(), EntryProblem> {
    let fits = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits { Ok(()) } else { Err(EntryProblem::Variable) }
}

/// Whether this can be the name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn is_variable(text: &str) -> bool {
    variable(text).is_ok()
}

pub(crate) fn is_address(text: &str) -> bool {
    address(text).is_ok()
}

/// Whether this can be a path, here or on a host.
pub(crate) fn is_path(text: &str) -> bool {
    remote_path(text).is_ok()
}

/// Neither a variable nor a path can hold a NUL.
pub(super) fn no_nul(text: &str) -> Result<(), EntryProblem> {
    if text.contains('\0') { Err(EntryProblem::Nul) } else { Ok(()) }
}

/// A time as `90s` or `1h 30m`; none at all is no limit to name.
pub(super) fn duration(text: &str) -> Result<Duration, EntryProblem> {
    humantime::parse_duration(text).ok().filter(|time| !time.is_zero()).ok_or(EntryProblem::Duration)
}

pub(super) fn os(text: &str) -> Result<(), EntryProblem> {
    match text {
        "linux" | "macos" => Ok(()),
        _ if text.eq_ignore_ascii_case("windows") => Err(EntryProblem::Windows),
        _ => Err(EntryProblem::Os),
    }
}

pub(super) fn action(text: &str) -> Result<(), EntryProblem> {
    if matches!(text, "allow" | "ask" | "deny") { Ok(()) } else { Err(EntryProblem::Action) }
}

//! The message: an argument, or standard input.

use super::error::CliError;
use std::io::{BufRead as _, IsTerminal as _, Read as _};

/// A message longer than this is a mistake, in bytes.
const LONGEST: u64 = 16 << 20;

/// The message's bytes: the argument, or standard input for `-` or for none with something piped in.
///
/// # Errors
/// None; an empty one; what is no text. Asked before anything is made, so that bad words leave nothing behind.
pub(super) fn read(argument: Option<&str>) -> Result<Vec<u8>, CliError> {
    let message = take(argument)?;
    match crate::text::wrong_with_message(&message) {
        Some(wrong) => Err(CliError::usage(wrong, "say in words what is to be done")),
        None => Ok(message),
    }
}

/// As [`read`], where none is needed: nothing where none is given, and nothing is piped in.
pub(super) fn read_if_given(argument: Option<&str>) -> Result<Option<Vec<u8>>, CliError> {
    if argument.is_none() && (!is_piped() || std::io::stdin().lock().fill_buf().is_ok_and(<[u8]>::is_empty)) {
        return Ok(None);
    }
    read(argument).map(Some)
}

/// Whether something is piped in, or a file is given, as standard input. `/dev/null` and a terminal are neither.
fn is_piped() -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let input = std::fs::metadata("/dev/stdin").map(|input| input.file_type());
    input.is_ok_and(|input| input.is_fifo() || input.is_file() || input.is_socket())
}

fn take(argument: Option<&str>) -> Result<Vec<u8>, CliError> {
    if let Some(text) = argument.filter(|text| *text != "-") {
        return Ok(text.as_bytes().to_vec());
    }
    let missing = || CliError::usage("no message", "add one as the last argument, or pipe it in");
    let stdin = std::io::stdin();
    if argument.is_none() && stdin.is_terminal() {
        return Err(missing());
    }
    let mut message = Vec::new();
    stdin
        .lock()
        .take(LONGEST + 1)
        .read_to_end(&mut message)
        .map_err(|error| CliError::failed("arguments", format!("the message could not be read: {error}")))?;
    if message.len() as u64 > LONGEST {
        return Err(CliError::usage(
            format!("the message is longer than {} MiB", LONGEST >> 20),
            "put the bulk of it into a file there, and name the file",
        ));
    }
    if message.is_empty() && argument.is_none() {
        return Err(missing());
    }
    Ok(message)
}

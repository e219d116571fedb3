//! One process, its output in files, nothing of it left behind when nobody waits for it any more.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

/// How much of standard error is looked at, in bytes from its end.
const STDERR_TAIL: u64 = 16 * 1024;
/// How much of one line is shown, in characters.
const LONGEST_LINE: usize = 300;

/// What is left of a process.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The last line of standard error that says something; bounded, without control characters.
    pub(super) last_line: String,
}

/// Runs `command` to its end: stdin empty (opencode reads an open one to its end first), stdout into the file
/// `stdout` (opencode's output into a pipe is cut at 64 KiB), in a process group of its own, so that a Ctrl-C
/// is ours to act upon. Dropped before its end, the whole group is killed: npm's `opencode` is a script around
/// the program on some releases.
pub(super) async fn run(mut command: Command, stdout: File) -> io::Result<Ended> {
    let mut stderr = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr.try_clone()?).process_group(0);
    let mut child = command.spawn()?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)));
    let status = child.wait().await?;
    group.0 = None;
    Ok(Ended { status, last_line: last_line(&tail(&mut stderr)?) })
}

/// The process group of a child that has not been waited for yet.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may just have ended; then there is nothing to kill.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The first `limit` bytes of a file that a process wrote.
pub(super) fn head(file: &mut File, limit: u64) -> io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(STDERR_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(STDERR_TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last line that is not empty once colours and control characters are taken out.
pub(super) fn last_line(text: &str) -> String {
    lines(text).last().unwrap_or_default()
}

/// The lines that are not empty once colours and control characters are taken out.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> {
    let plain = console::strip_ansi_codes(text).into_owned();
    let lines: Vec<String> = plain
        .lines()
        .map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>())
        .map(|line| line.trim().chars().take(LONGEST_LINE).collect::<String>())
        .filter(|line| !line.is_empty())
        .collect();
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_line_is_plain_and_bounded() {
        let text = "Exporting session: ses_x\n\u{1b}[91m\u{1b}[1mError: \u{1b}[0mSession\u{7} not found: ses_x\r\n\n \n";
        assert_eq!(last_line(text), "Error: Session not found: ses_x");
        assert_eq!(last_line(""), "");
        assert_eq!(last_line(&"é".repeat(1000)).chars().count(), LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn no_control_character_survives(text in any::<String>()) {
            prop_assert!(lines(&text).all(|line| !line.is_empty() && !line.chars().any(char::is_control)));
        }
    }
}

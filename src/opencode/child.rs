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
    /// The line of standard error that says why, or the last one that says something; bounded, without control
    /// characters.
    pub(super) cause: String,
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
    Ok(Ended { status, cause: cause(&tail(&mut stderr, STDERR_TAIL)?) })
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

/// The last `limit` bytes, likewise.
pub(crate) fn tail(file: &mut File, limit: u64) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// SQLite's words for what keeps a program from its database.
const DATABASE_FAULTS: [&str; 7] = [
    "database is locked",
    "database or disk is full",
    "attempt to write a readonly database",
    "database disk image is malformed",
    "unable to open database file",
    "file is not a database",
    "disk I/O error",
];

/// How opencode's library begins the line that names the statement that failed.
const FAILED_QUERIES: [&str; 2] = ["Failed query:", "Failed to run the query"];

/// How lines begin that stand behind the cause: the statement's parameters, and where in the program that was.
const DETAILS: [&str; 5] = ["params:", "at ", "errno:", "code:", "byteOffset:"];

/// Whether these words of opencode say that it could not use its database, be it for a moment.
pub(super) fn is_databases(words: &str) -> bool {
    DATABASE_FAULTS.iter().any(|fault| words.contains(fault))
        || FAILED_QUERIES.iter().any(|lead| words.starts_with(lead))
}

/// Of what opencode said on standard error the line that names the cause; the last one where none is known to.
pub(crate) fn cause(text: &str) -> String {
    let said: Vec<String> = lines(text).collect();
    let is_detail = |line: &str| DETAILS.iter().any(|lead| line.starts_with(lead));
    let fault = |line: &&String| !is_detail(line) && DATABASE_FAULTS.iter().any(|fault| line.contains(fault));
    let query = |line: &&String| FAILED_QUERIES.iter().any(|lead| line.starts_with(lead));
    let found = said.iter().rfind(fault).or_else(|| said.iter().rfind(query));
    let found = found.or_else(|| said.iter().rfind(|line| !is_detail(line)));
    found.or(said.last()).cloned().unwrap_or_default()
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

    #[test]
    fn the_cause_is_told_and_not_the_line_behind_it() {
        // As 1.18.33, 1.14.41 and 1.3.2 print them.
        let locked = "\u{1b}[91m\u{1b}[1mError: \u{1b}[0mUnexpected error\n\ndatabase is locked\n";
        assert_eq!(cause(locked), "database is locked");
        let query = "Error: Unexpected error\n\nFailed query: insert into \"project\" (\"id\") values (?)\nparams: global,/,[]\n";
        assert_eq!(cause(query), "Failed query: insert into \"project\" (\"id\") values (?)");
        let pragma = "Error: Unexpected error, check log file at /h/x.log for more details\n\nFailed to run the query 'PRAGMA journal_mode = WAL'\n";
        assert!(cause(pragma).starts_with("Failed to run the query"));
        // As the library shows an error that has another behind it.
        let stack = "DrizzleQueryError: Failed query: x\nparams: 1\nSQLiteError: database is locked\n      at #run (bun:sqlite:180:20)\n      errno: 5,\n code: \"SQLITE_BUSY\"\n";
        assert_eq!(cause(stack), "SQLiteError: database is locked");
        assert_eq!(cause("Failed query: x\nparams: database is locked,\na title\n"), "Failed query: x");
        assert_eq!(cause("one\ntwo\n"), "two");
        assert_eq!(cause("at noon\n"), "at noon");
        assert_eq!(cause(""), "");
        assert!(is_databases(&cause(stack)) && is_databases(&cause(query)) && !is_databases("two"));
    }

    proptest! {
        #[test]
        fn no_control_character_survives(text in any::<String>()) {
            prop_assert!(lines(&text).all(|line| !line.is_empty() && !line.chars().any(char::is_control)));
        }
    }
}

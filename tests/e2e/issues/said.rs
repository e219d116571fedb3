//! What the issue verbs say, word for word: tests/fixtures/said.txt. A sentence that changed is seen there.

use super::kept::{BASE, GONE_ISSUE, IDLE, IDLE_ISSUE, Kept, USED, USED_ISSUE};
use kugetsu::dispatch::State;
use std::fmt::Write as _;
use std::path::Path;

/// Set to write the file anew.
const UPDATE: &str = "KUGETSU_UPDATE_SAID";

/// Commands and what they said, as in a terminal.
struct Transcript {
    text: String,
}

impl Transcript {
    /// Runs each of the commands in a home, which `heading` describes.
    fn of(&mut self, heading: &str, kept: &Kept, commands: &[&[&str]]) {
        writeln!(self.text, "## {heading}\n").unwrap();
        for arguments in commands {
            let done = kept.kugetsu(arguments);
            let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
            writeln!(self.text, "$ kugetsu {}", words.join(" ")).unwrap();
            let home = kept.home.machine.home().display().to_string();
            for (lead, said) in [("", &done.stdout), ("! ", &done.stderr)] {
                // Where lines are broken depends on how long the home's name and a process's number are.
                let varies = said.contains(&home) || said.contains(" (process ");
                let joined = said.split_whitespace().collect::<Vec<_>>().join(" ");
                for line in if varies { joined.lines() } else { said.lines() } {
                    writeln!(self.text, "{lead}{}", steady(line, &home)).unwrap();
                }
            }
            writeln!(self.text, "[{}]\n", done.code()).unwrap();
        }
    }
}

fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=".contains(c));
    if plain { word.to_owned() } else { format!("'{word}'") }
}

/// `line` without what is another at every time.
fn steady(line: &str, home: &str) -> String {
    let line = line.replace(home, "HOME");
    let line = match line.split_once(" since ") {
        Some((before, after)) => {
            format!("{before} since N{}", after.trim_start_matches(|c: char| c != ':' && c != '"'))
        }
        None => line,
    };
    match line.split_once(" (process ") {
        Some((before, after)) => {
            let after = after.split_once(')').map_or("", |(_, after)| after);
            let after = match after.strip_prefix(" for ") {
                Some(after) => {
                    let words = after.split_inclusive(' ');
                    let rest: String =
                        words.skip_while(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect();
                    format!(" for N s {}", rest.trim_start())
                }
                None => after.to_owned(),
            };
            format!("{before} (process N){}", after.trim_end())
        }
        None => line,
    }
}

#[test]
fn what_the_issue_verbs_say() {
    let mut said = Transcript { text: String::new() };
    let kept = Kept::new();
    let file = kept.home.state().join("sessions/github.com-shoko-kugetsu-14.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let message = r#""message": "Look at the login\nand mend it", "#;
    std::fs::write(&file, text.replacen('{', &format!("{{{message}"), 1)).unwrap();
    said.of(
        "A home as the earlier script left it, outside of a repository",
        &kept,
        &[
            &["list"],
            &["list", "--left"],
            &["init"],
            &["init", "--session", "x"],
            &["init", "--force", "--session", "ses_none"],
            &["start", USED_ISSUE, "hello"],
            &["start", "#14", "hello"],
            &["start", "14", "hello"],
            &["start", "fourteen", "hello"],
            &["start", "#0", "hello"],
            &["start", "shoko/kugetsu#014", "hello"],
            &["start", "a/../b#1", "hello"],
            &["start", "github.com/a/b#1", ""],
            &["start", "github.com/a/b#1", "hello", "--agent", "nobody"],
            &["start", "github.com/a/b#1", "hello", "--variant", "high"],
            &["start", "github.com/a/b#1", "hello", "--model", "m1"],
            &["start", "github.com/a/b#1", "hello", "--dir", "nowhere"],
            &["start", IDLE, "hello"],
            &["start"],
            &["continue", "github.com/a/b#1", "hello"],
            &["continue", GONE_ISSUE, "hello"],
            &["continue", "ses_none", "hello"],
            &["continue", "shoko/kugetsu#14"],
            &["resume", IDLE_ISSUE],
            &["resume", USED_ISSUE],
            &["resume"],
            &["stop", USED_ISSUE],
            &["logs", USED_ISSUE],
            &["permit", IDLE],
            &["permit", IDLE, "question", "*"],
            &["permit", IDLE, "bash", ""],
            &["permit", IDLE, "bash", "git *"],
            &["permit", IDLE, "extern_directory", "/tmp/*", "--action", "ask"],
            &["prune"],
            &["destroy", USED_ISSUE],
            &["destroy", "github.com/a/b#1", "-y"],
            &["destroy"],
            &["list", "--nonsense"],
            &["lst"],
        ],
    );
    let run = kept.hold(USED);
    kept.put(&format!("runs/{USED}/prompt"), "Look at the login");
    kept.dispatch(1, IDLE, State::Launched { identity: "x".into() });
    said.of(
        "#14 is running, and #3 is on pi",
        &kept,
        &[
            &["list"],
            &["continue", USED_ISSUE, "me too"],
            &["resume", USED_ISSUE],
            &["destroy", USED_ISSUE, "-y"],
            &["permit", USED, "bash", "*"],
            &["continue", IDLE_ISSUE, "me too"],
            &["destroy", IDLE_ISSUE, "-y"],
            &["permit", IDLE, "bash", "*"],
            &["continue", IDLE_ISSUE, "me too", "--json"],
        ],
    );
    drop(run);
    for session in [USED, BASE] {
        kept.lose(session);
    }
    kept.put("sessions/git.example.org-group-sub-tool-3.json", "{\"format\": 9}");
    said.of(
        "opencode has lost the base and #14, and the file of #3 is a newer kugetsu's",
        &kept,
        &[
            &["list"],
            &["init"],
            &["start", "github.com/a/b#1", "hello"],
            &["continue", USED_ISSUE, "hello"],
            &["continue", IDLE_ISSUE, "hello"],
            &["destroy", IDLE_ISSUE, "-y"],
        ],
    );
    kept.put("index.json", "{\"base\": ");
    std::fs::remove_dir_all(kept.home.state().join("dispatches")).unwrap();
    said.of(
        "The index is damaged",
        &kept,
        &[&["list"], &["start", "github.com/a/b#1", "hello"], &["continue", USED, "hello"], &["prune"]],
    );
    std::fs::remove_dir_all(kept.home.state()).unwrap();
    said.of(
        "Nothing is there yet",
        &kept,
        &[
            &["list"],
            &["start", "github.com/a/b#1", "hello"],
            &["continue", "github.com/a/b#1", "hello"],
            &["resume"],
            &["prune"],
            &["destroy", "--base", "-y"],
        ],
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/said.txt");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &said.text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = said.text.lines().zip(written.lines()).find(|(now, written)| now != written);
    assert!(
        said.text == written,
        "{} is not what kugetsu says, from {differs:?} on; if the new words are better: {UPDATE}=1 cargo test --test e2e said",
        path.display()
    );
}

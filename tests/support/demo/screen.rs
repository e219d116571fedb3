//! What the demo prints: steps with the time, the conversation, words wrapped to the terminal.

use console::{Term, style};
use serde_json::Value;
use std::time::Instant;

/// Prints each step with the seconds since the beginning.
#[derive(Debug)]
pub(crate) struct Screen {
    began: Instant,
    width: usize,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let width = Term::stdout().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        Self { began: Instant::now(), width: width.clamp(40, 100) }
    }

    /// Seconds since the beginning.
    pub(crate) fn elapsed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Announces what is done next.
    pub(crate) fn step(&self, text: &str) {
        let time = format!("{:5.1} s", self.elapsed());
        for (number, line) in wrapped(text, self.width - 9).into_iter().enumerate() {
            if number == 0 {
                println!("{}  {}", style(&time).dim(), style(line).bold());
            } else {
                println!("         {}", style(line).bold());
            }
        }
    }

    /// Prints a paragraph.
    pub(crate) fn say(&self, text: &str) {
        for line in wrapped(text, self.width) {
            println!("{line}");
        }
    }

    /// Prints a command to type, never broken: it is there to be copied.
    pub(crate) fn command(&self, text: &str) {
        println!("  {}", style(text).cyan());
    }

    /// Prints a conversation; what follows the first `old` messages is marked as new.
    pub(crate) fn conversation(&self, session: &Value, old: usize) {
        println!();
        for (number, message) in messages(session).iter().enumerate() {
            let new = number >= old;
            for (who, text) in spoken(message) {
                for (line, text) in text.lines().flat_map(|l| wrapped(l, self.width - 11)).enumerate() {
                    let who = if line == 0 { who } else { "" };
                    let row = format!("{} {who:>6}  {text}", if new { '+' } else { ' ' });
                    let row = style(row.trim_end());
                    println!(" {}", if new { row.green() } else { row });
                }
            }
        }
        println!();
    }
}

/// The messages of a session as `opencode export` prints it.
pub(crate) fn messages(session: &Value) -> &[Value] {
    session["messages"].as_array().map_or(&[], Vec::as_slice)
}

/// Who said what in a message, tools included.
fn spoken(message: &Value) -> Vec<(&'static str, String)> {
    let who = if message["info"]["role"] == "user" { "you" } else { "model" };
    let parts = message["parts"].as_array().map_or(&[][..], Vec::as_slice);
    let mut spoken = Vec::new();
    for part in parts {
        let state = &part["state"];
        match part["type"].as_str() {
            Some("text") => spoken.push((who, string(&part["text"]))),
            Some("tool") => {
                spoken.push(("tool", format!("$ {}", string(&state["input"]["command"]))));
                spoken.push(("", string(&state["output"])));
            }
            _ => {}
        }
    }
    spoken
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

/// `text` in lines of `width` columns at most, where its words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

//! Standard output for the answer, standard error for everything else.

use super::error::CliError;
use super::{Color, Global};
use console::{Style, Term};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Columns where there is no terminal to ask.
const COLUMNS: usize = 100;

/// How to talk to whoever called.
#[derive(Debug, Clone)]
pub(super) struct Ui {
    pub(super) json: bool,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    /// Standard error is a terminal: bars and spinners make sense.
    pub(super) live: bool,
    colour: bool,
}

impl Ui {
    pub(super) fn new(global: &Global) -> Self {
        let live = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => live && !dumb && !unwanted,
        };
        Self { json: global.json, quiet: global.quiet, verbose: global.verbose, live: live && !dumb, colour }
    }

    /// Columns of the terminal that standard error is.
    pub(super) fn columns(&self) -> usize {
        if self.live { usize::from(Term::stderr().size().1).max(20) } else { COLUMNS }
    }

    /// Columns of the terminal that standard output is.
    pub(super) fn answer_columns(&self) -> usize {
        let stdout = Term::stdout();
        if stdout.is_term() { usize::from(stdout.size().1).max(20) } else { COLUMNS }
    }

    fn style(&self) -> Style {
        Style::new().for_stderr().force_styling(self.colour)
    }

    pub(super) fn good(&self, text: &str) -> String {
        self.style().green().apply_to(text).to_string()
    }

    pub(super) fn bad(&self, text: &str) -> String {
        self.style().red().bold().apply_to(text).to_string()
    }

    pub(super) fn faint(&self, text: &str) -> String {
        self.style().dim().apply_to(text).to_string()
    }

    pub(super) fn strong(&self, text: &str) -> String {
        self.style().bold().apply_to(text).to_string()
    }

    /// A sentence for the user, on standard error, broken at spaces; not in quiet mode.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            self.wrapped("", text);
        }
    }

    /// A line that quiet mode does not hold back.
    pub(super) fn line(&self, line: &str) {
        // Nobody is left to be told that standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// The answer, alone on standard output, with a newline at its end.
    pub(super) fn answer(&self, text: &str) {
        let text = crate::text::harmless(text);
        let mut out = std::io::stdout().lock();
        // A reader that has seen enough is no error.
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// One JSON document on standard output.
    pub(super) fn document(&self, document: &impl Serialize) {
        if let Ok(text) = serde_json::to_string_pretty(document) {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{}", crate::text::harmless_json(&text));
        }
    }

    /// Prints an error and gives its exit status.
    pub(super) fn fail(&self, error: &CliError) -> ExitCode {
        if self.json {
            self.document(&error.document());
        }
        let at = if self.verbose { format!(" (step: {})", error.step) } else { String::new() };
        self.wrapped(&format!("{} ", self.bad("kugetsu:")), &format!("{}{at}", error.message));
        for more in [&error.safe, &error.hint].into_iter().flatten() {
            self.wrapped("  ", more);
        }
        self.ways(&error.ways);
        error.exit.into()
    }

    /// Prints ways out in two columns, or, where these do not fit, each command on a line of its own.
    pub(super) fn ways(&self, ways: &[(&str, String)]) {
        let width = console::measure_text_width;
        let what = ways.iter().map(|(what, _)| width(what) + 1).max().unwrap_or(0);
        let fits = ways.iter().all(|(_, command)| 2 + what + 2 + width(command) <= self.columns());
        for (text, command) in ways {
            if fits {
                self.line(&format!("  {:<what$}  {command}", format!("{text}:")));
            } else {
                self.wrapped("  ", &format!("{text}:"));
                self.wrapped("    ", command);
            }
        }
    }

    /// Prints text behind `lead`, broken at spaces; a word that is longer than a line, such as a path to copy,
    /// stays whole.
    pub(super) fn wrapped(&self, lead: &str, text: &str) {
        wrap(lead, text, self.columns()).iter().for_each(|line| self.line(line));
    }
}

/// `text` behind `lead`, broken at spaces into lines of `width` columns; a word that is longer stays whole. Spaces that
/// `text` begins with are a part of the lead.
pub(super) fn wrap(lead: &str, text: &str, width: usize) -> Vec<String> {
    let words = text.trim_start_matches(' ');
    let mut lines = Vec::new();
    let mut line = format!("{lead}{:1$}", "", text.len() - words.len());
    let mut empty = true;
    for word in words.split(' ') {
        let needed =
            console::measure_text_width(&line) + console::measure_text_width(word) + usize::from(!empty);
        if !empty && needed > width {
            lines.push(std::mem::replace(&mut line, "  ".to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrap("", "", 10), [""]);
        assert_eq!(wrap("✓ ", "ten columns are few", 10), ["✓ ten", "  columns", "  are few"]);
        assert_eq!(wrap("", "  two  by two", 9), ["  two  by", "  two"]);
        assert_eq!(
            wrap("", "  /a/path/to/copy", 10),
            ["  /a/path/to/copy"],
            "whole, and no empty line before it"
        );
    }
}

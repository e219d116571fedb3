//! Standard output for the answer, standard error for everything else.

use super::error::{CliError, Exit};
use super::global::Global;
use crate::text::{harmless, harmless_json};
use clap::ColorChoice;
use console::{Style, Term};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, StdoutLock, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

/// Why the answer could not be written to this process's standard output, where it could not.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Writes to standard output, which nothing else does, so that [`Ui::finish`] hears of every answer that was not written.
/// False where nobody takes it.
fn print(write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>) -> bool {
    if UNWRITTEN.get().is_some() {
        return false;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    written.map_err(unwritten).is_ok()
}

/// Remembers that something could not be written to standard output.
pub(super) fn unwritten(error: io::Error) {
    // The first says why.
    let _ = UNWRITTEN.set(error);
}

/// Whether standard output takes anything, once another library has failed to write to it. If not, [`Ui::finish`] says
/// why.
pub(super) fn is_taken() -> bool {
    print(|out| out.write_all(b"\n"))
}

/// Tells the process that started this one, and reads its standard output, how the work began. Nobody may be listening any
/// more, and that is no fault: it is no answer.
pub(super) fn tell_parent(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The answer of whoever sits at the terminal; nothing where none comes.
pub(super) fn ask(question: &str) -> String {
    let term = Term::stderr();
    let answer = term.write_str(question).and_then(|()| term.read_line());
    answer.unwrap_or_default().trim().to_owned()
}

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
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => live && !dumb && !unwanted,
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

    /// Something is done, as [`Ui::note`].
    pub(super) fn done(&self, text: &str) {
        self.note(&format!("{} {text}", self.good("✓")));
    }

    /// The agent's run did not do its work; quiet mode does not hold that back.
    pub(super) fn run_failed(&self, text: &str) {
        self.wrapped(&format!("{} ", self.bad("✗")), text);
    }

    /// The document of a verb that has an agent work, or the agent's answer.
    pub(super) fn reply(&self, document: &impl Serialize, reply: Option<&str>) {
        if self.json {
            self.document(document);
        } else if let Some(reply) = reply {
            self.note("");
            self.answer(reply);
        }
    }

    /// A line that quiet mode does not hold back.
    pub(super) fn line(&self, line: &str) {
        // Nobody is left to be told that standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "{}", coloured(line));
    }

    /// The answer, alone on standard output, with a newline at its end.
    pub(super) fn answer(&self, text: &str) {
        let text = harmless(text);
        let end = if text.ends_with('\n') { "" } else { "\n" };
        print(|out| write!(out, "{text}{end}"));
    }

    /// Lines of an answer that may go on; false once nobody takes them.
    pub(super) fn lines(&self, lines: impl IntoIterator<Item = String>) -> bool {
        print(|out| lines.into_iter().try_for_each(|line| writeln!(out, "{}", harmless(&line))))
    }

    /// One JSON document on standard output.
    pub(super) fn document(&self, document: &impl Serialize) {
        match serde_json::to_string_pretty(document) {
            Ok(text) => {
                print(|out| writeln!(out, "{}", harmless_json(&text)));
            }
            Err(error) => unwritten(error.into()),
        }
    }

    /// The exit status of a command that came to its end with `exit`. An answer that could not be written is a failure; a
    /// reader that has seen enough is none.
    pub(super) fn finish(&self, exit: Exit) -> Exit {
        // The standard library writes what it still holds at the end, and tells nobody how that went.
        print(|_| Ok(()));
        match UNWRITTEN.get() {
            None => exit,
            Some(error) if error.kind() == ErrorKind::BrokenPipe => exit,
            Some(error) => {
                let text = format!("the answer could not be written to standard output: {error}");
                self.wrapped(&format!("{} ", self.bad("kugetsu:")), &text);
                if exit == Exit::Done { Exit::Failed } else { exit }
            }
        }
    }

    /// Prints an error and gives its exit status.
    pub(super) fn fail(&self, error: &CliError) -> ExitCode {
        if self.json {
            self.document(&error.document());
        }
        let at = if self.verbose { format!(" (step: {})", error.step) } else { String::new() };
        let message = format!("{}{at}", error.message);
        self.wrapped(&format!("{} ", self.bad("kugetsu:")), &harmless(&message));
        for more in [&error.safe, &error.hint].into_iter().flatten() {
            self.wrapped("  ", &harmless(more));
        }
        self.ways(&error.ways);
        self.finish(error.exit).into()
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

/// A line whose only escapes are colours, which are ours. Others' words are made harmless where they are shown; this is
/// for where that was forgotten.
fn coloured(line: &str) -> Cow<'_, str> {
    if !line.contains(|c: char| c.is_control() && c != '\n') && *harmless(line) == *line {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('\u{1b}') {
        shown.push_str(&harmless(before));
        let end =
            behind.find(|c: char| !c.is_ascii_digit() && !matches!(c, '[' | ';')).unwrap_or(behind.len());
        match behind.get(..=end) {
            Some(colour) if colour.starts_with('[') && colour.ends_with('m') => {
                shown.push('\u{1b}');
                shown.push_str(colour);
                rest = behind.get(end + 1..).unwrap_or_default();
            }
            _ => rest = behind,
        }
    }
    shown.push_str(&harmless(rest));
    Cow::Owned(shown)
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
    fn only_colours_reach_a_terminal() {
        assert_eq!(coloured("\u{1b}[1;31mno\u{1b}[0m  yes\n"), "\u{1b}[1;31mno\u{1b}[0m  yes\n");
        assert_eq!(coloured("a\u{1b}[2Jb\u{1b}]0;t\u{7}\u{9b}2Jc\u{202e}d\u{1b}"), "a[2Jb]0;t2Jcd");
        assert_eq!(coloured("é 日本 ✓"), "é 日本 ✓");
        assert_eq!(coloured("\u{1b}[éx\u{1b}"), "[éx");
    }

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

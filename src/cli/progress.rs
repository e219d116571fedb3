//! A trip, shown on standard error while it goes on.

use super::heading::heading;
use super::output::{Ui, wrap};
use crate::clock;
use crate::dispatch::{Moment, Step};
use crate::events::{Event, ToolCall};
use crate::text::{harmless, plain, span};
use crate::trip::{News, Observer};
use console::{measure_text_width, truncate_str};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Shows a trip, and knows while it must not be interrupted.
pub(super) struct Progress {
    ui: Ui,
    shown: Mutex<ShownState>,
    critical: watch::Sender<bool>,
}

struct ShownState {
    bar: Option<ProgressBar>,
    /// Steps done, on one line until something else is shown.
    done: Vec<String>,
    /// A text that is shown once it turns out not to be the answer, which goes to standard output.
    held: Option<String>,
    /// Somebody is being asked something: no spinner.
    asking: bool,
}

impl Progress {
    pub(super) fn new(ui: &Ui) -> Self {
        let shown = ShownState { bar: None, done: Vec::new(), held: None, asking: false };
        Self { ui: ui.clone(), shown: Mutex::new(shown), critical: watch::Sender::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, ShownState> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_critical(&self) -> bool {
        *self.critical.borrow()
    }

    /// Waits until the trip may be interrupted.
    pub(super) async fn uncritical(&self) {
        // The sender lives as long as `self`.
        let _ = self.critical.subscribe().wait_for(|critical| !critical).await;
    }

    /// Takes the spinner away and shows what was held back of the steps.
    pub(super) fn clear(&self) {
        let mut shown = self.lock();
        self.flush(&mut shown);
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Runs `ask` with the terminal to itself. Nothing is locked meanwhile: an interruption of the question takes the
    /// progress away.
    pub(super) fn suspend<T>(&self, ask: impl FnOnce() -> T) -> T {
        let bar = {
            let mut shown = self.lock();
            shown.asking = true;
            shown.bar.take()
        };
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let answer = ask();
        self.lock().asking = false;
        answer
    }

    /// One line, above the spinner.
    pub(super) fn say(&self, line: &str) {
        let mut shown = self.lock();
        self.flush(&mut shown);
        self.print(&shown, line);
    }

    /// Something goes on from here that takes its time.
    pub(super) fn working(&self, words: &str) {
        self.spin(&mut self.lock(), words);
    }

    fn print(&self, shown: &ShownState, line: &str) {
        match &shown.bar {
            Some(bar) => bar.suspend(|| self.ui.note(line)),
            None => self.ui.note(line),
        }
    }

    fn spin(&self, shown: &mut ShownState, message: &str) {
        if !self.ui.live || self.ui.quiet || shown.asking {
            return;
        }
        let bar = shown.bar.get_or_insert_with(|| {
            // The first tick draws it, so it must not look like a bar by then.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_style(style("{spinner} {wide_msg}{elapsed}"));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.length().is_some() || bar.message().is_empty() {
            bar.unset_length();
            bar.set_style(style("{spinner} {wide_msg}{elapsed}"));
            bar.reset_elapsed();
        }
        bar.set_message(message.to_owned());
    }

    fn count(&self, shown: &ShownState, done: u64, total: u64) {
        let Some(bar) = &shown.bar else { return };
        // A bar that is gone before it is seen only flickers.
        if total < 256 * 1024 {
            return;
        }
        if bar.length() != Some(total) {
            bar.set_length(total);
            let narrow = self.ui.columns() < 60;
            bar.set_style(style(if narrow {
                "{spinner} {msg} {bytes}/{total_bytes}"
            } else {
                "{spinner} {msg} [{bar:24}] {bytes} of {total_bytes}, {bytes_per_sec}"
            }));
        }
        bar.set_position(done);
    }

    fn step(&self, shown: &mut ShownState, words: &str) {
        shown.done.push(format!("{} {words}", self.ui.good("✓")));
    }

    /// Prints the steps that are done, as many to a line as fit.
    fn flush(&self, shown: &mut ShownState) {
        let width = self.ui.columns();
        let mut line = String::new();
        for step in std::mem::take(&mut shown.done) {
            if !line.is_empty() && measure_text_width(&line) + 2 + measure_text_width(&step) > width {
                self.print(shown, &std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&step);
        }
        if !line.is_empty() {
            self.print(shown, &line);
        }
    }

    fn event(&self, shown: &mut ShownState, event: &Event) {
        if let Some(text) = shown.held.take_if(|_| !matches!(event, Event::StepFinished { .. })) {
            // A tab is as wide as a terminal makes it.
            for line in harmless(&text).replace('\t', "    ").lines() {
                let line = truncate_str(line, self.ui.columns().saturating_sub(4), "…").into_owned();
                self.print(shown, &format!("    {}", self.ui.faint(&line)));
            }
        }
        match event {
            Event::Tool(call) => {
                let line = tool_line(&self.ui, call);
                self.print(shown, &line);
                self.spin(shown, "thinking");
            }
            Event::StepStarted => self.spin(shown, "writing"),
            Event::Reasoning => self.spin(shown, "thinking"),
            Event::Text(text) => shown.held = Some(text.clone()),
            Event::StepFinished { .. } => self.spin(shown, "working"),
            Event::Failed(words) => {
                let line = format!("  {} {}", self.ui.bad("✗"), plain(words));
                self.print(shown, &truncate_str(&line, self.ui.columns(), "…"));
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// One line for a tool call: mark, tool, title, and its outcome at the right.
fn tool_line(ui: &Ui, call: &ToolCall) -> String {
    let took = call.took_ms.filter(|ms| *ms >= 1000).map(|ms| span(Duration::from_millis(ms.unsigned_abs())));
    let outcome: Vec<String> = [
        call.trouble.as_deref().map(plain),
        call.diff.map(|(added, removed)| format!("+{added} −{removed}")),
        took,
    ]
    .into_iter()
    .flatten()
    .collect();
    let outcome = outcome.join(", ");
    let outcome = truncate_str(&outcome, ui.columns() / 2, "…").into_owned();
    let head = format!("  {} {:<5} ", if call.ok { "✓" } else { "✗" }, plain(&call.tool));
    let room = ui.columns().saturating_sub(measure_text_width(&head) + measure_text_width(&outcome) + 2);
    let title = plain(&call.title);
    let title = truncate_str(&title, room, "…");
    let head = head.replacen('✓', &ui.good("✓"), 1).replacen('✗', &ui.bad("✗"), 1);
    if outcome.is_empty() {
        return format!("{head}{title}");
    }
    // Right-aligned in a terminal, but no further than the eye follows.
    let pad = room.min(46).saturating_sub(measure_text_width(&title));
    format!("{head}{title}{:pad$}  {}", "", ui.faint(&outcome))
}

impl Observer for Progress {
    fn tell(&self, news: News<'_>) {
        let mut guard = self.lock();
        let shown = &mut *guard;
        match news {
            News::Recorded(record) => {
                let head = format!(
                    "{} → {}",
                    heading(record.issue.as_deref(), &record.title, &record.session),
                    record.host
                );
                let head = truncate_str(&head, self.ui.columns(), "…").into_owned();
                self.print(shown, &self.ui.strong(&head));
                if self.ui.verbose {
                    self.print(shown, &format!("dispatch {}, session {}", record.id, record.session));
                }
            }
            News::Point { step, moment } => {
                if self.ui.verbose && moment != Moment::Done {
                    let word = if moment == Moment::Before { "step" } else { "done" };
                    self.print(shown, &self.ui.faint(&format!("{word}: {}", step.name())));
                }
                let words = match step {
                    Step::Export => "exporting",
                    Step::Connect => "connecting",
                    Step::Check => "asking opencode there",
                    Step::Upload => "sending",
                    Step::Launch => "importing",
                    Step::Fetch => "fetching",
                    Step::Import => "importing here",
                    _ => "",
                };
                if moment == Moment::Before && !words.is_empty() {
                    self.spin(shown, words);
                }
            }
            News::Superseded { record, words } => {
                let words = if words.is_empty() { String::new() } else { format!(" (“{words}”)") };
                let age = clock::now_ms().saturating_sub(record.created_ms).max(0).unsigned_abs();
                let age = span(Duration::from_millis(age));
                let text = format!(
                    "the trip to {} of {age} ago{words} never began, and is given up for this one",
                    record.host
                );
                for line in wrap("  ", &text, self.ui.columns()) {
                    self.print(shown, &line);
                }
            }
            News::Bytes { done, total } => self.count(shown, done, total),
            News::Exported { messages } => self.step(shown, &format!("exported {messages} messages")),
            News::Connected => self.step(shown, "connected"),
            News::Sent { bytes } => self.step(shown, &format!("sent {}", HumanBytes(bytes))),
            News::Working { agent, model, host, directory } => {
                self.step(shown, "imported");
                self.flush(shown);
                let line = format!("▸ {}, {} on {host} in {}", plain(agent), plain(model), plain(directory));
                self.print(shown, &truncate_str(&line, self.ui.columns(), "…"));
                self.spin(shown, "working (Ctrl-C leaves it running)");
            }
            News::Event(event) => self.event(shown, event),
            News::Reconnecting { pause, why } => {
                let soon = if pause.as_secs() == 0 { String::new() } else { format!(" in {}", span(pause)) };
                let line = format!("  {why}; trying again{soon}");
                self.print(shown, &truncate_str(&line, self.ui.columns(), "…"));
                self.spin(shown, "reconnecting");
            }
            News::Warning(what) => {
                for line in wrap("  ", &what, self.ui.columns()) {
                    self.print(shown, &line);
                }
            }
            News::Critical(critical) => {
                self.critical.send_replace(critical);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::global::Global;

    #[test]
    fn a_tool_line_fits_and_is_harmless() {
        let ui = Ui::new(&Global::default());
        let call = ToolCall {
            tool: "bash".into(),
            title: format!("\u{1b}[2Jrm {}", "x".repeat(300)),
            ok: false,
            trouble: Some("exit 3".into()),
            took_ms: Some(12_000),
            diff: None,
        };
        let line = tool_line(&ui, &call);
        assert!(measure_text_width(&line) <= ui.columns(), "{line}");
        assert!(line.contains("exit 3, 12 s") && !line.contains('\u{1b}'), "{line}");
    }
}

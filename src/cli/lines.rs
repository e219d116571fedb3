//! The work of an agent as lines of a log.

use crate::events::Event;
use crate::text::{harmless, plain};

/// What a log says of an event: no line, or several, each with its end.
pub(super) fn lines(event: &Event) -> String {
    match event {
        Event::Tool(call) => {
            let trouble =
                call.trouble.as_deref().map(|words| format!(": {}", plain(words))).unwrap_or_default();
            let mark = if call.ok { "✓" } else { "✗" };
            format!("  {mark} {} {}{trouble}\n", plain(&call.tool), plain(&call.title))
        }
        Event::Text(text) => format!("{}\n", harmless(text).trim_end()),
        Event::Failed(words) => format!("  ✗ {}\n", plain(words)),
        Event::StepStarted | Event::Reasoning | Event::StepFinished { .. } => String::new(),
    }
}

/// What a run said on standard error, told apart from its work.
pub(super) fn said_aside(words: &str) -> String {
    harmless(words.trim_end()).lines().map(|line| format!("  ! {line}\n")).collect()
}

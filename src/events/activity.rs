//! What an agent is doing, out of the last events of its run.

use super::Event;

/// The last thing that was heard of a run, and what it has cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Activity {
    doing: Option<String>,
    tokens: u64,
}

impl Activity {
    pub(crate) fn add(&mut self, event: &Event) {
        self.doing = Some(match event {
            Event::StepStarted | Event::Reasoning => "thinking".to_owned(),
            Event::Text(_) => "writing".to_owned(),
            Event::Tool(call) if call.title.is_empty() => call.tool.clone(),
            Event::Tool(call) => format!("{} {}", call.tool, call.title),
            Event::StepFinished { reason, tokens } => {
                self.tokens += tokens;
                if reason == "stop" { "finishing".to_owned() } else { "thinking".to_owned() }
            }
            Event::Failed(words) => words.clone(),
        });
    }

    /// What it is doing, or did last; as the run wrote it.
    pub(crate) fn doing(&self) -> Option<&str> {
        self.doing.as_deref()
    }

    /// The tokens of the steps that were heard of.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::ToolCall;

    #[test]
    fn the_last_event_tells() {
        let mut activity = Activity::default();
        assert_eq!(activity.doing(), None);
        activity.add(&Event::StepStarted);
        assert_eq!(activity.doing(), Some("thinking"));
        let call = ToolCall { tool: "bash".into(), title: "cargo test".into(), ..ToolCall::default() };
        activity.add(&Event::Tool(call));
        assert_eq!(activity.doing(), Some("bash cargo test"));
        for tokens in [110, 90] {
            activity.add(&Event::StepFinished { reason: "tool-calls".into(), tokens });
        }
        assert_eq!((activity.doing(), activity.tokens()), (Some("thinking"), 200));
    }
}

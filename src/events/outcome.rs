//! Whether a run did what it was asked.

use super::Event;

/// How much is kept of the words of an error or a reason, in characters: they are written into the record.
const LONGEST: usize = 2000;

/// What the events of a run add up to.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    pub events: u64,
    pub tools: u64,
    /// Why the last step ended, as opencode names it.
    pub last_reason: Option<String>,
    pub error: Option<String>,
}

impl Outcome {
    pub fn add(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::StepStarted => self.last_reason = None,
            Event::Tool(_) => self.tools += 1,
            Event::StepFinished { reason, .. } => self.last_reason = Some(beginning(reason)),
            Event::Failed(words) => self.error = Some(beginning(words)),
            Event::Text(_) | Event::Reasoning => {}
        }
    }

    /// Why a run on a host did not do its work; `None` if it did. `last_words` is the end of its standard error.
    pub fn trouble(&self, exit: i32, last_words: &str) -> Option<String> {
        self.trouble_with(exit, last_words, "--auto, or the host's \"permission\", gives it beforehand")
    }

    /// As [`Outcome::trouble`], with the `cure` for a permission that was lacking.
    pub fn trouble_with(&self, exit: i32, last_words: &str, cure: &str) -> Option<String> {
        let with_words = |text: String| match last_words {
            "" => text,
            words => format!("{text}: {words}"),
        };
        if let Some(error) = &self.error {
            return Some(error.clone());
        }
        match self.last_reason.as_deref() {
            Some("stop") => None,
            Some("tool-calls") => Some(format!(
                "it stopped at a tool that needs a permission which nobody there could give ({cure})"
            )),
            Some("length") => Some("the model's answer was cut at its length limit".to_owned()),
            Some(reason) => Some(format!("the model ended with {reason:?}")),
            None if self.events == 0 => Some(with_words(format!("it did nothing (exit status {exit})"))),
            None => Some(with_words(format!("it broke off in the middle (exit status {exit})"))),
        }
    }
}

fn beginning(words: &str) -> String {
    words.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[Event]) -> Outcome {
        let mut outcome = Outcome::default();
        events.iter().for_each(|event| outcome.add(event));
        outcome
    }

    fn finished(reason: &str) -> Event {
        Event::StepFinished { reason: reason.to_owned(), tokens: 0 }
    }

    #[test]
    fn only_a_last_step_that_stopped_is_success() {
        assert_eq!(after(&[Event::StepStarted, finished("stop")]).trouble(0, ""), None);
        assert_eq!(
            after(&[finished("tool-calls"), Event::StepStarted, finished("stop")]).trouble(1, ""),
            None
        );
        assert!(after(&[finished("stop"), Event::StepStarted]).trouble(0, "").is_some());
        assert!(after(&[finished("tool-calls")]).trouble(0, "").unwrap().contains("permission"));
        assert!(after(&[finished("length")]).trouble(0, "").is_some());
    }

    #[test]
    fn nothing_done_is_not_success_whatever_the_exit_status() {
        let trouble = after(&[]).trouble(0, "Model not found").unwrap();
        assert!(trouble.contains("did nothing") && trouble.contains("Model not found"), "{trouble}");
    }

    #[test]
    fn an_error_event_beats_a_stop() {
        let outcome = after(&[Event::Failed("APIError: 401".into()), finished("stop")]);
        assert_eq!(outcome.trouble(0, ""), Some("APIError: 401".into()));
    }
}

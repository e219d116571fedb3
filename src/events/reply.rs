//! The answer of a run, out of its events.

use super::Event;

/// The texts of the last step that had some.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reply(Option<String>);

impl Reply {
    /// Adds one event.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::StepStarted => self.0 = None,
            Event::Text(text) => {
                let reply = self.0.get_or_insert_default();
                if !reply.is_empty() {
                    reply.push('\n');
                }
                reply.push_str(text);
            }
            _ => {}
        }
    }

    /// The answer so far.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_is_the_answer() {
        let mut reply = Reply::default();
        let text = |text: &str| Event::Text(text.to_owned());
        for event in [text("looking"), Event::StepStarted, text("done"), text("and tested")] {
            reply.add(&event);
        }
        assert_eq!(reply.text(), Some("done\nand tested"));
        reply.add(&Event::StepStarted);
        assert_eq!(reply.text(), None);
    }
}

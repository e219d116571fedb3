//! The answer of a run, out of its events.

use super::Event;

/// The longest answer that is told, in bytes: of more, the end.
const LONGEST: usize = 16 << 20;

/// The texts of the last step that had some.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reply(Option<String>);

impl Reply {
    pub(crate) fn add(&mut self, event: &Event) {
        match event {
            Event::StepStarted => self.0 = None,
            Event::Text(text) => {
                let reply = self.0.get_or_insert_default();
                if !reply.is_empty() {
                    reply.push('\n');
                }
                reply.push_str(text);
                // A step may tell more texts than anybody reads. What stands before the end goes by halves, so that each
                // byte is moved once.
                if reply.len() > 2 * LONGEST {
                    let from = (reply.len() - LONGEST..reply.len()).find(|at| reply.is_char_boundary(*at));
                    reply.drain(..from.unwrap_or_default());
                    reply.shrink_to(2 * LONGEST);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        let reply = self.0.as_deref()?;
        let from = reply.len().saturating_sub(LONGEST);
        (from..=reply.len()).find_map(|at| reply.get(at..))
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

    #[test]
    fn of_endless_texts_the_end_is_told_and_no_more_is_held() {
        let mut reply = Reply::default();
        for n in 0..30 {
            reply.add(&Event::Text(format!("é{}", "x".repeat(LONGEST / 7))));
            reply.add(&Event::Text(format!("text {n}")));
            let held = reply.0.as_ref().unwrap();
            assert!(held.len() <= 2 * LONGEST && held.capacity() <= 4 * LONGEST, "{}", held.capacity());
        }
        let text = reply.text().unwrap();
        assert!(text.len() <= LONGEST && text.ends_with("x\ntext 29"));
    }
}

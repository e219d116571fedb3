//! What the stand-in model is told to do: directives in the text of the last user message.
//!
//! A directive stands on a line of its own or in the middle of one: from the first `[[` that a known
//! name follows to the last `]]` of that line, one per line. What is no directive is just text, so a
//! paragraph in front of the prompt, or any hostile message, changes nothing.

use serde_json::{Value, json};
use std::time::Duration;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `[[say TEXT]]`: streams the text.
    Say(String),
    /// `[[bash COMMAND]]` or `[[tool NAME {json}]]`: calls a tool; the next directive is done when
    /// its result has come.
    Call {
        /// The tool.
        tool: String,
        /// Its arguments.
        arguments: Value,
    },
    /// `[[wait SECONDS]]`: streams a word, then keeps the answer open that long.
    Wait(Duration),
    /// `[[hold NAME]]`: streams a word, then keeps the answer open until the test releases NAME.
    Hold(String),
    /// `[[status 401]]`: an HTTP error, as a provider words it.
    Status(u16),
    /// `[[refuse]]`: closes the connection, half way if something was said before.
    Refuse,
    /// `[[usage N]]`: reports N prompt tokens instead of 100.
    Usage(u64),
}

/// The part of the script that this request is to be answered with: what follows the tool calls
/// whose results are already there, up to and including the next one.
pub fn next_steps(prompt: &str, results: usize) -> Vec<Step> {
    let mut calls = 0;
    let mut steps = Vec::new();
    for step in prompt.lines().filter_map(directive) {
        let call = matches!(step, Step::Call { .. });
        if calls == results {
            steps.push(step);
            if call {
                break;
            }
        } else if call {
            calls += 1;
        }
    }
    steps
}

fn directive(line: &str) -> Option<Step> {
    let end = line.rfind("]]")?;
    let text = line.get(line.find("[[")? + 2..end)?;
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    match name {
        "say" => Some(Step::Say(rest.to_owned())),
        "bash" => Some(Step::Call {
            tool: "bash".to_owned(),
            arguments: json!({ "command": rest, "description": "Runs what the prompt says" }),
        }),
        "tool" => {
            let (tool, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
            let arguments = serde_json::from_str(arguments).ok()?;
            Some(Step::Call { tool: tool.to_owned(), arguments })
        }
        "wait" => Some(Step::Wait(Duration::try_from_secs_f64(rest.trim().parse().ok()?).ok()?)),
        "hold" => Some(Step::Hold(rest.trim().to_owned())),
        "status" => Some(Step::Status(rest.trim().parse().ok()?)),
        "refuse" => Some(Step::Refuse),
        "usage" => Some(Step::Usage(rest.trim().parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_result_moves_the_script_on() {
        let prompt = "You are on pi. Local files [see above] are not there.\n\n[[say a]]\nplease [[bash x ]] y]]\n[[say b]]\n[[tool read {\"filePath\":\"f\"}]]\n";
        let first = next_steps(prompt, 0);
        assert_eq!(first[0], Step::Say("a".to_owned()));
        assert!(matches!(&first[1], Step::Call { arguments, .. } if arguments["command"] == "x ]] y"));
        let second = next_steps(prompt, 1);
        assert_eq!(second[0], Step::Say("b".to_owned()));
        assert!(
            matches!(&second[1], Step::Call { tool, arguments } if tool == "read" && arguments["filePath"] == "f")
        );
        assert!(next_steps(prompt, 2).is_empty());
    }

    #[test]
    fn what_is_no_directive_is_text() {
        for text in ["", "[[", "]] [[", "[[nonsense 1]]", "[[wait soon]]", "[[ -f x ]] && y"] {
            assert!(next_steps(text, 0).is_empty(), "{text:?}");
        }
    }
}

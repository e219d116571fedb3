//! One event.

use serde::Deserialize;
use serde_json::Value;

/// What happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The model began to answer.
    StepStarted,
    /// A tool call came to its end.
    Tool(ToolCall),
    /// A text of the model, whole.
    Text(String),
    /// The model's reasoning, whole.
    Reasoning,
    /// The model's answer ended; the reason is `stop`, `tool-calls`, `length` …
    StepFinished {
        /// The reason, as opencode names it.
        reason: String,
        /// Tokens of the step: read, written, and taken from the provider's cache.
        tokens: u64,
    },
    /// The run failed; the provider's or opencode's words.
    Failed(String),
}

/// A tool call that ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    /// `bash`, `edit` …
    pub tool: String,
    /// What it was about.
    pub title: String,
    /// It did what it should: no error, and exit status 0 where it has one.
    pub ok: bool,
    /// The exit status of a command that failed, or the error's words.
    pub trouble: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<i64>,
    /// Lines added and removed, of an edit.
    pub diff: Option<(u64, u64)>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    part: Part,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part {
    tool: String,
    text: String,
    reason: String,
    tokens: Tokens,
    state: State,
}

/// Of a `step-finish`. Numbers, as JavaScript has them.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Tokens {
    input: f64,
    output: f64,
    reasoning: f64,
    cache: Cache,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cache {
    read: f64,
    write: f64,
}

impl Tokens {
    fn sum(&self) -> u64 {
        let Self { input, output, reasoning, cache } = self;
        let sum = [input, output, reasoning, &cache.read, &cache.write]
            .into_iter()
            .filter(|count| count.is_finite() && **count > 0.0)
            .sum::<f64>();
        // A sum of counts: whole, and far below where this would matter.
        sum.min(1e15) as u64
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State {
    status: String,
    title: String,
    error: Value,
    input: Value,
    metadata: Value,
    time: Time,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Time {
    start: Option<i64>,
    end: Option<i64>,
}

impl Event {
    /// Reads one line; `None` for what is no event, or none that is of use here.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line: Line = serde_json::from_slice(line).ok()?;
        match line.kind.as_str() {
            "step_start" => Some(Self::StepStarted),
            "tool_use" => Some(Self::Tool(ToolCall::new(line.part))),
            "text" => Some(Self::Text(line.part.text)),
            "reasoning" => Some(Self::Reasoning),
            "step_finish" => {
                let tokens = line.part.tokens.sum();
                Some(Self::StepFinished { reason: line.part.reason, tokens })
            }
            "error" => Some(Self::Failed(words(&line.error))),
            _ => None,
        }
    }
}

impl ToolCall {
    fn new(part: Part) -> Self {
        let Part { tool, state, .. } = part;
        let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_i64);
        let failed = state.status == "error";
        let exit = number(&state.metadata, "exit").filter(|status| *status != 0);
        let trouble = match exit {
            _ if failed => Some(words(&state.error)),
            Some(status) => Some(format!("exit {status}")),
            None => None,
        };
        let input = |key: &str| state.input.get(key).and_then(Value::as_str).unwrap_or_default();
        let title = [state.title.as_str(), input("command"), input("filePath"), input("pattern")]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned();
        let diff = state.metadata.get("filediff").and_then(|diff| {
            let count = |key: &str| diff.get(key).and_then(Value::as_u64);
            count("additions").zip(count("deletions"))
        });
        let took_ms = state.time.start.zip(state.time.end).map(|(start, end)| end.saturating_sub(start));
        Self { tool, title, ok: trouble.is_none(), trouble, took_ms, diff }
    }
}

/// The words of an error, which is text or `{name, data: {message}}` or `{message}`.
fn words(error: &Value) -> String {
    let message = |value: &Value| value.get("message").and_then(Value::as_str).map(str::to_owned);
    let name = error.get("name").and_then(Value::as_str).unwrap_or("error");
    match error {
        Value::String(text) => text.clone(),
        _ => match error.get("data").and_then(message).or_else(|| message(error)) {
            Some(message) if !message.is_empty() => format!("{name}: {message}"),
            _ => name.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Event> {
        Event::parse(line.as_bytes())
    }

    #[test]
    fn a_command_that_failed_is_told_from_one_that_did_not() {
        let call = |status: &str, exit: u8| {
            let line = format!(
                r#"{{"type":"tool_use","part":{{"type":"tool","tool":"bash","state":{{"status":"{status}","input":{{"command":"make"}},
                "metadata":{{"exit":{exit}}},"title":"","error":"no","time":{{"start":5,"end":17}}}}}}}}"#
            );
            match parse(&line) {
                Some(Event::Tool(call)) => call,
                other => panic!("{other:?}"),
            }
        };
        let done = call("completed", 0);
        assert_eq!((done.title.as_str(), done.ok, done.took_ms), ("make", true, Some(12)));
        assert_eq!(call("completed", 3).trouble.as_deref(), Some("exit 3"));
        assert_eq!(call("error", 0).trouble.as_deref(), Some("no"));
    }

    #[test]
    fn errors_of_every_shape_have_words() {
        let failed = |error: &str| parse(&format!(r#"{{"type":"error","error":{error}}}"#));
        let words = |text: &str| Some(Event::Failed(text.to_owned()));
        assert_eq!(failed(r#"{"name":"APIError","data":{"message":"401"}}"#), words("APIError: 401"));
        assert_eq!(failed(r#"{"name":"X","data":{}}"#), words("X"));
        assert_eq!(failed(r#""plain""#), words("plain"));
        assert_eq!(failed("null"), words("error"));
    }

    #[test]
    fn an_edit_shows_its_lines() {
        let line = r#"{"type":"tool_use","part":{"tool":"edit","state":{"status":"completed","title":"src/a.rs",
            "metadata":{"filediff":{"additions":12,"deletions":3}}}}}"#;
        let Some(Event::Tool(call)) = parse(line) else { panic!() };
        assert_eq!((call.diff, call.ok), (Some((12, 3)), true));
    }

    #[test]
    fn a_step_has_its_tokens() {
        let line = r#"{"type":"step_finish","part":{"reason":"stop","cost":0.1,
            "tokens":{"total":17,"input":10,"output":2,"reasoning":1,"cache":{"read":3,"write":1}}}}"#;
        assert_eq!(parse(line), Some(Event::StepFinished { reason: "stop".into(), tokens: 17 }));
        let bare = r#"{"type":"step_finish","part":{"reason":"stop"}}"#;
        assert_eq!(parse(bare), Some(Event::StepFinished { reason: "stop".into(), tokens: 0 }));
    }

    #[test]
    fn what_is_no_event_is_none() {
        assert_eq!(parse("Performing one time database migration"), None);
        assert_eq!(parse(r#"{"type":"later"}"#), None);
        assert_eq!(parse(r#"{"type":"text","part":"odd"}"#), None);
    }
}

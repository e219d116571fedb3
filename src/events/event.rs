//! One event.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
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

// What is not used, and what may have any shape, is passed over unread: nobody knows how much of it there is.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    part: Part<'a>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    tool: String,
    text: String,
    reason: String,
    tokens: Tokens,
    #[serde(borrow)]
    state: CallState<'a>,
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
struct CallState<'a> {
    status: String,
    title: String,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    time: Time,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Input<'a> {
    #[serde(borrow)]
    command: Option<&'a RawValue>,
    #[serde(borrow)]
    file_path: Option<&'a RawValue>,
    #[serde(borrow)]
    pattern: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    exit: Option<&'a RawValue>,
    #[serde(borrow)]
    filediff: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Diff {
    additions: u64,
    deletions: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Fault<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
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
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        match line.kind.as_str() {
            "step_start" => Some(Self::StepStarted),
            "tool_use" => Some(Self::Tool(ToolCall::new(line.part))),
            "text" => Some(Self::Text(line.part.text)),
            "reasoning" => Some(Self::Reasoning),
            "step_finish" => {
                let tokens = line.part.tokens.sum();
                Some(Self::StepFinished { reason: line.part.reason, tokens })
            }
            "error" => Some(Self::Failed(words(line.error))),
            _ => None,
        }
    }
}

impl ToolCall {
    fn new(part: Part<'_>) -> Self {
        let Part { tool, state, .. } = part;
        let input: Input<'_> = read(state.input).unwrap_or_default();
        let metadata: Metadata<'_> = read(state.metadata).unwrap_or_default();
        let exit: Option<i64> = read(metadata.exit).filter(|status| *status != 0);
        let trouble = match exit {
            _ if state.status == "error" => Some(words(state.error)),
            Some(status) => Some(format!("exit {status}")),
            None => None,
        };
        let given = [input.command, input.file_path, input.pattern].into_iter().filter_map(read);
        let mut titles = std::iter::once(state.title).chain(given);
        let title = titles.find(|text| !text.is_empty()).unwrap_or_default();
        let diff = read(metadata.filediff).map(|Diff { additions, deletions }| (additions, deletions));
        let took_ms = state.time.start.zip(state.time.end).map(|(start, end)| end.saturating_sub(start));
        Self { tool, title, ok: trouble.is_none(), trouble, took_ms, diff }
    }
}

/// What is of the shape that is looked for.
fn read<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// The words of an error, which is text or `{name, data: {message}}` or `{message}`.
fn words(error: Option<&RawValue>) -> String {
    if let Some(text) = read(error) {
        return text;
    }
    let fault: Fault<'_> = read(error).unwrap_or_default();
    let data: Fault<'_> = read(fault.data).unwrap_or_default();
    let name: String = read(fault.name).unwrap_or_else(|| "error".to_owned());
    match read::<String>(data.message).or_else(|| read(fault.message)) {
        Some(message) if !message.is_empty() => format!("{name}: {message}"),
        _ => name,
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
    fn what_has_another_shape_is_passed_over() {
        let call = |state: &str| match parse(&format!(
            r#"{{"type":"tool_use","part":{{"tool":"x","extra":[[]],"state":{state}}}}}"#
        )) {
            Some(Event::Tool(call)) => call,
            other => panic!("{other:?}"),
        };
        let odd = call(r#"{"input":[1],"metadata":"none","error":{},"status":"completed"}"#);
        assert_eq!(odd, ToolCall { tool: "x".into(), ok: true, ..ToolCall::default() });
        let odd =
            call(r#"{"input":{"command":["a"],"pattern":"*.rs"},"metadata":{"exit":"no","filediff":{}}}"#);
        assert_eq!((odd.title.as_str(), odd.ok, odd.diff), ("*.rs", true, None));
        let deep = call(&format!("{{\"metadata\":{}{}}}", "[".repeat(5000), "]".repeat(5000)));
        assert!(deep.ok);
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

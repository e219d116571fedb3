//! What the stand-in model was asked.

use serde_json::Value;

/// One request to `/v1/chat/completions`, recorded before it is answered.
#[derive(Debug)]
pub struct Request {
    /// The name of the machine that asked: each machine's API key is its name.
    pub machine: String,
    /// The body, whole.
    pub body: Value,
}

impl Request {
    /// The model that was asked for.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// The variant, as it reaches the wire: opencode sends `reasoningEffort` of a variant as this.
    pub fn effort(&self) -> Option<&str> {
        self.body["reasoning_effort"].as_str()
    }

    /// The names of the tools that were offered.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().into_iter().flatten();
        tools.filter_map(|tool| tool["function"]["name"].as_str()).collect()
    }

    /// All messages, the system's included.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The text of the last user message; its parts are joined by a line feed.
    pub fn user_text(&self) -> String {
        self.messages().iter().rev().find(|m| m["role"] == "user").map(text).unwrap_or_default()
    }

    /// The parts of the last user message, each as it was sent; the user's words are one of them.
    pub fn user_parts(&self) -> Vec<String> {
        self.messages().iter().rev().find(|m| m["role"] == "user").map(parts).unwrap_or_default()
    }

    /// How many tool results follow the last user message.
    pub fn results(&self) -> usize {
        self.messages()
            .iter()
            .rev()
            .take_while(|m| m["role"] != "user")
            .filter(|m| m["role"] == "tool")
            .count()
    }

    /// The text of each tool result that follows the last user message, in order.
    pub fn result_texts(&self) -> Vec<String> {
        let start = self.messages().iter().rposition(|m| m["role"] == "user").unwrap_or(0);
        self.messages()[start..].iter().filter(|m| m["role"] == "tool").map(text).collect()
    }

    /// Whether it only asks for a title (or another summary): such a request offers no tools.
    pub fn is_title(&self) -> bool {
        self.tools().is_empty()
    }

    /// Whether it brings a user's prompt, rather than the result of a tool. A retry is one, too.
    pub fn is_prompt(&self) -> bool {
        !self.is_title() && self.messages().last().is_some_and(|m| m["role"] == "user")
    }

    /// Whether it was made by the agent `plan`, whose orders opencode appends to the user's message.
    pub fn is_plan(&self) -> bool {
        self.user_text().contains("Plan mode ACTIVE")
    }
}

fn parts(message: &Value) -> Vec<String> {
    match &message["content"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

fn text(message: &Value) -> String {
    parts(message).join("\n")
}

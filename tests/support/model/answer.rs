//! How the stand-in model words an answer: server-sent chunks, or one document.

use super::super::http;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};

/// An answer under way. Nothing is sent before the first word, so that it can still be refused.
#[derive(Debug)]
pub struct Answer {
    stream: TcpStream,
    model: String,
    streaming: bool,
    begun: bool,
    text: String,
    calls: Vec<Value>,
    prompt_tokens: u64,
}

impl Answer {
    /// An answer to a request for `model` on `stream`, in chunks if `streaming`.
    pub fn new(stream: TcpStream, model: &str, streaming: bool) -> Self {
        let model = model.to_owned();
        Self {
            stream,
            model,
            streaming,
            begun: false,
            text: String::new(),
            calls: Vec::new(),
            prompt_tokens: 100,
        }
    }

    /// Whether nothing was said and no tool was called yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.calls.is_empty()
    }

    /// The number of prompt tokens to report at the end.
    pub fn set_prompt_tokens(&mut self, tokens: u64) {
        self.prompt_tokens = tokens;
    }

    /// Says `text`.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.text.push_str(text);
        self.delta(&json!({ "role": "assistant", "content": text }), &Value::Null)
    }

    /// Calls `tool`. `id` tells this call from every other one of the session.
    pub fn call(&mut self, id: &str, tool: &str, arguments: &Value) -> io::Result<()> {
        let function = json!({ "name": tool, "arguments": arguments.to_string() });
        let call = json!({ "index": 0, "id": id, "type": "function", "function": function });
        self.calls.push(call.clone());
        self.delta(&json!({ "role": "assistant", "tool_calls": [call] }), &Value::Null)
    }

    /// Ends it: for the tools' results where one was called, for good otherwise.
    pub fn finish(mut self) -> io::Result<()> {
        let reason = json!(if self.calls.is_empty() { "stop" } else { "tool_calls" });
        let usage = json!({
            "prompt_tokens": self.prompt_tokens, "completion_tokens": 10, "total_tokens": self.prompt_tokens + 10,
        });
        if !self.streaming {
            let message = json!({ "role": "assistant", "content": self.text, "tool_calls": self.calls });
            let choice = json!({ "index": 0, "message": message, "finish_reason": reason });
            let body = json!({
                "id": "standin", "object": "chat.completion", "created": 1, "model": self.model,
                "choices": [choice], "usage": usage,
            });
            http::respond(&self.stream, 200, "application/json", body.to_string().as_bytes());
            return Ok(());
        }
        self.delta(&json!({}), &reason)?;
        let last = json!({ "choices": [], "usage": usage });
        self.event(&last)?;
        self.stream.write_all(b"data: [DONE]\n\n")?;
        self.stream.shutdown(Shutdown::Write)
    }

    /// Answers with an HTTP error, or with an error event where words were already sent.
    pub fn fail(mut self, status: u16) -> io::Result<()> {
        let body = json!({ "error": {
            "message": format!("the stand-in model was told to answer {status}"),
            "type": "invalid_request_error", "param": null, "code": status.to_string(),
        }});
        if self.begun {
            return self.event(&body);
        }
        http::respond(&self.stream, status, "application/json", body.to_string().as_bytes());
        Ok(())
    }

    fn delta(&mut self, delta: &Value, reason: &Value) -> io::Result<()> {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
        self.event(&json!({ "choices": choices }))
    }

    fn event(&mut self, fields: &Value) -> io::Result<()> {
        if !self.streaming {
            return Ok(());
        }
        if !self.begun {
            self.begun = true;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            self.stream.write_all(head.as_bytes())?;
        }
        let mut chunk = json!({
            "id": "standin", "object": "chat.completion.chunk", "created": 1, "model": self.model,
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            chunk[name] = value.clone();
        }
        self.stream.write_all(format!("data: {chunk}\n\n").as_bytes())
    }
}

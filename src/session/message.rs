//! The few fields of a message that are looked at.

use super::raw::Lossy;
use super::setting::{Model, Setting};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One element of `messages`: what is needed of it.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) info: MessageInfo<'a>,
    #[serde(borrow)]
    pub(crate) parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct MessageInfo<'a> {
    pub(crate) id: String,
    #[serde(rename = "sessionID")]
    pub(crate) session: String,
    pub(crate) role: String,
    pub(crate) time: Time,
    #[serde(default)]
    agent: Option<Lossy>,
    /// What assistants of old sessions carry instead of `agent`.
    #[serde(default)]
    mode: Option<Lossy>,
    /// On a user message, an object.
    #[serde(default, borrow)]
    model: Option<&'a RawValue>,
    /// On an assistant message.
    #[serde(default, rename = "providerID")]
    provider: Option<Lossy>,
    #[serde(default, rename = "modelID")]
    model_id: Option<Lossy>,
    /// On a user message of 1.3.2; later releases have it inside `model`.
    #[serde(default)]
    variant: Option<Lossy>,
    #[serde(default)]
    finish: Option<Lossy>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}

/// Milliseconds since the epoch.
#[derive(Deserialize)]
pub(crate) struct Time {
    created: f64,
    #[serde(default)]
    completed: Option<f64>,
}

impl Time {
    pub(crate) fn created_ms(&self) -> i64 {
        self.created as i64
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.is_some()
    }
}

#[derive(Deserialize)]
pub(crate) struct Part<'a> {
    pub(crate) id: String,
    #[serde(rename = "sessionID")]
    pub(crate) session: String,
    #[serde(rename = "messageID")]
    pub(crate) message: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, borrow)]
    state: Option<&'a RawValue>,
    #[serde(default, borrow, rename = "callID")]
    call: Option<&'a RawValue>,
    #[serde(default, borrow)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    synthetic: Option<bool>,
    #[serde(default)]
    ignored: Option<bool>,
}

/// How far a tool call has come, where that is not its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Pending,
    Running,
}

impl MessageInfo<'_> {
    pub(crate) fn is_user(&self) -> bool {
        self.role == "user"
    }

    pub(crate) fn is_assistant(&self) -> bool {
        self.role == "assistant"
    }

    /// The agent, of a message of either kind.
    pub(crate) fn agent(&self) -> Option<&str> {
        self.agent.as_ref().or(self.mode.as_ref()).map(|a| a.0.as_str())
    }

    /// The provider of an assistant message.
    pub(crate) fn provider(&self) -> Option<&str> {
        self.provider.as_ref().map(|p| p.0.as_str())
    }

    /// The model of an assistant message.
    pub(crate) fn model_id(&self) -> Option<&str> {
        self.model_id.as_ref().map(|m| m.0.as_str())
    }

    pub(crate) fn finish(&self) -> Option<&str> {
        self.finish.as_ref().map(|f| f.0.as_str())
    }

    /// The error of an assistant message: its message, or else its name.
    pub(crate) fn error(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            name: Option<Lossy>,
            data: Option<Data>,
        }
        #[derive(Deserialize)]
        struct Data {
            message: Option<Lossy>,
        }
        let raw = self.error?;
        let named: Option<Named> = serde_json::from_str(raw.get()).ok();
        let text = named.and_then(|n| n.data.and_then(|d| d.message).or(n.name)).map(|t| t.0);
        Some(text.unwrap_or_else(|| raw.get().to_owned()))
    }

    /// Agent and model of a user message.
    pub(crate) fn setting(&self) -> Setting {
        let top = self.variant.as_ref().map(|v| v.0.clone());
        Setting {
            agent: self.agent.as_ref().map(|a| a.0.clone()),
            model: self.model.and_then(|raw| model(raw.get())).map(|model| match model.variant {
                Some(_) => model,
                None => model.with_variant(top),
            }),
        }
    }
}

/// Reads `{providerID, modelID, variant?}` of a user message or `{providerID, id, variant?}` of a session.
pub(crate) fn model(json: &str) -> Option<Model> {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(rename = "providerID")]
        provider: Lossy,
        #[serde(alias = "modelID")]
        id: Lossy,
        #[serde(default)]
        variant: Option<Lossy>,
    }
    let shape: Shape = serde_json::from_str(json).ok()?;
    let model = Model { provider: shape.provider.0, id: shape.id.0, variant: None };
    Some(model.with_variant(shape.variant.map(|v| v.0)))
}

impl Part<'_> {
    /// Whether this is a tool call without an end.
    pub(crate) fn open(&self) -> Option<Open> {
        #[derive(Deserialize)]
        struct State<'a> {
            #[serde(borrow)]
            status: &'a RawValue,
        }
        if self.kind != "tool" {
            return None;
        }
        let state: State<'_> = serde_json::from_str(self.state?.get()).ok()?;
        match state.status.get() {
            "\"pending\"" => Some(Open::Pending),
            "\"running\"" => Some(Open::Running),
            _ => None,
        }
    }

    /// The call id of a tool call.
    pub(crate) fn call(&self) -> Option<String> {
        serde_json::from_str(self.call?.get()).ok()
    }

    /// What the assistant said, if that is what this part is.
    pub(crate) fn said(&self) -> Option<String> {
        let skipped = self.synthetic == Some(true) || self.ignored == Some(true);
        let text = self.text.filter(|_| self.kind == "text" && !skipped)?;
        serde_json::from_str::<Lossy>(text.get()).ok().map(|t| t.0)
    }
}

//! The few fields of a message that are looked at.

use super::ending::is_open;
use super::error::ExportError;
use super::raw::{Lossy, at_most, word};
use super::setting::{Model, Setting};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The most parts of one message. opencode begins another message with each answer of the model.
pub(crate) const MOST_PARTS: usize = 100_000;

/// The longest answer that is shown and told, in bytes; the session keeps all of it.
pub(crate) const LONGEST_REPLY: usize = 16 << 20;

/// How much is shown of an error that is not of opencode's shape, in characters.
const LONGEST_ERROR: usize = 1000;

/// One element of `messages`.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) info: MessageInfo<'a>,
    #[serde(borrow, deserialize_with = "at_most::<MOST_PARTS, Part<'_>, _, _>")]
    pub(crate) parts: Vec<Part<'a>>,
}

/// A message in its raw pieces.
#[derive(Deserialize, Serialize)]
pub(crate) struct Pieces<'a> {
    #[serde(borrow)]
    pub(crate) info: &'a RawValue,
    #[serde(borrow, deserialize_with = "at_most::<MOST_PARTS, &RawValue, _, _>")]
    pub(crate) parts: Vec<&'a RawValue>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn of(message: &'a str) -> Result<Self, ExportError> {
        serde_json::from_str(message).map_err(ExportError::from)
    }
}

#[derive(Deserialize)]
pub(crate) struct MessageInfo<'a> {
    #[serde(deserialize_with = "word")]
    pub(crate) id: String,
    #[serde(rename = "sessionID", deserialize_with = "word")]
    pub(crate) session: String,
    #[serde(deserialize_with = "word")]
    pub(crate) role: String,
    pub(crate) time: Time,
    #[serde(default)]
    agent: Loose<Lossy>,
    /// What assistants of old sessions carry instead of `agent`.
    #[serde(default)]
    mode: Loose<Lossy>,
    /// On a user message, an object.
    #[serde(default, borrow)]
    model: Option<&'a RawValue>,
    /// On an assistant message.
    #[serde(default, rename = "providerID")]
    provider: Loose<Lossy>,
    #[serde(default, rename = "modelID")]
    model_id: Loose<Lossy>,
    /// On a user message of 1.3.2; later releases have it inside `model`.
    #[serde(default)]
    variant: Loose<Lossy>,
    #[serde(default)]
    finish: Loose<Lossy>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, borrow)]
    cost: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tokens: Option<&'a RawValue>,
}

/// A field that a session at home may hold as another kind of value than opencode writes today.
#[derive(Debug, Default)]
enum Loose<T> {
    #[default]
    Absent,
    Odd,
    Is(T),
}

impl<T> Loose<T> {
    fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Odd => None,
        }
    }

    fn is_odd(&self) -> bool {
        matches!(self, Self::Odd)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(match serde_json::from_str::<Option<T>>(raw.get()) {
            Ok(Some(value)) => Self::Is(value),
            Ok(None) => Self::Absent,
            Err(_) => Self::Odd,
        })
    }
}

/// Milliseconds since the epoch.
#[derive(Deserialize)]
pub(crate) struct Time {
    created: f64,
    #[serde(default)]
    completed: Loose<f64>,
}

impl Time {
    pub(crate) fn created_ms(&self) -> i64 {
        self.created as i64
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.get().is_some()
    }
}

#[derive(Deserialize)]
pub(crate) struct Part<'a> {
    #[serde(deserialize_with = "word")]
    pub(crate) id: String,
    #[serde(rename = "sessionID", deserialize_with = "word")]
    pub(crate) session: String,
    #[serde(rename = "messageID", deserialize_with = "word")]
    pub(crate) message: String,
    #[serde(rename = "type", deserialize_with = "word")]
    pub(crate) kind: String,
    #[serde(default, borrow)]
    state: Option<&'a RawValue>,
    #[serde(default, borrow, rename = "callID")]
    call: Option<&'a RawValue>,
    #[serde(default, borrow)]
    text: Option<&'a RawValue>,
    #[serde(default, borrow)]
    url: Option<&'a RawValue>,
    #[serde(default)]
    synthetic: Loose<bool>,
    #[serde(default)]
    ignored: Loose<bool>,
}

impl Message<'_> {
    /// Whether a field is of another kind than opencode writes today.
    pub(crate) fn is_odd(&self) -> bool {
        let MessageInfo { agent, mode, provider, model_id, variant, finish, time, .. } = &self.info;
        [agent, mode, provider, model_id, variant, finish].iter().any(|field| field.is_odd())
            || time.completed.is_odd()
            || self.parts.iter().any(|part| part.synthetic.is_odd() || part.ignored.is_odd())
    }
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
        self.agent.get().or(self.mode.get()).map(|a| a.0.as_str())
    }

    pub(crate) fn finish(&self) -> Option<&str> {
        self.finish.get().map(|f| f.0.as_str())
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
        Some(text.unwrap_or_else(|| raw.get().chars().take(LONGEST_ERROR).collect()))
    }

    /// The size of the larger of `cost` and `tokens`, which hold a handful of numbers.
    pub(crate) fn counters_size(&self) -> usize {
        self.cost.into_iter().chain(self.tokens).map(|raw| raw.get().len()).max().unwrap_or_default()
    }

    /// Agent and model of an assistant message.
    pub(crate) fn answered_with(&self) -> Setting {
        let model = self.provider.get().zip(self.model_id.get());
        let model = model.map(|(provider, id)| Model {
            provider: provider.0.clone(),
            id: id.0.clone(),
            variant: None,
        });
        Setting { agent: self.agent().map(str::to_owned), model }
    }

    /// Agent and model of a user message.
    pub(crate) fn setting(&self) -> Setting {
        said(&self.agent, self.model, &self.variant)
    }
}

fn said(agent: &Loose<Lossy>, of_model: Option<&RawValue>, variant: &Loose<Lossy>) -> Setting {
    let top = variant.get().map(|v| v.0.clone());
    Setting {
        agent: agent.get().map(|a| a.0.clone()),
        model: of_model.and_then(|raw| model(raw.get())).map(|model| match model.variant {
            Some(_) => model,
            None => model.with_variant(top),
        }),
    }
}

/// Agent and model in what the database has of a user message.
pub(crate) fn said_in(data: &str) -> Setting {
    #[derive(Default, Deserialize)]
    struct Said<'a> {
        #[serde(default)]
        agent: Loose<Lossy>,
        #[serde(default, borrow)]
        model: Option<&'a RawValue>,
        #[serde(default)]
        variant: Loose<Lossy>,
    }
    let of: Said<'_> = serde_json::from_str(data).unwrap_or_default();
    said(&of.agent, of.model, &of.variant)
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
    /// Whether it has a state, as tool calls have; files may be attached there.
    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Whether it names a file or an address, as file parts do.
    pub(crate) fn has_url(&self) -> bool {
        self.kind == "file" || self.url.is_some()
    }

    /// Whether this is a tool call without an end.
    pub(crate) fn is_open(&self) -> bool {
        self.kind == "tool" && self.state.is_some_and(is_open)
    }

    /// The call id of a tool call.
    pub(crate) fn call(&self) -> Option<String> {
        word(&mut serde_json::Deserializer::from_str(self.call?.get())).ok()
    }

    /// What the assistant said in this part, if anything; of a very long text the beginning.
    pub(crate) fn said(&self) -> Option<String> {
        let skipped = [&self.synthetic, &self.ignored].iter().any(|mark| mark.get() == Some(&true));
        let text = self.text.filter(|_| self.kind == "text" && !skipped)?;
        Lossy::beginning(text, LONGEST_REPLY)
    }
}

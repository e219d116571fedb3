//! Which agent works on a session, and with which model.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A model as opencode names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The provider's id; holds no `/`.
    pub provider: String,
    /// The model's id at that provider; may hold `/`.
    pub id: String,
    /// The variant, where one other than the default is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Model {
    /// The same model with another variant; opencode's word for none, `default`, becomes `None`.
    pub fn with_variant(self, variant: Option<String>) -> Self {
        Self { variant: variant.filter(|v| v != "default"), ..self }
    }
}

/// `provider/model`, as `opencode run --model` takes it; the variant is a flag of its own.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.id)
    }
}

/// A text that is not `provider/model`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a model is written provider/model")]
pub struct ModelError;

impl FromStr for Model {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        match text.split_once('/') {
            Some((provider, id)) if !provider.is_empty() && !id.is_empty() => {
                Ok(Self { provider: provider.to_owned(), id: id.to_owned(), variant: None })
            }
            _ => Err(ModelError),
        }
    }
}

/// Agent and model of a session or a message; what is unknown is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The agent's name.
    pub agent: Option<String>,
    /// The model.
    pub model: Option<Model>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_provider_slash_model() {
        let model: Model = "openrouter/meta/llama-3".parse().unwrap();
        assert_eq!((model.provider.as_str(), model.id.as_str()), ("openrouter", "meta/llama-3"));
        assert_eq!(model.to_string(), "openrouter/meta/llama-3");
        for bad in ["", "m1", "/m1", "fake/"] {
            assert_eq!(bad.parse::<Model>(), Err(ModelError));
        }
    }

    #[test]
    fn the_default_variant_is_none() {
        let model: Model = "a/b".parse().unwrap();
        assert_eq!(model.clone().with_variant(Some("default".into())).variant, None);
        assert_eq!(model.with_variant(Some("high".into())).variant.as_deref(), Some("high"));
    }
}

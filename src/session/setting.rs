//! Which agent works on a session, and with which model.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A model as opencode names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The provider's id; holds no `/`.
    pub(crate) provider: String,
    /// The model's id at that provider; may hold `/`.
    pub(crate) id: String,
    /// The variant, where one other than the default is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
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
    pub(crate) agent: Option<String>,
    pub(crate) model: Option<Model>,
}

/// What is asked for at one place: by flags, or in a host's entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    pub agent: Option<String>,
    /// The model; its own variant counts for nothing.
    pub model: Option<Model>,
    pub variant: Option<String>,
}

/// A variant was asked for, and there is no model that it could be of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a variant needs a model, and this session has none yet")]
pub struct NoModel;

impl Setting {
    /// The same; what it does not say is taken from another.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            agent: self.agent.or_else(|| other.agent.clone()),
            model: self.model.or_else(|| other.model.clone()),
        }
    }

    /// What a session of this setting is run with: the first wish that says something counts, and then the session's own.
    ///
    /// A variant belongs to a model. One that is asked for goes with the model of the same wish or of a later one, never
    /// with that of an earlier wish; the session's own variant goes only with the session's own model.
    pub fn wished(&self, wishes: &[Wish]) -> Result<Self, NoModel> {
        let agent = wishes.iter().find_map(|wish| wish.agent.clone()).or_else(|| self.agent.clone());
        let chosen = wishes.iter().position(|wish| wish.model.is_some());
        let heard = chosen.map_or(wishes, |at| wishes.get(..=at).unwrap_or(wishes));
        let variant = heard.iter().find_map(|wish| wish.variant.clone());
        let model = match heard.last().and_then(|wish| wish.model.clone()) {
            Some(model) => Some(Model { variant, ..model }),
            None => match self.model.clone() {
                Some(own) => Some(Model { variant: variant.or_else(|| own.variant.clone()), ..own }),
                None if variant.is_some() => return Err(NoModel),
                None => None,
            },
        };
        Ok(Self { agent, model })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str, variant: Option<&str>) -> Option<Model> {
        Some(Model { variant: variant.map(str::to_owned), ..text.parse().unwrap() })
    }

    fn wish(agent: &str, model: &str, variant: &str) -> Wish {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Wish { agent: some(agent), model: model.parse().ok(), variant: some(variant) }
    }

    fn own() -> Setting {
        Setting { agent: Some("build".into()), model: model("p/own", Some("low")) }
    }

    #[test]
    fn the_first_wish_counts_and_then_the_sessions_own() {
        assert_eq!(own().wished(&[]), Ok(own()));
        assert_eq!(own().wished(&[wish("", "", ""), wish("", "", "")]), Ok(own()));
        let both = own().wished(&[wish("plan", "", ""), wish("other", "p/entry", "")]).unwrap();
        assert_eq!(both, Setting { agent: Some("plan".into()), model: model("p/entry", None) });
        let flag = own().wished(&[wish("", "p/flag", ""), wish("other", "p/entry", "")]).unwrap();
        assert_eq!(flag, Setting { agent: Some("other".into()), model: model("p/flag", None) });
        assert_eq!(Setting::default().wished(&[wish("", "", "")]), Ok(Setting::default()));
    }

    #[test]
    fn a_variant_stays_with_its_model() {
        let chosen = |wishes: &[Wish]| own().wished(wishes).unwrap().model;
        assert_eq!(chosen(&[wish("", "", "high")]), model("p/own", Some("high")));
        assert_eq!(chosen(&[wish("", "", ""), wish("", "", "high")]), model("p/own", Some("high")));
        assert_eq!(
            chosen(&[wish("", "", "high"), wish("", "p/entry", "max")]),
            model("p/entry", Some("high"))
        );
        assert_eq!(chosen(&[wish("", "", ""), wish("", "p/entry", "max")]), model("p/entry", Some("max")));
        assert_eq!(chosen(&[wish("", "p/flag", ""), wish("", "p/entry", "max")]), model("p/flag", None));
        assert_eq!(chosen(&[wish("", "p/flag", ""), wish("", "", "max")]), model("p/flag", None));
        let named = Wish { model: model("p/flag", Some("ignored")), ..Wish::default() };
        assert_eq!(chosen(&[named]), model("p/flag", None));
    }

    #[test]
    fn a_variant_without_any_model_is_refused() {
        let none = Setting { model: None, ..own() };
        assert_eq!(none.wished(&[wish("", "", "high")]), Err(NoModel));
        assert_eq!(
            none.wished(&[wish("", "p/m", ""), wish("", "", "high")]).unwrap().model,
            model("p/m", None)
        );
    }

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

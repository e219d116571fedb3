//! Agent and model, where opencode keeps them: in the session's own record and on the user message.

use crate::session::message;
use crate::session::raw::Object;
use crate::session::{ExportError, Model, Raw, Setting};
use crate::transfer::baseline::{Baseline, FormerUser};
use serde_json::json;

fn former(object: &Object<'_>, key: &str) -> Option<Raw> {
    object.get(key).map(Raw::from)
}

pub(crate) fn put(object: &mut Object<'_>, key: &str, value: Option<&Raw>) -> Result<(), ExportError> {
    match value {
        Some(raw) => object.set(key, raw)?,
        None => object.remove(key),
    }
    Ok(())
}

pub(crate) fn former_user(id: &str, info: &Object<'_>) -> FormerUser {
    FormerUser {
        id: id.to_owned(),
        agent: former(info, "agent"),
        model: former(info, "model"),
        variant: former(info, "variant"),
    }
}

/// Sets agent and model of a session's own record. `default` is what opencode writes there for no variant.
///
/// Only 1.18 writes these fields itself; 1.14 takes them in at import, 1.3 drops them.
pub(crate) fn set_on_info(info: &mut Object<'_>, setting: &Setting) -> Result<(), ExportError> {
    if let Some(agent) = &setting.agent {
        info.set("agent", agent)?;
    }
    if let Some(model) = &setting.model {
        let variant = model.variant.as_deref().unwrap_or("default");
        let value = json!({"id": model.id, "providerID": model.provider, "variant": variant});
        info.set("model", &value)?;
    }
    Ok(())
}

/// Sets agent and model of a user message.
///
/// 1.3 keeps the variant beside the model, 1.14 and 1.18 inside it. Home and host may differ in release, and
/// each drops at import what it does not know, so it is written in both places.
pub(crate) fn set_on_user(info: &mut Object<'_>, setting: &Setting) -> Result<(), ExportError> {
    if let Some(agent) = &setting.agent {
        info.set("agent", agent)?;
    }
    if let Some(model) = &setting.model {
        info.set("model", &user_model(model))?;
        match &model.variant {
            Some(variant) => info.set("variant", variant)?,
            None => info.remove("variant"),
        }
    }
    Ok(())
}

fn user_model(model: &Model) -> serde_json::Value {
    match &model.variant {
        Some(variant) => json!({"providerID": model.provider, "modelID": model.id, "variant": variant}),
        None => json!({"providerID": model.provider, "modelID": model.id}),
    }
}

/// Gives the last user message agent and model of the one before the trip, or else of the session's record.
/// A field that neither has stays as it came: a user message without agent or model cannot be imported.
pub(crate) fn put_back(info: &mut Object<'_>, undo: &Baseline) -> Result<(), ExportError> {
    let record = undo.record()?;
    let agent = record.get("agent").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let model = record.get("model").and_then(|raw| message::model(raw.get()));
    set_on_user(info, &Setting { agent, model })?;
    let Some(user) = &undo.last_user else { return Ok(()) };
    if user.agent.is_some() {
        put(info, "agent", user.agent.as_ref())?;
    }
    if user.model.is_some() {
        put(info, "model", user.model.as_ref())?;
        put(info, "variant", user.variant.as_ref())?;
    }
    Ok(())
}

//! Agent and model, where opencode keeps them: in the session's own record and on the user message.

use crate::session::message;
use crate::session::raw::Object;
use crate::session::{ExportError, Raw, Setting};
use crate::transfer::baseline::{Baseline, FormerUser};
use serde::Serialize;
use serde_json::json;

pub(crate) fn former_user(id: &str, info: &Object<'_>) -> FormerUser {
    let former = |key| info.get(key).map(Raw::from);
    let (agent, model, variant) = (former("agent"), former("model"), former("variant"));
    FormerUser { id: id.to_owned(), agent, model, variant }
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
        let mut value = json!({"providerID": model.provider, "modelID": model.id});
        if let Some(variant) = &model.variant {
            value["variant"] = json!(variant);
        }
        info.set("model", &value)?;
        set_variant(info, model.variant.as_ref())?;
    }
    Ok(())
}

fn set_variant(info: &mut Object<'_>, variant: Option<&impl Serialize>) -> Result<(), ExportError> {
    match variant {
        Some(variant) => info.set("variant", variant)?,
        None => info.remove("variant"),
    }
    Ok(())
}

/// Gives the last user message agent and model of the one before the trip, or else of the session's record.
/// A field that neither has stays as it came: a user message without agent or model cannot be imported.
pub(crate) fn put_back(info: &mut Object<'_>, undo: &Baseline) -> Result<(), ExportError> {
    let record = undo.record()?;
    let agent = record.get("agent").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let model = record.get("model").and_then(|raw| message::model(raw.get()));
    set_on_user(info, &Setting { agent, model })?;
    let Some(user) = &undo.last_user else { return Ok(()) };
    if let Some(agent) = &user.agent {
        info.set("agent", agent)?;
    }
    if let Some(model) = &user.model {
        info.set("model", model)?;
        set_variant(info, user.variant.as_ref())?;
    }
    Ok(())
}

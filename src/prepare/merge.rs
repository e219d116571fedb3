//! A row that left and came back changed: what was changed there is taken over, all else stays as it is at home.

use super::edit::{Pieces, part_ids, unsound};
use crate::session::ExportError;
use crate::session::raw::Object;
use crate::session::same::same;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The message as it is to be at home: `home` is what stands there, `sent` the copy that left, and `back` what came of
/// it, all in the terms of home. Parts that only `back` has stand behind the others; a part that it lacks is unchanged.
pub(super) fn merge_message(home: &str, sent: &str, back: &str) -> Result<String, ExportError> {
    #[derive(Serialize)]
    struct Merged<'a> {
        info: Cow<'a, RawValue>,
        parts: Vec<Cow<'a, RawValue>>,
    }
    let (home_ids, sent_ids, back_ids) = (part_ids(home)?, part_ids(sent)?, part_ids(back)?);
    let (home, sent, back) = (Pieces::of(home)?, Pieces::of(sent)?, Pieces::of(back)?);
    let mut parts = Vec::with_capacity(home.parts.len());
    for (raw, id) in home.parts.iter().zip(&home_ids) {
        parts.push(match (part(&sent, &sent_ids, id), part(&back, &back_ids, id)) {
            (Some(sent), Some(back)) => Cow::Owned(to_owned(&merge(raw.get(), sent, back)?)?),
            _ => Cow::Borrowed(*raw),
        });
    }
    for (raw, id) in back.parts.iter().zip(&back_ids) {
        if !home_ids.contains(id) {
            parts.push(Cow::Borrowed(*raw));
        }
    }
    let info = own_setting(home.info.get(), &merge(home.info.get(), sent.info.get(), back.info.get())?)?;
    let merged = Merged { info: Cow::Owned(to_owned(&info)?), parts };
    serde_json::to_string(&merged).map_err(unsound)
}

fn part<'a>(message: &Pieces<'a>, ids: &[String], id: &str) -> Option<&'a str> {
    let at = ids.iter().position(|other| other == id)?;
    message.parts.get(at).map(|raw| raw.get())
}

fn to_owned(json: &str) -> Result<Box<RawValue>, ExportError> {
    RawValue::from_string(json.to_owned()).map_err(unsound)
}

/// Agent and model of a user message are those that it was written with; preparing set others.
fn own_setting(home: &str, merged: &str) -> Result<String, ExportError> {
    let own = Object::parse(home).map_err(unsound)?;
    if own.get("role").is_none_or(|role| role.get() != "\"user\"") {
        return Ok(merged.to_owned());
    }
    let mut info = Object::parse(merged).map_err(unsound)?;
    for key in ["agent", "model", "variant"] {
        match own.get(key) {
            Some(value) => info.set(key, value).map_err(unsound)?,
            None => info.remove(key),
        }
    }
    serde_json::to_string(&info).map_err(unsound)
}

/// Field by field. A field that did not come back stays: a host of another release drops, at import, what it does not
/// know. A tool call's state that has come further is taken over as a whole, since its fields belong together.
fn merge<'a>(home: &'a str, sent: &str, back: &'a str) -> Result<Cow<'a, str>, ExportError> {
    if same(sent, back) || same(home, back) {
        return Ok(Cow::Borrowed(home));
    }
    let is_object = |json: &str| json.starts_with('{');
    if !is_object(home) || !is_object(sent) || !is_object(back) {
        return Ok(Cow::Borrowed(back));
    }
    let (own, sent) = (Object::parse(home).map_err(unsound)?, Object::parse(sent).map_err(unsound)?);
    let came = Object::parse(back).map_err(unsound)?;
    let status = |object: &Object<'_>| object.get("status").map(|raw| raw.get().to_owned());
    if status(&sent) != status(&came) {
        return Ok(Cow::Borrowed(back));
    }
    let mut merged = Object::parse(home).map_err(unsound)?;
    for (key, value) in came.iter() {
        match (own.get(key), sent.get(key)) {
            (Some(own), Some(sent)) => {
                let field = to_owned(&merge(own.get(), sent.get(), value.get())?)?;
                merged.set(key, &field).map_err(unsound)?;
            }
            // What preparing added is not home's.
            (None, Some(sent)) if same(sent.get(), value.get()) => {}
            _ => merged.set(key, value).map_err(unsound)?,
        }
    }
    Ok(Cow::Owned(serde_json::to_string(&merged).map_err(unsound)?))
}

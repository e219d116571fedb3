//! Gives a value the shape that import insists on; what has it already stays as it is, to the byte.

use super::schema::{Need, ValueShape, Variant, With};
use crate::session::raw::{Object, quoted};
use crate::session::walk::unescaped;
use serde_json::value::RawValue;

/// The largest whole number that JavaScript counts with.
const LARGEST: f64 = 9_007_199_254_740_991.0;

/// What fields are filled with.
#[derive(Debug)]
pub(super) struct Fillings<'f> {
    pub(super) directory: &'f str,
    pub(super) agent: &'f str,
    /// The model's provider and id, where one is known.
    pub(super) model: Option<(&'f str, &'f str)>,
    pub(super) session: &'f str,
    pub(super) message: &'f str,
    pub(super) part: &'f str,
    pub(super) created_ms: i64,
    /// The user message that an assistant answers.
    pub(super) parent: &'f str,
}

/// What became of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mended {
    /// It has the shape.
    Sound,
    /// It did not; this has.
    Changed(String),
    /// Nothing of this shape can be made of it.
    Unfit,
}

/// What cannot be filled in, in words.
pub(super) type Lacking = &'static str;

/// Gives raw JSON a shape.
pub(super) fn mend(shape: &ValueShape, raw: &str, fillings: &Fillings<'_>) -> Result<Mended, Lacking> {
    let is_sound = match shape {
        ValueShape::Any => true,
        ValueShape::Text => is_text(raw),
        ValueShape::Flag => matches!(raw, "true" | "false"),
        ValueShape::Amount => number(raw).is_some(),
        ValueShape::Count => return Ok(count(raw)),
        ValueShape::Id(prefix) => is_text(raw) && unescaped(raw).starts_with(prefix),
        ValueShape::OneOf(words) => is_text(raw) && words.contains(&unescaped(raw).as_ref()),
        ValueShape::List(inner) => return list(inner, raw, fillings),
        ValueShape::Map(ValueShape::Any) => raw.starts_with('{'),
        ValueShape::Map(inner) => {
            let Some(object) = object(raw) else { return Ok(Mended::Unfit) };
            let mut is_sound = true;
            for (_, value) in object.iter() {
                is_sound &= mend(inner, value.get(), fillings)? == Mended::Sound;
            }
            is_sound
        }
        ValueShape::Object(fields) => {
            let Some(object) = object(raw) else { return Ok(Mended::Unfit) };
            return mend_fields(object, fields, fillings, false);
        }
        ValueShape::Tagged { tag, variants, otherwise } => {
            return tagged(raw, (tag, variants, *otherwise), fillings);
        }
    };
    Ok(if is_sound { Mended::Sound } else { Mended::Unfit })
}

fn is_text(raw: &str) -> bool {
    raw.starts_with('"')
}

fn number(raw: &str) -> Option<f64> {
    raw.parse().ok().filter(|number: &f64| number.is_finite())
}

fn object(raw: &str) -> Option<Object<'_>> {
    if raw.starts_with('{') { Object::parse(raw).ok() } else { None }
}

/// A number becomes the nearest whole one from 0 on.
fn count(raw: &str) -> Mended {
    match number(raw) {
        None => Mended::Unfit,
        Some(number) if number.fract() == 0.0 && (0.0..=LARGEST).contains(&number) => Mended::Sound,
        Some(number) => Mended::Changed(format!("{:.0}", number.trunc().clamp(0.0, LARGEST))),
    }
}

fn list(inner: &ValueShape, raw: &str, fillings: &Fillings<'_>) -> Result<Mended, Lacking> {
    let Some(items) = Some(raw).filter(|raw| raw.starts_with('[')) else { return Ok(Mended::Unfit) };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(items) else { return Ok(Mended::Unfit) };
    let mut is_changed = false;
    let mut mended = Vec::with_capacity(items.len());
    for item in items {
        mended.push(match mend(inner, item.get(), fillings)? {
            Mended::Sound => item.get().to_owned(),
            Mended::Changed(json) => {
                is_changed = true;
                json
            }
            Mended::Unfit => return Ok(Mended::Unfit),
        });
    }
    Ok(if is_changed { Mended::Changed(format!("[{}]", mended.join(","))) } else { Mended::Sound })
}

fn tagged(
    raw: &str,
    (tag, variants, otherwise): (&str, &[Variant], Option<&str>),
    fillings: &Fillings<'_>,
) -> Result<Mended, Lacking> {
    let named = |raw: &str| variants.iter().find(|variant| is_text(raw) && variant.name == unescaped(raw));
    let mut object = match (raw.starts_with('{'), otherwise) {
        (true, _) => match Object::parse(raw) {
            Ok(object) => object,
            Err(_) => return Ok(Mended::Unfit),
        },
        (false, Some(_)) => Object::default(),
        (false, None) => return Ok(Mended::Unfit),
    };
    if let Some(variant) = object.get(tag).and_then(|tag| named(tag.get())) {
        return mend_fields(object, variant.fields, fillings, false);
    }
    // Of some old forms only the name is left.
    let fallback = || variants.iter().find(|variant| Some(variant.name) == otherwise);
    let Some(variant) = named(raw).or_else(fallback) else { return Ok(Mended::Unfit) };
    object.set(tag, variant.name).map_err(|_| UNWRITABLE)?;
    mend_fields(object, variant.fields, fillings, true)
}

/// JSON that was read and cannot be written: does not happen.
const UNWRITABLE: Lacking = "a field of it cannot be written as JSON";

fn mend_fields(
    mut object: Object<'_>,
    fields: &[super::schema::Field],
    fillings: &Fillings<'_>,
    mut is_changed: bool,
) -> Result<Mended, Lacking> {
    for field in fields {
        let present = object.get(field.name).map(RawValue::get);
        let mended = present.map(|raw| mend(field.shape, raw, fillings)).transpose()?;
        let json = match (mended, &field.need) {
            (Some(Mended::Sound), _) | (None, Need::Optional | Need::AsIs) => continue,
            (Some(Mended::Changed(json)), _) => json,
            (Some(Mended::Unfit), Need::Optional) => {
                object.remove(field.name);
                is_changed = true;
                continue;
            }
            (_, Need::Required) => return Ok(Mended::Unfit),
            (Some(Mended::Unfit), Need::AsIs) => {
                return Err("its permission rules are not in opencode's form");
            }
            (_, Need::Filled(with)) => filling(*with, field.shape, present, fillings)?,
        };
        let json = RawValue::from_string(json).map_err(|_| UNWRITABLE)?;
        object.set(field.name, &json).map_err(|_| UNWRITABLE)?;
        is_changed = true;
    }
    if !is_changed {
        return Ok(Mended::Sound);
    }
    serde_json::to_string(&object).map(Mended::Changed).map_err(|_| UNWRITABLE)
}

/// What stands in for a value that is missing, or `present` and of another shape.
fn filling(
    with: With,
    shape: &ValueShape,
    present: Option<&str>,
    fillings: &Fillings<'_>,
) -> Result<String, Lacking> {
    let model = || fillings.model.ok_or("no message of the session says which model it was made with");
    Ok(match with {
        With::Said => quoted(present.filter(|raw| *raw != "null").unwrap_or_default()),
        With::Json(json) => match mend(shape, json, fillings)? {
            Mended::Changed(mended) => mended,
            Mended::Sound | Mended::Unfit => json.to_owned(),
        },
        With::Created => fillings.created_ms.max(0).to_string(),
        With::Agent => quoted(fillings.agent),
        With::Provider => quoted(model()?.0),
        With::ModelId => quoted(model()?.1),
        With::Parent => quoted(fillings.parent),
        With::Directory => quoted(fillings.directory),
        With::Session => quoted(fillings.session),
        With::Message => quoted(fillings.message),
        With::Part => quoted(fillings.part),
    })
}

//! What changed on the host in the session's own record, and in its todos.

use super::back::{Base, Section};
use super::edit::unsound;
use super::undo::Departed;
use crate::session::raw::Object;
use crate::session::same::same;
use crate::session::{ExportError, Patch};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

/// The fields that come home, and what each begins with.
const FIELDS: [(&str, &str); 5] =
    [("title", "\""), ("cost", "-0123456789"), ("tokens", "{"), ("summary", "{"), ("permission", "[")];

/// Those that only grow.
const COUNTERS: [&str; 2] = ["cost", "tokens"];

/// Those that a session can do without.
const REMOVABLE: [&str; 2] = ["summary", "permission"];

/// The fields of a record that changed, raw.
#[derive(Debug, Default)]
pub(super) struct Changed(Vec<(&'static str, Box<RawValue>)>);

impl Changed {
    /// Holds the record as it is (`now`) against the one of before the run (`base`).
    ///
    /// Cost and tokens are counters. Where the host began with another number than home did (it has had the session
    /// before), home's goes on by what was spent there.
    pub(super) fn of(now: &str, base: &str, departed: Option<&str>) -> Result<Self, ExportError> {
        let (now, base) = (Object::parse(now).map_err(unsound)?, Object::parse(base).map_err(unsound)?);
        let departed = departed.map(Object::parse).transpose().map_err(unsound)?;
        let mut changed = Vec::new();
        for (key, begins) in FIELDS {
            let (now, base) = (present(&now, key), present(&base, key));
            let value = match (now, base) {
                (Some(now), Some(base)) if same(now, base) => continue,
                (Some(now), _) if !now.starts_with(|c| begins.contains(c)) => {
                    let what = format!("the {key} in its record is not of the kind that opencode writes");
                    return Err(ExportError::not_an_export(what));
                }
                (Some(now), base) => match (base, departed.as_ref().and_then(|info| present(info, key))) {
                    (Some(base), Some(departed)) if COUNTERS.contains(&key) => advanced(departed, base, now)?,
                    _ => now.to_owned(),
                },
                (None, Some(_)) if REMOVABLE.contains(&key) => "null".to_owned(),
                (None, _) => continue,
            };
            changed.push((key, RawValue::from_string(value).map_err(unsound)?));
        }
        Ok(Self(changed))
    }

    /// Only what is counted.
    pub(super) fn counted(mut self) -> Self {
        self.0.retain(|(key, _)| COUNTERS.contains(key) || *key == "summary");
        self
    }

    /// The change, if there is one.
    pub(super) fn patch<'a>(&'a self, session: &'a str) -> Option<Patch<'a>> {
        let get = |key| self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_ref());
        (!self.0.is_empty()).then(|| Patch {
            session: session.into(),
            title: get("title"),
            cost: get("cost"),
            tokens: get("tokens"),
            summary: get("summary"),
            permission: get("permission"),
        })
    }
}

/// The todos, if they changed.
pub(super) fn changed_todos<'a>(root: &'a Section, departed: Option<&Departed>) -> Option<&'a str> {
    let now = root.todos.as_deref()?;
    let before = match &root.base {
        Some(Base { todos, .. }) => todos.as_ref(),
        None => departed.and_then(|departed| departed.todos.as_ref()),
    };
    (!same(now, before.map_or("[]", |todos| todos.get()))).then_some(now)
}

fn present<'o>(object: &'o Object<'_>, key: &str) -> Option<&'o str> {
    object.get(key).map(RawValue::get).filter(|json| *json != "null")
}

/// `departed` and what came to `base` until `now`; `now` itself where both began alike, and where it is no number.
fn advanced(departed: &str, base: &str, now: &str) -> Result<String, ExportError> {
    if same(departed, base) {
        return Ok(now.to_owned());
    }
    let value = |json: &str| serde_json::from_str::<Value>(json).map_err(unsound);
    Ok(sum(&value(departed)?, &value(base)?, value(now)?).to_string())
}

fn sum(departed: &Value, base: &Value, now: Value) -> Value {
    match now {
        Value::Object(fields) => {
            let of = |key: &str, value| sum(&departed[key], &base[key], value);
            fields.into_iter().map(|(key, value)| (key.clone(), of(&key, value))).collect()
        }
        Value::Number(now) => {
            let whole = || departed.as_i64()?.checked_add(now.as_i64()?.checked_sub(base.as_i64()?)?);
            let any = || Number::from_f64(departed.as_f64()? + (now.as_f64()? - base.as_f64()?));
            Value::Number(whole().map(Number::from).or_else(any).unwrap_or(now))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(now: &str, base: &str, departed: Option<&str>) -> Vec<(&'static str, String)> {
        let changed = Changed::of(now, base, departed).unwrap();
        changed.0.into_iter().map(|(key, raw)| (key, raw.get().to_owned())).collect()
    }

    #[test]
    fn only_what_changed_there_comes_home() {
        let base = r#"{"title":"a","cost":1,"permission":[ ],"directory":"/x"}"#;
        assert_eq!(
            changed(r#"{"permission":[],"cost":1.0,"title":"\u0061","directory":"/y"}"#, base, None),
            []
        );
        let now = r#"{"title":"\ud83d","permission":null,"summary":{"files":1}}"#;
        let expected = [("title", r#""\ud83d""#), ("summary", r#"{"files":1}"#), ("permission", "null")];
        assert_eq!(changed(now, base, Some(base)), expected.map(|(key, json)| (key, json.to_owned())));
        assert!(Changed::of(r#"{"title":[]}"#, base, None).is_err());
    }

    #[test]
    fn what_was_spent_there_is_added_to_what_was_spent_here() {
        let tokens = |input: i64, read: i64| {
            format!(
                r#"{{"cost":{input}.5,"tokens":{{"input":{input},"output":0,"reasoning":0,"cache":{{"read":{read},"write":0}}}}}}"#
            )
        };
        let (base, now, here) = (tokens(10, 1), tokens(13, 1), tokens(20, 5));
        let sum = changed(&now, &base, Some(&here));
        assert_eq!(sum[0], ("cost", "23.5".to_owned()));
        let expected = r#"{"input":23,"output":0,"reasoning":0,"cache":{"read":5,"write":0}}"#;
        assert_eq!(sum[1], ("tokens", expected.to_owned()));
        assert_eq!(changed(&now, &base, Some(&base))[0], ("cost", "13.5".to_owned()));
    }
}

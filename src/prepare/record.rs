//! What changed on the host in the session's own record, and in its todos.

use super::back::{Base, Section};
use super::edit::unsound;
use super::undo::Departed;
use crate::session::raw::Object;
use crate::session::same::same;
use crate::session::{ExportError, Patch};
use serde::Deserialize;
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

    /// Adds what new messages cost, where the host keeps no count of it and home does: opencode counts per session since 1.18.
    pub(super) fn add_spent(
        &mut self,
        departed: &str,
        keys: &[&'static str],
        messages: &[Spent],
    ) -> Result<(), ExportError> {
        let departed = Object::parse(departed).map_err(unsound)?;
        for &key in keys {
            let Some(before) = present(&departed, key) else { continue };
            let before: Value = serde_json::from_str(before).map_err(unsound)?;
            let mut total = before.clone();
            for Spent { info } in messages {
                add(&mut total, if key == "cost" { &info.cost } else { &info.tokens });
            }
            if total != before {
                self.0.push((key, RawValue::from_string(total.to_string()).map_err(unsound)?));
            }
        }
        Ok(())
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

/// What a message cost.
#[derive(Debug, Deserialize)]
pub(super) struct Spent {
    info: SpentInfo,
}

#[derive(Debug, Deserialize)]
struct SpentInfo {
    #[serde(default)]
    cost: Value,
    #[serde(default)]
    tokens: Value,
}

/// The counters that `departed` has and `now` does not.
pub(super) fn uncounted(now: &str, departed: &str) -> Result<Vec<&'static str>, ExportError> {
    let (now, departed) = (Object::parse(now).map_err(unsound)?, Object::parse(departed).map_err(unsound)?);
    let is_lacking = |key: &&str| present(&now, key).is_none() && present(&departed, key).is_some();
    Ok(COUNTERS.into_iter().filter(is_lacking).collect())
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

/// Adds numbers to those that are there.
fn add(total: &mut Value, more: &Value) {
    match (total, more) {
        (Value::Object(total), more) => {
            total.iter_mut().for_each(|(key, total)| add(total, more.get(key).unwrap_or(&Value::Null)));
        }
        (Value::Number(total), Value::Number(more)) => {
            let whole = || total.as_i64()?.checked_add(more.as_i64()?);
            let any = || Number::from_f64(total.as_f64()? + more.as_f64()?);
            if let Some(sum) = whole().map(Number::from).or_else(any) {
                *total = sum;
            }
        }
        _ => {}
    }
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
    fn what_a_host_does_not_count_is_counted_by_the_messages() {
        let here = r#"{"title":"a","cost":0.5,"tokens":{"input":10,"output":1,"reasoning":0,"cache":{"read":1,"write":0}}}"#;
        let there = r#"{"title":"a"}"#;
        assert_eq!(uncounted(here, here).unwrap(), Vec::<&str>::new());
        assert_eq!(uncounted(here, there).unwrap(), Vec::<&str>::new(), "home counts nothing either");
        let keys = uncounted(there, here).unwrap();
        let spent = |json| serde_json::from_str::<Spent>(json).unwrap();
        let messages = [
            spent(r#"{"info":{"role":"user"},"parts":[]}"#),
            spent(r#"{"info":{"cost":0.25,"tokens":{"total":9,"input":3,"output":4,"cache":{"read":2}}}}"#),
            spent(r#"{"info":{"cost":"much","tokens":{"input":5}},"parts":[{"text":"\ud83d"}]}"#),
        ];
        let mut changed = Changed::of(there, there, Some(here)).unwrap();
        changed.add_spent(here, &keys, &messages).unwrap();
        let tokens = r#"{"input":18,"output":5,"reasoning":0,"cache":{"read":3,"write":0}}"#;
        let found: Vec<_> = changed.0.iter().map(|(key, raw)| (*key, raw.get())).collect();
        assert_eq!(found, [("cost", "0.75"), ("tokens", tokens)]);
        let mut changed = Changed::default();
        changed.add_spent(here, &keys, &messages[..1]).unwrap();
        assert!(changed.patch("ses_1").is_none(), "nothing was spent");
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

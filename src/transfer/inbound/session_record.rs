//! What changed on the host in the session's own record, and in its todos.

use crate::session::raw::Object;
use crate::session::same::same;
use crate::session::{ExportError, Patch};
use crate::transfer::baseline::SentRecord;
use crate::transfer::inbound::returned::{Base, Section};
use crate::transfer::inbound::rights::{Right, RowKind, of};
use crate::transfer::inbound::usage::{Usage, advanced};
use serde_json::value::RawValue;

/// The fields of a record that changed, raw.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    fields: Vec<(&'static str, Box<RawValue>)>,
    /// The host's rules are others than before the run. They stay there.
    pub(crate) has_other_rules: bool,
    /// The host counted more than its new messages say; the messages count.
    pub(crate) is_overcounted: bool,
}

/// The versions of a session's record.
pub(crate) struct Records<'r> {
    /// As it is on the host.
    pub(crate) now: &'r str,
    /// As it was on the host before the run; `None` where nothing tells.
    pub(crate) base: Option<&'r str>,
    /// As it was at home, of its counters at least; `None` where nothing tells.
    pub(crate) home: Option<&'r str>,
}

impl Changed {
    /// What of a session's record comes home, by the table of rights. `spent` is what the new messages say they cost.
    pub(crate) fn of(records: &Records<'_>, spent: &Usage) -> Result<Self, ExportError> {
        let now = Object::parse(records.now)?;
        let base = Object::parse(records.base.unwrap_or("{}"))?;
        let home = Object::parse(records.home.unwrap_or("{}"))?;
        let mut changed = Self::default();
        for entry in of(RowKind::Session) {
            // Todos stand beside the record.
            let [key @ ("title" | "summary" | "cost" | "tokens")] = *entry.field else { continue };
            let (now, was) = (present(&now, key), present(&base, key));
            if now.is_some_and(|now| !entry.shape.fits(now)) {
                let what = format!("the {key} in its record is not of the kind that opencode writes");
                return Err(ExportError::not_an_export(what));
            }
            let value = match (entry.right, now) {
                (Right::Grows, now) => {
                    let counted = now.map(|now| (was, now));
                    advanced(present(&home, key), counted, spent.of(key), &mut changed.is_overcounted)?
                }
                (_, Some(now)) => (!was.is_some_and(|was| same(now, was))).then(|| now.to_owned()),
                // No session is without the others.
                (_, None) => (was.is_some() && key == "summary").then(|| "null".to_owned()),
            };
            if let Some(value) = value {
                changed.fields.push((key, RawValue::from_string(value)?));
            }
        }
        let rules = |object| present(object, "permission").unwrap_or("[]").to_owned();
        changed.has_other_rules = records.base.is_some() && !same(&rules(&now), &rules(&base));
        Ok(changed)
    }

    /// Only what is counted.
    pub(crate) fn counted(mut self) -> Self {
        self.fields.retain(|(key, _)| *key != "title");
        self
    }

    pub(crate) fn patch<'a>(&'a self, session: &'a str) -> Option<Patch<'a>> {
        let get = |key| self.fields.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_ref());
        (!self.fields.is_empty()).then(|| Patch {
            session: session.into(),
            title: get("title"),
            cost: get("cost"),
            tokens: get("tokens"),
            summary: get("summary"),
        })
    }
}

/// The todos, if they changed.
pub(crate) fn changed_todos<'a>(root: &'a Section, sent: Option<&SentRecord>) -> Option<&'a str> {
    let now = root.todos.as_deref()?;
    let before = match &root.base {
        Some(Base { todos, .. }) => todos.as_ref(),
        None => sent.and_then(|sent| sent.todos.as_ref()),
    };
    (!same(now, before.map_or("[]", |todos| todos.get()))).then_some(now)
}

fn present<'o>(object: &'o Object<'_>, key: &str) -> Option<&'o str> {
    object.get(key).map(RawValue::get).filter(|json| *json != "null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(now: &str, base: Option<&str>, home: Option<&str>, spent: &Usage) -> Changed {
        Changed::of(&Records { now, base, home }, spent).unwrap()
    }

    fn fields(changed: &Changed) -> Vec<(&'static str, String)> {
        changed.fields.iter().map(|(key, raw)| (*key, raw.get().to_owned())).collect()
    }

    #[test]
    fn only_what_changed_there_comes_home() {
        let none = Usage::default();
        let base = r#"{"title":"a","cost":1,"permission":[ ],"directory":"/x"}"#;
        let now = r#"{"permission":[],"cost":1.0,"title":"\u0061","directory":"/y"}"#;
        let same = changed(now, Some(base), None, &none);
        assert_eq!((fields(&same), same.has_other_rules), (vec![], false));
        let now = r#"{"title":"\ud83d","summary":{"files":1}}"#;
        let expected = [("title", r#""\ud83d""#), ("summary", r#"{"files":1}"#)];
        let expected = expected.map(|(key, json)| (key, json.to_owned()));
        assert_eq!(fields(&changed(now, Some(base), Some(base), &none)), expected);
        assert_eq!(fields(&changed("{}", Some(now), None, &none)), [("summary", "null".to_owned())]);
        let bad = Records { now: r#"{"title":[]}"#, base: Some(base), home: None };
        assert!(Changed::of(&bad, &none).is_err());
    }

    #[test]
    fn rules_stay_on_their_host_and_are_told() {
        let allow = r#"{"permission":[{"permission":"*","pattern":"*","action":"allow"}]}"#;
        for (now, base) in [(allow, "{}"), ("{}", allow), (r#"{"permission":[1,null]}"#, allow)] {
            let changed = changed(now, Some(base), Some(base), &Usage::default());
            assert!(changed.has_other_rules && changed.patch("ses_1").is_none(), "{now}");
        }
        assert!(!changed(allow, Some(allow), None, &Usage::default()).has_other_rules);
    }

    #[test]
    fn what_a_host_does_not_count_is_counted_by_the_messages() {
        let home = r#"{"title":"a","cost":0.5,"tokens":{"input":10,"output":1,"reasoning":0,"cache":{"read":1,"write":0}}}"#;
        let host = r#"{"title":"a"}"#;
        let mut spent = Usage::default();
        for message in [
            json!({"info": {"role": "user"}, "parts": []}),
            json!({"info": {"cost": 0.25, "tokens": {"total": 9, "input": 3, "output": 4, "cache": {"read": 2}}}, "parts": []}),
            json!({"info": {"cost": "much", "tokens": {"input": 5}}, "parts": [{"text": "x"}]}),
        ] {
            spent.add(&message.to_string()).unwrap();
        }
        let tokens = r#"{"input":18,"output":5,"reasoning":0,"cache":{"read":3,"write":0}}"#;
        let expected = [("cost", "0.75".to_owned()), ("tokens", tokens.to_owned())];
        assert_eq!(fields(&changed(host, Some(host), Some(home), &spent)), expected);
        assert!(
            changed(host, Some(host), Some(host), &spent).patch("ses_1").is_none(),
            "home counts nothing"
        );
        assert!(changed(host, Some(host), Some(home), &Usage::default()).patch("ses_1").is_none());
    }
}

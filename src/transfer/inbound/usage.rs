//! What new messages cost, and how a session's counters grow by it.

use crate::session::ExportError;
use crate::session::same::same;
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

/// The sums of what new messages say: cost and tokens.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    cost: Value,
    tokens: Value,
}

impl Usage {
    /// Adds a message. An answer of several steps has the tokens of its last one, and its steps have their own.
    pub(crate) fn add(&mut self, message: &str) -> Result<(), ExportError> {
        #[derive(Default, Deserialize)]
        struct CountedRow {
            #[serde(default, rename = "type")]
            kind: String,
            #[serde(default)]
            cost: Value,
            #[serde(default)]
            tokens: Value,
        }
        #[derive(Deserialize)]
        struct CountedMessage {
            info: CountedRow,
            parts: Vec<CountedRow>,
        }
        let CountedMessage { info, parts } = serde_json::from_str(message)?;
        let (mut cost, mut tokens) = (Value::Null, Value::Null);
        for step in parts.iter().filter(|part| part.kind == "step-finish") {
            combine(&mut cost, &step.cost, plus);
            combine(&mut tokens, &step.tokens, plus);
        }
        combine(&mut cost, &info.cost, larger);
        combine(&mut tokens, &info.tokens, larger);
        combine(&mut self.cost, &cost, plus);
        combine(&mut self.tokens, &tokens, plus);
        Ok(())
    }

    pub(crate) fn of(&self, key: &str) -> &Value {
        if key == "cost" { &self.cost } else { &self.tokens }
    }
}

/// Combines each number of `more` with the one that stands in its place.
fn combine(total: &mut Value, more: &Value, with: fn(&Number, &Number) -> Option<Number>) {
    match (&mut *total, more) {
        (Value::Object(total), Value::Object(more)) => {
            for (key, more) in more {
                combine(total.entry(key.as_str()).or_insert(Value::Null), more, with);
            }
        }
        (Value::Number(own), Value::Number(more)) => {
            if let Some(number) = with(own, more) {
                *own = number;
            }
        }
        (Value::Null, Value::Number(_)) => *total = more.clone(),
        (Value::Null, Value::Object(_)) => {
            *total = Value::Object(Map::new());
            combine(total, more, with);
        }
        _ => {}
    }
}

fn plus(a: &Number, b: &Number) -> Option<Number> {
    let whole = || a.as_i64()?.checked_add(b.as_i64()?).map(Number::from);
    whole().or_else(|| Number::from_f64(a.as_f64()? + b.as_f64()?))
}

fn minus(a: &Number, b: &Number) -> Option<Number> {
    let whole = || a.as_i64()?.checked_sub(b.as_i64()?).map(Number::from);
    whole().or_else(|| Number::from_f64(a.as_f64()? - b.as_f64()?))
}

fn larger(a: &Number, b: &Number) -> Option<Number> {
    (b.as_f64()? > a.as_f64()?).then(|| b.clone())
}

/// The new value at home of a counter in a session's record; `None` if it stays.
///
/// `home` is the old one. `counted` is the host's: before the run, if known, and now; `None` if the host does not count.
/// The counter grows by what the host counted, and by no more than `spent`, which the new messages say; if the host does
/// not count, by `spent`. `is_over`: the host counted more.
pub(crate) fn advanced(
    home: Option<&str>,
    counted: Option<(Option<&str>, &str)>,
    spent: &Value,
    is_over: &mut bool,
) -> Result<Option<String>, ExportError> {
    let value = |json: &str| serde_json::from_str::<Value>(json).map_err(ExportError::from);
    if let Some((Some(base), now)) = counted
        && same(base, now)
    {
        return Ok(None);
    }
    let (base, now) = match counted {
        None => (None, None),
        Some((base, now)) => (base.map(value).transpose()?, Some(value(now)?)),
    };
    let before = match home {
        Some(home) => value(home)?,
        None => match (&base, &now) {
            (Some(base), _) => base.clone(),
            (None, Some(now)) => zero(now),
            (None, None) => return Ok(None),
        },
    };
    let claim = base.as_ref().zip(now.as_ref());
    let after = increased(&before, claim, spent, is_over);
    let stays = home.is_some() && after == before;
    Ok((!stays).then(|| after.to_string()))
}

/// A counter in which nothing was counted.
fn zero(like: &Value) -> Value {
    match like {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), zero(value))).collect(),
        _ => json!(0),
    }
}

fn increased(before: &Value, claim: Option<(&Value, &Value)>, spent: &Value, is_over: &mut bool) -> Value {
    match before {
        Value::Object(fields) => {
            let of = |(key, before): (&String, &Value), is_over: &mut bool| {
                let claim = claim.map(|(base, now)| (&base[key], &now[key]));
                (key.clone(), increased(before, claim, &spent[key], is_over))
            };
            Value::Object(fields.iter().map(|field| of(field, is_over)).collect())
        }
        Value::Number(number) => {
            let zero = Number::from(0);
            let most = match spent {
                Value::Number(spent) => spent.clone(),
                _ => zero.clone(),
            };
            let most = if most.as_f64() > Some(0.0) { most } else { zero.clone() };
            let claimed = match claim {
                Some((Value::Number(base), Value::Number(now))) => minus(now, base),
                _ => None,
            };
            let growth = match claimed {
                None => most,
                Some(claimed) if claimed.as_f64() < Some(0.0) => zero,
                Some(claimed) => {
                    // Sums of fractions differ by their order.
                    let (says, allowed) = (claimed.as_f64().unwrap_or(0.0), most.as_f64().unwrap_or(0.0));
                    let is_more = says > allowed * (1.0 + 1e-9) + 1e-9;
                    *is_over |= is_more;
                    if is_more { most } else { claimed }
                }
            };
            plus(number, &growth).map_or_else(|| before.clone(), Value::Number)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(messages: &[Value]) -> Usage {
        let mut spent = Usage::default();
        messages.iter().for_each(|message| spent.add(&message.to_string()).unwrap());
        spent
    }

    fn counter(
        home: Option<&str>,
        counted: Option<(Option<&str>, &str)>,
        most: Value,
    ) -> (Option<String>, bool) {
        let mut is_over = false;
        (advanced(home, counted, &most, &mut is_over).unwrap(), is_over)
    }

    #[test]
    fn messages_and_their_steps_are_summed() {
        let steps = json!({"info": {"cost": 0.5, "tokens": {"input": 3, "cache": {"read": 2}}}, "parts": [
            {"type": "step-finish", "cost": 0.25, "tokens": {"input": 4, "cache": {"read": 1}}},
            {"type": "step-finish", "cost": 0.25, "tokens": {"input": 3, "cache": {"read": 2}}},
            {"type": "text", "cost": 100}]});
        let spent = spent(&[json!({"info": {"role": "user"}, "parts": []}), steps]);
        assert_eq!(spent.of("cost"), &json!(0.5));
        assert_eq!(spent.of("tokens"), &json!({"input": 7, "cache": {"read": 3}}));
    }

    #[test]
    fn a_counter_grows_by_no_more_than_the_messages_say() {
        for (name, home, counted, (after, is_over)) in [
            ("fractions", Some("20.5"), Some((Some("10.5"), "13.5")), (Some("23.5"), false)),
            ("less than they say", Some("20"), Some((Some("10"), "12")), (Some("22"), false)),
            ("more", Some("20"), Some((Some("10"), "1e308")), (Some("23"), true)),
            ("backwards", Some("20"), Some((Some("10"), "-1e308")), (None, false)),
            ("nothing", Some("20"), Some((Some("10"), "10")), (None, false)),
            ("a host that does not count", Some("20"), None, (Some("23"), false)),
            ("an unknown base", Some("20"), Some((None, "99")), (Some("23"), false)),
            ("home does not count", None, Some((Some("10"), "12")), (Some("12"), false)),
            ("neither counts", None, None, (None, false)),
        ] {
            assert_eq!(counter(home, counted, json!(3)), (after.map(str::to_owned), is_over), "{name}");
        }
    }

    #[test]
    fn every_count_of_the_tokens_grows_by_itself() {
        let tokens = |input: i64, read: i64| {
            json!({"input": input, "output": 0, "reasoning": 0, "cache": {"read": read, "write": 0}})
                .to_string()
        };
        let (base, now, home) = (tokens(10, 1), tokens(13, 900), tokens(20, 5));
        let most = json!({"input": 9, "cache": {"read": 2}});
        let (after, is_over) = counter(Some(&home), Some((Some(&base), &now)), most);
        assert_eq!((after, is_over), (Some(tokens(23, 7)), true));
    }
}

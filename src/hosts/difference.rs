//! In which fields one entry differs from another of the same name.

use std::collections::{BTreeMap, BTreeSet};

use super::HostEntry;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The field, with a dot before what lies inside it: `env.PATH`.
    pub(crate) field: String,
    /// What it was; `None` where it was not set.
    pub(crate) from: Option<String>,
    /// What it is; likewise.
    pub(crate) to: Option<String>,
}

/// Where `new` differs from `old`; without one, all that `new` sets. What environment variables of `old` hold is not told:
/// it may be a secret of the user's, and whoever decides about `new` needs to see that one.
pub(crate) fn differences(new: &HostEntry, old: Option<&HostEntry>) -> Vec<Difference> {
    let reordered = old.and_then(|old| reordered(new, old));
    let (new, old) = (fields(new), old.map(fields).unwrap_or_default());
    let all: BTreeSet<&Field> = new.keys().chain(old.keys()).collect();
    let differing = all.into_iter().filter(|field| old.get(*field) != new.get(*field));
    let differences = differing.map(|field| {
        let is_secret = field.0 == ENV;
        let from = old.get(field).map(|value| if is_secret { "…".to_owned() } else { value.clone() });
        Difference { field: field.1.clone(), from, to: new.get(field).cloned() }
    });
    differences.chain(reordered).collect()
}

/// The same permissions in another order mean something else: the last one that fits decides.
fn reordered(new: &HostEntry, old: &HostEntry) -> Option<Difference> {
    let names = |entry: &HostEntry| entry.permission.keys().cloned().collect::<Vec<String>>();
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let (new, old) = (names(new), names(old));
    let is_reordered = new != old && sorted(&new) == sorted(&old);
    is_reordered.then(|| Difference {
        field: "permission".to_owned(),
        from: Some(old.join(", ")),
        to: Some(new.join(", ")),
    })
}

/// Where a field is told, and its name.
type Field = (usize, String);

/// Where environment variables are told: behind the fields that stand alone.
const ENV: usize = 100;

fn fields(entry: &HostEntry) -> BTreeMap<Field, String> {
    // Every field is named here, so that a new one cannot be forgotten.
    let HostEntry {
        name: _,
        host,
        port,
        identity_file,
        agent,
        model,
        variant,
        directory,
        opencode,
        env,
        permission,
        run_timeout,
        source: _,
        plugin: _,
        is_project: _,
    } = entry;
    let single = [
        ("host", Some(host.clone())),
        ("port", port.map(|port| port.to_string())),
        ("identity_file", identity_file.as_ref().map(|path| path.to_string_lossy().into_owned())),
        ("agent", agent.clone()),
        ("model", model.clone()),
        ("variant", variant.clone()),
        ("directory", directory.clone()),
        ("opencode", opencode.clone()),
        ("run_timeout", run_timeout.map(|time| humantime::format_duration(time).to_string())),
    ];
    let single = single.into_iter().enumerate();
    let single = single.filter_map(|(at, (name, value))| Some(((at, name.to_owned()), value?)));
    let env = env.iter().map(|(name, value)| ((ENV, format!("env.{name}")), value.clone()));
    let rules = permission.iter();
    let rules = rules.map(|(name, rule)| ((ENV + 1, format!("permission.{name}")), rule.to_string()));
    single.chain(env).chain(rules).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(host: &str, secret: &str, rule: &str) -> HostEntry {
        let permission = json!({ "bash": rule }).as_object().unwrap().clone();
        HostEntry {
            name: "pi".into(),
            host: host.into(),
            env: [("A".into(), "same".into()), ("TOKEN".into(), secret.into())].into(),
            permission,
            ..HostEntry::default()
        }
    }

    #[test]
    fn every_field_that_differs_is_told_and_no_secret_of_the_old_one() {
        let old = HostEntry { port: Some(22), ..entry("me@pi", "s3cret", "deny") };
        let new = HostEntry { agent: Some("build".into()), ..entry("you@pi", "other", "allow") };
        assert_eq!(differences(&old, Some(&old)), []);
        let named: Vec<String> = differences(&new, Some(&old))
            .iter()
            .map(|Difference { field, from, to }| {
                let or = |value: &Option<String>| value.clone().unwrap_or("-".into());
                format!("{field} {} {}", or(from), or(to))
            })
            .collect();
        assert_eq!(
            named,
            [
                "host me@pi you@pi",
                "port 22 -",
                "agent - build",
                "env.TOKEN … other",
                "permission.bash \"deny\" \"allow\""
            ]
        );
        let rules = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).unwrap().as_object().unwrap().clone()
        };
        let first = HostEntry { permission: rules(r#"{ "*": "ask", "bash": "allow" }"#), ..old.clone() };
        let second = HostEntry { permission: rules(r#"{ "bash": "allow", "*": "ask" }"#), ..old.clone() };
        let (from, to) = (Some("*, bash".to_owned()), Some("bash, *".to_owned()));
        let reordered = Difference { field: "permission".into(), from, to };
        assert_eq!(differences(&second, Some(&first)), [reordered]);
        let all: Vec<String> = differences(&new, None).into_iter().map(|found| found.field).collect();
        assert_eq!(all, ["host", "agent", "env.A", "env.TOKEN", "permission.bash"]);
    }
}

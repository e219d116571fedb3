//! A session's own permission rules: the column `session.permission` of opencode's database.
//!
//! It holds a JSON array of `{"permission","pattern","action"}`; of the rules that match, the last one decides. opencode
//! reads it at the beginning of each run. 1.3, 1.14 and 1.18 agree in all that, and NULL means that there are none.

use super::database::{DatabaseError, PATIENCE, at, columns, unknown};
use super::headless::ANSWERLESS;
use super::writer;
use crate::text::fits_glob;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Without asking.
    Allow,
    /// Ask; where nobody can be asked it is refused.
    Ask,
    /// Never.
    Deny,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// What is not known would be lost when the rules are written again.
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// What is asked for: `bash`, `edit`, `external_directory`, …; `*` and `?` match as in a shell.
    pub permission: String,
    /// What of it: a command, a path, an address; matched likewise.
    pub pattern: String,
    pub action: Action,
}

impl Rule {
    /// The questions that this rule allows and that nobody answers in a run without a terminal. Such a run waits for
    /// ever: a session's own rules beat the run's environment (measured on 1.3, 1.14 and 1.18).
    pub(crate) fn answerless(&self) -> Vec<&'static str> {
        let asks = |name: &&str| self.action != Action::Deny && fits_glob(name, &self.permission);
        ANSWERLESS.into_iter().filter(asks).collect()
    }
}

/// Why the rules could not be read or changed. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PermissionError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("there is no session {session} here")]
    UnknownSession { session: String },
    #[error(
        "the rules of {session} in opencode's database cannot be read: {reason}; they were left as they are"
    )]
    Damaged { session: String, reason: String },
}

/// opencode's database, open for the rules of its sessions. Calls block; another writer is waited for, five seconds at
/// most.
#[derive(Debug)]
pub(crate) struct Permissions {
    path: PathBuf,
    connection: Connection,
}

impl Permissions {
    /// Opens it and looks at its schema.
    ///
    /// # Errors
    /// [`DatabaseError::UnknownSchema`] where sessions have no rules.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = writer::open_within(path, PATIENCE)?;
        let columns = columns(&connection, "session").map_err(|e| at(path, e))?;
        match ["id", "permission"].iter().find(|column| !columns.contains(**column)) {
            Some(column) => Err(unknown(path, format!("it has no column session.{column}"))),
            None => Ok(Self { path: path.to_owned(), connection }),
        }
    }

    pub(crate) fn rules(&self, session: &str) -> Result<Vec<Rule>, PermissionError> {
        read(&self.connection, &self.path, session)
    }

    /// Adds a rule behind the others, in place of one for the same permission and pattern; returns all rules. Questions
    /// that nobody could answer stay denied behind it, see [`Rule::answerless`].
    pub(crate) fn add(&mut self, session: &str, rule: Rule) -> Result<Vec<Rule>, PermissionError> {
        let denied = rule.answerless().into_iter().map(|name| Rule {
            permission: name.to_owned(),
            pattern: "*".to_owned(),
            action: Action::Deny,
        });
        let new: Vec<Rule> = [rule.clone()].into_iter().chain(denied).collect();
        self.change(session, |rules: &mut Vec<Rule>| {
            for new in new {
                rules.retain(|old| (&old.permission, &old.pattern) != (&new.permission, &new.pattern));
                rules.push(new);
            }
            rules.clone()
        })
    }

    /// Denies, behind all other rules, the questions that nobody could answer in a run without a terminal, as opencode
    /// does in the sessions that `opencode run` makes. Returns those that the rules had allowed.
    ///
    /// Nothing else keeps such a run from waiting for ever: a session's own rules, and those of an agent in opencode's
    /// configuration, beat the run's environment (measured on 1.3 and 1.18). The session's beat the agent's.
    pub(crate) fn deny_answerless(&mut self, session: &str) -> Result<Vec<&'static str>, PermissionError> {
        // Mostly this is done already, and no writer need be waited for.
        if undenied(&read(&self.connection, &self.path, session)?).is_empty() {
            return Ok(Vec::new());
        }
        // As they stand: a field that is not known here is none of our business.
        let undenied = self.change(session, |rules: &mut Vec<Value>| {
            let undenied = undenied(rules);
            let deny =
                |(name, _): &(&str, bool)| json!({"permission": name, "pattern": "*", "action": "deny"});
            rules.extend(undenied.iter().map(deny));
            undenied
        })?;
        Ok(undenied.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name).collect())
    }

    fn change<T: DeserializeOwned + Serialize, R>(
        &mut self,
        session: &str,
        change: impl FnOnce(&mut Vec<T>) -> R,
    ) -> Result<R, PermissionError> {
        let path = self.path.as_path();
        let failed = |e| at(path, e);
        // Immediate: what was read cannot be changed by another before it is written.
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut rules = read(&transaction, path, session)?;
        let done = change(&mut rules);
        let text = serde_json::to_string(&rules).map_err(|e| damaged(session, &e.to_string()))?;
        let written =
            transaction.execute("UPDATE session SET permission = ?1 WHERE id = ?2", (&text, session));
        written.and_then(|_| transaction.commit()).map_err(failed)?;
        Ok(done)
    }
}

/// The questions that nobody answers and that these rules do not deny for every pattern; and whether they allow one for
/// some pattern.
fn undenied(rules: &[Value]) -> Vec<(&'static str, bool)> {
    let text = |rule: &Value, field: &str| rule.get(field).and_then(Value::as_str).map(str::to_owned);
    let denies = |rule: &Value| text(rule, "action").as_deref() == Some("deny");
    let all_of_it = |rule: &Value| text(rule, "pattern").as_deref() == Some("*");
    let decided = |name: &'static str| {
        let of_it =
            |rule: &&Value| text(rule, "permission").is_some_and(|permission| fits_glob(name, &permission));
        let mut from_the_last = rules.iter().rev().filter(of_it);
        let last = from_the_last.find(|rule| !denies(rule) || all_of_it(rule));
        (name, last.map(|rule| !denies(rule)))
    };
    let decided = ANSWERLESS.into_iter().map(decided);
    decided.filter(|(_, asked)| *asked != Some(false)).map(|(name, asked)| (name, asked.is_some())).collect()
}

fn damaged(session: &str, reason: &str) -> PermissionError {
    PermissionError::Damaged { session: session.to_owned(), reason: reason.to_owned() }
}

fn read<T: DeserializeOwned>(
    connection: &Connection,
    path: &Path,
    session: &str,
) -> Result<Vec<T>, PermissionError> {
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Null => Some("[]".to_owned()),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).ok(),
        _ => None,
    };
    let row = connection
        .query_row("SELECT permission FROM session WHERE id = ?1", [session], |row| Ok(text(row.get_ref(0)?)))
        .optional()
        .map_err(|e| at(path, e))?;
    let unknown = || PermissionError::UnknownSession { session: session.to_owned() };
    let text = row.ok_or_else(unknown)?.ok_or_else(|| damaged(session, "it is no text"))?;
    serde_json::from_str(&text).map_err(|e| damaged(session, &e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opencode::tests::{AWAY, NEW, OLD, OTHER, SCHEMAS, World};

    /// Two sessions without rules.
    fn database(schema: &str) -> World {
        let world = World::new(schema);
        world.connection().execute("UPDATE session SET permission = NULL", []).unwrap();
        world
    }

    fn rule(permission: &str, pattern: &str, action: Action) -> Rule {
        Rule { permission: permission.into(), pattern: pattern.into(), action }
    }

    fn raw(path: &Path) -> Vec<Option<String>> {
        let connection = Connection::open(path).unwrap();
        let mut query = connection.prepare("SELECT permission FROM session ORDER BY id").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_rule_is_added_last_and_the_others_are_kept_on_all_three_releases() {
        for schema in SCHEMAS {
            let world = database(schema);
            let mut permissions = Permissions::open(&world.database).unwrap();
            assert_eq!(permissions.rules(AWAY).unwrap(), []);
            let (bash, out) =
                (rule("bash", "ls *", Action::Allow), rule("external_directory", "/tmp/*", Action::Ask));
            permissions.add(AWAY, bash.clone()).unwrap();
            assert_eq!(permissions.add(AWAY, out.clone()).unwrap(), [bash.clone(), out.clone()]);
            let again = rule("bash", "ls *", Action::Deny);
            assert_eq!(permissions.add(AWAY, again.clone()).unwrap(), [out.clone(), again.clone()]);
            assert_eq!(permissions.rules(AWAY).unwrap(), [out, again]);
            let text = r#"[{"permission":"external_directory","pattern":"/tmp/*","action":"ask"},{"permission":"bash","pattern":"ls *","action":"deny"}]"#;
            assert_eq!(
                raw(&world.database),
                [Some(text.to_owned()), None],
                "as opencode writes it, and only there"
            );
            assert!(matches!(permissions.rules("ses_3"), Err(PermissionError::UnknownSession { .. })));
            let unknown = permissions.add("ses_3", bash);
            assert!(matches!(unknown, Err(PermissionError::UnknownSession { .. })));
        }
    }

    #[test]
    fn what_nobody_could_answer_stays_denied() {
        let world = database(NEW);
        let mut permissions = Permissions::open(&world.database).unwrap();
        let all = permissions.add(AWAY, rule("*", "*", Action::Allow)).unwrap();
        let names: Vec<&str> = all.iter().map(|rule| rule.permission.as_str()).collect();
        assert_eq!(names, ["*", "question", "plan_enter", "plan_exit"]);
        assert!(all[1..].iter().all(|rule| rule.action == Action::Deny && rule.pattern == "*"));
        let all = permissions.add(AWAY, rule("plan_*", "*", Action::Ask)).unwrap();
        let names: Vec<&str> = all.iter().map(|rule| rule.permission.as_str()).collect();
        assert_eq!(names, ["*", "question", "plan_*", "plan_enter", "plan_exit"]);
        assert!(rule("*", "*", Action::Deny).answerless().is_empty());
        for (pattern, name, is) in [
            ("*", "", true),
            ("?", "", false),
            ("qu?st*n", "question", true),
            ("question", "questions", false),
            ("**n", "question", true),
            ("é?", "éa", true),
            ("", "", true),
        ] {
            assert_eq!(fits_glob(name, pattern), is, "{pattern} {name}");
        }
    }

    #[test]
    fn what_would_wait_for_ever_is_denied_before_a_run() {
        let rule = |permission: &str, pattern: &str, action: &str| json!({"permission": permission, "pattern": pattern, "action": action});
        let denied =
            |names: &[&str]| -> Vec<Value> { names.iter().map(|name| rule(name, "*", "deny")).collect() };
        let all = ["question", "plan_enter", "plan_exit"];
        for (rules, asked, added) in [
            (vec![], &[][..], &all[..]),
            (denied(&all), &[], &[]),
            (vec![rule("bash", "*", "allow")], &[], &all),
            (vec![rule("question", "*", "allow")], &all[..1], &all),
            (vec![rule("question", "*", "ask")], &all[..1], &all),
            (vec![rule("question", "of mine", "allow")], &all[..1], &all),
            (vec![json!({"permission": "*", "pattern": "*", "action": "allow", "more": [1]})], &all, &all),
            (vec![rule("*", "*", "allow"), rule("plan_*", "*", "deny")], &all[..1], &all[..1]),
            (vec![rule("question", "*", "allow"), rule("question", "x", "deny")], &all[..1], &all),
            (vec![rule("question", "*", "allow"), rule("*", "*", "deny")], &[], &[]),
        ] {
            let world = database(OLD);
            let before = Value::from(rules.clone()).to_string();
            let set = "UPDATE session SET permission = ?1 WHERE id = 'ses_away'";
            Connection::open(&world.database).unwrap().execute(set, [&before]).unwrap();
            let mut permissions = Permissions::open(&world.database).unwrap();
            assert_eq!(permissions.deny_answerless(AWAY).unwrap(), asked, "{before}");
            let after = Value::from([rules, denied(added)].concat()).to_string();
            assert_eq!(raw(&world.database), [Some(after), None], "{before}");
            assert!(permissions.deny_answerless(AWAY).unwrap().is_empty());
        }
        let world = database(OLD);
        assert!(Permissions::open(&world.database).unwrap().deny_answerless(OTHER).unwrap().is_empty());
        assert_eq!(raw(&world.database), [None, Some(Value::from(denied(&all)).to_string())]);
    }

    #[test]
    fn what_cannot_be_read_is_never_overwritten() {
        let world = database(NEW);
        for bad in [
            "",
            "{",
            "{}",
            "[1]",
            r#"[{"permission":"bash","pattern":"*"}]"#,
            r#"[{"permission":"bash","pattern":"*","action":"perhaps"}]"#,
            r#"[{"permission":"bash","pattern":"*","action":"ask","until":7}]"#,
        ] {
            let connection = Connection::open(&world.database).unwrap();
            connection.execute("UPDATE session SET permission = ?1 WHERE id = 'ses_away'", [bad]).unwrap();
            let mut permissions = Permissions::open(&world.database).unwrap();
            assert!(matches!(permissions.rules(AWAY), Err(PermissionError::Damaged { .. })), "{bad:?}");
            let added = permissions.add(AWAY, rule("bash", "*", Action::Allow));
            assert!(matches!(added, Err(PermissionError::Damaged { .. })), "{bad:?}");
            assert_eq!(raw(&world.database)[0].as_deref(), Some(bad));
        }
    }

    #[test]
    fn a_schema_without_rules_and_no_database_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opencode.db");
        assert!(matches!(Permissions::open(&path), Err(DatabaseError::Missing { .. })));
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE session (id TEXT)").unwrap();
        let error = Permissions::open(&path).unwrap_err();
        assert!(matches!(&error, DatabaseError::UnknownSchema { what, .. } if what.contains("permission")));
    }

    #[test]
    fn a_writer_is_waited_for() {
        let world = database(NEW);
        let other = Connection::open(&world.database).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::scope(|scope| {
            let adding = scope.spawn(|| {
                Permissions::open(&world.database)
                    .unwrap()
                    .add(AWAY, rule("bash", "*", Action::Allow))
                    .unwrap()
            });
            other.execute("UPDATE session SET permission = '[]' WHERE id = 'ses_away'", []).unwrap();
            other.execute_batch("COMMIT").unwrap();
            assert_eq!(adding.join().unwrap().len(), 1);
        });
    }
}

//! Objects of hosts: their text to entries.

use std::path::Path;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged as _};

use super::error::{EntryProblem, HostsError, Place, Unknown, Warning, printable};
use super::{HostEntry, nearest, value};

const FIELDS: [&str; 12] = [
    "host",
    "port",
    "identity_file",
    "agent",
    "model",
    "variant",
    "directory",
    "opencode",
    "run_timeout",
    "env",
    "permission",
    "os",
];

/// The entries of one file, in its order, and what is odd about them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    pub(super) entries: Vec<HostEntry>,
    pub(super) warnings: Vec<Warning>,
    /// The text that they come from; another text may say something else.
    pub(super) content: String,
}

/// Editors learn from this what belongs into the file.
pub(super) fn is_schema(name: &str, value: &Value<'_>) -> bool {
    name == "$schema" && matches!(value, Value::StringLit(_))
}

/// Line and column of a byte offset.
pub(super) fn place(text: &str, path: &Path, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        path: path.to_owned(),
        line: before.bytes().filter(|b| *b == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// Reads objects of hosts in the text of the file at `path`. `home` resolves `~/`, the file's directory a relative path.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) path: &'t Path,
    pub(super) home: Option<&'t Path>,
    pub(super) is_project: bool,
}

/// Which field is being read, for the error that it may become.
#[derive(Clone, Copy)]
struct At<'n> {
    host: &'n str,
    field: &'n str,
    inner: Option<&'n str>,
}

impl Reader<'_> {
    /// Adds the hosts of an object to `parsed`; `plugin` is the plugin whose option it is.
    pub(super) fn hosts(
        &self,
        hosts: &Object<'_>,
        plugin: Option<&str>,
        parsed: &mut Parsed,
    ) -> Result<(), HostsError> {
        for (index, prop) in hosts.properties.iter().enumerate() {
            let name = prop.name.as_str();
            if is_schema(name, &prop.value) {
                continue;
            }
            let fail = |problem| HostsError::Host {
                place: self.place(prop.name.range()),
                host: printable(name),
                problem,
            };
            value::name(name).map_err(fail)?;
            if let Some(first) = self.first_line(&hosts.properties[..index], name) {
                return Err(fail(EntryProblem::Twice { first }));
            }
            let mut entry = HostEntry {
                name: name.to_owned(),
                source: Some(self.path.to_owned()),
                plugin: plugin.map(str::to_owned),
                is_project: self.is_project,
                ..HostEntry::default()
            };
            match &prop.value {
                Value::StringLit(text) => {
                    let at = At { host: name, field: "host", inner: None };
                    value::address(&text.value).map_err(|problem| self.fail(at, text.range, problem))?;
                    entry.host = text.value.clone().into_owned();
                }
                Value::Object(fields) => {
                    self.entry(&mut entry, fields, &mut parsed.warnings)?;
                    if entry.host.is_empty() {
                        let fields = fields.properties.iter().map(|field| field.name.as_str());
                        let near = |field: &&str| nearest(field, FIELDS) == Some("host");
                        let meant = fields.filter(|field| !FIELDS.contains(field)).find(near).map(printable);
                        return Err(fail(EntryProblem::NoHost { meant }));
                    }
                }
                other => {
                    let expected = "\"user@address\" or an object";
                    return Err(HostsError::Host {
                        place: self.place(other.range()),
                        host: printable(name),
                        problem: EntryProblem::Type { expected, found: value::kind(other) },
                    });
                }
            }
            parsed.entries.push(entry);
        }
        Ok(())
    }

    fn entry(
        &self,
        entry: &mut HostEntry,
        fields: &Object<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), HostsError> {
        let name = entry.name.clone();
        for (index, prop) in fields.properties.iter().enumerate() {
            let field = prop.name.as_str();
            let at = At { host: &name, field, inner: None };
            if let Some(first) = self.first_line(&fields.properties[..index], field) {
                return Err(self.fail(at, prop.name.range(), EntryProblem::Twice { first }));
            }
            let given = &prop.value;
            match field {
                "host" => entry.host = self.string(at, given, value::address)?,
                "port" => entry.port = Some(self.port(at, given)?),
                "identity_file" => {
                    let text = self.string(at, given, value::remote_path)?;
                    let directory = self.path.parent().unwrap_or(Path::new(""));
                    let path = value::local_path(&text, self.home, directory);
                    entry.identity_file =
                        Some(path.map_err(|problem| self.fail(at, given.range(), problem))?);
                }
                "agent" => entry.agent = Some(self.string(at, given, value::word)?),
                "model" => entry.model = Some(self.string(at, given, value::model)?),
                "variant" => entry.variant = Some(self.string(at, given, value::word)?),
                "directory" => entry.directory = Some(self.string(at, given, value::remote_path)?),
                "opencode" => entry.opencode = Some(self.string(at, given, value::remote_path)?),
                "run_timeout" => {
                    let text = self.string(at, given, |text| value::duration(text).map(|_| ()))?;
                    entry.run_timeout = value::duration(&text).ok();
                }
                "env" => {
                    for variable in self.inside(at, given)? {
                        let at = At { inner: Some(variable.name.as_str()), ..at };
                        value::variable(variable.name.as_str())
                            .map_err(|problem| self.fail(at, variable.name.range(), problem))?;
                        let text = self.string(at, &variable.value, value::no_nul)?;
                        entry.env.insert(variable.name.as_str().to_owned(), text);
                    }
                }
                "permission" => {
                    for rule in self.inside(at, given)? {
                        let at = At { inner: Some(rule.name.as_str()), ..at };
                        self.rule(at, &rule.value)?;
                        entry.permission.insert(rule.name.as_str().to_owned(), rule.value.clone().into());
                    }
                }
                "os" => {
                    self.string(at, given, value::os)?;
                }
                unknown => warnings.push(Warning {
                    place: self.place(prop.name.range()),
                    name: printable(unknown),
                    unknown: Unknown::Field { host: name.clone(), nearest: nearest(unknown, FIELDS) },
                }),
            }
        }
        Ok(())
    }

    fn string(
        &self,
        at: At<'_>,
        given: &Value<'_>,
        check: fn(&str) -> Result<(), EntryProblem>,
    ) -> Result<String, HostsError> {
        let Value::StringLit(text) = given else { return Err(self.wrong_type(at, "a string", given)) };
        check(&text.value).map_err(|problem| self.fail(at, text.range, problem))?;
        Ok(text.value.clone().into_owned())
    }

    fn port(&self, at: At<'_>, given: &Value<'_>) -> Result<u16, HostsError> {
        let Value::NumberLit(number) = given else { return Err(self.wrong_type(at, "a number", given)) };
        value::port(number.value).map_err(|problem| self.fail(at, number.range, problem))
    }

    /// One rule of a permission: an action, or patterns with one each.
    fn rule(&self, at: At<'_>, given: &Value<'_>) -> Result<(), HostsError> {
        if let Value::Object(patterns) = given {
            for (index, pattern) in patterns.properties.iter().enumerate() {
                if let Some(first) = self.first_line(&patterns.properties[..index], pattern.name.as_str()) {
                    return Err(self.fail(at, pattern.name.range(), EntryProblem::Twice { first }));
                }
                self.string(at, &pattern.value, value::action)?;
            }
            return Ok(());
        }
        self.string(at, given, value::action).map(drop)
    }

    /// The properties of an object, each named once.
    fn inside<'v, 'a>(&self, at: At<'_>, given: &'v Value<'a>) -> Result<&'v [ObjectProp<'a>], HostsError> {
        let Value::Object(object) = given else { return Err(self.wrong_type(at, "an object", given)) };
        for (index, prop) in object.properties.iter().enumerate() {
            let name = prop.name.as_str();
            if let Some(first) = self.first_line(&object.properties[..index], name) {
                let at = At { inner: Some(name), ..at };
                return Err(self.fail(at, prop.name.range(), EntryProblem::Twice { first }));
            }
        }
        Ok(&object.properties)
    }

    /// The line on which `name` stands among `earlier`.
    fn first_line(&self, earlier: &[ObjectProp<'_>], name: &str) -> Option<usize> {
        let first = earlier.iter().find(|prop| prop.name.as_str() == name)?;
        Some(self.place(first.name.range()).line)
    }

    fn wrong_type(&self, at: At<'_>, expected: &'static str, given: &Value<'_>) -> HostsError {
        self.fail(at, given.range(), EntryProblem::Type { expected, found: value::kind(given) })
    }

    fn fail(&self, at: At<'_>, range: Range, problem: EntryProblem) -> HostsError {
        let field = match at.inner {
            Some(inner) => format!("{}.{}", printable(at.field), printable(inner)),
            None => printable(at.field),
        };
        HostsError::Field {
            place: self.place(range),
            host: at.host.to_owned(),
            field,
            problem: Box::new(problem),
        }
    }

    pub(super) fn place(&self, range: Range) -> Place {
        place(self.text, self.path, range.start)
    }
}

#[cfg(test)]
mod tests;

//! Where in a file the hosts stand: in all of it, in its object `hosts`, or in the options of a plugin.

use std::path::Path;

use jsonc_parser::ast::{Array, Object, ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged as _};

use super::error::{EntryProblem, HostsError, Unknown, Warning, printable};
use super::file::{Parsed, Reader, is_schema, place};
use super::{Form, Source, jsonc, nearest, value};

/// The plugins whose option `hosts` is read, by their names.
const PLUGINS: [&str; 2] = ["opencode-remote-login", "kugetsu"];

/// Names of files and directories that say nothing of whose they are.
const COMMON: [&str; 5] = ["index", "main", "dist", "src", "lib"];

/// Reads the text of a file. `home` resolves `~/`, the file's directory a relative path.
pub(super) fn parse(text: &str, source: &Source, home: Option<&Path>) -> Result<Parsed, HostsError> {
    // A byte order mark is no character of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Source { path, form, is_project } = source;
    // What opencode makes of its own configuration is its matter, as long as no hosts can be in it.
    let [login, own] = PLUGINS;
    let holds_hosts = || text.contains(login) || (text.contains(own) && text.contains("host"));
    if *form == Form::Config && !holds_hosts() {
        return Ok(Parsed::default());
    }
    let reader = Reader { text, path, home, is_project: *is_project };
    let root = jsonc::parse(text)
        .map_err(|(offset, problem)| HostsError::Syntax { place: place(text, path, offset), problem })?;
    let mut parsed = Parsed::default();
    match (form, root) {
        (Form::Hosts, Some(Value::Object(root))) => {
            reader.file(&root, &mut parsed)?;
            parsed.content = text.to_owned();
        }
        (Form::Config, Some(Value::Object(root))) => {
            if let Some(plugins) = root.get_array("plugin") {
                reader.plugins(plugins, &mut parsed)?;
            }
        }
        (Form::Hosts, Some(other)) => return Err(reader.not_an_object(&other, false)),
        (_, None) | (Form::Config, _) => {}
    }
    Ok(parsed)
}

impl Reader<'_> {
    /// A hosts.json: an object of hosts, or one in which `hosts` is that object.
    fn file(&self, root: &Object<'_>, parsed: &mut Parsed) -> Result<(), HostsError> {
        if let Some(hosts) = root.get("hosts")
            && matches!(hosts.value, Value::Array(_) | Value::NullKeyword(_))
        {
            return Err(self.not_an_object(&hosts.value, true));
        }
        let Some((first, hosts)) = wrapped(root) else { return self.hosts(root, None, parsed) };
        for prop in root.properties.iter().filter(|prop| !is_schema(prop.name.as_str(), &prop.value)) {
            if prop.name.as_str() == "hosts" {
                if prop.range != first.range {
                    let problem = EntryProblem::Twice { first: self.place(first.range).line };
                    return Err(HostsError::Host {
                        place: self.place(prop.range),
                        host: "hosts".into(),
                        problem,
                    });
                }
            } else {
                parsed.warnings.push(Warning {
                    place: self.place(prop.name.range()),
                    name: printable(prop.name.as_str()),
                    unknown: Unknown::Beside,
                });
            }
        }
        self.hosts(hosts, None, parsed)
    }

    /// The list of plugins in opencode's configuration.
    fn plugins(&self, plugins: &Array<'_>, parsed: &mut Parsed) -> Result<(), HostsError> {
        for pair in plugins.elements.windows(2) {
            if let [Value::StringLit(name), Value::Object(options)] = pair
                && let Some(plugin) = plugin_name(&name.value)
            {
                parsed.warnings.push(self.odd(options.range, Unknown::Loose { plugin }));
            }
        }
        for plugin in &plugins.elements {
            let Value::Array(plugin) = plugin else { continue };
            let [Value::StringLit(name), Value::Object(options)] = plugin.elements.as_slice() else {
                continue;
            };
            let Some(plugin) = plugin_name(&name.value) else { continue };
            match options.get("hosts").map(|hosts| &hosts.value) {
                Some(Value::Object(hosts)) => {
                    self.hosts(hosts, Some(plugin), parsed)?;
                    // All that is said of hosts, and no more: opencode's configuration changes for other reasons, too.
                    parsed
                        .content
                        .push_str(self.text.get(hosts.range.start..hosts.range.end).unwrap_or_default());
                    parsed.content.push('\0');
                }
                Some(other) => return Err(self.not_an_object(other, true)),
                None if options.properties.is_empty() => {}
                None => {
                    let names = options.properties.iter().map(|option| &option.name);
                    let mut meant =
                        names.filter(|name| nearest(name.as_str(), ["hosts"]).is_some()).peekable();
                    if meant.peek().is_none() {
                        parsed.warnings.push(self.odd(options.range, Unknown::Options { plugin }));
                    }
                    parsed.warnings.extend(meant.map(|name| Warning {
                        place: self.place(name.range()),
                        name: printable(name.as_str()),
                        unknown: Unknown::Option { plugin },
                    }));
                }
            }
        }
        Ok(())
    }

    fn odd(&self, range: Range, unknown: Unknown) -> Warning {
        Warning { place: self.place(range), name: String::new(), unknown }
    }

    fn not_an_object(&self, value: &Value<'_>, is_wrapper: bool) -> HostsError {
        HostsError::NotAnObject { is_wrapper, place: self.place(value.range()), found: value::kind(value) }
    }
}

/// The object `hosts` that holds all hosts; `None` where a host is called so: that one is a string, or has a "host".
/// (A host may be called "host", too: then what is behind that name is an entry, and no string.)
fn wrapped<'v, 'a>(root: &'v Object<'a>) -> Option<(&'v ObjectProp<'a>, &'v Object<'a>)> {
    let first = root.get("hosts")?;
    let Value::Object(hosts) = &first.value else { return None };
    let is_host = hosts.get("host").is_some_and(|host| !matches!(host.value, Value::Object(_)));
    (!is_host).then_some((first, hosts))
}

/// Which of our plugins a configuration names: as a package, with a version or without, or by the path of its file.
fn plugin_name(given: &str) -> Option<&'static str> {
    let stem = |part: &str| {
        // A scope begins with `@`, a version comes behind one.
        let end = part.char_indices().skip(1).find(|(_, c)| matches!(c, '@' | '#')).map(|(at, _)| at);
        let part = part.get(..end.unwrap_or(part.len())).unwrap_or(part);
        let bare = [".js", ".ts", ".mjs", ".git"].iter().find_map(|end| part.strip_suffix(end));
        bare.unwrap_or(part).to_owned()
    };
    let parts = given.split('/').rev().map(stem);
    let name = parts.into_iter().find(|part| !part.is_empty() && !COMMON.contains(&part.as_str()))?;
    PLUGINS.into_iter().find(|plugin| *plugin == name)
}

#[cfg(test)]
mod tests;

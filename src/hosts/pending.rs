//! A project's file whose hosts do not count yet.

use sha2::{Digest as _, Sha256};
use std::path::PathBuf;

use super::error::{HostsError, Unknown, Warning};
use super::file::Parsed;
use super::{HostEntry, Source, root, text_file};

/// A project's file that was read, and waits for the user to allow it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) path: PathBuf,
    /// What it says of hosts, in its order.
    pub(crate) entries: Vec<HostEntry>,
    pub(crate) warnings: Vec<Warning>,
    pub(super) digest: String,
}

impl Pending {
    /// Reads a project's file; `None` where it is not there, or names no host.
    pub(crate) fn read(source: &Source, home: Option<&std::path::Path>) -> Result<Option<Self>, HostsError> {
        let Some(text) = text_file::read(&source.path)? else { return Ok(None) };
        let Parsed { entries, warnings, content } = root::parse(&text, source, home)?;
        let digest = digest(&content, &warnings);
        Ok((!entries.is_empty()).then(|| Self { path: source.path.clone(), entries, warnings, digest }))
    }
}

/// The digest of what a file says. It covers fields that are ignored today, so a later kugetsu that knows one of them
/// asks anew.
fn digest(content: &str, warnings: &[Warning]) -> String {
    let mut sum = Sha256::new();
    sum.update(content);
    for Warning { name, unknown, .. } in warnings {
        let host = match unknown {
            Unknown::Field { host, .. } => host.as_str(),
            _ => "",
        };
        sum.update(format!("\0{host}\0{name}"));
    }
    format!("{:x}", sum.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Form;
    use std::path::Path;

    #[test]
    fn a_field_that_gets_a_meaning_makes_it_another_content() {
        let source = |path| Source { path, form: Form::Hosts, is_project: true };
        let text = r#"{ "pi": { "host": "p", "proxy": "x" } }"#;
        let Parsed { warnings, .. } = root::parse(text, &source("/p/hosts.json".into()), None).unwrap();
        assert_eq!(digest(text, &warnings), digest(text, &warnings));
        assert_ne!(digest(text, &warnings), digest(text, &[]));
        assert_ne!(digest(text, &[]), digest(&format!("{text} "), &[]));
        assert!(
            Pending::read(&source("/nowhere/hosts.json".into()), Some(Path::new("/"))).unwrap().is_none()
        );
    }
}

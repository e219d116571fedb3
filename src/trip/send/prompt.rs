//! What the model on the host reads.

use crate::dispatch::Plan;
use crate::hosts::HostEntry;
use std::path::Path;

/// The host as the model may know it. A name is fine; what was typed in place of one may be an address.
pub(crate) fn name_for_model(host: &HostEntry) -> &str {
    let name = &host.name;
    let address = name.contains(['@', ':']) || name.parse::<std::net::IpAddr>().is_ok();
    if address { "another host" } else { name }
}

/// The prompt of a run as planned, in `directory` there.
pub(crate) fn whole(host: &HostEntry, plan: &Plan, directory: &str, message: &[u8]) -> Vec<u8> {
    let head = std::fs::read_to_string(Path::new(&plan.home_directory).join(".git/HEAD"));
    let branch = head.ok().and_then(|head| branch(&head));
    prompt(name_for_model(host), directory, branch.as_deref(), message, plan.bare)
}

/// The prompt: a paragraph about the host, and the user's own words behind it, byte for byte. No address is in it.
fn prompt(host: &str, directory: &str, branch: Option<&str>, message: &[u8], bare: bool) -> Vec<u8> {
    if bare {
        return message.to_vec();
    }
    let host = if host.contains(' ') { host.to_owned() } else { format!("the host {host}") };
    let branch = branch.map(|branch| format!(" The work is on the git branch {branch}.")).unwrap_or_default();
    let paragraph = format!(
        "[This session has moved to {host}. It now works in {directory} there; the files of the machine \
         it came from are not on this host, so look before you rely on what was read earlier.{branch}]\n\n"
    );
    let mut prompt = paragraph.into_bytes();
    prompt.extend_from_slice(message);
    prompt
}

/// The branch that a git `HEAD` file names.
fn branch(head: &str) -> Option<String> {
    let name = head.trim().strip_prefix("ref: refs/heads/")?;
    (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_words_follow_unchanged() {
        let words = "quotes \" and\n\n$(rm) \u{1f680}".as_bytes();
        let prompt_ = prompt("pi", "/srv", Some("fix/login"), words, false);
        assert!(prompt_.ends_with(words));
        let head = String::from_utf8(prompt_[..prompt_.len() - words.len()].to_vec()).unwrap();
        assert!(head.contains("pi") && head.contains("/srv") && head.contains("fix/login"), "{head}");
        assert_eq!(prompt("pi", "/srv", None, words, true), words);
    }

    #[test]
    fn a_branch_is_read_from_head() {
        assert_eq!(branch("ref: refs/heads/fix/login\n").as_deref(), Some("fix/login"));
        assert_eq!(branch("0123456789abcdef\n"), None);
    }
}

//! What the model on the host reads, and what it may do.

use serde_json::{Map, Value};

/// Never answered by anybody on a host: opencode's run would wait for ever (measured on 1.3 to 1.18).
const ANSWERLESS: [&str; 3] = ["question", "plan_enter", "plan_exit"];

/// The prompt: a paragraph about the host, and the user's own words behind it, byte for byte. No address is in it.
pub(super) fn prompt(
    host: &str,
    directory: &str,
    branch: Option<&str>,
    message: &[u8],
    bare: bool,
) -> Vec<u8> {
    if bare {
        return message.to_vec();
    }
    let branch = branch.map(|branch| format!(" The work is on the git branch {branch}.")).unwrap_or_default();
    let paragraph = format!(
        "[This session has moved to the host {host}. It now works in {directory} there; the files of the machine \
         it came from are not on this host, so look before you rely on what was read earlier.{branch}]\n\n"
    );
    let mut prompt = paragraph.into_bytes();
    prompt.extend_from_slice(message);
    prompt
}

/// `OPENCODE_PERMISSION` for a run that nobody watches: the host's rules, everything else allowed with `auto`, and
/// nothing that waits for an answer.
pub(super) fn permission(rules: &Map<String, Value>, auto: bool) -> String {
    let mut all = Map::new();
    if auto {
        all.insert("*".to_owned(), Value::from("allow"));
    }
    // Later rules win, so an entry's own stand behind the general one.
    all.extend(rules.clone());
    for name in ANSWERLESS {
        all.shift_remove(name);
        all.insert(name.to_owned(), Value::from("deny"));
    }
    Value::Object(all).to_string()
}

/// The branch that a git `HEAD` file names.
pub(super) fn branch(head: &str) -> Option<String> {
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
    fn a_run_never_waits_for_an_answer_whatever_the_rules_say() {
        let rules = serde_json::json!({"question": "allow", "bash": {"*": "ask", "git *": "allow"}});
        let text = permission(rules.as_object().unwrap(), true);
        assert_eq!(
            text,
            r#"{"*":"allow","bash":{"*":"ask","git *":"allow"},"question":"deny","plan_enter":"deny","plan_exit":"deny"}"#
        );
        assert!(!permission(&Map::new(), false).contains("allow"));
    }

    #[test]
    fn a_branch_is_read_from_head() {
        assert_eq!(branch("ref: refs/heads/fix/login\n").as_deref(), Some("fix/login"));
        assert_eq!(branch("0123456789abcdef\n"), None);
    }
}

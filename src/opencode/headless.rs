//! What a run may do that nobody watches.

use serde_json::{Map, Value};

/// Never answered by anybody in such a run: opencode's run would wait for ever (measured on 1.3 to 1.18). Its environment
/// alone does not keep it from that; see [`super::Permissions::deny_answerless`].
pub(super) const ANSWERLESS: [&str; 3] = ["question", "plan_enter", "plan_exit"];

/// `OPENCODE_PERMISSION` for a run that nobody watches: the given rules, everything else allowed with `auto`, and
/// nothing that waits for an answer.
pub(crate) fn permission(rules: &Map<String, Value>, auto: bool) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}

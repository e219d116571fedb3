//! What the user knows a session by.

use crate::text::plain;

/// What the user knows a session by: its issue's number and its title.
pub(super) fn heading(issue: Option<&str>, title: &str, session: &str) -> String {
    let title = plain(title);
    match issue {
        // An issue's session is titled after it until it has a title of its own.
        Some(issue) if title.is_empty() || title == issue => issue.to_owned(),
        Some(issue) => format!("{} {title}", short(issue)),
        None if title.is_empty() => session.to_owned(),
        None => title,
    }
}

/// How an issue is called in a line that has no room for its whole address.
pub(super) fn short(issue: &str) -> &str {
    issue.rfind('#').and_then(|at| issue.get(at..)).unwrap_or(issue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_has_a_short_name() {
        assert_eq!(short("github.com/me/tool#14"), "#14");
        assert_eq!(short("odd"), "odd");
    }
}

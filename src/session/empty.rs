//! A session in which nothing was said yet.

use serde_json::json;

/// The export of an empty session, as all three releases import it: opencode gives it a project by itself.
///
/// `directory` is absolute; `version` is that of the opencode that is going to import it.
pub(crate) fn empty(session: &str, title: &str, directory: &str, version: &str, now_ms: i64) -> Vec<u8> {
    let document = json!({
        "info": {
            "id": session,
            "slug": "kugetsu",
            "version": version,
            "projectID": "global",
            "directory": directory,
            "title": title,
            "time": { "created": now_ms, "updated": now_ms },
        },
        "messages": [],
    });
    document.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::scan;

    #[test]
    fn it_reads_as_a_session_without_messages() {
        let text = empty("ses_1", "The \"base\"", "/a b", "1.18.33", 7);
        let scan = scan(text.as_slice()).unwrap();
        assert_eq!((scan.id.as_str(), scan.outline.len()), ("ses_1", 0));
    }
}

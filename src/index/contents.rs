//! `index.json`: the base session, and which file is which issue's.

use super::FORMAT;
use super::error::IndexError;
use crate::issue::{IssueRef, Likeness, Repository};
use crate::session::is_session_id;
use indexmap::IndexMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::path::Path;

/// What `index.json` holds; whatever else is in it is kept, in its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Index {
    /// All fields; `issues` has its place among them, with the value that it has when there are none.
    fields: Map<String, Value>,
    /// The file of each issue. As JSON values, ten thousand of them would take twice as long to read.
    issues: IndexMap<String, String>,
}

impl Index {
    pub(crate) fn base(&self) -> Option<&str> {
        self.fields.get("base").and_then(Value::as_str).filter(|base| !base.is_empty())
    }

    pub(crate) fn set_base(&mut self, session: Option<&str>) {
        self.fields.insert("base".to_owned(), session.map_or(Value::Null, Value::from));
    }

    /// All issues and the names of their files, in the order in which they were added.
    pub(crate) fn issues(&self) -> impl Iterator<Item = (&str, &str)> {
        self.issues.iter().map(|(issue, file)| (issue.as_str(), file.as_str()))
    }

    /// The issue as it is spelled in the index, and its file.
    ///
    /// Forges ignore the case of letters. If no entry is spelled like the issue, the first that differs in case alone is
    /// meant, or else the only entry that means the same, such as one with `www.`
    pub(crate) fn find(&self, issue: &IssueRef) -> Option<(&str, &str)> {
        let wanted = issue.to_string();
        match self.spelled(&wanted) {
            Some(exact) => Some(exact),
            None => {
                let same = self.issues().find(|(known, _)| known.eq_ignore_ascii_case(&wanted));
                same.or_else(|| self.meaning(&wanted))
            }
        }
    }

    /// The only issue whose spelling, which may be older than our rules, means `wanted`.
    fn meaning(&self, wanted: &str) -> Option<(&str, &str)> {
        let means = |known: IssueRef| known.to_string().eq_ignore_ascii_case(wanted);
        let mut all = self.issues().filter(|(known, _)| known.parse().is_ok_and(means));
        all.next().filter(|_| all.next().is_none())
    }

    /// The issues of that number whose address may stand for the same repository: at another port of the host or at
    /// none, or with a path that is the end of the other's. As they are spelled, their files, and their addresses.
    pub(crate) fn near<'i>(&'i self, issue: &IssueRef) -> Vec<(&'i str, &'i str, IssueRef)> {
        let (number, wanted) = (format!("#{}", issue.number()), Repository::from(issue));
        let of_number = self.issues().filter(|(known, _)| known.ends_with(&number));
        let addresses =
            of_number.filter_map(|(known, file)| Some((known, file, known.parse::<IssueRef>().ok()?)));
        // What a port says depends on who told it, which is not known here.
        let portless = |issue: &IssueRef| Repository { port: None, ..Repository::from(issue) };
        let wanted = Repository { port: None, ..wanted };
        addresses.filter(|(.., address)| portless(address).likeness(&wanted) != Likeness::Other).collect()
    }

    /// The issue that is spelled just like `text`, and its file.
    pub(crate) fn spelled(&self, text: &str) -> Option<(&str, &str)> {
        self.issues.get_key_value(text).map(|(issue, file)| (issue.as_str(), file.as_str()))
    }

    /// A name for the file of `issue`: the script's own, or with `#2`, `#3`, … before `.json` where another issue has it
    /// (`a/b-c#1` and `a-b/c#1`). The script's names have no `#`, so such a name is never another issue's own.
    pub(crate) fn free_name(&self, issue: &IssueRef, is_taken: impl Fn(&str) -> bool) -> String {
        let name = issue.file_name();
        let stem = name.trim_end_matches(".json").to_owned();
        // Some file systems do not tell A from a.
        let taken =
            |name: &str| self.issues().any(|(_, file)| file.eq_ignore_ascii_case(name)) || is_taken(name);
        let mut names = std::iter::once(name).chain((2_u64..).map(|n| format!("{stem}#{n}.json")));
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    pub(crate) fn insert(&mut self, issue: &str, file: &str) {
        self.issues.insert(issue.to_owned(), file.to_owned());
    }

    pub(crate) fn remove(&mut self, issue: &str) -> Option<String> {
        self.issues.shift_remove(issue)
    }

    /// Reads what stands in the file at `path`.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, IndexError> {
        let damaged = |error: serde_json::Error| IndexError::damaged(path, error.to_string());
        let refused = |reason: &str| Err(IndexError::damaged(path, reason));
        let all: IndexMap<String, &RawValue> = serde_json::from_slice(bytes).map_err(damaged)?;
        let format = all.get("format").and_then(|raw| serde_json::from_str::<u64>(raw.get()).ok());
        if let Some(version) = format.filter(|version| *version > u64::from(FORMAT)) {
            return Err(IndexError::Newer { path: path.to_owned(), version });
        }
        let mut index = Self::default();
        for (key, raw) in all {
            let value = if key == "issues" {
                let issues: Option<IndexMap<String, String>> =
                    serde_json::from_str(raw.get()).map_err(damaged)?;
                let none = issues.as_ref().map_or(Value::Null, |_| Value::Object(Map::new()));
                index.issues = issues.unwrap_or_default();
                none
            } else {
                serde_json::from_str(raw.get()).map_err(damaged)?
            };
            index.fields.insert(key, value);
        }
        match index.fields.get("base") {
            None | Some(Value::Null) => {}
            Some(Value::String(base)) if base.is_empty() || is_session_id(base) => {}
            Some(_) => return refused("its base is not an id of opencode's shape"),
        }
        match index.issues.values().all(|file| is_file_name(file)) {
            true => Ok(index),
            false => refused("an issue has no file's name"),
        }
    }

    pub(super) fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut fields = self.fields.clone();
        fields.entry("base").or_insert(Value::Null);
        let none = fields.entry("issues").or_insert_with(|| Value::Object(Map::new()));
        if !self.issues.is_empty() {
            let file = |(issue, file): (&String, &String)| (issue.clone(), file.as_str().into());
            *none = Value::Object(self.issues.iter().map(file).collect());
        }
        fields.insert("format".to_owned(), FORMAT.into());
        let mut text = serde_json::to_vec_pretty(&fields)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Whether it names a file right in `sessions/`.
fn is_file_name(name: &str) -> bool {
    name.len() <= 255
        && name.strip_suffix(".json").is_some_and(|stem| !stem.is_empty())
        && !name.starts_with('.')
        && !name.chars().any(|c| matches!(c, '/' | '\\') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Index {
        Index::parse(text.as_bytes(), Path::new("x")).expect(text)
    }

    fn issue(path: &str, number: u64) -> IssueRef {
        IssueRef::new("github.com", path, number).unwrap()
    }

    #[test]
    fn what_the_script_wrote_is_read() {
        for empty in ["{}", r#"{"base": null, "issues": {}}"#, r#"{"base": "", "issues": null}"#] {
            let index = parse(empty);
            assert_eq!((index.base(), index.issues().count()), (None, 0), "{empty}");
        }
        let text = r#"{"base": "ses_a", "issues": {"github.com/shoko/kugetsu#14": "github.com-shoko-kugetsu-14.json"}}"#;
        let index = parse(text);
        assert_eq!(index.base(), Some("ses_a"));
        let entry = Some(("github.com/shoko/kugetsu#14", "github.com-shoko-kugetsu-14.json"));
        assert_eq!(index.find(&issue("shoko/kugetsu", 14)), entry);
        assert_eq!(index.find(&issue("Shoko/Kugetsu", 14)), entry, "forges do not mind");
        assert_eq!(index.find(&issue("shoko/kugetsu", 1)), None);
    }

    #[test]
    fn what_is_spelled_in_another_way_is_found_if_it_is_the_only_one() {
        let mut index = Index::default();
        let wanted = IssueRef::new("localhost", "a/b", 1).unwrap();
        index.insert("localhost:80/a/b#1", "x.json");
        index.insert("no address", "y.json");
        assert_eq!(index.find(&wanted), Some(("localhost:80/a/b#1", "x.json")));
        assert_eq!(index.spelled("no address"), Some(("no address", "y.json")));
        assert_eq!(index.spelled("localhost/a/b#1"), None);
        index.insert("localhost:443/A/b#1", "z.json");
        assert_eq!(index.find(&wanted), None, "either may be meant");
        assert_eq!(index.spelled("localhost:443/A/b#1"), Some(("localhost:443/A/b#1", "z.json")));
        index.insert("localhost/a/b#1", "w.json");
        assert_eq!(index.find(&wanted), Some(("localhost/a/b#1", "w.json")));
    }

    #[test]
    fn two_ports_of_a_host_are_two_instances_and_near_each_other() {
        let mut index = Index::default();
        for issue in [
            "h:3000/a/b#1",
            "H:3001/A/b#1",
            "h/a/b#1",
            "h/git/a/b#1",
            "h/a/b#11",
            "i/a/b#1",
            "h/a/c#1",
            "odd#1",
        ] {
            index.insert(issue, &format!("{issue}.json").replace('/', "-"));
        }
        let at = |instance, path| IssueRef::new(instance, path, 1).unwrap();
        assert_eq!(index.find(&at("h:3001", "a/b")).unwrap().0, "H:3001/A/b#1");
        assert_eq!(index.find(&at("h:3002", "a/b")), None);
        assert_eq!(index.find(&at("h", "a/b")).unwrap().0, "h/a/b#1");
        let near =
            |issue: &IssueRef| index.near(issue).iter().map(|near| near.0.to_owned()).collect::<Vec<_>>();
        assert_eq!(near(&at("h:3002", "a/b")), ["h:3000/a/b#1", "H:3001/A/b#1", "h/a/b#1", "h/git/a/b#1"]);
        assert_eq!(near(&at("h", "x/a/b")), ["h:3000/a/b#1", "H:3001/A/b#1", "h/a/b#1"]);
    }

    #[test]
    fn what_is_not_ours_keeps_its_place() {
        let mut index = parse(
            r#"{"v": 1, "issues": {"z": "z.json", "a": "a.json", "m": "m.json"}, "extra": {"k": [1]}, "base": null}"#,
        );
        index.remove("z");
        index.insert("b", "b.json");
        index.insert("a", "a#2.json");
        index.set_base(Some("ses_b"));
        let value: Value = serde_json::from_slice(&index.text().unwrap()).unwrap();
        let expected = r#"{"v":1,"issues":{"a":"a#2.json","m":"m.json","b":"b.json"},"extra":{"k":[1]},"base":"ses_b","format":1}"#;
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn what_is_said_twice_holds_as_it_was_said_last() {
        let index = parse(
            r#"{"issues": {"a": "a.json", "b": "b.json", "a": "c.json"}, "base": "ses_a", "base": "ses_b"}"#,
        );
        assert_eq!(index.issues().collect::<Vec<_>>(), [("a", "c.json"), ("b", "b.json")]);
        assert_eq!(index.base(), Some("ses_b"));
    }

    #[test]
    fn no_issues_are_written_as_they_were() {
        for (text, written) in [("{}", "{}"), (r#"{"issues": null}"#, "null"), (r#"{"issues": {}}"#, "{}")] {
            let mut index = parse(text);
            index.insert("a", "a.json");
            assert_eq!(index.remove("a").as_deref(), Some("a.json"));
            let value: Value = serde_json::from_slice(&index.text().unwrap()).unwrap();
            assert_eq!(value["issues"].to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_index_is_told() {
        for bad in [
            "",
            "{",
            "[]",
            "null",
            "{\"base\":7}",
            r#"{"base":"x"}"#,
            r#"{"issues":[]}"#,
            r#"{"issues":{"a":1}}"#,
            r#"{"issues":{"a":"../x.json"}}"#,
            r#"{"issues":{"a":"x"}}"#,
            r#"{"issues":{"a":".json"}}"#,
            r#"{"issues":{"a":"x\u0000.json"}}"#,
            "{\"base\":null}}",
        ] {
            let read = Index::parse(bad.as_bytes(), Path::new("x"));
            assert!(matches!(read, Err(IndexError::Damaged { .. })), "{bad}");
        }
        let newer = Index::parse(br#"{"format":2,"issues":[]}"#, Path::new("x"));
        assert!(matches!(newer, Err(IndexError::Newer { version: 2, .. })));
    }

    #[test]
    fn two_issues_of_one_name_have_two_files() {
        let mut index = Index::default();
        let (one, other, third) = (issue("a/b-c", 1), issue("a-b/c", 1), issue("A-b/c", 1));
        for (issue, name) in [
            (&one, "github.com-a-b-c-1.json"),
            (&other, "github.com-a-b-c-1#2.json"),
            (&third, "github.com-A-b-c-1#3.json"),
        ] {
            let free = index.free_name(issue, |_| false);
            assert_eq!(free, name);
            index.insert(&issue.to_string(), &free);
        }
        assert_eq!(
            Index::default().free_name(&one, |name| !name.contains("#3")),
            "github.com-a-b-c-1#3.json"
        );
    }

    proptest! {
        #[test]
        fn no_two_issues_share_a_file(paths in prop::collection::btree_set(("[ab-]{0,3}[ab]", "[ab-]{0,3}[ab]"), 1..40)) {
            let mut index = Index::default();
            for (user, repo) in &paths {
                let issue = issue(&format!("x{user}/x{repo}"), 1);
                let name = index.free_name(&issue, |_| false);
                prop_assert!(is_file_name(&name));
                index.insert(&issue.to_string(), &name);
            }
            let names: std::collections::HashSet<_> = index.issues().map(|(_, file)| file).collect();
            prop_assert_eq!(names.len(), paths.len());
            let back = parse(&String::from_utf8(index.text().unwrap()).unwrap());
            prop_assert_eq!(back.issues().collect::<Vec<_>>(), index.issues().collect::<Vec<_>>());
        }
    }
}

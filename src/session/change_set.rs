//! The change set: changes to opencode's rows, in a file that the home step reads.
//!
//! JSON values behind each other; each takes one line, if what it carries does. Each can be done when its turn comes: a
//! session stands before its messages, a message before its parts.

use super::error::ExportError;
use super::raw::present;
use super::reader::{LARGEST, parse};
use super::splitter::Splitter;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// One change. What it carries is raw JSON: it reaches the database as it was written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Change<'a> {
    /// A session that is not there yet: a sub-agent's, or a copy.
    #[serde(borrow)]
    Session(NewSession<'a>),
    /// Fields of a session's own record.
    Patch(Patch<'a>),
    /// A message, without its parts: inserted, or put in the place of the session's message with this id.
    Message(NewMessage<'a>),
    /// A part, as `opencode export` shapes it, likewise. It names its session and its message.
    Part(&'a RawValue),
    /// All todos of a session, in the place of those that it has.
    Todos(Todos<'a>),
}

/// A session to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSession<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The session whose sub-agent it is.
    #[serde(default)]
    pub parent: Option<Cow<'a, str>>,
    /// Its own record, as `opencode export` shapes it. Directory and project are taken from the session that came home.
    pub info: &'a RawValue,
}

/// What changes in a session's own record; a field of `None` stays as it is, JSON's `null` takes away what is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patch<'a> {
    #[serde(borrow)]
    pub session: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub cost: Option<&'a RawValue>,
    /// `info.tokens`: `{input, output, reasoning, cache: {read, write}}`.
    #[serde(default, borrow, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tokens: Option<&'a RawValue>,
    /// `info.summary`: `{additions, deletions, files, diffs}`.
    #[serde(default, borrow, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub summary: Option<&'a RawValue>,
}

/// A message without its parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage<'a> {
    /// `info` of the message, as `opencode export` shapes it.
    #[serde(borrow)]
    pub info: &'a RawValue,
}

/// The todos of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Todos<'a> {
    #[serde(borrow)]
    pub session: Cow<'a, str>,
    /// `[{content, status, priority}]`, in their order.
    pub todos: &'a RawValue,
}

impl Change<'_> {
    /// Writes it behind the others.
    pub(crate) fn write(&self, mut output: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut output, self)?;
        output.write_all(b"\n")
    }
}

/// Reads the changes one by one, with one of them in memory at a time.
pub(crate) struct ChangeReader<R> {
    splitter: Splitter<R>,
}

impl<R: Read> ChangeReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { splitter: Splitter::new(input, LARGEST) }
    }

    /// The next change and the byte of the file that it begins at; `None` at the end of the file.
    pub(crate) fn read(&mut self) -> Result<Option<(u64, Change<'_>)>, ExportError> {
        if self.splitter.peek()?.is_none() {
            return Ok(None);
        }
        let (offset, bytes) = self.splitter.value()?;
        let (_, op) = parse(offset, bytes)?;
        Ok(Some((offset, op)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<String, ExportError> {
        let mut reader = ChangeReader::new(text.as_bytes());
        let mut again = Vec::new();
        while let Some((_, op)) = reader.read()? {
            op.write(&mut again).unwrap();
        }
        Ok(String::from_utf8(again).unwrap())
    }

    const ALL: &str = concat!(
        r#"{"session":{"id":"ses_2","parent":"ses_1","info":{"title":"\ud83d"}}}"#,
        "\n",
        r#"{"patch":{"session":"ses_1","title":"t","cost":1e400,"summary":null}}"#,
        "\n",
        r#"{"message":{"info":{"id":"msg_1", "n":  1.0}}}"#,
        "\n",
        r#"{"part":{"id":"prt_1"}}"#,
        "\n",
        r#"{"todos":{"session":"ses_1","todos":[]}}"#,
        "\n",
    );

    #[test]
    fn what_is_carried_keeps_its_bytes() {
        assert_eq!(read_all(ALL).unwrap(), ALL);
        let mut reader = ChangeReader::new(ALL.as_bytes());
        reader.read().unwrap();
        let (offset, op) = reader.read().unwrap().unwrap();
        let Change::Patch(patch) = op else { panic!("{op:?}") };
        assert_eq!(offset as usize, ALL.find("{\"patch").unwrap());
        assert_eq!(patch.summary.map(RawValue::get), Some("null"), "taken away");
        assert!(patch.tokens.is_none(), "left alone");
    }

    #[test]
    fn raw_values_of_several_lines_are_read() {
        let text = "{\"part\":{\n  \"id\": \"prt_1\"\n}}\n";
        assert_eq!(read_all(text).unwrap(), text);
    }

    #[test]
    fn what_is_cut_or_unknown_is_refused() {
        assert!(matches!(read_all(&ALL[..ALL.len() - 3]), Err(ExportError::Cut { .. })));
        for bad in [r#"{"rows":{}}"#, r#"{"message":{"info":{},"more":1}}"#, r#"[1]"#, r#"{"part":}"#] {
            assert!(read_all(bad).is_err(), "{bad}");
        }
        assert_eq!(read_all("").unwrap(), "");
    }
}

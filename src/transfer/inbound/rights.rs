//! Who may change what. A host is not trusted with home: of rows that left, it may change only what opencode itself
//! changes in them. [`TABLE`] is the one place that says so; what it does not name, a host may not change.

use crate::session::ExportError;
use crate::session::message::{Message, Part};
use crate::transfer::inbound::limits::is_time;

/// A kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// A session's own record, and its todos.
    Session,
    /// The record of a message that a user wrote.
    User,
    /// The record of an answer.
    Assistant,
    Tool,
    Other,
}

/// What becomes of a field that a host changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// It comes home.
    Host,
    /// It comes home where the row had not come to its end when it left: a call that ran, an answer that was being given.
    WhileOpen,
    /// It grows at home by what the new messages say, whatever the host says it came to.
    Grows,
    /// It stays as it is at home, and that is no breach: preparing the copy sets it, or opencode gives it anew there.
    Home,
}

/// What a value must be to come home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Any,
    Text,
    Number,
    Flag,
    Object,
    List,
    /// Whole milliseconds since the epoch.
    Time,
}

/// A field of a kind of row.
pub(crate) struct RightsRow {
    row: RowKind,
    pub(crate) field: &'static [&'static str],
    pub(crate) right: Right,
    pub(crate) shape: Shape,
}

const fn entry(row: RowKind, field: &'static [&'static str], right: Right, shape: Shape) -> RightsRow {
    RightsRow { row, field, right, shape }
}

/// For each field of each row who may change it. Measured on opencode 1.3, 1.14 and 1.18.
pub(crate) const TABLE: &[RightsRow] = &[
    entry(RowKind::Session, &["title"], Right::Host, Shape::Text),
    entry(RowKind::Session, &["summary"], Right::Host, Shape::Object),
    entry(RowKind::Session, &["todos"], Right::Host, Shape::List),
    entry(RowKind::Session, &["cost"], Right::Grows, Shape::Number),
    entry(RowKind::Session, &["tokens"], Right::Grows, Shape::Object),
    // Of a session's record all else is home's: its rules, what is undone of it, its place, whether it is archived or shared.
    entry(RowKind::User, &["summary"], Right::Host, Shape::Object),
    entry(RowKind::User, &["agent"], Right::Home, Shape::Any),
    entry(RowKind::User, &["model"], Right::Home, Shape::Any),
    entry(RowKind::User, &["variant"], Right::Home, Shape::Any),
    entry(RowKind::Assistant, &["summary"], Right::Host, Shape::Flag),
    entry(RowKind::Assistant, &["time", "completed"], Right::WhileOpen, Shape::Time),
    entry(RowKind::Assistant, &["finish"], Right::WhileOpen, Shape::Text),
    entry(RowKind::Assistant, &["error"], Right::WhileOpen, Shape::Object),
    entry(RowKind::Assistant, &["cost"], Right::WhileOpen, Shape::Number),
    entry(RowKind::Assistant, &["tokens"], Right::WhileOpen, Shape::Object),
    // What compaction leaves out of what the model reads is marked.
    entry(RowKind::Tool, &["state", "time", "compacted"], Right::Host, Shape::Time),
    entry(RowKind::Tool, &["state"], Right::WhileOpen, Shape::Object),
];

/// The fields of a kind of row that may change.
pub(crate) fn of(row: RowKind) -> impl Iterator<Item = &'static RightsRow> {
    TABLE.iter().filter(move |entry| entry.row == row)
}

/// What may become of a field; `None` where it may not change.
pub(crate) fn find(row: RowKind, field: &[String]) -> Option<&'static RightsRow> {
    of(row).find(|entry| entry.field == field)
}

impl RowKind {
    pub(crate) fn of_message(message: &Message<'_>) -> Self {
        match (message.info.is_user(), message.info.is_assistant()) {
            (true, _) => Self::User,
            (_, true) => Self::Assistant,
            _ => Self::Other,
        }
    }

    pub(crate) fn of_part(part: &Part<'_>) -> Self {
        if part.kind == "tool" { Self::Tool } else { Self::Other }
    }
}

impl Shape {
    /// Whether a raw JSON value has it.
    pub(crate) fn fits(self, json: &str) -> bool {
        let begins = |with: &str| json.starts_with(|c| with.contains(c));
        match self {
            Self::Any => true,
            Self::Text => begins("\""),
            Self::Number => begins("-0123456789"),
            Self::Flag => begins("tf"),
            Self::Object => begins("{"),
            Self::List => begins("["),
            Self::Time => is_time(json),
        }
    }
}

/// Something that a host changed and may not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    /// The id of the message or part, at home.
    pub row: String,
    /// The field, as `state.output`; empty where the row itself was added to a message that left.
    pub field: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.field.is_empty() {
            return write!(f, "{} was added to a message that left", self.row);
        }
        write!(f, "{} of {}", self.field, self.row)
    }
}

/// Which rows of a message had not come to their end: the answer itself, and calls by their ids.
pub(crate) struct OpenRows {
    pub(crate) message: bool,
    calls: Vec<String>,
}

impl OpenRows {
    /// Of a message as it stands at home.
    pub(crate) fn of(message: &str) -> Result<Self, ExportError> {
        let message: Message<'_> = serde_json::from_str(message)?;
        let calls = message.parts.iter().filter(|part| part.is_open());
        Ok(Self {
            message: message.info.is_assistant() && !message.info.time.is_completed(),
            calls: calls.map(|part| part.id.clone()).collect(),
        })
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.calls.iter().any(|call| call == part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_in_the_table_may_not_change() {
        for (row, path) in [
            (RowKind::User, "role"),
            (RowKind::User, "text"),
            (RowKind::Assistant, "role"),
            (RowKind::Assistant, "time.created"),
            (RowKind::Tool, "tool"),
            (RowKind::Other, "text"),
            (RowKind::Other, "files"),
            (RowKind::Session, "permission"),
            (RowKind::Session, "revert"),
            (RowKind::Session, "directory"),
            (RowKind::Session, "metadata"),
            (RowKind::Session, "time.archived"),
        ] {
            assert!(find(row, &field(path)).is_none(), "{row:?} {path}");
        }
    }

    #[test]
    fn a_value_of_another_shape_does_not_come_home() {
        let compacted = find(RowKind::Tool, &field("state.time.compacted")).unwrap();
        assert_eq!(compacted.right, Right::Host);
        assert!(compacted.shape.fits("1795170000000"));
        for bad in [
            "1e300",
            "1.4e14",
            "140000000000000.0",
            "2100000000000.5",
            "-1",
            "9223372036854775808",
            "\"now\"",
            "null",
        ] {
            assert!(!compacted.shape.fits(bad), "{bad}");
        }
        assert!(!find(RowKind::User, &field("summary")).unwrap().shape.fits("true"));
    }
}

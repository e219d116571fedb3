//! For any session and any work: afterwards is before plus the work, twice is once, and undone is as before.

use super::super::undo::{RowCount, undo};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A message before it has an id, and its parts: JSON values to be carried.
#[derive(Debug, Clone)]
struct Draft {
    value: String,
    parts: Vec<String>,
}

/// What was done elsewhere. Choices are for each message and part that is there; those too many are passed over.
#[derive(Debug, Clone)]
struct Work {
    messages: Vec<Option<String>>,
    parts: Vec<Option<String>>,
    late: Vec<Vec<String>>,
    new: Vec<Draft>,
    title: Option<String>,
    todos: Option<Vec<String>>,
    /// Each the child of the one before, or of the session.
    children: Vec<(bool, Vec<Draft>, Vec<String>)>,
}

/// JSON as JavaScript may write it.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>().prop_map(|text| json!(text).to_string()),
        1 => "[\\\\\"{}\\[\\],:\n\t ]{0,9}".prop_map(|text| json!({ "a b": [text] }).to_string()),
        1 => Just(r#""\ud83d""#.to_owned()),
        1 => Just(r#"{"n":1e400,"m":[1.0,-0]}"#.to_owned()),
        1 => Just(json!("x".repeat(9000)).to_string()),
    ]
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let draft = (value(), prop::collection::vec(value(), 0..4));
    prop::collection::vec(draft.prop_map(|(value, parts)| Draft { value, parts }), 0..5)
}

fn work() -> impl Strategy<Value = Work> {
    let several = |n| prop::collection::vec(prop::option::weighted(0.3, value()), n);
    let todos = || prop::collection::vec(".{0,6}", 0..4);
    (
        (several(5), several(15)),
        prop::collection::vec(prop::collection::vec(value(), 0..2), 5),
        drafts(),
        (prop::option::of(".{0,6}"), prop::option::of(todos())),
        prop::collection::vec((any::<bool>(), drafts(), todos()), 0..3),
    )
        .prop_map(|((messages, parts), late, new, (title, todos), children)| Work {
            messages,
            parts,
            late,
            new,
            title,
            todos,
            children,
        })
}

/// What the database is to hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Expected {
    /// By session: parent, title, rules.
    sessions: BTreeMap<String, (Value, Value, Value)>,
    /// By session, time and id.
    messages: BTreeMap<(String, i64, String), String>,
    /// By message and id.
    parts: BTreeMap<(String, String), (String, String)>,
    /// By session and position.
    todos: BTreeMap<(String, i64), (String, String)>,
}

impl Expected {
    fn read(world: &World) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut found = Self::default();
        for row in world.values("SELECT id, parent_id, title, permission FROM session") {
            let [_, parent, title, rules] = [0, 1, 2, 3].map(|n| row[n].clone());
            found.sessions.insert(text(&row[0]), (parent, title, rules));
        }
        for row in world.values("SELECT session_id, time_created, id, data FROM message") {
            let key = (text(&row[0]), row[1].as_i64().unwrap(), text(&row[2]));
            found.messages.insert(key, text(&row[3]));
        }
        for row in world.values("SELECT message_id, id, session_id, data FROM part") {
            found.parts.insert((text(&row[0]), text(&row[1])), (text(&row[2]), text(&row[3])));
        }
        for row in world.values("SELECT session_id, position, content, status FROM todo") {
            let key = (text(&row[0]), row[1].as_i64().unwrap());
            found.todos.insert(key, (text(&row[2]), text(&row[3])));
        }
        found
    }

    fn set_todos(&mut self, session: &str, todos: &[String]) {
        self.todos.retain(|(id, _), _| id != session);
        for (position, content) in (0..).zip(todos) {
            self.todos.insert((session.to_owned(), position), (content.clone(), "completed".to_owned()));
        }
    }
}

fn message_data(created: i64, value: &str) -> String {
    format!(r#"{{"role":"assistant","time":{{"created":{created}}},"x":{value}}}"#)
}

fn part_data(value: &str) -> String {
    format!(r#"{{"type":"text","text":{value}}}"#)
}

/// Two messages share a time: the id decides then.
fn created(n: usize) -> i64 {
    THEN + i64::try_from(n / 2).unwrap()
}

/// A file of changes, and what the database is to hold after them.
struct Writer {
    lines: String,
    expected: Expected,
}

impl Writer {
    fn message(&mut self, session: &str, id: &str, created: i64, value: &str) {
        let data = message_data(created, value);
        // Keys stand first or last: each release has its own habit.
        let keys = format!(r#""id":"{id}","sessionID":"{session}""#);
        let info = match created % 2 {
            0 => format!("{{{keys},{}", &data[1..]),
            _ => format!("{},{keys}}}", &data[..data.len() - 1]),
        };
        self.lines.push_str(&format!(r#"{{"message":{{"info":{info}}}}}"#));
        self.lines.push('\n');
        self.expected.messages.insert((session.to_owned(), created, id.to_owned()), data);
    }

    fn part(&mut self, session: &str, message: &str, id: &str, value: &str) {
        let data = part_data(value);
        let keys = format!(r#""id":"{id}","messageID":"{message}","sessionID":"{session}""#);
        self.lines.push_str(&format!("{{\"part\":{{{keys},{}}}\n", &data[1..]));
        self.expected.parts.insert((message.to_owned(), id.to_owned()), (session.to_owned(), data));
    }

    fn drafts(&mut self, session: &str, name: &str, first: usize, drafts: &[Draft]) {
        for (n, draft) in drafts.iter().enumerate() {
            let message = format!("msg_{name}{:03}", first + n);
            self.message(session, &message, created(first + n), &draft.value);
            for (k, part) in draft.parts.iter().enumerate() {
                self.part(session, &message, &format!("prt_{name}{:03}_{k}", first + n), part);
            }
        }
    }

    fn op(&mut self, op: &Value) {
        self.lines.push_str(&format!("{op}\n"));
    }

    fn todos(&mut self, session: &str, todos: &[String]) {
        let list: Vec<Value> = todos
            .iter()
            .map(|content| json!({"content": content, "status": "completed", "priority": "low"}))
            .collect();
        self.op(&json!({"todos": {"session": session, "todos": list}}));
        self.expected.set_todos(session, todos);
    }
}

fn furnish(world: &World, session: &str, name: &str, drafts: &[Draft], todos: &[String]) {
    let mut connection = world.connection();
    let rows = connection.transaction().unwrap();
    for (n, draft) in drafts.iter().enumerate() {
        let message = format!("msg_{name}{n:03}");
        let data = message_data(created(n), &draft.value);
        let insert = "INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4)";
        rows.execute(insert, params![message, session, created(n), data]).unwrap();
        for (k, part) in draft.parts.iter().enumerate() {
            let insert = "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
            let id = format!("prt_{name}{n:03}_{k}");
            rows.execute(insert, params![id, message, session, THEN, part_data(part)]).unwrap();
        }
    }
    rows.commit().unwrap();
    for (position, todo) in (0..).zip(todos) {
        world.todo(session, position, todo);
    }
}

/// The file that brings the work home.
fn change_set(world: &World, home: &[Draft], work: &Work) -> Writer {
    let mut writer = Writer { lines: String::new(), expected: Expected::read(world) };
    let mut patch = json!({ "session": AWAY });
    if let Some(title) = &work.title {
        patch["title"] = json!(title);
        writer.expected.sessions.get_mut(AWAY).unwrap().1 = json!(title);
    }
    writer.op(&json!({ "patch": patch }));
    let mut parts = work.parts.iter();
    for (n, draft) in home.iter().enumerate() {
        let message = format!("msg_home{n:03}");
        if let Some(value) = &work.messages[n] {
            writer.message(AWAY, &message, created(n), value);
        }
        for k in 0..draft.parts.len() {
            if let Some(Some(value)) = parts.next() {
                writer.part(AWAY, &message, &format!("prt_home{n:03}_{k}"), value);
            }
        }
        for (k, value) in work.late[n].iter().enumerate() {
            writer.part(AWAY, &message, &format!("prt_late{n:03}_{k}"), value);
        }
    }
    writer.drafts(AWAY, "new", home.len(), &work.new);
    let mut parent = AWAY.to_owned();
    for (n, (nested, drafts, todos)) in work.children.iter().enumerate() {
        let (above, id) = (if *nested { parent.as_str() } else { AWAY }, format!("ses_child{n}"));
        writer.op(&session(&id, Some(above), "Child"));
        writer.expected.sessions.insert(id.clone(), (json!(above), json!("Child"), json!(RULES)));
        writer.drafts(&id, &format!("child{n}_"), 0, drafts);
        writer.todos(&id, todos);
        parent = id;
    }
    if let Some(todos) = &work.todos {
        writer.todos(AWAY, todos);
    }
    writer
}

/// The rows of messages and parts that are new in the second dump, and those that are others there.
fn differences(before: &[Table], after: &[Table]) -> (RowCount, RowCount) {
    let count = |table: usize| {
        let was = |row: &&Columns| before[table].1.iter().find(|was| was["id"] == row["id"]);
        let new = after[table].1.iter().filter(|row| was(row).is_none()).count();
        let other = after[table].1.iter().filter(|row| was(row).is_some_and(|was| was != *row)).count();
        (new as u64, other as u64)
    };
    let ((messages, changed), (parts, others)) = (count(1), count(2));
    (RowCount { messages, parts }, RowCount { messages: changed, parts: others })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn home_after_is_what_left_and_the_work(
        schema in prop::sample::select(SCHEMAS.to_vec()),
        home in drafts(),
        other in drafts(),
        todos in prop::collection::vec(".{0,6}", 0..3),
        work in work(),
    ) {
        let world = World::new(schema);
        furnish(&world, AWAY, "home", &home, &todos);
        furnish(&world, OTHER, "other", &other, &todos);
        let sent = world.fingerprint(AWAY).unwrap();
        let before = world.dump();
        let writer = change_set(&world, &home, &work);
        let file = world.path("arrival");
        crate::disk::write_atomic(&file, writer.lines.as_bytes()).unwrap();

        let applied = world.apply_to(Some(&sent), &file).unwrap();
        prop_assert!(!applied.already && applied.kept.is_empty());
        prop_assert_eq!(&Expected::read(&world), &writer.expected);
        let after = world.dump();

        prop_assert!(world.apply_to(Some(&sent), &file).unwrap().already);
        prop_assert!(world.dump() == after, "twice is once");

        let (image, redo) = (world.path("before"), world.path("undone"));
        let undone = undo(&world.database, &image, &redo).unwrap();
        prop_assert_eq!((undone.removed, undone.restored), differences(&before, &after));
        prop_assert!(world.dump() == before, "undone is as before");
        undo(&world.database, &redo, &world.path("again")).unwrap();
        prop_assert!(world.dump() == after);
        world.assert_sound();
    }
}

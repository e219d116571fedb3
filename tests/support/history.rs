//! Sessions that nobody had to talk through: rows written straight into opencode's database, in the
//! shape that its releases write themselves.

use super::machine::Machine;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};
use std::path::Path;

/// How far apart the messages of a made-up session are, in milliseconds.
const PACE_MS: i64 = 2_000;

/// A turn that stopped half way, as a kill leaves it.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// The assistant's message, without `time.completed` and without a `step-finish` part.
    pub message: String,
    /// Its tool part in the state `running`.
    pub running: String,
    /// Its tool part in the state `pending`.
    pub pending: String,
}

impl Machine {
    /// Makes an empty session by importing one, which all releases take; returns its id.
    pub fn insert_empty_session(&self, dir: &Path, title: &str) -> String {
        let now = kugetsu::clock::now_ms();
        let id = Ids::new(now).session();
        let time = json!({ "created": now, "updated": now });
        let info = json!({
            "id": id, "slug": "made-up", "version": self.release().version(), "projectID": "global",
            "directory": dir, "title": title, "time": time,
        });
        self.import(dir, &json!({ "info": info, "messages": [] }));
        id
    }

    /// Makes a session of `messages` messages, half of them the user's, and about `bytes` bytes of
    /// JSON, that ended a minute ago. The text is like prose and code: it compresses, and no two lines
    /// are alike.
    pub fn insert_big_session(&self, dir: &Path, messages: usize, bytes: usize) -> String {
        assert!(messages >= 2 && messages.is_multiple_of(2), "a session is made of pairs of messages");
        let id = self.insert_empty_session(dir, "A long story");
        let first = kugetsu::clock::now_ms() - 60_000 - i64::try_from(messages).unwrap() * PACE_MS;
        // What the JSON of a pair weighs besides its texts.
        let room = (bytes / (messages / 2)).saturating_sub(2_100);
        let mut words = Words(0x2545_F491_4F6C_DD1D);
        let mut database = self.database();
        let rows = database.transaction().unwrap();
        let mut writer = Writer { rows, session: id.clone(), dir, ids: Ids::new(first) };
        for pair in 0..messages / 2 {
            writer.ids.at(first + i64::try_from(pair).unwrap() * 2 * PACE_MS);
            let user = writer.user(&words.text(room / 10));
            writer.ids.at(writer.ids.time + PACE_MS);
            // `output` stands twice in a completed tool part.
            writer.assistant(&user, &words.text(room * 3 / 10), &words.text(room * 3 / 10));
        }
        writer.rows.commit().unwrap();
        id
    }

    /// Adds a turn to a session whose tools never came back: one `running`, one `pending`.
    pub fn insert_unfinished_turn(&self, dir: &Path, session: &str) -> Unfinished {
        let mut database = self.database();
        let rows = database.transaction().unwrap();
        let mut writer =
            Writer { rows, session: session.to_owned(), dir, ids: Ids::new(kugetsu::clock::now_ms()) };
        let user = writer.user("Do two things at once.");
        let message = writer.message(&reply(&user, dir, writer.ids.time, None));
        writer.part(&message, &json!({ "type": "step-start" }));
        let input = json!({ "command": "sleep 1000", "description": "Sleeps" });
        let state = json!({
            "status": "running", "input": input, "metadata": { "output": "begun\n" },
            "time": { "start": writer.ids.time },
        });
        let running = writer.tool(&message, "bash", &state);
        let state = json!({ "status": "pending", "input": {}, "raw": "" });
        let pending = writer.tool(&message, "read", &state);
        writer.rows.commit().unwrap();
        Unfinished { message, running, pending }
    }

    /// Puts a tool part into the state `running`, as it was before its result came.
    pub fn set_part_running(&self, part: &str) {
        self.change_part(part, |data| {
            let start = data["state"]["time"]["start"].clone();
            let input = data["state"]["input"].clone();
            data["state"] = json!({ "status": "running", "input": input, "time": { "start": start } });
        });
    }

    /// Puts a tool part into the state `pending`, as it is while the model still writes the call.
    pub fn set_part_pending(&self, part: &str) {
        self.change_part(part, |data| {
            data["state"] = json!({ "status": "pending", "input": {}, "raw": "" });
        });
    }

    /// Gives a session another title, for good: while opencode works on it, it may just be writing the record as it had read it.
    ///
    /// # Panics
    /// Where there is no such session, or it was given one so already.
    #[track_caller]
    pub fn retitle(&self, session: &str, title: &str) {
        let database = self.database();
        let stays = format!(
            "CREATE TRIGGER retitled AFTER UPDATE OF title ON session WHEN NEW.id = '{session}' AND NEW.title <> '{title}'
             BEGIN UPDATE session SET title = '{title}' WHERE id = NEW.id; END"
        );
        database.execute_batch(&stays).unwrap();
        let set = "UPDATE session SET title = ?2 WHERE id = ?1";
        assert_eq!(database.execute(set, params![session, title]).unwrap(), 1);
    }

    fn change_part(&self, part: &str, change: impl FnOnce(&mut Value)) {
        let database = self.database();
        let data: String =
            database.query_row("SELECT data FROM part WHERE id = ?1", [part], |row| row.get(0)).unwrap();
        let mut data: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(data["type"], "tool", "{part} is no tool part");
        change(&mut data);
        database.execute("UPDATE part SET data = ?2 WHERE id = ?1", params![part, data.to_string()]).unwrap();
    }
}

/// Writes messages and parts of one session, each with the next id.
struct Writer<'a> {
    rows: Transaction<'a>,
    session: String,
    dir: &'a Path,
    ids: Ids,
}

impl Writer<'_> {
    fn user(&mut self, text: &str) -> String {
        let model = json!({ "providerID": "fake", "modelID": "m1" });
        let id = self.message(&json!({
            "role": "user", "time": { "created": self.ids.time }, "agent": "build", "model": model,
            "summary": { "diffs": [] },
        }));
        self.part(&id, &json!({ "type": "text", "text": text }));
        id
    }

    fn assistant(&mut self, parent: &str, text: &str, output: &str) {
        let (start, end) = (self.ids.time, self.ids.time + PACE_MS / 2);
        let time = json!({ "start": start, "end": end });
        let id = self.message(&reply(parent, self.dir, start, Some(end)));
        self.part(&id, &json!({ "type": "step-start" }));
        self.part(&id, &json!({ "type": "text", "text": text, "time": time }));
        let input = json!({ "command": "cargo test", "description": "Runs the tests" });
        let metadata = json!({ "output": output, "exit": 0, "truncated": false });
        let state = json!({
            "status": "completed", "input": input, "output": output, "metadata": metadata,
            "title": "Runs the tests", "time": time,
        });
        self.tool(&id, "bash", &state);
        let finish = json!({ "type": "step-finish", "reason": "stop", "cost": 0.0001, "tokens": tokens() });
        self.part(&id, &finish);
    }

    fn tool(&mut self, message: &str, tool: &str, state: &Value) -> String {
        let call = format!("call_{}", self.ids.tail());
        self.part(message, &json!({ "type": "tool", "tool": tool, "callID": call, "state": state }))
    }

    fn message(&mut self, data: &Value) -> String {
        let id = self.ids.next("msg");
        let mut insert = self.rows.prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4)").unwrap();
        insert.execute(params![id, self.session, self.ids.time, data.to_string()]).unwrap();
        id
    }

    fn part(&mut self, message: &str, data: &Value) -> String {
        let id = self.ids.next("prt");
        let mut insert =
            self.rows.prepare_cached("INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?4, ?5)").unwrap();
        insert.execute(params![id, message, self.session, self.ids.time, data.to_string()]).unwrap();
        id
    }
}

fn tokens() -> Value {
    json!({ "input": 100, "output": 10, "reasoning": 0, "cache": { "read": 0, "write": 0 } })
}

fn reply(parent: &str, dir: &Path, created: i64, completed: Option<i64>) -> Value {
    let mut data = json!({
        "role": "assistant", "time": { "created": created }, "parentID": parent, "modelID": "m1",
        "providerID": "fake", "mode": "build", "agent": "build", "path": { "cwd": dir, "root": "/" },
        "cost": 0.0001, "tokens": tokens(),
    });
    if let Some(completed) = completed {
        data["time"]["completed"] = json!(completed);
        data["finish"] = json!("stop");
    }
    data
}

/// Ids as opencode makes them: 12 hex digits of milliseconds × 0x1000 + counter, 14 letters at random.
struct Ids {
    time: i64,
    counter: i64,
    noise: u64,
}

impl Ids {
    fn new(time: i64) -> Self {
        // Two sessions made within a millisecond need different ids.
        use std::hash::{BuildHasher as _, RandomState};
        Self { time, counter: 0, noise: RandomState::new().hash_one(0) | 1 }
    }

    fn at(&mut self, time: i64) {
        (self.time, self.counter) = (time, 0);
    }

    fn next(&mut self, kind: &str) -> String {
        self.counter += 1;
        let stamp = (self.time * 0x1000 + self.counter) & 0xFFFF_FFFF_FFFF;
        let tail = self.tail();
        format!("{kind}_{stamp:012x}{tail}")
    }

    /// A session's id counts down, so that the newest comes first.
    fn session(&mut self) -> String {
        let stamp = !(self.time * 0x1000) & 0xFFFF_FFFF_FFFF;
        format!("ses_{stamp:012x}{}", self.tail())
    }

    fn tail(&mut self) -> String {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        (0..14).map(|_| char::from(LETTERS[usize::try_from(random(&mut self.noise) % 62).unwrap()])).collect()
    }
}

/// Endless text that looks like code and its explanation; the same at every run.
struct Words(u64);

impl Words {
    fn text(&mut self, bytes: usize) -> String {
        const WORDS: [&str; 24] = [
            "session", "token", "refresh", "when", "the", "request", "is", "retried", "fn", "let", "match",
            "Result", "path", "buffer", "length", "return", "parse", "header", "async", "the", "of", "error",
            "config", "index",
        ];
        let mut text = String::with_capacity(bytes + 80);
        while text.len() < bytes {
            let line = random(&mut self.0);
            text.push_str(&"    ".repeat(usize::try_from(line % 4).unwrap()));
            for _ in 0..4 + line / 7 % 6 {
                let word = random(&mut self.0);
                text.push_str(WORDS[usize::try_from(word % 24).unwrap()]);
                match word / 24 % 9 {
                    0 => text.push_str(&format!("_{} = {};", word % 97, word / 300 % 10_007)),
                    1 => text.push_str(&format!("({:x}) → ", word >> 44)),
                    _ => text.push(' '),
                }
            }
            text.push('\n');
        }
        text
    }
}

/// Xorshift: enough for texts and ids, and no dependency.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 3
}

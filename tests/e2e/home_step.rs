//! The home step into the database of a real opencode.

use crate::support::home::Home;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, until};
use crate::support::sample;
use crate::support::serve::Serve;
use crate::tui::Terminal;
use kugetsu::opencode::apply::{Applied, ApplyInput, apply};
use kugetsu::opencode::{Database, Fingerprint, UndoError, undo};
use kugetsu::session::new_session_id;
use serde_json::{Value, json};
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn fingerprint(machine: &Machine, session: &str) -> Fingerprint {
    Database::open(&machine.database_path()).unwrap().fingerprint(session).unwrap().unwrap()
}

/// Writes changes into a file of the machine.
fn written(machine: &Machine, ops: impl IntoIterator<Item = Value>) -> PathBuf {
    let path = machine.outside().join("arrival");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    for op in ops {
        serde_json::to_writer(&mut file, &op).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.flush().unwrap();
    path
}

fn bring_home(machine: &Machine, session: &str, sent: &Fingerprint, file: &Path) -> Applied {
    let before = machine.outside().join("before");
    let now_ms = kugetsu::clock::now_ms();
    let arrival = ApplyInput { file, session, sent: Some(sent), undo_log: &before, now_ms };
    apply(&machine.database_path(), &arrival).unwrap()
}

/// A session's messages as changes.
fn as_ops(export: &Value) -> Vec<Value> {
    let mut ops = Vec::new();
    for message in export["messages"].as_array().unwrap() {
        ops.push(json!({"message": {"info": message["info"]}}));
        ops.extend(message["parts"].as_array().unwrap().iter().map(|part| json!({ "part": part })));
    }
    ops
}

/// Ids and messages as opencode makes them.
struct Maker<'a> {
    session: String,
    directory: &'a Path,
    ms: i64,
    counter: i64,
}

impl<'a> Maker<'a> {
    fn new(session: &str, directory: &'a Path) -> Self {
        Self { session: session.to_owned(), directory, ms: kugetsu::clock::now_ms(), counter: 0 }
    }

    fn id(&mut self, kind: &str) -> String {
        self.counter += 1;
        let stamp = (self.ms * 0x1000 + self.counter) & 0xFFFF_FFFF_FFFF;
        format!("{kind}_{stamp:012x}{:014x}", RandomState::new().hash_one(0) >> 8)
    }

    /// A prompt and its answer, as changes.
    fn turn(&mut self, prompt: &str, answer: &str) -> Vec<Value> {
        let (user, assistant) = (self.id("msg"), self.id("msg"));
        let tokens = json!({"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}});
        let part = |id: String, message: &str, mut part: Value| {
            part["id"] = json!(id);
            part["messageID"] = json!(message);
            part["sessionID"] = json!(self.session);
            json!({ "part": part })
        };
        let info = json!({"id": user, "sessionID": self.session, "role": "user", "time": {"created": self.ms},
            "agent": "build", "model": {"providerID": "fake", "modelID": "m1"}, "summary": {"diffs": []}});
        let reply = json!({"id": assistant, "sessionID": self.session, "role": "assistant", "parentID": user,
            "time": {"created": self.ms + 1, "completed": self.ms + 2}, "modelID": "m1", "providerID": "fake",
            "mode": "build", "agent": "build", "path": {"cwd": self.directory, "root": "/"}, "cost": 0,
            "tokens": tokens, "finish": "stop"});
        let time = json!({"start": self.ms + 1, "end": self.ms + 2});
        let counter = self.counter;
        let nth = |n: i64| {
            let stamp = (self.ms * 0x1000 + counter + n) & 0xFFFF_FFFF_FFFF;
            format!("prt_{stamp:012x}{:014x}", RandomState::new().hash_one(0) >> 8)
        };
        let ops = vec![
            json!({"message": {"info": info}}),
            part(nth(1), &user, json!({"type": "text", "text": prompt})),
            json!({"message": {"info": reply}}),
            part(nth(2), &assistant, json!({"type": "step-start"})),
            part(nth(3), &assistant, json!({"type": "text", "text": answer, "time": time})),
            part(
                nth(4),
                &assistant,
                json!({"type": "step-finish", "reason": "stop", "cost": 0, "tokens": tokens}),
            ),
        ];
        self.counter += 4;
        self.ms += 3;
        ops
    }

    /// A session made by an agent of this one.
    fn child(&self, title: &str) -> (String, Value) {
        let id = new_session_id(self.ms, &mut || RandomState::new().hash_one(0));
        let info = json!({"id": id, "slug": "made-up", "projectID": "global", "directory": "/elsewhere",
            "title": title, "version": "1.18.33", "parentID": self.session,
            "time": {"created": self.ms, "updated": self.ms}});
        let op = json!({"session": {"id": id, "parent": self.session, "info": info}});
        (id, op)
    }
}

fn texts(session: &Value) -> Vec<String> {
    let messages = session.as_array().or_else(|| session["messages"].as_array()).unwrap();
    let parts = messages.iter().flat_map(|message| message["parts"].as_array().unwrap());
    parts.filter_map(|part| part["text"].as_str()).map(|text| text.trim().to_owned()).collect()
}

/// Everything that came home is seen by export, serve and the next prompt; and undone, nothing of it.
fn what_came_home_goes_on(release: Release) {
    let model = Model::start();
    let machine = Machine::start("home", release, &model);
    let project = machine.project("app");
    let session = machine.made_session(&project, "[[say first words]]");
    let sent = fingerprint(&machine, &session);
    let left = machine.export(&session);
    let said = left["messages"][1]["parts"].as_array().unwrap().iter().find(|part| part["type"] == "text");
    let mut changed = said.unwrap().clone();
    changed["text"] = json!("other words");

    let mut maker = Maker::new(&session, &project);
    let mut ops = vec![
        json!({"patch": {"session": session, "title": "From afar", "cost": 0.5}}),
        json!({ "part": changed }),
    ];
    ops.extend(maker.turn("asked afar", "words from afar"));
    let (child, op) = maker.child("A helper");
    ops.push(op);
    ops.extend(Maker::new(&child, &project).turn("help", "helped"));
    let todos = json!([{"content": "Come home", "status": "completed", "priority": "high"}]);
    ops.push(json!({"todos": {"session": session, "todos": todos}}));
    let file = written(&machine, ops);
    let serve = Serve::start(&machine, &project);
    let before = serve.get(&format!("/session/{session}/message"));
    let applied = bring_home(&machine, &session, &sent, &file);
    assert_eq!(applied.not_carried, if release == Release::New { &[][..] } else { &["cost"] });
    assert!(bring_home(&machine, &session, &sent, &file).already);

    let expected = ["[[say first words]]", "other words", "asked afar", "words from afar"];
    let export = machine.export(&session);
    assert_eq!(texts(&export), expected);
    assert_eq!(export["info"]["title"], "From afar");
    assert_eq!(export["info"]["directory"], json!(project));
    assert_eq!(texts(&machine.export(&child)), ["help", "helped"]);
    assert_eq!(texts(&serve.get(&format!("/session/{session}/message"))), expected);
    assert_eq!(serve.get(&format!("/session/{session}/children"))[0]["id"], json!(child));
    let listed = &serve.get(&format!("/session/{session}/todo"))[0];
    assert_eq!((&listed["content"], &listed["status"]), (&json!("Come home"), &json!("completed")));

    // Undone, it is what it was; done again, it goes on.
    let (image, redo) = (machine.outside().join("before"), machine.outside().join("undone"));
    undo(&machine.database_path(), &image, &redo).unwrap();
    assert_eq!(machine.export(&session), left);
    assert_eq!(serve.get(&format!("/session/{session}/message")), before);
    bring_home(&machine, &session, &sent, &file);
    let asked = model.prompts().len();
    machine.continue_session(&project, &session, "[[say and on]]", &[]).expect_success();
    let prompts = model.prompts();
    assert_eq!(prompts.len(), asked + 1);
    let seen = json!(prompts[asked].messages()).to_string();
    assert!(seen.contains("words from afar") && seen.contains("other words"), "{seen}");
    assert!(!seen.contains("first words\""), "{seen}");
    let export = machine.export(&session);
    assert_eq!(texts(&export)[..4], expected);
    assert_eq!(texts(&export).last().unwrap(), "and on");
    let refused = undo(&machine.database_path(), &image, &redo);
    assert!(matches!(refused, Err(UndoError::Changed { session: at }) if at == session));
    assert!(!serve.printed().contains("lock"), "{}", serve.printed());
}

#[test]
fn what_came_home_goes_on_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(what_came_home_goes_on);
}

/// Megabytes of rows that have nothing to do with it.
fn ballast(machine: &Machine, project: &Path, megabytes: usize) {
    let other = machine.insert_empty_session(project, "ballast");
    let mut database = machine.database();
    let rows = database.transaction().unwrap();
    rows.execute("INSERT INTO message VALUES ('msg_ballast', ?1, 1, 1, '{\"role\":\"user\"}')", [&other])
        .unwrap();
    let data = json!({"type": "text", "text": "x".repeat(1 << 20)}).to_string();
    for n in 0..megabytes {
        let insert = "INSERT INTO part VALUES (?1, 'msg_ballast', ?2, 1, 1, ?3)";
        rows.execute(insert, (format!("prt_ballast{n:05}"), &other, &data)).unwrap();
    }
    rows.commit().unwrap();
}

/// How large the database is among which fifty trips come home, in megabytes: a gigabyte where there is time for it.
fn megabytes() -> usize {
    if long() { 1024 } else { 64 }
}

fn long() -> bool {
    std::env::var_os("KUGETSU_LONG_TESTS").is_some()
}

/// Fifty trips come home, one after the other, while opencode's own interface is open and its server has a prompt
/// worked on that writes all the time.
///
/// Returns how long the longest step took.
fn fifty_trips_beside_a_busy_opencode(release: Release) -> Duration {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), release, &model);
    home.machine.take_time();
    let machine = &home.machine;
    let project = machine.project("app");
    let session = machine.made_session(&project, "[[say first words]]");
    let busy = machine.new_session(&project, "[[say I shall be busy]]");
    ballast(machine, &project, megabytes());
    let serve = Serve::start(machine, &project);
    let terminal = Terminal::start(&home, &project, &format!("opencode -s {session}"));
    terminal.wait_for(&["first words"]);
    let stop = machine.outside().join("stop");
    let work = format!(
        "[[bash n=0; while test ! -e {}; do n=$((n+1)); echo line $n; sleep 0.02; done]]\n[[say all lines are there]]",
        stop.display()
    );
    serve.prompt(&busy, &work);
    until(PATIENCE, || {
        let messages = serve.get(&format!("/session/{busy}/message")).to_string();
        if messages.contains("line 5") { Ok(()) } else { Err(messages) }
    });

    let mut maker = Maker::new(&session, &project);
    let mut expected = texts(&machine.export(&session));
    let mut longest = Duration::ZERO;
    for trip in 0..50 {
        let sent = fingerprint(machine, &session);
        // One of them is a large one, which keeps other writers waiting.
        let length = if trip == 25 { 5 << 20 } else { 20_000 };
        let answer = format!("answer {trip} {}", "x".repeat(length));
        let file = written(machine, maker.turn(&format!("trip {trip}"), &answer));
        let started = Instant::now();
        let applied = bring_home(machine, &session, &sent, &file);
        longest = longest.max(started.elapsed());
        assert!(!applied.already);
        expected.extend([format!("trip {trip}"), answer]);
    }
    File::create(&stop).unwrap();
    let answer = until(PATIENCE, || {
        let messages = serve.get(&format!("/session/{busy}/message"));
        let is_done = texts(&messages).last().is_some_and(|text| text == "all lines are there");
        if is_done { Ok(messages.to_string()) } else { Err(messages.to_string()) }
    });
    assert!(!answer.contains("database is locked"), "{answer}");
    assert!(!serve.printed().contains("database is locked"), "{}", serve.printed());
    assert_eq!(texts(&serve.get(&format!("/session/{session}/message"))), expected);

    // The interface that was open all the time sends everything to the model.
    terminal.tmux(&["send-keys", "-l", "[[say typed at home]]"]);
    terminal.wait_for(&["[[say typed at home]]"]);
    terminal.tmux(&["send-keys", "Enter"]);
    terminal.wait_for(&["typed at home"]);
    let requests = model.wait_for(PATIENCE, |requests| {
        requests.iter().any(|request| request.user_text().contains("typed at home"))
    });
    let asked = requests.iter().rev().find(|request| request.user_text().contains("typed at home"));
    let seen = json!(asked.unwrap().messages()).to_string();
    for trip in 0..50 {
        assert!(seen.contains(&format!("answer {trip} x")), "{trip}");
    }
    let sound: String = machine.database().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    longest
}

#[test]
fn fifty_trips_come_home_beside_a_busy_opencode_of_any_release() {
    for release in sample::of(&Release::ALL) {
        let longest = fifty_trips_beside_a_busy_opencode(release);
        println!("50 trips into {} MB, the longest step {longest:?}", megabytes());
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

#[test]
fn a_large_session_comes_home_faster_than_it_is_imported() {
    let model = Model::start();
    let origin = Machine::start("pi", Release::New, &model);
    let project = origin.project("app");
    let megabytes = if long() { 60 } else { 20 };
    let session = origin.insert_big_session(&project, megabytes * 150, megabytes << 20);
    let export = origin.export(&session);
    let file = origin.outside().join("export.json");
    serde_json::to_writer_pretty(File::create(&file).unwrap(), &export).unwrap();

    let importing = Machine::start("importing", Release::New, &model);
    let project = importing.project("app");
    importing.insert_empty_session(&project, "first start");
    let started = Instant::now();
    let import = importing.start_opencode(&project, &["import", file.to_str().unwrap()], None).wait(PATIENCE);
    let import_ms = milliseconds(started);
    assert!(import.stdout.contains("Imported session"), "{}", import.stdout);

    let home = Machine::start("home", Release::New, &model);
    let project = home.project("app");
    let mut empty = export.clone();
    empty["messages"] = json!([]);
    home.import(&project, &empty);
    let sent = fingerprint(&home, &session);
    let arrival = written(&home, as_ops(&export));
    let started = Instant::now();
    bring_home(&home, &session, &sent, &arrival);
    let step_ms = milliseconds(started);
    let rows = |machine: &Machine| {
        let count = "SELECT (SELECT count(*) FROM message WHERE session_id = ?1), (SELECT count(*) FROM part WHERE session_id = ?1)";
        machine
            .database()
            .query_row(count, [&session], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)))
            .unwrap()
    };
    assert_eq!(rows(&home), rows(&importing));
    let started = Instant::now();
    let fingerprint_now = fingerprint(&home, &session);
    let fingerprint_ms = milliseconds(started);
    assert_ne!(fingerprint_now, sent);
    assert!(step_ms < import_ms, "{step_ms} {import_ms}");
    println!(
        "{megabytes} MB: home step {step_ms:.0} ms, opencode import {import_ms:.0} ms, ratio {:.2}; fingerprint {fingerprint_ms:.0} ms",
        step_ms / import_ms
    );
}

//! What reads what a host sends, and inputs that it reads well.

use super::mutate::Lines as Spelling;
use crate::events::{Activity, Lines, Outcome, Reply};
use crate::host::{
    Answer, Cancelled, Facts, Frames, Holds, HostOpencode, KeptList, Launched, Made, Page, Remembered,
    RunResult, Statuses, account,
};
use crate::session::arbitrary::{BEGIN_MS, FIXTURES, random};
use crate::session::bundle::Known;
use crate::session::raw::Object;
use crate::session::same::{on_one_line, same};
use crate::session::walk::walk;
use crate::session::{Change, ChangeReader, Clock, CopySpec, Model, Outline, Setting, copy, scan};
use crate::text::{harmless, harmless_json, plain, plain_bytes, plain_end};
use crate::transfer::{
    Baseline, ForkInput, MergeContext, Paths, Spec, fork, import_file, prepare, reconcile,
};
use serde_json::{Value, json};
use std::io::Cursor;
use std::sync::LazyLock;

pub(super) struct Reader {
    pub(super) name: &'static str,
    /// What came of it, in words; "ok" first where the input is of use.
    pub(super) read: fn(&[u8]) -> String,
    pub(super) seeds: fn() -> Vec<Vec<u8>>,
    pub(super) lines: Spelling,
}

impl Reader {
    const fn plain(name: &'static str, read: fn(&[u8]) -> String, seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name, read, seeds, lines: Spelling::Plain }
    }
}

pub(super) static READERS: [Reader; 9] = [
    Reader { lines: Spelling::Hex, ..Reader::plain("answer", answer, answers) },
    Reader::plain("result", result, || vec![RESULT.into()]),
    Reader::plain("frames", frames, || vec![STREAM.into(), b"dead\nwords\n".into()]),
    Reader::plain("events", events, event_lines),
    Reader::plain("bundle", bundle, bundles),
    Reader::plain("documents", documents, document_lines),
    Reader::plain("export", export, exports),
    Reader::plain("json", json_text, values),
    Reader::plain("text", text, || vec!["a \x1b[2Jb\u{202e}\n".into(), "é😀".into()]),
];

fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

const RESULT: &str = "format 2\nstatus 0\nexported 0\npacked gzip\nsum 1 2\nstarted 1795170275\nended 1795170280\nwords 6e6f\n\
                      kind bundle\nended_by done\nsettled 1\nlater no\nend\n";

const STREAM: &str = "beat\nevents 5\na\nb\ncevents 3\nxyzbeat\nresult\nformat 2\nstatus 3\nsum 1 2\nend\n";

fn result(input: &[u8]) -> String {
    said(RunResult::parse(&String::from_utf8_lossy(input)))
}

fn frames(input: &[u8]) -> String {
    let piece = 1 + usize::from(input.first().copied().unwrap_or_default()) * 37;
    let mut frames = Frames::default();
    for bytes in input.chunks(piece) {
        if let Err(error) = frames.feed(bytes) {
            return error.to_string();
        }
    }
    said(frames.end())
}

fn answers() -> Vec<Vec<u8>> {
    let answers: [&[(&str, &str)]; 7] = [
        &[
            ("system", "Linux"),
            ("home", "/home/me"),
            ("path", "/bin:/usr/bin"),
            ("opencode", "/usr/bin/opencode"),
            ("directory", "/home/me/app"),
            ("free", "12345"),
            ("database_free", "1"),
            ("fingerprint", "1 2"),
            ("clock", "1795170275 123456789"),
        ],
        &[
            ("version", "1.18.33"),
            ("agents", "build (primary)\nx (subagent)"),
            ("models", "a/b\nc/d/e"),
            ("models_error", "no"),
        ],
        &[
            ("session", "grew"),
            ("messages", "2"),
            ("parts", "5"),
            ("changed", "0"),
            ("missing", "0"),
            ("ids", "msg_1 msg_2"),
        ],
        &[
            ("dispatch_1", "a-1"),
            ("state_1", "running"),
            ("started_1", "1795170275"),
            ("bytes_1", "12"),
            ("quiet_1", "601"),
            ("tail_1", "{\"type\":\"text\"}\n"),
            ("owner_1", "me"),
            ("size_1", "48"),
            ("dispatches", "1"),
        ],
        &[("cancelled", "yes"), ("left", "0"), ("made", "yes"), ("turn", "7"), ("result", RESULT)],
        &[("identity", "boot 1 2"), ("launched", "now"), ("account", "9fa6")],
        &[("opened", "yes"), ("account", "9fa6")],
    ];
    answers.map(Answer::output).into()
}

fn answer(input: &[u8]) -> String {
    let answer = match Answer::parse(input, 0, b"") {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    let _ = (HostOpencode::from_answer(&answer), account(&answer));
    let readers = [
        said(Facts::from_answer(&answer)),
        said(Holds::from_answer(&answer, Page { skip: 0, most: 100 })),
        said(Remembered::from_answer(&answer)),
        said(Statuses::from_answer(&answer)),
        said(KeptList::from_answer(&answer)),
        said(Cancelled::from_answer(&answer)),
        said(Made::from_answer(&answer)),
        said(Launched::from_answer(&answer)),
    ];
    format!("ok {}", readers.join(" "))
}

fn event_lines() -> Vec<Vec<u8>> {
    let lines = [
        json!({"type": "step_start", "part": {}}),
        json!({"type": "tool_use", "part": {"tool": "bash", "state": {"status": "completed", "input": {"command": "make"},
            "metadata": {"exit": 1, "filediff": {"additions": 1, "deletions": 2}}, "title": "t", "time": {"start": 5, "end": 17}}}}),
        json!({"type": "text", "part": {"text": "done"}}),
        json!({"type": "step_finish", "part": {"reason": "stop", "tokens": {"input": 1, "output": 2, "reasoning": 3, "cache": {"read": 4, "write": 5}}}}),
        json!({"type": "error", "error": {"name": "APIError", "data": {"message": "401"}}}),
    ];
    vec![lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()]
}

fn events(input: &[u8]) -> String {
    let piece = 1 + usize::from(input.first().copied().unwrap_or_default()) * 53;
    let (mut lines, mut outcome) = (Lines::default(), Outcome::default());
    let (mut reply, mut activity) = (Reply::default(), Activity::default());
    for bytes in input.chunks(piece) {
        for event in lines.feed(bytes) {
            outcome.add(&event);
            reply.add(&event);
            activity.add(&event);
        }
    }
    let _ = (reply.text(), activity.doing().map(plain));
    format!("ok {} {}", outcome.events.min(9), outcome.trouble(0, "").unwrap_or_default())
}

/// A session that has left for a host, and what is known of it.
struct World {
    export: &'static str,
    left: Outline,
    undo: Baseline,
    known: Value,
    /// What came back, a document each.
    documents: Vec<Value>,
}

const NOW_MS: i64 = BEGIN_MS + 10_000_000;

/// One whose host is as home is, and one with another clock and other directories.
static WORLDS: LazyLock<[World; 2]> = LazyLock::new(|| [World::new(false), World::new(true)]);

impl World {
    fn new(moved: bool) -> Self {
        let export = FIXTURES[if moved { 1 } else { 0 }].1;
        let scan = scan(export.as_bytes()).unwrap();
        let there = "/srv/work here";
        let spec = Spec {
            directory: there.to_owned(),
            setting: Setting {
                agent: Some("plan".into()),
                model: Some(Model { provider: "far".into(), id: "big".into(), variant: None }),
            },
            host: "pi".into(),
            now_ms: NOW_MS,
            handoff_call: None,
            clock: Clock::new(600_000, NOW_MS).filter(|_| moved),
            paths: Paths::new(&scan.directory, there).filter(|_| moved),
            todos: None,
            subset: None,
        };
        let mut sent = Vec::new();
        let prepared = prepare(export.as_bytes(), &mut sent, &scan, &spec).unwrap();
        let copy = self::scan(sent.as_slice()).unwrap().outline;
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        let Known { messages, parts, digest } = Known::of(&copy);
        let known = json!({"messages": messages, "parts": parts, "digest": digest});
        let documents = documents_of(&sent, NOW_MS + if moved { 600_000 } else { 0 });
        Self { export, left: scan.outline, undo: prepared.undo, known, documents }
    }

    /// The section of a document, as a host writes it.
    fn section(&self, at: usize, document: &[u8]) -> Vec<u8> {
        let value: Value = serde_json::from_slice(document).unwrap_or_default();
        let (id, parent) = (&value["info"]["id"], &value["info"]["parentID"]);
        let none = json!({"messages": 0, "parts": 0, "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"});
        let known = if at == 0 { &self.known } else { &none };
        let header = json!({"bundle": 1, "session": id, "parent": parent, "bytes": document.len(), "new": at > 0, "known": known});
        [header.to_string().as_bytes(), b"\n", document, b"\n"].concat()
    }

    fn bundle(&self) -> Vec<u8> {
        let documents = self.documents.iter().enumerate();
        documents.flat_map(|(at, document)| self.section(at, document.to_string().as_bytes())).collect()
    }

    /// Brings a file home, and makes of it all that is made of such a file.
    fn home(&self, back: &[u8]) -> String {
        let child = self.documents[1]["info"]["id"].as_str().unwrap().to_owned();
        let children =
            if back.len().is_multiple_of(3) { vec![(child, Outline::default())] } else { Vec::new() };
        let here = MergeContext {
            now_ms: NOW_MS + 10_000_000,
            launched_ms: NOW_MS,
            host_is_ahead: back.len().is_multiple_of(2),
            children: &children,
            spent: &[],
            rows: &|_, _| Ok(None),
        };
        let mut arrival = Vec::new();
        let (back, export) = (Cursor::new(back), self.export.as_bytes());
        let merged = match reconcile(&self.left, &self.undo, back, export, &mut arrival, &here) {
            Ok(merged) => merged,
            Err(error) => return error.to_string(),
        };
        let mut reader = ChangeReader::new(arrival.as_slice());
        while let Some((_, op)) = reader.read().unwrap() {
            let mut again = Vec::new();
            op.write(&mut again).unwrap();
        }
        import_file(arrival.as_slice(), &self.undo, &merged, std::io::sink()).unwrap();
        let left = merged.remaining.as_ref().unwrap_or(&self.left);
        let away = ForkInput { left, undo: &self.undo, merged: &merged, children: &children };
        let (export, arrival) = (self.export.as_bytes(), arrival.as_slice());
        let made = fork(&away, export, arrival, std::io::sink(), &copy_spec(), &mut random(7));
        format!("ok {} {}", said(made), merged.not_carried.join(" "))
    }
}

fn copy_spec() -> CopySpec {
    let (session, title) = ("ses_e07836e36ffethU5G8J1S16Fh3".into(), "t".into());
    CopySpec { session, title, directory: None, now_ms: NOW_MS }
}

/// What a run leaves: something added to a message that had left, a new question with its answer, todos, and a sub-agent.
fn documents_of(sent: &Value, now_ms: i64) -> Vec<Value> {
    let session = sent["info"]["id"].as_str().unwrap();
    // The time in an id of opencode's, and which id of that millisecond it is.
    let time = |n: usize, k: usize| ((now_ms + n as i64) * 0x1000 + k as i64) as u64 & 0xffff_ffff_ffff;
    let of = |session: &str, message: &Value, n: usize| {
        let mut message = message.clone();
        let id = format!("msg_{:012x}new{n}Zm7ZOVRlqZ", time(n, 0));
        message["info"]["id"] = json!(id);
        message["info"]["sessionID"] = json!(session);
        message["info"]["time"] = json!({"created": now_ms + n as i64, "completed": now_ms + n as i64 + 5});
        for (k, part) in message["parts"].as_array_mut().unwrap().iter_mut().enumerate() {
            part["id"] = json!(format!("prt_{:012x}new{n}{k}m7ZOVRlqZ", time(n, 1 + k)));
            part["messageID"] = json!(id);
            part["sessionID"] = json!(session);
        }
        message
    };
    let messages = sent["messages"].as_array().unwrap();
    let mut late = messages.last().unwrap().clone();
    let part = json!({"id": format!("prt_{:012x}lateZm7ZOVRlqZ", time(0, 0)),
        "sessionID": session, "messageID": late["info"]["id"], "type": "patch", "files": ["/srv/work here/a"], "hash": "4b82"});
    late["parts"].as_array_mut().unwrap().push(part);
    let mut now = sent["info"].clone();
    now["title"] = json!("another");
    now["cost"] = json!(1.5);
    now["tokens"] = json!({"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 2}});
    let todos = json!([{"content": "c", "status": "pending", "priority": "high"}]);
    let mut root =
        json!({"info": now, "messages": [late], "todos": todos, "base": {"info": sent["info"], "todos": []}});
    let new = (0..4).map(|n| of(session, &messages[n % messages.len()], n));
    root["messages"].as_array_mut().unwrap().extend(new);
    let child = "ses_e07836e36ffethChildSession";
    let info = json!({"id": child, "parentID": session, "slug": "x", "projectID": "global", "directory": "/srv/work here",
        "path": "srv/work here", "title": "sub", "version": "1.18.33", "time": {"created": now_ms, "updated": now_ms}});
    let child = json!({"info": info, "messages": [of(child, &messages[0], 7), of(child, &messages[1], 8)], "todos": todos, "former": []});
    vec![root, child]
}

/// Which world an input comes from.
fn world(input: &[u8]) -> &'static World {
    let id = |world: &World| world.documents[0]["info"]["id"].as_str().unwrap().to_owned();
    let second = id(&WORLDS[1]);
    let is_second = id(&WORLDS[0]) != second && memchr::memmem::find(input, second.as_bytes()).is_some();
    &WORLDS[usize::from(is_second)]
}

fn bundle(input: &[u8]) -> String {
    world(input).home(input)
}

fn bundles() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = WORLDS.iter().map(World::bundle).collect();
    all.push(FIXTURES[0].1.as_bytes().to_vec());
    all
}

fn documents(input: &[u8]) -> String {
    let world = world(input);
    let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(20_000);
    world.home(&lines.enumerate().flat_map(|(at, line)| world.section(at, line)).collect::<Vec<u8>>())
}

fn document_lines() -> Vec<Vec<u8>> {
    let lines =
        |world: &World| world.documents.iter().map(|document| format!("{document}\n")).collect::<String>();
    WORLDS.iter().map(|world| lines(world).into_bytes()).collect()
}

fn exports() -> Vec<Vec<u8>> {
    FIXTURES.iter().map(|(_, export)| export.as_bytes().to_vec()).collect()
}

fn export(input: &[u8]) -> String {
    let scanned = match scan(input) {
        Ok(scanned) => scanned,
        Err(error) => return error.to_string(),
    };
    format!("ok {}", said(copy(input, std::io::sink(), &scanned, &copy_spec(), &mut random(7))))
}

fn values() -> Vec<Vec<u8>> {
    let export: Value = serde_json::from_str(FIXTURES[0].1).unwrap();
    vec![
        export["messages"][0].to_string().into_bytes(),
        br#"{"a":[1,{"b\u0063":"x\"]}"}],"id":"msg_1","time":{"created":1}}"#.into(),
    ]
}

/// Sound JSON, as all that is read further down.
fn json_text(input: &[u8]) -> String {
    let change = [b"{\"part\":", input, b"}"].concat();
    let mut reader = ChangeReader::new(change.as_slice());
    let text = match reader.read() {
        Ok(Some((_, Change::Part(raw)))) => raw.get().to_owned(),
        Ok(_) => return "another change".to_owned(),
        Err(error) => return error.to_string(),
    };
    let mut out = String::new();
    walk(&text, &mut out, |way, _| way.len().is_multiple_of(2).then(|| "0".to_owned()));
    let line = on_one_line(&text);
    assert!(same(&text, &line), "one line says the same");
    let object = Object::parse(&line).map(|mut object| {
        let keys: Vec<String> = object.iter().map(|(key, _)| key.to_owned()).collect();
        keys.iter().for_each(|key| object.set(key, &1).unwrap());
        serde_json::to_string(&object).unwrap()
    });
    let turned = serde_json::from_str::<Value>(&line).map(|value| same(&line, &value.to_string()));
    format!("ok {} {turned:?}", said(object))
}

fn text(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let shown = [plain(&text), plain_end(&text), plain_bytes(input)];
    assert!(shown.iter().all(|shown| !shown.chars().any(char::is_control)));
    assert!(!harmless(&text).contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
    let json = Value::from(text.as_ref()).to_string();
    let same: Value = serde_json::from_str(&harmless_json(&json)).unwrap();
    assert_eq!(same, Value::from(text.as_ref()));
    format!("ok {}", shown[0].is_ascii())
}

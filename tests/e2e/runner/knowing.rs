//! What a host has of a session, and sending only what it does not have.

use super::real::{Real, Section, conversation, expect_bundle};
use crate::support::opencode::Release;
use crate::support::sample;
use kugetsu::host::{self, AnswerError, EndedBy, HostState, Launch, Made, Refusal, Sending};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;

const SESSION: &str = "ses_0123456789abABCDEFGHIJKLMN";

/// A conversation of which only the messages from `first` on are in the file.
fn tail(session: &Value, first: usize) -> String {
    let messages = session["messages"].as_array().unwrap();
    json!({ "info": session["info"], "messages": messages[first..] }).to_string()
}

fn known(section: &Section) -> (u64, u64) {
    let count = |of: &str| section.header["known"][of].as_u64().unwrap();
    (count("messages"), count("parts"))
}

fn a_second_trip_sends_what_is_new(release: Release) {
    let real = Real::start(release);
    assert_eq!(real.held(SESSION, ""), HostState::None);
    let run = real.run(1, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 3);
    let prompt = "[[tool task {\"description\":\"sub\",\"prompt\":\"hello\",\"subagent_type\":\"general\"}]]";
    let first = real.trip(&run, prompt, &session.to_string(), (Sending::Full, ""));
    expect_bundle(&first);
    // Until the session is home, nobody says that home has it.
    assert_eq!(real.held(SESSION, &first.known), HostState::Other);
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();
    let there = real.holds(SESSION, &first.known);
    assert_eq!((there.held, there.messages, there.unlisted), (HostState::Same, 9, 0), "{there:?}");
    assert_eq!(real.held(SESSION, ""), HostState::Other);
    assert_eq!(real.held(SESSION, &"0".repeat(64)), HostState::Other);
    assert_eq!(real.held("ses_another", &first.known), HostState::None);

    // Home went on by two messages; nothing else is sent.
    let run = real.run(2, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 4);
    let delta = tail(&session, 6);
    let second = real.trip(&run, "[[say more]]", &delta, (Sending::Delta, &first.known));
    expect_bundle(&second);
    let sections = real.sections(&run.id, "back");
    // What the sub-agent did came home with the first trip.
    let [root] = sections.as_slice() else { panic!("{sections:?}") };
    let before =
        real.value::<i64>(&format!("SELECT count(*) FROM message WHERE session_id = '{SESSION}'")) - 2;
    assert_eq!(known(root).0, u64::try_from(before).unwrap());
    let new: Vec<&str> = root.messages().into_iter().filter(|id| !root.parts(id).is_empty()).collect();
    assert_eq!(new.len(), 2, "{new:?}");
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();
    assert_eq!(real.held(SESSION, &second.known), HostState::Same);
    assert_eq!(real.held(SESSION, &first.known), HostState::Other);

    // Somebody goes on with it there.
    let listing: String =
        real.value(&format!("SELECT group_concat(id) FROM message WHERE session_id = '{SESSION}'"));
    real.machine.continue_session(&real.directory, SESSION, "[[say by hand]]", &[]).expect_success();
    let there = real.holds(SESSION, &second.known);
    assert!(matches!(there.held, HostState::Ahead | HostState::Other) && there.missing == 0, "{there:?}");
    // Page by page.
    let ids = real.unlisted(SESSION, &second.known, 1);
    assert_eq!((ids.len(), there.unlisted), (2, 2), "{there:?}");
    assert!(ids.iter().all(|id| !listing.contains(id.as_str())), "{ids:?}");
    assert_eq!(real.unlisted(SESSION, "", 3).len(), there.messages);
    // It comes home with the next trip, although that sends nothing.
    let run = real.run(3, SESSION);
    let third = real.trip(&run, "[[say still more]]", &tail(&session, 8), (Sending::Delta, &second.known));
    expect_bundle(&third);
    let root = &real.sections(&run.id, "back")[0];
    assert!(ids.iter().all(|id| root.messages().contains(&id.as_str())), "{ids:?} {root:?}");
    assert!(root.text.contains("by hand") && root.text.contains("still more"));
    assert!(!root.text.contains("text 3"));
}

#[test]
fn a_second_trip_sends_what_is_new_to_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_second_trip_sends_what_is_new);
}

#[test]
fn rows_that_changed_or_went_are_seen_and_no_delta_is_built_on_them() {
    let real = Real::start(Release::New);
    let run = real.run(1, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 2);
    let first = real.trip(&run, "[[say one]]", &session.to_string(), (Sending::Full, ""));
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();
    let part = "prt_000000000002abcdefghijklmn";
    real.change(&format!(
        "UPDATE part SET data = '{{\"type\":\"text\",\"text\":\"by hand\"}}' WHERE id = '{part}'"
    ));
    let there = real.holds(SESSION, &first.known);
    assert_eq!((there.held, there.changed, there.missing), (HostState::Other, 1, 0));
    // What changed there is not what home has: it comes home.
    let run = real.run(2, SESSION);
    let second = real.trip(&run, "[[say two]]", &tail(&session, 4), (Sending::Delta, &first.known));
    let root = &real.sections(&run.id, "back")[0];
    assert_eq!(root.parts("msg_000000000001abcdefghijklmn"), [part]);
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();

    let refused = |n: usize, known: &str| {
        let run = real.run(n, SESSION);
        let sent = real.send(&run, "x", &tail(&session, 4));
        let launch = Launch { sending: Sending::Delta, known: known.to_owned(), ..sent };
        real.host.launch(&run, &launch).unwrap_err()
    };
    assert_eq!(refused(3, &first.known).refusal(), Some(Refusal::Rows));
    real.change(&format!("DELETE FROM part WHERE id = '{part}'"));
    let there = real.holds(SESSION, &second.known);
    assert_eq!((there.held, there.changed, there.missing), (HostState::Other, 0, 1));
    let expected = AnswerError::Refused { refusal: Refusal::Rows, detail: "missing 1".into() };
    assert_eq!(refused(4, &second.known), expected);
}

fn another_in_its_place(release: Release) {
    let real = Real::start(release);
    let run = real.run(1, SESSION);
    let other = conversation(SESSION, &run.directory, 100, 3);
    let todo = json!({ "id": "1", "content": "a", "status": "pending", "priority": "low" });
    let task = json!({ "description": "sub", "prompt": "hello", "subagent_type": "general" });
    let prompt = format!("[[tool todowrite {}]]\n[[tool task {task}]]", json!({ "todos": [todo] }));
    let launch = real.send(&run, &prompt, &other.to_string());
    real.host.launch(&run, &launch).unwrap();
    let first = real.host.result(&run.id);
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();
    let run = real.run(2, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 2);
    let launch = real.send(&run, "[[hold middle]]\n[[say instead]]", &session.to_string());
    let count = || real.value::<i64>(&format!("SELECT count(*) FROM part WHERE session_id = '{SESSION}'"));
    let (there, parts) = (real.holds(SESSION, ""), count());
    let list = first.known;
    let replace =
        Launch { sending: Sending::Replace, known: list, rows_held: true, todos_held: true, ..launch };
    let refused = |launch: &Launch, messages: usize| {
        let expected = AnswerError::Apart { messages };
        assert_eq!(real.host.launch(&run, launch).unwrap_err(), expected, "{release:?}");
        assert_eq!(count(), parts);
    };
    // A home that got none of that from here.
    refused(&Launch { known: String::new(), ..replace.clone() }, there.messages);
    // One that got it, and does not hold it any more; or holds the rows, and kept its own list of tasks.
    refused(&Launch { rows_held: false, ..replace.clone() }, there.messages);
    refused(&Launch { todos_held: false, ..replace.clone() }, 0);
    // Somebody went on with it since it was looked at: what they did is nowhere else.
    let changed = "prt_0000000000c8abcdefghijklmn";
    let text = |text: &str| {
        format!("UPDATE part SET data = json_set(data, '$.text', '{text}') WHERE id = '{changed}'")
    };
    let said: String =
        real.value(&format!("SELECT json_extract(data, '$.text') FROM part WHERE id = '{changed}'"));
    real.change(&text("by hand"));
    refused(&replace, 0);
    real.change(&text(&said));
    let todo = format!("UPDATE todo SET content = 'by hand' WHERE session_id = '{SESSION}'");
    real.change(&todo);
    refused(&replace, 0);
    real.change(&todo.replace("by hand", "a"));
    // What goes with a session and never comes home.
    real.change(&format!(
        "INSERT INTO session_share VALUES ('{SESSION}', 'id', 'secret', 'https://share', 1, 1)"
    ));
    refused(&replace, 0);
    real.change(&format!("DELETE FROM session_share WHERE session_id = '{SESSION}'"));
    let launch = replace;
    real.host.launch(&run, &launch).unwrap();
    real.wait_for_hold(&run.id, "middle");
    let is_touched = release == Release::Mid;
    if is_touched {
        let title = format!("UPDATE session SET title = 'by hand' WHERE parent_id = '{SESSION}'");
        real.change(&title);
    }
    real.model.release("middle");
    expect_bundle(&real.host.result(&run.id));
    let sections = real.sections(&run.id, "back");
    // Home does not know of the former one's sub-agent: it is told, and whether anything was done in it since.
    let [root, former] = sections.as_slice() else { panic!("{sections:?}") };
    assert_eq!((&former.header["new"], &former.header["same"]), (&json!(false), &json!(!is_touched)));
    // None of its rows was touched, so home's are not either.
    let rows = former.value["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| 1 + message["parts"].as_array().unwrap().len())
        .sum::<usize>();
    assert_eq!((former.value["former"].as_array().unwrap().len(), known(former)), (rows, (0, 0)));
    assert_ne!(former.value["base"]["info"]["title"], "by hand");
    assert_eq!((known(root), &root.header["same"]), ((4, 8), &json!(false)));
    assert_eq!((&root.value["todos"], &root.value["base"]["todos"]), (&json!([]), &json!([])));
    let count: i64 = real.value(&format!("SELECT count(*) FROM message WHERE session_id = '{SESSION}'"));
    assert_eq!(count, 6, "{release:?}");
    // A launch that is repeated after that removes nothing again.
    assert!(real.host.dispatch(&run.id).join("cleared").exists());
    assert!(real.host.launch(&run, &launch).unwrap().before);
}

#[test]
fn another_session_comes_in_its_place() {
    sample::of(&Release::ALL).into_iter().for_each(another_in_its_place);
}

/// What a home that remembers nothing has whole may be replaced, in the terms of another trip; one word more there may not.
fn what_a_home_has_is_replaced_without_a_memory(release: Release) {
    let real = Real::start(release);
    let run = real.run(1, SESSION);
    let session = conversation(SESSION, &run.directory, 0, 2);
    real.trip(&run, "[[bash echo hi]]\n[[say done there]]", &session.to_string(), (Sending::Full, ""));
    let mut home = real.export(SESSION);
    let messages = home["messages"].as_array_mut().unwrap();
    for message in messages.iter_mut().filter(|message| message["info"]["role"] == "assistant") {
        message["info"]["path"]["cwd"] = json!("/elsewhere");
    }
    let rows = messages.len();
    let run = real.run(2, SESSION);
    let launch = real.send(&run, "[[say again]]", &home.to_string());
    let launch = Launch { sending: Sending::Replace, ..launch };
    let said = |said: &str, instead: &str| {
        let which = format!("json_extract(data, '$.text') = '{said}'");
        real.change(&format!("UPDATE part SET data = json_set(data, '$.text', '{instead}') WHERE {which}"));
    };
    said("done there", "done there, and more");
    let refused = AnswerError::Apart { messages: 0 };
    assert_eq!(real.host.launch(&run, &launch).unwrap_err(), refused, "{release:?}");
    said("done there, and more", "done there");
    // What home has made of it on arrival: a subtask is a text there, and a file that it may not read is gone.
    let subtask = |prompt: &str, which: &str| {
        let subtask =
            json!({"type": "subtask", "prompt": prompt, "description": "d", "agent": "general"}).to_string();
        real.change(&format!("UPDATE part SET data = '{subtask}' WHERE {which}"));
    };
    subtask("done otherwise", "json_extract(data, '$.text') = 'done there'");
    assert_eq!(real.host.launch(&run, &launch).unwrap_err(), refused, "{release:?}");
    subtask("done there", "json_extract(data, '$.prompt') = 'done otherwise'");
    let file = |url: &str| json!([{"type": "file", "mime": "image/png", "url": url}]).to_string();
    let attached = |url: &str| {
        let set = format!("json_set(data, '$.state.attachments', json('{}'))", file(url));
        real.change(&format!("UPDATE part SET data = {set} WHERE json_extract(data, '$.type') = 'tool'"));
    };
    attached("data:image/png;base64,AA");
    assert_eq!(real.host.launch(&run, &launch).unwrap_err(), refused, "{release:?}");
    attached("file:///etc/elsewhere");
    real.host.launch(&run, &launch).unwrap();
    expect_bundle(&real.host.result(&run.id));
    let root = &real.sections(&run.id, "back")[0];
    assert_eq!(known(root).0, u64::try_from(rows).unwrap(), "{release:?}");
    assert!(root.text.contains("again") && !root.text.contains("done there"), "{release:?}");
}

#[test]
fn what_a_home_has_is_replaced_without_a_memory_on_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(what_a_home_has_is_replaced_without_a_memory);
}

/// An import that fails half way takes back what it has put in, and nothing that was there, whatever the clock has said.
fn a_failed_import_takes_back_only_its_own(release: Release) {
    let real = Real::start(release);
    let session = real.machine.insert_big_session(&real.directory, 10_400, 4_000_000);
    let run = real.run(1, &session);
    let mut file = conversation(&session, &run.directory, 0, 3);
    let messages = file["messages"].as_array_mut().unwrap();
    messages[5]["parts"][1]["type"] = json!("nothing that import knows");
    // What is here of two of its messages, otherwise than in the file, was written by a clock that was ahead.
    let later = kugetsu::clock::now_ms() + 86_400_000;
    let database = real.machine.database();
    for message in &messages[..2] {
        let (info, part) = (&message["info"], &message["parts"][0]);
        let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
        let time = info["time"]["created"].as_i64().unwrap();
        let row = (id(info), &session, time, later, info.to_string());
        database.execute("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5)", row).unwrap();
        let data = json!({ "type": "text", "text": "by hand" }).to_string();
        let row = (id(part), id(info), &session, time, later, data);
        database.execute("INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row).unwrap();
    }
    let rows = || {
        let count = |table: &str| {
            real.value::<i64>(&format!("SELECT count(*) FROM {table} WHERE session_id = '{session}'"))
        };
        let by_hand = "SELECT count(*) FROM part WHERE json_extract(data, '$.text') = 'by hand'";
        (count("message"), count("part"), real.value::<i64>(by_hand))
    };
    let before = rows();
    assert_eq!((before.0, before.2), (10_402, 2));
    let launch = real.send(&run, "x", &file.to_string());
    assert_eq!(real.host.launch(&run, &launch).unwrap_err().refusal(), Some(Refusal::Import), "{release:?}");
    assert_eq!(rows(), before, "{release:?}");
    assert!(!real.host.dispatch(&run.id).join("present").exists());
    // A session that was not there is not there.
    let run = real.run(2, SESSION);
    file = json!(serde_json::from_str::<Value>(&file.to_string().replace(&session, SESSION)).unwrap());
    let text = file.to_string().replace("abcdefghijklmn", "bcdefghijklmno");
    let launch = real.send(&run, "x", &text);
    assert_eq!(real.host.launch(&run, &launch).unwrap_err().refusal(), Some(Refusal::Import), "{release:?}");
    assert_eq!(real.held(SESSION, ""), HostState::None, "{release:?}");
}

#[test]
fn a_failed_import_takes_back_only_its_own_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_failed_import_takes_back_only_its_own);
}

#[test]
fn a_launch_that_was_cut_behind_its_list_keeps_what_was_before() {
    let real = Real::start(Release::New);
    let run = real.run(1, SESSION);
    let mut session = conversation(SESSION, &run.directory, 0, 2);
    let rules = json!([{ "permission": "bash", "pattern": "*", "action": "allow" }]);
    session["info"]["permission"] = rules.clone();
    let sent = real.send(&run, "[[say done]]", &session.to_string());
    // The rows are listed and the rules are given, and then nothing can be written any more.
    let ready = real.host.dispatch(&run.id).join("ready");
    symlink("nowhere/ready", &ready).unwrap();
    assert_eq!(real.host.launch(&run, &sent).unwrap_err().refusal(), Some(Refusal::Room));
    let given: String = real.value(&format!("SELECT permission FROM session WHERE id = '{SESSION}'"));
    assert!(given.contains("plan_exit"), "{given}");
    fs::remove_file(&ready).unwrap();
    real.host.launch(&run, &sent).unwrap();
    real.host.result(&run.id);
    let root = &real.sections(&run.id, "back")[0];
    assert_eq!(
        (&root.value["info"]["permission"], &root.value["base"]["info"]["permission"]),
        (&rules, &rules)
    );
}

#[test]
fn a_long_session_with_one_new_message_costs_less_than_a_second_to_bring_back() {
    let real = Real::start(Release::New);
    let session = real.machine.insert_big_session(&real.directory, 9000, 60_000_000);
    // A first trip with an empty file: all of it is new to home.
    let run = real.run(1, &session);
    let mut empty = conversation(&session, &run.directory, 0, 0);
    empty["info"]["id"] = session.clone().into();
    let first = real.trip(&run, "[[say one]]", &empty.to_string(), (Sending::Full, ""));
    expect_bundle(&first);
    let root = &real.sections(&run.id, "back")[0];
    assert_eq!((known(root), root.messages().len()), ((0, 0), 9002));
    real.host.ask(&host::clean(&real.host.env, &run.id, true)).unwrap();
    assert_eq!(real.held(&session, &first.known), HostState::Same);
    let run = real.run(2, &session);
    let second = real.trip(&run, "[[say two]]", &empty.to_string(), (Sending::Delta, &first.known));
    assert_eq!(second.ended_by, EndedBy::Done);
    assert!(second.size < 10_000, "{second:?}");
    // Of the processors' time, so that others on the machine do not count.
    let times = real.host.home().join("times");
    let script = format!("\"$@\"; times >'{}'", times.display());
    let mut timed = real.host.clone();
    timed.local.before = vec!["bash".into(), "-c".into(), script.into(), "bash".into()];
    let answer = timed.ask(&host::back(&timed.env, &run, false)).unwrap();
    assert_eq!(Made::from_answer(&answer).unwrap().result.size, second.size);
    // A line of the shell's own, and one of what it waited for: user and system, as 0m0.123s.
    let times = fs::read_to_string(times).unwrap();
    let seconds = |time: &str| {
        let (minutes, seconds) = time.strip_suffix('s').unwrap().split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    let spent: f64 = times.lines().nth(1).unwrap().split(' ').map(seconds).sum();
    assert!(spent < 1.0, "{times}");
    let root = &real.sections(&run.id, "back")[0];
    assert_eq!(known(root).0, 9002);
}

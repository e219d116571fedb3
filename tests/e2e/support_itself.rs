//! What every other test leans on: the model obeys and counts, opencode takes the made-up rows for
//! its own, the line delays and breaks.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::until;
use crate::support::proxy::{After, Proxy, ProxyOptions};
use crate::support::sample;
use crate::support::shapes;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_run_asks_the_model_once_and_a_directive_runs_a_real_command() {
    for release in sample::of(&Release::ALL) {
        let model = Model::start();
        let machine = Machine::start("solo", release, &model);
        let dir = machine.project("app");
        let prompt = "A paragraph in front.\n\n[[say first]]\n[[bash echo made > file; pwd]]\n[[say second]]";
        let id = machine.new_session(&dir, prompt);
        assert_eq!(model.prompts().len(), 1, "{release:?}");
        assert_eq!(model.prompts()[0].machine, "solo");
        assert_eq!(std::fs::read_to_string(dir.join("file")).unwrap(), "made\n");
        let last = model.requests().into_iter().rfind(|request| !request.is_title()).unwrap();
        assert_eq!(last.result_texts()[0].trim(), dir.to_str().unwrap());
        let session = machine.export(&id);
        assert_eq!(texts(&session).concat().matches("first").count(), 2, "the prompt's and the answer's");
        let reply = session["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(reply["parts"][1]["text"], "second");
        assert!(reply["info"]["cost"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn agent_model_and_variant_reach_the_request() {
    for release in sample::of(&Release::ALL) {
        let model = Model::start();
        let machine = Machine::start("solo", release, &model);
        let dir = machine.project("app");
        let id = machine.insert_empty_session(&dir, "Empty");
        let flags = ["--agent", "plan", "--model", "fake/m2", "--variant", "high"];
        machine.continue_session(&dir, &id, "hello", &flags).expect_success();
        machine
            .continue_session(&dir, &id, "hello", &["--agent", "build", "--model", "fake/m1"])
            .expect_success();
        let prompts = model.prompts();
        assert_eq!(prompts.len(), 2, "{release:?}");
        assert_eq!((prompts[0].model(), prompts[0].effort()), ("m2", Some("high")), "{release:?}");
        assert_eq!((prompts[1].model(), prompts[1].effort()), ("m1", None), "{release:?}");
        assert!(prompts[0].is_plan() && !prompts[1].is_plan(), "{release:?}");
    }
}

/// A session of which every column is set, and every kind of message and part is there.
#[test]
fn an_export_by_a_script_is_the_one_by_opencode() {
    for release in sample::of(&Release::ALL) {
        let model = Model::start();
        let machine = Machine::start("solo", release, &model);
        let dir = machine.project("app");
        let mut session = shapes::good();
        session["info"]["directory"] = json!(dir);
        machine.import(&dir, &session);
        let id = session["info"]["id"].as_str().unwrap();
        let further = [
            ("time_compacting", json!(5)),
            ("time_archived", json!(6)),
            ("summary_additions", json!(1)),
            ("summary_diffs", json!("[]")),
            ("revert", json!("{\"messageID\":\"msg_1\"}")),
            ("permission", json!("[{\"permission\":\"bash\",\"pattern\":\"*\",\"action\":\"deny\"}]")),
            ("share_url", json!("https://share")),
            ("cost", json!(0.25)),
            ("tokens_cache_read", json!(7)),
            ("agent", json!("plan")),
        ];
        let database = machine.database();
        let columns = machine.stored(id)["info"].clone();
        for (column, value) in further.iter().filter(|(column, _)| columns.get(column).is_some()) {
            let set = format!("UPDATE session SET {column} = ?2 ->> '$' WHERE id = ?1");
            assert_eq!(database.execute(&set, [id, &value.to_string()]).unwrap(), 1);
        }
        for printed in ["whole", "not there"] {
            let id = if printed == "whole" { id } else { "ses_nowhere" };
            let real = machine.opencode(&dir, &["export", id]);
            machine.exports_at_once();
            let ours = machine.opencode(&dir, &["export", id]);
            machine.replace_opencode(Some(&release.program()));
            if printed == "whole" {
                assert_eq!(ours.json(), real.json(), "{release:?}");
            } else {
                let unknown = "Session not found: ses_nowhere";
                assert!(real.stderr.contains(unknown) && ours.stderr.contains(unknown), "{real:?} {ours:?}");
            }
        }
    }
}

#[test]
fn a_held_answer_goes_on_when_it_is_released_and_nothing_survives_the_machine() {
    let model = Model::start();
    let machine = Machine::start("solo", Release::New, &model);
    let dir = machine.project("app");
    let mut run =
        machine.start_opencode(&dir, &["run", "--format", "json"], Some("[[bash echo a]]\n[[hold door]]"));
    model.wait_for_hold("door", LIMIT);
    assert!(run.is_running());
    model.release("door");
    run.wait(LIMIT).expect_success();
    let mut sleep = machine.command("sleep", &dir);
    let mut stray = sleep.arg("1000").spawn().unwrap();
    until(LIMIT, || machine.processes().contains(&stray.id()).then_some(()).ok_or("not there".to_owned()));
    drop(machine);
    assert_eq!(stray.wait().unwrap().code(), None, "killed");
}

#[test]
fn a_status_is_reported_as_the_providers_error() {
    let model = Model::start();
    let machine = Machine::start("solo", Release::New, &model);
    let dir = machine.project("app");
    let run = machine.start_opencode(&dir, &["run", "--format", "json"], Some("[[status 401]]")).wait(LIMIT);
    assert!(run.stdout.contains("told to answer 401"), "{run:?}");
    assert_eq!(model.prompts().len(), 1);
}

#[test]
fn the_model_answers_any_client_and_can_hang_up() {
    let journal = tempfile::NamedTempFile::new().unwrap();
    let model = Model::start_recording(journal.path());
    let ask = |prompt: &str, stream: bool| {
        let messages = json!([{ "role": "user", "content": prompt }]);
        let tools = json!([{ "type": "function", "function": { "name": "bash" } }]);
        let body = json!({ "model": "m2", "stream": stream, "messages": messages, "tools": tools });
        post(&model, &body.to_string())
    };
    let whole = ask("[[usage 7]]\n[[bash ls]]", false);
    let document: Value = serde_json::from_str(whole.split_once("\r\n\r\n").unwrap().1).unwrap();
    let function = &document["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!((&function["name"], &document["usage"]["prompt_tokens"]), (&json!("bash"), &json!(7)));
    assert!(ask("hello", true).contains("You said: hello"));
    assert!(ask("[[status 429]]", true).starts_with("HTTP/1.1 429 "));
    assert_eq!(ask("[[refuse]]", true), "");
    let cut = ask("[[say half]]\n[[refuse]]", true);
    assert!(cut.contains("half") && !cut.contains("[DONE]"), "{cut}");
    let lines = std::fs::read_to_string(journal.path()).unwrap();
    assert_eq!(
        (lines.lines().count(), model.prompts_of("solo").len(), model.prompts_of("pi").len()),
        (5, 5, 0)
    );
}

#[test]
fn a_made_up_session_is_one_to_every_release() {
    for release in sample::of(&Release::ALL) {
        let model = Model::start();
        let (one, other) = (Machine::start("one", release, &model), Machine::start("other", release, &model));
        let dir = one.project("app");
        let id = one.insert_big_session(&dir, 400, 3_000_000);
        let session = one.export(&id);
        let size = session.to_string().len();
        assert!((2_800_000..3_400_000).contains(&size), "{release:?}: {size} bytes");
        assert_eq!(session["messages"].as_array().unwrap().len(), 400);

        let there = other.project("app");
        other.import(&there, &session);
        assert_eq!(other.export(&id)["messages"], session["messages"], "{release:?}");
        other.continue_session(&there, &id, "[[say Seen.]]", &[]).expect_success();
        let prompts = model.prompts();
        let tools = prompts[0].messages().iter().filter(|message| message["role"] == "tool").count();
        assert_eq!((prompts.len(), tools), (1, 200), "{release:?}");
    }
}

#[test]
fn an_unfinished_turn_is_what_a_kill_leaves() {
    for release in sample::of(&Release::ALL) {
        let model = Model::start();
        let machine = Machine::start("solo", release, &model);
        let dir = machine.project("app");
        let id = machine.insert_big_session(&dir, 2, 0);
        let turn = machine.insert_unfinished_turn(&dir, &id);
        let session = machine.export(&id);
        let message = session["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(message["info"]["id"], json!(turn.message));
        assert_eq!(message["info"]["time"]["completed"], Value::Null);
        let states: Vec<_> =
            message["parts"].as_array().unwrap().iter().map(|p| &p["state"]["status"]).collect();
        assert_eq!(states, [&Value::Null, &json!("running"), &json!("pending")]);
        machine.continue_session(&dir, &id, "go on", &[]).expect_success();
        assert_eq!(model.prompts().len(), 1, "{release:?}");
    }
}

#[test]
fn a_home_reaches_several_hosts_by_ssh_also_through_a_proxy() {
    let model = Model::start();
    let (pi, beefy) = (Host::start("pi", Release::New, &model), Host::start("beefy", Release::Old, &model));
    let proxy = Proxy::start(beefy.sshd.port(), ProxyOptions::default());
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    home.add_host("pi", &pi, json!({ "agent": "plan" }));
    home.add_host_behind("beefy", &beefy, &proxy, json!({}));
    for (name, host) in [("pi", &pi), ("beefy", &beefy)] {
        let mut ssh = home.machine.command("ssh", home.machine.home());
        let output = ssh.args(["-o", "BatchMode=yes", name, "pwd; opencode --version"]).output().unwrap();
        let expected = format!("{}\n{}\n", host.machine.home().display(), host.machine.release().version());
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
    }
    assert_eq!(proxy.stats().connections, 1);
    let mut scp = home.machine.command("scp", home.machine.home());
    assert!(scp.args(["-q", ".ssh/config", "beefy:copied"]).status().unwrap().success());
    assert!(beefy.machine.home().join("copied").exists());
    assert!(proxy.stats().connections == 2 && proxy.stats().up > 1000, "{:?}", proxy.stats());
    let hosts: Value = serde_json::from_slice(&std::fs::read(home.hosts_path()).unwrap()).unwrap();
    assert_eq!((&hosts["pi"]["agent"], &hosts["beefy"]["port"]), (&json!("plan"), &json!(proxy.port())));
}

#[test]
fn the_line_delays_without_narrowing_counts_stalls_and_breaks() {
    let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = echo.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in echo.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || drop(std::io::copy(&mut stream.try_clone().unwrap(), &mut stream)));
        }
    });
    let delay = Duration::from_millis(200);
    let proxy = Proxy::start(target, ProxyOptions { delay, ..ProxyOptions::default() });
    let mut line = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    line.write_all(b"x").unwrap();
    line.read_exact(&mut [0]).unwrap();
    let started = Instant::now();
    let sent = vec![7; 4_000_000];
    let (mut writer, copy) = (line.try_clone().unwrap(), sent.clone());
    std::thread::spawn(move || writer.write_all(&copy).unwrap());
    let mut received = vec![0; sent.len()];
    line.read_exact(&mut received).unwrap();
    let elapsed = started.elapsed();
    assert!(received == sent && elapsed >= delay * 2, "{elapsed:?}");
    // 60 chunks of 64 KiB, one after the other, would take 24 seconds.
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    let stats = proxy.stats();
    assert_eq!((stats.connections, stats.up, stats.down), (1, 4_000_001, 4_000_001));

    proxy.stall();
    line.write_all(b"later").unwrap();
    line.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!(line.read(&mut [0]).is_err(), "nothing comes through");
    proxy.resume();
    line.set_read_timeout(None).unwrap();
    let mut word = [0; 5];
    line.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"later");

    proxy.cut_after(After::Up(stats.up + 5 + 10));
    line.write_all(&[1; 100]).unwrap();
    let mut rest = Vec::new();
    let _ = line.read_to_end(&mut rest);
    assert_eq!((proxy.stats().up, rest.len() <= 10), (stats.up + 15, true));
    let mut again = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    again.write_all(b"again").unwrap();
    again.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"again", "cut once");
}

fn post(model: &Model, body: &str) -> String {
    let url = model.url();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer solo\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn texts(session: &Value) -> Vec<&str> {
    let messages = session["messages"].as_array().into_iter().flatten();
    let parts = messages.flat_map(|message| message["parts"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["text"].as_str()).collect()
}

//! A host that cannot be reached, does not let us in, or cannot do the work: nothing is started there.

use super::scene::{Scene, files};
use crate::support::host::Host;
use crate::support::opencode::Release;
use crate::support::process::PATIENCE;
use crate::support::proxy::{After, Proxy, ProxyOptions};
use crate::support::sshd::keygen;
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// What waits for a host gives up after a second.
fn hurry(scene: &Scene) {
    let config = scene.home.machine.home().join(".ssh/config");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("Host *\n  ConnectTimeout 1\n{before}")).unwrap();
}

/// Programs in `~/bin` there hide the system's.
fn own_programs_first(scene: &Scene) {
    let profile = scene.host().machine.home().join(".profile");
    fs::write(profile, "PATH=$HOME/bin:$PATH\nexport PATH\n").unwrap();
}

#[test]
fn a_host_that_is_down_is_named_and_may_be_tried_again() {
    let mut scene = Scene::new();
    scene.host.as_mut().unwrap().sshd.stop();
    let port = scene.host().sshd.port().to_string();
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault
        .is(3, "unreachable", "connect")
        .says(&["pi: connection refused", &port, "see how far ssh itself gets: ssh -p"])
        .may_be_retried(true);
    scene.is_unscathed();
    let fault = scene.fault(&scene.remote(&["go on", "--dry-run"]));
    fault.is(3, "unreachable", "connect").says(&["pi: connection refused"]);
    scene.is_unscathed();
}

#[test]
fn a_host_that_takes_no_more_connections_for_now_is_tried_again() {
    let mut scene = Scene::alone();
    let host = Host::start_with("pi", Release::New, &scene.model, |sshd| {
        sshd.config.push("MaxStartups 1".to_owned());
    });
    host.machine.stand_in();
    scene.home.add_host("pi", &host, json!({}));
    // Somebody who does not log in takes the only place.
    let mut other = TcpStream::connect(("127.0.0.1", host.sshd.port())).unwrap();
    let mut greeting = [0; 4];
    other.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"SSH-");
    let going = scene.home.spawn(&scene.remote(&["[[say hello]]", "--round-trip"]));
    going.wait_for_output(PATIENCE, |_, said| said.contains("trying again"));
    let said = going.stderr_so_far();
    assert!(said.contains("takes no more connections for now (Exceeded MaxStartups)"), "{said}");
    drop(other);
    let done = going.wait(PATIENCE).expect_success();
    assert_eq!(done.stdout.trim(), "hello");
    scene.host = Some(host);
}

#[test]
fn a_host_that_does_not_answer_is_given_up() {
    let mut scene = Scene::new();
    hurry(&scene);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let stalling = ProxyOptions { stall: Some(After::Down(600)), ..ProxyOptions::default() };
    let proxy = Proxy::start(scene.host().sshd.port(), stalling);
    let host = scene.host.take().unwrap();
    scene.home.add_host_behind("slow", &host, &proxy, json!({}));
    scene.host = Some(host);
    let slow = scene.fault_once(&["remote", "slow", &scene.session, "go on"]);
    slow.is(3, "unreachable", "connect").says(&["slow: ", "1 s"]).may_be_retried(true);
    scene.home.write_hosts(&json!({ "pi": { "host": "me@127.0.0.1", "port": port } }).to_string());
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault
        .is(3, "unreachable", "connect")
        .says(&["pi: no answer within 1 s", "greeting", "see how far ssh itself gets: ssh -p"])
        .may_be_retried(true);
    drop(proxy);
    scene.is_unscathed();
}

#[test]
fn something_else_than_an_sshd_is_named() {
    let scene = Scene::new();
    hurry(&scene);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 \x1b[31mBad\x1b[0m\r\n\r\n");
        }
    });
    scene.home.write_hosts(&json!({ "pi": { "host": "me@127.0.0.1", "port": port } }).to_string());
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault.is(3, "unreachable", "connect").says(&["pi: the SSH handshake failed", "HTTP/1.1 400 Bad"]);
    scene.is_unscathed();
}

#[test]
fn a_key_that_does_not_fit_is_named() {
    let scene = Scene::new();
    fs::write(scene.host().sshd.authorized_keys(), "").unwrap();
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault
        .is(3, "unreachable", "connect")
        .says(&["pi: ", "is not let in", "id_pi", "publickey", "see how far ssh itself gets: ssh -p"])
        .may_be_retried(false);
    let key = scene.home.machine.home().join(".ssh/id_pi");
    fs::remove_file(&key).unwrap();
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault.is(3, "unreachable", "connect").says(&["pi: the key ", "id_pi cannot be used", "ls -l "]);
    scene.is_unscathed();
}

#[test]
fn a_host_key_that_is_unknown_or_another_is_refused() {
    let scene = Scene::new();
    let known_hosts = scene.home.machine.home().join(".ssh/known_hosts");
    let port = scene.host().sshd.port();
    fs::write(&known_hosts, "").unwrap();
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault.is(3, "unreachable", "connect").says(&[
        "pi: its host key is not known",
        "SHA256:",
        &format!("compare the key: ssh -p {port} -i"),
    ]);
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), "", "nobody vouched for it");
    let other = scene.home.machine.home().join("other");
    keygen("ed25519", &other);
    let key = fs::read_to_string(other.with_extension("pub")).unwrap();
    let line = format!("[127.0.0.1]:{port} {key}");
    fs::write(&known_hosts, &line).unwrap();
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault
        .is(3, "unreachable", "connect")
        .says(&[
            "pi: its host key is not the one",
            "SHA256:",
            "known_hosts:1",
            "forget the old key: ssh-keygen -R",
        ])
        .may_be_retried(false);
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), line);
    scene.is_unscathed();
}

#[test]
fn a_host_without_a_usable_opencode_is_refused() {
    let scene = Scene::new();
    let there = &scene.host().machine;
    let refused = |words: &[&str]| {
        let fault = scene.fault(&scene.remote(&["go on"]));
        fault.is(4, "refused", "probe").says(&["pi: "]).says(words);
        scene.is_unscathed();
    };
    there.stand_in_with("[ \"$1\" = --version ] && echo 2.0.1 && exit 0");
    refused(&["2.0.1", "1.x", "hosts.json"]);
    there.stand_in_with("[ \"$1\" = --version ] && printf '\\033[31mno\\n' && exit 0");
    refused(&["does not tell its version", "opencode --version"]);
    there.stand_in_with("[ \"$1\" = agent ] && echo 'broken \u{1b}[1mconfig' >&2 && exit 1");
    refused(&["could not say which agents it has", "broken config"]);
    there.replace_opencode(None);
    refused(&["no opencode was found there", "npm install -g opencode-ai"]);
    let unscathed = scene.fault(&scene.remote(&["go on", "--dry-run"]));
    unscathed.is(4, "refused", "probe").says(&["no opencode"]);
    // Where the entry names one, no other will do.
    there.stand_in();
    let hosts = fs::read_to_string(scene.home.hosts_path()).unwrap();
    scene.home.write_hosts(&hosts.replacen("\"host\"", "\"opencode\": \"~/none/opencode\", \"host\"", 1));
    refused(&["no opencode was found there"]);
}

#[test]
fn an_opencode_there_that_hangs_is_given_up_and_ended() {
    let scene = Scene::new();
    scene.host().machine.stand_in_with("[ \"$1\" = --version ] && exec sleep 1000");
    let fault = scene.fault_once(&scene.remote(&["go on"]));
    fault.is(4, "refused", "probe").says(&["pi: opencode there does not answer", "--version", "in time"]);
    scene.is_unscathed();
}

#[test]
fn a_host_of_another_kind_is_refused() {
    let scene = Scene::new();
    own_programs_first(&scene);
    let there = &scene.host().machine;
    there.install_script("uname", "#!/bin/sh\necho MINGW64_NT-10.0\n");
    let go = scene.remote(&["go on"]);
    scene.fault(&go).is(4, "refused", "probe").says(&["pi: ", "MINGW64", "WSL"]);
    scene.is_unscathed();
}

#[test]
fn a_host_without_room_is_refused() {
    let scene = Scene::new();
    own_programs_first(&scene);
    let there = &scene.host().machine;
    let df =
        "#!/bin/sh\necho Filesystem 1024-blocks Used Available\necho /dev/sda1 100000 90000 10000 90% /\n";
    there.install_script("df", df);
    let go = scene.remote(&["go on"]);
    scene.fault(&go).is(4, "refused", "probe").says(&["pi: no room", "9 MiB", "are needed", "df -h"]);
    scene.is_unscathed();
}

#[test]
fn a_disk_that_fills_up_there_leaves_nothing_behind() {
    let mut scene = Scene::alone();
    let session = scene.home.machine.insert_big_session(&scene.project, 2, 300_000);
    scene.session = session;
    // Writing more than 32 KiB into one file fails there, with an error and without a signal.
    let shell = scene.home.machine.home().join("bin/small");
    scene
        .home
        .machine
        .install_script("small", "#!/bin/sh\ntrap '' XFSZ\nulimit -f 64\nexec /bin/sh \"$@\"\n");
    let host = Host::start_with("pi", Release::New, &scene.model, |options| options.login_shell = shell);
    host.machine.stand_in();
    scene.home.add_host("pi", &host, json!({}));
    scene.host = Some(host);
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault.is(4, "refused", "probe").says(&["pi: what was sent cannot be kept there", "make room there"]);
    assert_eq!(scene.left_there(), Vec::<String>::new());
    assert_eq!(files(&scene.home.state().join("dispatches")), Vec::<String>::new());
}

#[test]
fn a_login_shell_that_talks_where_scp_should_is_not_taken_for_a_full_disk() {
    let mut scene = Scene::alone();
    let host = Host::start_with("pi", Release::New, &scene.model, |options| {
        options.login_shell = "/usr/bin/fish".into();
    });
    host.machine.stand_in();
    let start_up = host.machine.home().join(".config/fish/config.fish");
    fs::create_dir_all(start_up.parent().unwrap()).unwrap();
    fs::write(start_up, "echo Welcome\n").unwrap();
    scene.home.add_host("pi", &host, json!({}));
    scene.host = Some(host);
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault.is(4, "refused", "probe").says(&["pi: ", "text of its own", "Welcome", "scp -f .profile"]);
    scene.is_unscathed();
}

#[test]
fn a_directory_that_cannot_be_made_is_refused() {
    let scene = Scene::new();
    fs::write(scene.host().machine.home().join("taken"), "mine").unwrap();
    for directory in ["~/taken", "~/taken/below", "taken/below"] {
        let fault = scene.fault(&scene.remote(&["go on", "--dir", directory]));
        fault.is(4, "refused", "probe").says(&["pi: the directory", "taken", "--dir DIR"]);
        scene.is_unscathed();
    }
    // What only trying shows.
    let fault = scene.fault(&scene.remote(&["go on", "--dir", "/proc/kugetsu"]));
    fault.is(4, "refused", "probe").says(&["pi: the directory", "/proc/kugetsu", "--dir DIR"]);
    assert_eq!(fs::read_to_string(scene.host().machine.home().join("taken")).unwrap(), "mine");
    scene.is_unscathed();
}

#[test]
fn an_agent_or_a_model_that_is_not_there_is_found_out_before_the_launch() {
    let scene = Scene::new();
    let agent = scene.fault(&scene.remote(&["go on", "--agent", "bild"]));
    agent.is(4, "refused", "probe").says(&["pi: ", "no agent bild", "did you mean build?", "--agent"]);
    let model = scene.fault(&scene.remote(&["go on", "--model", "fake/m3"]));
    model.is(4, "refused", "probe").says(&["pi: ", "no model fake/m3", "did you mean fake/m", "--model"]);
    scene.is_unscathed();
    assert!(!scene.host().machine.database_path().exists(), "the session was imported there");
    assert!(scene.model.requests().is_empty());
}

#[test]
fn an_import_there_that_fails_leaves_nothing_running() {
    let scene = Scene::new();
    for (how, words) in [
        ("echo 'database is \u{1b}[1mlocked' >&2; exit 1", "database is locked"),
        ("echo 'File not found'; exit 0", "File not found"),
        ("echo \"Imported session: $KUGETSU_WANTED\"; exit 0", "not all of it is in its database"),
    ] {
        let lines = format!("KUGETSU_WANTED={}; if [ \"$1\" = import ]; then {how}; fi", scene.session);
        scene.host().machine.stand_in_with(&lines);
        let fault = scene.fault(&scene.remote(&["go on"]));
        fault.is(1, "failed", "launch").says(&["pi", words, "nothing runs on pi"]);
        scene.is_unscathed();
    }
}

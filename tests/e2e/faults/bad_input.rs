//! What was typed or written makes no sense: said before anything is done, and without a host.

use super::scene::Scene;

#[test]
fn a_session_that_is_none_or_not_here_is_refused() {
    let scene = Scene::new();
    scene
        .fault(&["remote", "pi", "ses_doesnotexist", "go on"])
        .is(4, "refused", "resolve")
        .says(&["no session ses_doesnotexist", "opencode session list"]);
    scene.fault(&["remote", "pi"]).is(2, "usage", "arguments").says(&["no session", "pi", "'#14'"]);
    for malformed in ["ses_../../x", "ses_$(touch hit)", "ses_", "", "-x y", "ses_a\u{1b}[2Jb", "ses_a;id"] {
        let fault = scene.fault(&["remote", "pi", "--", malformed, "go on"]);
        fault.is(2, "usage", "arguments");
    }
    scene.fault(&["remote", "pi", "fourteen", "go on"]).is(2, "usage", "arguments").says(&["'#14'", "ses_"]);
    assert_eq!(scene.host().sshd.connections(), 0, "a host was asked about it");
    assert!(!scene.home.machine.home().join("hit").exists());
    scene.is_unscathed();
}

#[test]
fn a_message_that_cannot_arrive_is_refused() {
    let scene = Scene::new();
    let no_message = scene.fault(&scene.remote(&[]));
    no_message.is(2, "usage", "arguments").says(&["no message", "pipe it in"]);
    for blank in ["", "  ", "\n\t \n"] {
        scene.fault(&scene.remote(&[blank])).is(2, "usage", "arguments").says(&["the message is empty"]);
        scene
            .fault_reading(blank.as_bytes(), &scene.remote(&["-"]))
            .is(2, "usage", "arguments")
            .says(&["the message is empty"]);
    }
    let nul = scene.fault_reading(b"before\0after", &scene.remote(&["-"]));
    nul.is(2, "usage", "arguments").says(&["NUL"]);
    let binary = scene.fault_reading(b"caf\xe9", &scene.remote(&[]));
    binary.is(2, "usage", "arguments").says(&["UTF-8"]);
    let huge = vec![b'x'; (16 << 20) + 1];
    scene.fault_reading(&huge, &scene.remote(&["-"])).is(2, "usage", "arguments").says(&["16 MiB", "file"]);
    assert_eq!(scene.host().sshd.connections(), 0);
    scene.is_unscathed();
}

#[test]
fn a_host_that_nobody_knows_is_refused_with_the_nearest_name() {
    let scene = Scene::alone();
    scene.home.write_hosts(r#"{ "beefy": "me@192.0.2.1" }"#);
    scene.fault(&["remote", "befy", &scene.session, "go on"]).is(2, "usage", "resolve").says(&[
        "befy",
        "did you mean \"beefy\"?",
        "kugetsu hosts",
    ]);
    for name in ["", "-oProxyCommand=id", "a b", "a\nb"] {
        let fault = scene.fault(&["remote", "--", name, &scene.session, "go on"]);
        fault.is(2, "usage", "arguments").says(&["cannot be a host"]);
    }
    scene.is_unscathed();
}

#[test]
fn a_broken_hosts_file_is_refused_with_its_place() {
    let scene = Scene::alone();
    let place = |text: &str, at: &str, words: &[&str]| {
        scene.home.write_hosts(text);
        let place = format!("{}:{at}", scene.home.hosts_path().display());
        let fault = scene.fault(&["remote", "pi", &scene.session, "go on"]);
        fault.is(2, "usage", "hosts").says(&[place.as_str()]).says(words);
        let fault = scene.fault(&["hosts"]);
        fault.is(2, "usage", "hosts").says(&[place.as_str()]);
    };
    place("{\n  \"pi\": \"me@pi\"\n  \"b\": \"c\"\n}", "3:3", &["comma"]);
    place("{\n  'pi': \"me@pi\"\n}", "2:3", &["double quotes"]);
    place("[]", "1:1", &["object"]);
    place("{ \"pi\": { \"host\": \"pi\", \"port\": 70000 } }", "1:33", &["pi", "port"]);
    place("{ \"pi\": { \"port\": 22 } }", "1:3", &["pi", "host"]);
    scene.home.write_hosts("{ \"pi\": { \"host\": \"me@pi\", \"os\": \"windows\" } }");
    scene
        .fault(&["remote", "pi", &scene.session, "go on"])
        .is(2, "usage", "hosts")
        .says(&["pi", "Windows", "WSL"]);
    std::fs::remove_file(scene.home.hosts_path()).unwrap();
    std::fs::create_dir(scene.home.hosts_path()).unwrap();
    scene.fault(&["hosts"]).is(2, "usage", "hosts").says(&["is not a file"]);
    scene.is_unscathed();
}

#[test]
fn an_unknown_field_is_a_warning_and_nothing_more() {
    let scene = Scene::alone();
    scene.home.write_hosts("{ \"pi\": { \"host\": \"me@pi\", \"agnt\": \"plan\\u001b[2J\" } }");
    for flags in [&["hosts"][..], &["hosts", "--json"]] {
        let listed = scene.home.kugetsu(flags).expect_success();
        super::scene::harmless(&listed.stderr);
        assert!(listed.stderr.contains("agnt") && listed.stderr.contains("agent"), "{}", listed.stderr);
    }
    assert_eq!(scene.home.kugetsu(&["hosts", "--json"]).json()[0]["name"], "pi");
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let scene = Scene::new();
    for model in ["m1", "/m1", "fake/", "", "\u{1b}[2J"] {
        let fault = scene.fault(&scene.remote(&["go on", "--model", model]));
        fault.is(2, "usage", "arguments").says(&["--model"]);
    }
    let fault = scene.fault(&scene.remote(&["go on", "--timeout", "soon"]));
    fault.is(2, "usage", "arguments").says(&["--timeout"]);
    let fault = scene.fault(&scene.remote(&["go on", "--round-trip", "--mode", "one-way"]));
    fault.is(2, "usage", "arguments").says(&["--mode"]);
    scene.fault(&["wait", "20260101-000000-abcdefgh"]).is(2, "usage", "resolve").says(&["no dispatch"]);
    let send = format!("kugetsu remote HOST {} MESSAGE", scene.session);
    scene
        .fault(&["wait", &scene.session])
        .is(4, "refused", "resolve")
        .says(&["has never been sent to a host", &send]);
    scene.fault(&["wait", "../../x"]).is(2, "usage", "arguments").says(&["names no session"]);
    // A session that was never run has no model that a variant could belong to.
    let empty = scene.home.machine.insert_empty_session(&scene.project, "Empty");
    let fault = scene.fault(&["remote", "pi", &empty, "go on", "--variant", "high"]);
    fault.is(2, "usage", "resolve").says(&["variant", "--model"]);
    assert_eq!(scene.host().sshd.connections(), 0);
    scene.is_unscathed();
}

#[test]
fn the_local_opencode_must_be_there_and_of_a_known_version() {
    let scene = Scene::new();
    let go = scene.remote(&["go on"]);
    scene.home.machine.stand_in_with("[ \"$1\" = --version ] && echo 2.0.1 && exit 0");
    scene.fault(&go).is(4, "refused", "export").says(&["2.0.1", "1.x", "KUGETSU_OPENCODE"]);
    scene.home.machine.stand_in_with("[ \"$1\" = --version ] && exit 3");
    scene.fault(&go).is(1, "failed", "export").says(&["opencode --version failed"]);
    scene.is_unscathed();
    scene.home.machine.replace_opencode(None);
    scene.fault(&go).is(1, "failed", "opencode").says(&["opencode was not found", "KUGETSU_OPENCODE"]);
    scene.is_unscathed();
}

#[test]
fn an_export_that_is_cut_is_refused() {
    let scene = Scene::new();
    let go = scene.remote(&["go on", "--round-trip"]);
    for (how, words) in [
        ("stand_in \"$@\" | head -c 3000; exit 0", "cannot be used"),
        ("exit 0", "opencode export failed"),
        ("echo '\u{1b}[91mdatabase is locked\u{1b}[0m' >&2; exit 1", "database is locked"),
        ("echo '{\"info\":{\"id\":\"ses_other\"},\"messages\":[]}'; exit 0", "cannot be used"),
    ] {
        scene.home.machine.stand_in_with(&format!("if [ \"$1\" = export ]; then {how}; fi"));
        let fault = scene.fault(&go);
        fault.is(1, "failed", "export").says(&[words]);
        scene.is_unscathed();
    }
}

#[test]
fn a_database_that_is_no_database_is_named() {
    let scene = Scene::new();
    let path = scene.home.machine.database_path();
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::write(&path, "not a database, but long enough to be looked at as one").unwrap();
    let fault = scene.fault(&scene.remote(&["go on"]));
    fault.is(1, "failed", "resolve").says(&["opencode.db"]);
    std::fs::rename(&aside, &path).unwrap();
    scene.is_unscathed();
    assert_eq!(scene.host().sshd.connections(), 0);
}

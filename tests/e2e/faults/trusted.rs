//! A project's hosts.json is somebody else's word: it counts once the user has allowed it.

use super::scene::{Fault, KUGETSU, Scene, harmless};
use super::terminal::Terminal;
use crate::support::process::{Finished, PATIENCE, Running};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Nothing listens on that port: whoever connects is told so at once.
const NOBODY: u16 = 1;

impl Scene {
    /// The project's hosts.json.
    fn of_project(&self) -> PathBuf {
        self.project.join("hosts.json")
    }

    /// Runs `kugetsu ARGS` in the project's directory.
    #[track_caller]
    fn in_project(&self, args: &[&str]) -> Finished {
        self.home.spawn_in(&self.project, None, args).wait(PATIENCE)
    }

    /// As [`Scene::fault`], in the project's directory.
    #[track_caller]
    fn fault_in_project(&self, args: &[&str]) -> Fault {
        let script = self.in_project(&[&["--json"], args].concat());
        Fault::read(&self.in_project(args), &script)
    }

    /// Types the command behind `what`, as it was told, into a shell in `directory`.
    #[track_caller]
    fn types(&self, told: &str, what: &str, directory: &Path) -> Finished {
        let (_, rest) = told.split_once(what).unwrap_or_else(|| panic!("{what:?} is not told:\n{told}"));
        let command = rest.trim_start_matches(':').lines().find(|line| !line.trim().is_empty()).unwrap();
        let kugetsu = self.home.machine.home().join("bin/kugetsu");
        if !kugetsu.exists() {
            std::os::unix::fs::symlink(KUGETSU, kugetsu).unwrap();
        }
        let mut shell = self.home.machine.command("sh", directory);
        shell.args(["-c", command.trim()]);
        Running::start(shell, Some(b"")).wait(PATIENCE)
    }
}

fn row<'v>(listed: &'v Value, name: &str) -> &'v Value {
    let all: Vec<&Value> = listed.as_array().unwrap().iter().filter(|row| row["name"] == name).collect();
    assert_eq!(all.len(), 1, "one row for each name: {listed}");
    all[0]
}

/// The user's own `pi`, and a project that has another one, and one more.
fn two_words() -> Scene {
    let scene = Scene::alone();
    scene.home.write_hosts(
        &json!({ "hosts": { "pi": { "host": "me@127.0.0.1", "port": NOBODY, "env": { "A": "s3cret" } } } })
            .to_string(),
    );
    let pi = json!({ "host": "evil@192.0.2.2", "permission": { "bash": "allow" }, "env": { "A": "0ther", "PATH": "/tmp" } });
    fs::write(scene.of_project(), json!({ "hosts": { "pi": pi, "beefy": "b@192.0.2.3" } }).to_string())
        .unwrap();
    scene
}

#[test]
fn a_projects_hosts_do_not_replace_the_users_own_before_they_are_allowed() {
    let scene = two_words();
    let listed = scene.in_project(&["hosts", "--json"]).expect_success().json();
    let pi = row(&listed, "pi");
    assert_eq!((&pi["host"], &pi["allowed"]), (&json!("me@127.0.0.1"), &json!(true)));
    let differs = json!(["host", "port", "env.A", "env.PATH", "permission.bash"]);
    assert_eq!(
        (&pi["not_allowed"][0]["host"], &pi["not_allowed"][0]["differs"]),
        (&json!("evil@192.0.2.2"), &differs)
    );
    assert_eq!(row(&listed, "beefy")["allowed"], false);
    let text = scene.in_project(&["hosts"]).expect_success();
    for words in [
        "not allowed yet: evil@192.0.2.2 from ~/projects/app/hosts.json (differs in host, port,",
        "beefy  b@192.0.2.3\n    from ~/projects/app/hosts.json\n    not allowed yet, and not used",
    ] {
        assert!(text.stdout.contains(words), "{words:?}\n{}", text.stdout);
    }

    // The user's own is used, and the other one named.
    let own = scene.in_project(&["remote", "pi", &scene.session, "go on", "--dry-run"]).expect_code(3);
    let told = own.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("connection refused"), "{}", own.stderr);
    let words = "~/projects/app/hosts.json has another pi, which is not allowed yet (kugetsu hosts trust)";
    assert_eq!(told.matches(words).count(), 1, "{}", own.stderr);

    // What only the project has is not taken for an alias of ssh, and the way out can be typed.
    let refused = scene.fault_in_project(&["remote", "beefy", &scene.session, "go on", "--dry-run"]);
    let refused = refused.is(4, "refused", "resolve").says(&[
        "the host beefy is only in ~/projects/app/hosts.json, which came with the project and is not allowed yet",
        "kugetsu hosts trust",
    ]);
    let elsewhere = scene.home.machine.home();
    let unasked = scene.types(&refused.stderr, "see what it says, and allow it", elsewhere).expect_code(4);
    harmless(&unasked.stderr);
    assert!(
        unasked.stderr.contains("pi  replaces your pi of ~/.config/opencode/hosts.json"),
        "{}",
        unasked.stderr
    );
    assert!(unasked.stderr.contains("me@127.0.0.1 → evil@192.0.2.2"), "{}", unasked.stderr);
    assert!(unasked.stderr.contains("… → 0ther") && !unasked.stderr.contains("s3cret"), "{}", unasked.stderr);
    assert!(scene.in_project(&["hosts"]).stdout.contains("not allowed yet"));
    scene.types(&unasked.stderr, "allow it without being asked", elsewhere).expect_success();

    let listed = scene.in_project(&["hosts", "--json"]).expect_success().json();
    let pi = row(&listed, "pi");
    assert_eq!((&pi["host"], &pi["not_allowed"]), (&json!("evil@192.0.2.2"), &json!([])));
    assert_eq!(pi["replaces"][0]["host"], "me@127.0.0.1");
    assert_eq!(row(&listed, "beefy")["allowed"], true);
    let again = scene.in_project(&["hosts", "trust"]).expect_success();
    assert!(again.stderr.contains("Nothing here waits to be allowed."), "{}", again.stderr);

    // It changed: asked anew.
    fs::write(scene.of_project(), json!({ "beefy": "c@192.0.2.4" }).to_string()).unwrap();
    let listed = scene.in_project(&["hosts", "--json"]).expect_success().json();
    assert_eq!(
        (&row(&listed, "pi")["host"], &row(&listed, "beefy")["allowed"]),
        (&json!("me@127.0.0.1"), &json!(false))
    );
    let allowed = scene.in_project(&["hosts", "trust", "--yes", "--json"]).expect_success().json();
    let beefy = json!({ "name": "beefy", "host": "c@192.0.2.4", "replaces": null, "differs": ["host"] });
    assert_eq!(allowed, json!([{ "file": "~/projects/app/hosts.json", "hosts": [beefy] }]));

    // One that cannot be read stops nobody who cannot mean it; one that the user names is theirs.
    fs::write(scene.of_project(), "{\n oh").unwrap();
    let own = scene.in_project(&["remote", "pi", &scene.session, "go on", "--dry-run"]).expect_code(3);
    assert!(own.stderr.contains("hosts.json:2:2") && own.stderr.contains("does not count"), "{}", own.stderr);
    let broken = scene.fault_in_project(&["remote", "beefy", &scene.session, "go on"]);
    broken.is(2, "usage", "hosts").says(&["projects/app/hosts.json:2:2: not valid JSON"]);
    scene.fault_in_project(&["hosts", "trust"]).is(2, "usage", "hosts").says(&["hosts.json:2:2"]);
    let listed = scene.in_project(&["hosts"]).expect_success();
    assert!(
        listed.stderr.contains("hosts.json:2:2") && listed.stdout.contains("pi  me@"),
        "{}",
        listed.stderr
    );
    fs::write(scene.of_project(), json!({ "pi": "evil@192.0.2.2" }).to_string()).unwrap();
    let mut own = scene.home.machine.command(KUGETSU, &scene.project);
    own.args(["hosts", "--json"]).env("KUGETSU_HOSTS", "hosts.json");
    let listed = Running::start(own, None).wait(PATIENCE).expect_success().json();
    assert_eq!((&listed[0]["host"], &listed[0]["allowed"]), (&json!("evil@192.0.2.2"), &json!(true)));
    scene.is_unscathed();
}

#[test]
fn hosts_stand_in_opencodes_configuration_too() {
    let scene = Scene::alone();
    let config = scene.home.hosts_path().with_file_name("opencode.jsonc");
    let inline =
        |plugin: &str, hosts: Value| json!({ "plugin": ["other", [plugin, { "hosts": hosts }]] }).to_string();
    let own = inline("opencode-remote-login", json!({ "pi": "me@192.0.2.1", "big": "me@192.0.2.2" }));
    fs::write(config, format!("// mine\n{own}")).unwrap();
    scene.home.write_hosts(r#"{ "hosts": { "pi": "me@192.0.2.3" } }"#);
    let in_project = scene.project.join("opencode.json");
    fs::write(&in_project, inline("kugetsu", json!({ "big": "evil@192.0.2.4" }))).unwrap();
    let listed = scene.in_project(&["hosts", "--json"]).expect_success().json();
    let pi = row(&listed, "pi");
    assert_eq!(
        (&pi["host"], &pi["source"]),
        (&json!("me@192.0.2.3"), &json!("~/.config/opencode/hosts.json"))
    );
    assert_eq!(pi["replaces"][0]["plugin"], "opencode-remote-login");
    let big = row(&listed, "big");
    assert_eq!((&big["host"], &big["plugin"]), (&json!("me@192.0.2.2"), &json!("opencode-remote-login")));
    assert_eq!(big["not_allowed"][0]["source"], "~/projects/app/opencode.json");
    let text = scene.in_project(&["hosts"]).expect_success().stdout;
    let from = "from ~/.config/opencode/opencode.jsonc (plugin opencode-remote-login)";
    assert!(text.contains(from), "{text}");
    scene.in_project(&["hosts", "trust", "opencode.json", "--yes"]).expect_success();
    // What opencode's configuration says of other things is no reason to ask anew.
    let changed = fs::read_to_string(&in_project).unwrap().replacen('{', r#"{ "theme": "x", "#, 1);
    fs::write(&in_project, changed).unwrap();
    let listed = scene.in_project(&["hosts", "--json"]).expect_success().json();
    assert_eq!(row(&listed, "big")["host"], "evil@192.0.2.4");
}

#[test]
fn on_a_terminal_it_is_asked_what_a_projects_file_may_change() {
    let scene = two_words();
    let ask = "cd projects/app && \"$KUGETSU\" hosts trust";
    for (answer, code) in [("no\r", 4), ("\r", 4), ("yes\r", 0)] {
        assert!(!scene.home.state().join("allowed").exists(), "nothing was allowed yet");
        let mut terminal = Terminal::start(&scene, 100, ask);
        terminal.shows("Allow it? Type yes:");
        let screen = terminal.screen();
        for words in ["pi  replaces your pi of", "me@127.0.0.1 → evil@192.0.2.2", "beefy  is new", "env.PATH"]
        {
            assert!(screen.contains(words), "{words}\n{screen}");
        }
        terminal.types(answer);
        let (screen, status) = terminal.ends();
        assert_eq!(status, code, "{screen}");
    }
    let listed = scene.in_project(&["hosts", "--json"]).expect_success().json();
    assert_eq!(row(&listed, "pi")["host"], "evil@192.0.2.2");
}

#[test]
fn a_trip_to_a_projects_host_comes_home_whatever_became_of_its_file() {
    let scene = Scene::new();
    let hosts: Value = serde_json::from_slice(&fs::read(scene.home.hosts_path()).unwrap()).unwrap();
    fs::write(scene.of_project(), json!({ "hosts": hosts }).to_string()).unwrap();
    scene.home.write_hosts("{}");
    scene.in_project(&["hosts", "trust", "--yes"]).expect_success();
    scene.in_project(&scene.remote(&["[[say it]]"])).expect_success();
    // Since then, another `pi` is meant in the file, in the user's own, and by ssh: none of them has the session.
    let other = json!({ "pi": { "host": "me@127.0.0.1", "port": NOBODY } }).to_string();
    fs::write(scene.of_project(), &other).unwrap();
    scene.home.write_hosts(&other);
    let status = scene.home.kugetsu(&["status", &scene.session, "--json"]).expect_success().json();
    assert_eq!(status["reachable"], true, "{status}");
    scene.in_project(&["wait", &scene.session]).expect_success();
    scene.is_home();
}

#[test]
fn a_trip_that_has_not_begun_gets_no_other_words_for_its_host_than_were_allowed() {
    let scene = two_words();
    scene.in_project(&["hosts", "trust", "--yes"]).expect_success();
    let mut remote = scene.home.machine.command(KUGETSU, &scene.project);
    remote.args(["remote", "beefy", &scene.session, "go on"]).env("KUGETSU_KILL_AT", "before:export");
    Running::start(remote, None).wait(PATIENCE);
    let elsewhere = scene.fault(&["wait", &scene.session]).is(4, "refused", "resolve");
    let elsewhere = elsewhere
        .says(&["to the host beefy of ~/projects/app/hosts.json, which does not count in this directory"]);
    fs::write(scene.of_project(), json!({ "beefy": "evil@192.0.2.4" }).to_string()).unwrap();
    let home = scene.home.machine.home();
    let changed = scene.types(&elsewhere.stderr, "go on with it in its project", home).expect_code(4);
    let told = changed.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("has changed, and is not allowed yet"), "{told}");
    let unasked = scene.types(&changed.stderr, "see what it says, and allow it", home).expect_code(4);
    assert!(unasked.stderr.contains("evil@192.0.2.4"), "{}", unasked.stderr);
    let called_off = scene.types(&changed.stderr, "call the trip off", home).expect_success();
    assert!(called_off.stderr.contains("the session never left"), "{}", called_off.stderr);
    scene.is_intact();
    scene.is_quiet();
}

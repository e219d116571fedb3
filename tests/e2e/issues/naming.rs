//! A session is found by every name that it may be called by.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

/// A home with a repository `app`, and sessions of issues as the earlier script recorded them.
struct Names {
    home: Home,
    app: PathBuf,
    _model: Model,
}

impl Names {
    fn new(remote: &str, issues: &[(&str, &str)]) -> Self {
        let model = Model::start();
        let home = Home::start(KUGETSU, Release::New, &model);
        home.machine.stand_in();
        let app = home.machine.git_project("app");
        git(&home, &app, &["remote", "add", "origin", remote]);
        let sessions = home.state().join("sessions");
        fs::create_dir_all(&sessions).unwrap();
        let mut index = json!({"base": null, "issues": {}});
        for (issue, session) in issues {
            let file = format!("{}.json", issue.replace(['/', '#'], "-"));
            let content = json!({
                "type": "forked", "issue_ref": issue, "opencode_session_id": session,
                "created_at": "2025-01-01T00:00:00Z", "state": "idle",
            });
            fs::write(sessions.join(&file), content.to_string()).unwrap();
            index["issues"][issue] = file.into();
        }
        fs::write(home.state().join("index.json"), index.to_string()).unwrap();
        Self { home, app, _model: model }
    }

    fn run(&self, dir: &Path, args: &[&str]) -> Finished {
        self.home.spawn_in(dir, None, args).wait(PATIENCE)
    }

    /// The session that `text` leads to, or the error. opencode does not have it, and that is what is said of it.
    #[track_caller]
    fn meant(&self, dir: &Path, text: &str) -> Result<String, Finished> {
        let done = self.run(dir, &["--json", "permit", "--", text]);
        let error = done.json()["error"].clone();
        let message = error["message"].as_str().unwrap();
        match message.strip_prefix("there is no session ").and_then(|rest| rest.strip_suffix(" here")) {
            Some(session) => {
                assert_eq!(done.code(), 4);
                Ok(session.to_owned())
            }
            None => Err(done),
        }
    }

    #[track_caller]
    fn refused(&self, dir: &Path, text: &str, code: i32, words: &[&str]) {
        let done = self.meant(dir, text).unwrap_err();
        assert_eq!(done.code(), code, "{text}: {}", done.stdout);
        let error: &Value = &done.json()["error"];
        let said = format!("{} {}", error["message"], error["hint"]);
        for word in words {
            assert!(said.contains(word), "{text}: {word:?} is not in {said}");
        }
    }
}

fn git(home: &Home, dir: &Path, args: &[&str]) {
    let status = home.machine.command("git", dir).args(args).status().unwrap();
    assert!(status.success(), "{args:?}");
}

const ISSUES: [(&str, &str); 4] = [
    ("github.com/shoko/kugetsu#14", "ses_here"),
    ("github.com/shoko/other#3", "ses_other"),
    ("git.example.org/group/sub/tool#3", "ses_nested"),
    ("git.example.org/shoko/other#3", "ses_elsewhere"),
];

#[test]
fn every_form_leads_to_the_session() {
    let names = Names::new("git@github.com:shoko/kugetsu.git", &ISSUES);
    let app = &names.app;
    for (text, session) in [
        ("#14", "ses_here"),
        ("14", "ses_here"),
        ("shoko/kugetsu#14", "ses_here"),
        ("Shoko/Kugetsu#14", "ses_here"),
        ("github.com/shoko/kugetsu#14", "ses_here"),
        ("https://github.com/shoko/kugetsu/issues/14", "ses_here"),
        ("shoko/other#3", "ses_other"),
        ("git.example.org/group/sub/tool#3", "ses_nested"),
        ("https://git.example.org/group/sub/tool/-/issues/3", "ses_nested"),
        ("ses_anything", "ses_anything"),
    ] {
        assert_eq!(names.meant(app, text).unwrap(), session, "{text}");
    }
    names.refused(app, "#15", 4, &["github.com/shoko/kugetsu#15 has no session yet", "kugetsu start '#15'"]);
    names.refused(app, "0", 2, &["no issue 0"]);
    names.refused(app, "#014", 2, &["leading zeros", "14"]);
    names.refused(app, "fourteen", 2, &["'#14'", "user/repo#14", "URL", "ses_"]);
    names.refused(app, "../x/y#1", 2, &["another directory"]);
    names.refused(app, "https://github.com/a/b/pull/3", 2, &["pull request"]);
}

#[test]
fn outside_of_a_repository_it_is_said_what_to_write() {
    let names = Names::new("git@github.com:shoko/kugetsu.git", &ISSUES);
    let outside = names.home.machine.project("plain");
    let outside = &outside;
    names.refused(outside, "#14", 2, &["no git repository", "github.com/shoko/kugetsu#14"]);
    assert_eq!(names.meant(outside, "shoko/kugetsu#14").unwrap(), "ses_here", "only one can be meant");
    assert_eq!(names.meant(outside, "group/sub/tool#3").unwrap(), "ses_nested");
    names.refused(
        outside,
        "shoko/other#3",
        2,
        &["github.com/shoko/other#3", "git.example.org/shoko/other#3"],
    );
    names.refused(outside, "no/body#3", 2, &["no/body#3", "github.com/no/body#3"]);
    assert_eq!(names.meant(outside, "git.example.org/shoko/other#3").unwrap(), "ses_elsewhere");
}

/// What is said of another repository than that of the directory.
const ANOTHER: &str = "is of another repository than this directory";

#[test]
fn a_message_never_goes_to_the_session_of_another_port() {
    let issues = [("127.0.0.1:3000/me/tool#1", "ses_a"), ("git.example.org/me/tool#3", "ses_old")];
    let names = Names::new("http://127.0.0.1:3000/me/tool.git", &issues);
    let clone = |name: &str, remote: &str| {
        let clone = names.home.machine.git_project(name);
        git(&names.home, &clone, &["remote", "add", "origin", remote]);
        clone
    };
    let (a, b) = (&names.app, &clone("b", "http://127.0.0.1:3001/me/tool.git"));
    assert_eq!(names.meant(a, "1").unwrap(), "ses_a");
    names.refused(b, "1", 4, &["127.0.0.1:3001/me/tool#1 has no session yet"]);
    names.refused(b, "http://127.0.0.1:3001/me/tool/issues/1", 4, &["has no session yet"]);
    // Named by its whole address it is found, and it is said that it is another's.
    let whole = "127.0.0.1:3000/me/tool#1";
    for (dir, text, told) in
        [(a, whole, false), (b, whole, true), (b, "http://127.0.0.1:3000/me/tool/issues/1", true)]
    {
        assert_eq!(names.meant(dir, text).unwrap(), "ses_a");
        let said = names.run(dir, &["permit", text]).expect_code(4).stderr;
        assert_eq!(said.contains(ANOTHER), told, "{text}: {said}");
    }
    // sshd's port says nothing of the pages'.
    let ssh = clone("ssh", "ssh://git@127.0.0.1:2222/me/tool.git");
    assert_eq!(names.meant(&ssh, "1").unwrap(), "ses_a");

    // An entry of old has no port. It is the clone's in which its session works.
    let file = names.home.state().join("sessions/git.example.org-me-tool-3.json");
    let mut old: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let (first, second) = (
        clone("first", "https://git.example.org:8443/me/tool"),
        clone("second", "https://git.example.org:9443/me/tool"),
    );
    assert_eq!(names.meant(&second, "3").unwrap(), "ses_old", "only one can be meant");
    old["directory"] = json!(first);
    fs::write(&file, old.to_string()).unwrap();
    assert_eq!(names.meant(&first, "3").unwrap(), "ses_old");
    names.refused(&second, "3", 4, &["git.example.org:9443/me/tool#3 has no session yet"]);
    let said = names.run(&second, &["permit", "git.example.org/me/tool#3"]).expect_code(4).stderr;
    assert!(said.contains(ANOTHER) && said.contains("~/projects/first"), "{said}");
}

#[test]
fn an_issue_of_a_forge_below_a_path_has_one_session() {
    let names = Names::new("git@git.example.org:me/tool", &[("git.example.org/me/tool#3", "ses_one")]);
    let url = "https://git.example.org/gitea/me/tool/issues/3";
    for text in ["3", url] {
        assert_eq!(names.meant(&names.app, text).unwrap(), "ses_one", "{text}");
        let said = names.run(&names.app, &["permit", text]).expect_code(4).stderr;
        assert!(!said.contains(ANOTHER), "{said}");
    }
    names.refused(
        &names.app,
        "https://gitlab.com/groups/g/-/issues/14",
        2,
        &["group", "names no repository"],
    );
}

#[test]
fn an_alias_of_ssh_stands_for_its_forge() {
    let names = Names::new("git@work:shoko/kugetsu.git", &ISSUES);
    let config = names.home.machine.home().join(".ssh/config");
    fs::write(config, "Host work\n  HostName ssh.github.com\n  Port 443\n").unwrap();
    assert_eq!(names.meant(&names.app, "14").unwrap(), "ses_here");
}

#[test]
fn a_word_that_the_shell_took_away_is_missed() {
    let names = Names::new("git@github.com:shoko/kugetsu.git", &[]);
    for verb in [&["remote", "pi"][..], &["wait"], &["start"], &["continue"], &["permit"]] {
        let done = names.run(&names.app, verb).expect_code(2);
        assert!(done.stderr.contains("'#14'") && done.stderr.contains("comment"), "{}", done.stderr);
        let error = names.run(&names.app, &[&["--json"], verb].concat()).expect_code(2).json();
        assert!(error["error"]["hint"].as_str().unwrap().contains("'#14'"), "{error}");
    }
}

#[test]
fn an_index_that_cannot_be_read_is_named_and_left_alone() {
    let names = Names::new("git@github.com:shoko/kugetsu.git", &ISSUES);
    let index = names.home.state().join("index.json");
    let place = index.display().to_string();
    for (bad, words) in [("{\"base\": nul", "left as it is"), ("{\"format\": 9}", "newer kugetsu")] {
        fs::write(&index, bad).unwrap();
        names.refused(&names.app, "14", 1, &[&place, words]);
        names.run(&names.app, &["init", "--force"]).expect_code(1);
        assert_eq!(fs::read_to_string(&index).unwrap(), bad);
        // What needs no index is not in its way.
        assert_eq!(names.meant(&names.app, "ses_anything").unwrap(), "ses_anything");
    }
}

#[test]
fn a_trip_of_an_issue_bears_its_name() {
    let model = Model::start();
    let mut home = Home::start(KUGETSU, Release::New, &model);
    home.machine.stand_in();
    let host = Host::start("pi", Release::New, &model);
    host.machine.stand_in();
    home.add_host("pi", &host, json!({}));
    let app = home.machine.git_project("app");
    git(&home, &app, &["remote", "add", "origin", "https://github.com/shoko/kugetsu"]);
    let session = home.machine.insert_big_session(&app, 2, 6_000);
    let sessions = home.state().join("sessions");
    fs::create_dir_all(&sessions).unwrap();
    let issue = "github.com/shoko/kugetsu#14";
    let file = json!({"type": "forked", "issue_ref": issue, "opencode_session_id": session, "state": "idle"});
    fs::write(sessions.join("x.json"), file.to_string()).unwrap();
    fs::write(
        home.state().join("index.json"),
        json!({"base": null, "issues": {issue: "x.json"}}).to_string(),
    )
    .unwrap();
    let run = |args: &[&str]| home.spawn_in(&app, None, args).wait(PATIENCE).expect_success();

    let sent = run(&["remote", "pi", "#14", "[[say hello]]"]);
    assert!(
        sent.stderr.starts_with("#14 ") && sent.stderr.lines().next().unwrap().ends_with(" → pi"),
        "{}",
        sent.stderr
    );
    let permit = ["permit", "14", "bash", "*"];
    let away = home.spawn_in(&app, None, &permit).wait(PATIENCE).expect_code(4);
    assert!(away.stderr.contains("on pi") && away.stderr.contains("kugetsu wait"), "{}", away.stderr);
    let back = run(&["wait", "14", "--json"]).json();
    run(&permit);
    assert_eq!(
        (&back["issue"], &back["session"], &back["reply"]),
        (&json!(issue), &json!(session), &json!("hello"))
    );
    // The session's own id leads to the same.
    let again = run(&["remote", "pi", &session, "[[say again]]", "--round-trip", "--json"]).json();
    assert_eq!((&again["issue"], &again["reply"]), (&json!(issue), &json!("again")));
    home.machine.database().execute("DELETE FROM session WHERE id = ?1", [&session]).unwrap();
    let lost = home.spawn_in(&app, None, &["remote", "pi", "14", "go on"]).wait(PATIENCE).expect_code(4);
    assert!(lost.stderr.contains("lost") && lost.stderr.contains("kugetsu destroy"), "{}", lost.stderr);
}

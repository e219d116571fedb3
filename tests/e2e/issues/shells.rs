//! The shells complete words, issues and hosts.

use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, Running};
use crate::tui::Terminal;
use kugetsu::dispatch::State;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

struct Line {
    home: Home,
    app: PathBuf,
    _model: Model,
}

impl Line {
    fn new() -> Self {
        let model = Model::start();
        let home = Home::start(KUGETSU, Release::New, &model);
        std::os::unix::fs::symlink(KUGETSU, home.machine.home().join("bin/kugetsu")).unwrap();
        fs::create_dir_all(home.hosts_path().parent().unwrap()).unwrap();
        home.write_hosts(
            r#"{"beefy": "me@192.0.2.1", "pi": "me@192.0.2.2", "odd": {"host": "x", "agnt": 1}}"#,
        );
        fs::create_dir_all(home.state()).unwrap();
        let issues = json!({
            "github.com/shoko/kugetsu#14": "a.json", "github.com/shoko/kugetsu#7": "b.json",
            "git.example.org/group/sub/tool#3": "c.json",
        });
        fs::write(home.state().join("index.json"), json!({"base": null, "issues": issues}).to_string())
            .unwrap();
        let app = home.machine.git_project("app");
        let remote = ["remote", "add", "origin", "https://github.com/shoko/kugetsu"];
        assert!(home.machine.command("git", &app).args(remote).status().unwrap().success());
        Self { home, app, _model: model }
    }

    fn shell(&self, shell: &str, script: &str) -> Vec<String> {
        let mut command = self.home.machine.command(shell, &self.app);
        command.args(["-c", script]);
        let done = Running::start(command, None).wait(PATIENCE).expect_success();
        assert_eq!(done.stderr, "", "a shell in the middle of a line is not talked to");
        done.stdout.lines().map(str::to_owned).collect()
    }

    /// What bash offers behind these words, the last of which is being typed.
    fn bash(&self, words: &[&str]) -> Vec<String> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let script = format!(
            "source <(kugetsu completions bash); COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9\n\
             _clap_complete_kugetsu kugetsu \"${{COMP_WORDS[COMP_CWORD]}}\" 2>/dev/null; for word in \"${{COMPREPLY[@]}}\"; do echo \"$word\"; done",
            quoted.join(" "),
            words.len() - 1
        );
        self.shell("bash", &script)
    }

    /// What fish offers behind this line, with what it says of each.
    fn fish(&self, line: &str) -> Vec<String> {
        self.shell("fish", &format!("kugetsu completions fish | source; complete -C \"{line}\""))
    }

    /// What is handed to zsh, which itself completes only in a terminal.
    fn zsh(&self, words: &[&str]) -> Vec<String> {
        let script = "kugetsu completions zsh > comp && zsh -n comp && rm comp; \
             KUGETSU_COMPLETE=zsh _CLAP_IFS=$'\\n' _CLAP_COMPLETE_INDEX=$(( $# - 1 )) kugetsu -- \"$@\"";
        let mut command = self.home.machine.command("zsh", &self.app);
        command.args(["-c", script, "zsh"]).args(words);
        let done = Running::start(command, None).wait(PATIENCE).expect_success();
        done.stdout.lines().map(str::to_owned).collect()
    }
}

#[test]
fn bash_completes_verbs_hosts_and_issues() {
    let line = Line::new();
    assert_eq!(line.bash(&["kugetsu", "rem"]), ["remote"]);
    // A project's word for a host does not count before it is allowed.
    fs::write(line.app.join("hosts.json"), r#"{"hosts": {"beelzebub": "me@192.0.2.3"}}"#).unwrap();
    assert_eq!(line.bash(&["kugetsu", "remote", "b"]), ["beefy"]);
    assert_eq!(line.bash(&["kugetsu", "hosts", "t"]), ["trust"]);
    assert_eq!(line.bash(&["kugetsu", "continue", "1"]), ["14"]);
    assert_eq!(line.bash(&["kugetsu", "remote", "pi", "shoko/"]), ["shoko/kugetsu#14", "shoko/kugetsu#7"]);
    assert_eq!(line.bash(&["kugetsu", "stop", "git."]), ["git.example.org/group/sub/tool#3"]);
    assert!(line.bash(&["kugetsu", "remote", "pi", "14", "--ro"]).contains(&"--round-trip".to_owned()));
    let hidden = line.bash(&["kugetsu", ""]);
    assert!(
        hidden.contains(&"init".to_owned()) && !hidden.iter().any(|word| word.starts_with('_')),
        "{hidden:?}"
    );
}

#[test]
fn dispatches_are_completed_where_one_is_asked_for() {
    let line = Line::new();
    let put = |id: &str, host: &str, state: Value| {
        let record = json!({
            "version": 2, "id": id, "session": "ses_1", "title": "A\ttitle", "issue": null, "host": host,
            "mode": "one-way", "created_ms": 1, "launched_ms": null, "ended_ms": null, "sent": null,
            "plan": {"home_directory": "/", "directory": "~", "setting": {"agent": null, "model": null}, "auto": false, "bare": false},
            "state": state, "doing": [], "result": null, "outcome": null, "trouble": null,
        });
        let directory = line.home.state().join("dispatches").join(id);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("dispatch.json"), record.to_string()).unwrap();
    };
    let [home, away, other] =
        ["20261120-103001-4k2mtv7a", "20261120-103002-4k2mtv7a", "20261121-103002-4k2mtv7a"];
    let launched = || serde_json::to_value(State::Launched { identity: "x".into() }).unwrap();
    put(home, "pi", serde_json::to_value(State::Home { new_messages: 2 }).unwrap());
    put(away, "pi", launched());
    put(other, "beefy", launched());
    put("20261122-103002-4k2mtv7a", "beefy", json!("odd"));
    assert_eq!(line.bash(&["kugetsu", "wait", "2026112"]), [other, away, home]);
    assert_eq!(line.bash(&["kugetsu", "wait", "20261121"]), [other]);
    assert_eq!(line.bash(&["kugetsu", "logs", "20261120-103001"]), [home]);
    let offered = line.bash(&["kugetsu", "wait", ""]);
    assert!(offered.contains(&"14".to_owned()) && !offered.contains(&home.to_owned()), "{offered:?}");
    assert_eq!(line.fish("kugetsu wait 20261121"), [format!("{other}\tA title on beefy (launched)")]);
    assert_eq!(line.bash(&["kugetsu", "continue", "2026"]), [] as [&str; 0]);
}

#[test]
fn fish_completes_issues_and_says_which_they_are() {
    let line = Line::new();
    let issues = line.fish("kugetsu remote pi 1");
    assert_eq!(issues, ["14\tgithub.com/shoko/kugetsu#14"]);
    assert_eq!(line.fish("kugetsu remote p"), ["pi"]);
}

#[test]
fn zsh_completes_issues_and_says_which_they_are() {
    let line = Line::new();
    assert_eq!(line.zsh(&["kugetsu", "remote", "be"]), ["beefy"]);
    assert_eq!(line.zsh(&["kugetsu", "permit", "7"]), ["7:github.com/shoko/kugetsu#7"]);
}

#[test]
fn zsh_completes_in_a_terminal() {
    let line = Line::new();
    let start = "autoload -U compinit && compinit -u && source <(kugetsu completions zsh); PS1='ready> '\n";
    fs::write(line.home.machine.home().join(".zshrc"), start).unwrap();
    let terminal = Terminal::start(&line.home, &line.app, "zsh -i");
    terminal.wait_for(&["ready>"]);
    terminal.tmux(&["send-keys", "-l", "kugetsu remote be"]);
    terminal.tmux(&["send-keys", "Tab"]);
    terminal.wait_for(&["kugetsu remote beefy"]);
    terminal.tmux(&["send-keys", "-l", "shoko/kugetsu#1"]);
    terminal.tmux(&["send-keys", "Tab"]);
    // As zsh quotes it.
    terminal.wait_for(&["shoko/kugetsu\\#14"]);
}

#[test]
fn what_cannot_be_read_completes_nothing() {
    let line = Line::new();
    fs::write(line.home.state().join("index.json"), "{").unwrap();
    line.home.write_hosts("{");
    assert_eq!(line.bash(&["kugetsu", "continue", "1"]), [] as [&str; 0]);
    assert_eq!(line.bash(&["kugetsu", "remote", "b"]), [] as [&str; 0]);
    assert_eq!(line.bash(&["kugetsu", "conti"]), ["continue"]);
}

//! After a trip, opencode's own terminal interface goes on with the agent and model of before.

use crate::support::home::Home;
use crate::support::host::Host;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::until;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A terminal of its own, with a program in it.
pub(crate) struct Terminal<'a> {
    home: &'a Home,
    dir: &'a Path,
    /// Of its own: a server that is just ending still has its socket.
    socket: PathBuf,
}

static TERMINALS: AtomicUsize = AtomicUsize::new(0);

impl<'a> Terminal<'a> {
    pub(crate) fn start(home: &'a Home, dir: &'a Path, program: &str) -> Self {
        let number = TERMINALS.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { home, dir, socket: home.machine.home().join(format!("tmux-{number}")) };
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", program]);
        terminal
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = self.home.machine.command("tmux", self.dir);
        command
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .arg("-S")
            .arg(&self.socket)
            .args(arguments);
        let output = command.output().expect("tmux is missing: apt-get install tmux");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn wait_for(&self, words: &[&str]) -> String {
        until(Duration::from_secs(60), || {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if words.iter().all(|word| screen.contains(word)) { Ok(screen) } else { Err(screen) }
        })
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn the_tui_goes_on_with_the_agent_and_model_of_before() {
    let model = Model::start();
    let mut home = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    let host = Host::start("pi", Release::New, &model);
    home.machine.answers_at_once();
    host.machine.has_been_used();
    home.add_host("pi", &host, json!({"agent": "plan", "model": "fake/m2"}));
    let project = home.machine.project("app");
    let session = home.machine.made_session(&project, "[[say hello from home]]");
    home.kugetsu(&["remote", "pi", &session, "[[say done on the pi]]", "--round-trip"]).expect_success();

    let terminal = Terminal::start(&home, &project, &format!("opencode -s {session}"));
    let screen = terminal.wait_for(&["done on the pi", "Build", "M1"]);
    assert!(!screen.lines().rev().take(8).any(|line| line.contains("M2")), "{screen}");
    terminal.tmux(&["send-keys", "-l", "[[say typed at home]]"]);
    terminal.wait_for(&["[[say typed at home]]"]);
    terminal.tmux(&["send-keys", "Enter"]);
    model.wait_for(Duration::from_secs(60), |requests| {
        requests
            .iter()
            .any(|request| request.machine == "home" && request.user_text().contains("typed at home"))
    });
    let asked = model.prompts_of("home");
    let last = asked.last().unwrap();
    assert_eq!((last.model(), last.is_plan()), ("m1", false));
}

//! On a terminal: questions, interrupted questions, narrow windows, colours.

use super::scene::{KUGETSU, Scene, files};
use crate::support::machine::which;
use crate::support::process::{PATIENCE, until};
use crate::support::sshd::keygen_locked;
use console::{measure_text_width, strip_ansi_codes};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A terminal in which a shell runs a script, made by `script` of bsdutils.
pub(super) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: tempfile::NamedTempFile,
}

impl Terminal {
    /// Runs `script`, in which `$KUGETSU` is the program, at so many columns.
    pub(super) fn start(scene: &Scene, columns: u16, script: &str) -> Self {
        let machine = &scene.home.machine;
        let screen = tempfile::NamedTempFile::new().unwrap();
        let program = machine.home().join("bin/in-terminal");
        machine.install_script("in-terminal", &format!("#!/bin/sh\nstty cols {columns} rows 24\n{script}\n"));
        let mut command = Command::new(which("script"));
        command.args(["-qefc", program.to_str().unwrap(), "/dev/null"]);
        command.env_clear().envs(machine.environment()).current_dir(machine.home());
        command.env("KUGETSU", KUGETSU).env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
        command.env("SESSION", &scene.session);
        let output = File::options().append(true).open(screen.path()).unwrap();
        command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut child = command.spawn().unwrap();
        let keys = child.stdin.take().unwrap();
        Self { child, keys, screen }
    }

    /// All that the terminal was sent so far.
    pub(super) fn screen(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.screen.path()).unwrap()).into_owned()
    }

    /// Waits until `words` stand there.
    #[track_caller]
    pub(super) fn shows(&self, words: &str) {
        until(PATIENCE, || {
            let screen = self.screen();
            if strip_ansi_codes(&screen).contains(words) { Ok(()) } else { Err(screen) }
        });
    }

    pub(super) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// What it showed in all, and the exit status of its script.
    #[track_caller]
    pub(super) fn ends(mut self) -> (String, i32) {
        let status = until(PATIENCE, || match self.child.try_wait().unwrap() {
            Some(status) => Ok(status),
            None => Err(self.screen()),
        });
        (self.screen(), status.code().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines as they stood after each redrawing, without colours.
fn lines(screen: &str) -> Vec<String> {
    let plain = strip_ansi_codes(screen).into_owned();
    plain.split(['\n', '\r']).map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

const ROUND_TRIP: &str = "\"$KUGETSU\" remote pi \"$SESSION\" '[[say the answer]]' --round-trip";

#[test]
fn an_unknown_host_key_is_asked_about_and_kept() {
    let scene = Scene::new();
    let known_hosts = scene.home.machine.home().join(".ssh/known_hosts");
    fs::write(&known_hosts, "").unwrap();
    for (answer, words) in [("no\r", "its host key is not known"), ("\r", "its host key is not known")] {
        let mut terminal = Terminal::start(&scene, 100, ROUND_TRIP);
        terminal.shows("Trust it? Type yes:");
        assert!(terminal.screen().contains("SHA256:"), "{}", terminal.screen());
        terminal.types(answer);
        let (screen, code) = terminal.ends();
        assert!(code == 3 && screen.contains(words), "{code}\n{screen}");
        assert_eq!(fs::read_to_string(&known_hosts).unwrap(), "");
        scene.is_unscathed();
    }
    let mut terminal = Terminal::start(&scene, 100, ROUND_TRIP);
    terminal.shows("Trust it? Type yes:");
    terminal.types("yes\r");
    let (screen, code) = terminal.ends();
    assert!(code == 0 && screen.contains("the answer"), "{code}\n{screen}");
    let known = fs::read_to_string(&known_hosts).unwrap();
    let is_its = |kind| known.contains(&scene.host().sshd.host_key(kind));
    assert!((is_its("ed25519") || is_its("ecdsa")) && known.lines().count() == 1, "{known}");
    scene.is_home();
}

#[test]
fn an_interrupted_question_gives_the_terminal_back() {
    let scene = Scene::new();
    let key = scene.home.machine.home().join(".ssh/id_pi");
    fs::remove_file(&key).unwrap();
    keygen_locked("ed25519", &key, "open sesame");
    let then = "; echo \"status $?\"; stty -a | tr ' ' '\\n' | grep -x -e -*echo; echo over";
    // The shell gets the Ctrl-C as well.
    let mut terminal = Terminal::start(&scene, 100, &format!("trap : INT; {ROUND_TRIP}{then}"));
    terminal.shows("Passphrase of");
    terminal.types("\u{3}");
    terminal.shows("over");
    let (screen, _) = terminal.ends();
    assert!(screen.contains("status 130"), "{screen}");
    assert!(lines(&screen).contains(&"echo".to_owned()), "the echo is off\n{screen}");
    assert!(screen.contains("the session here is as it was"), "{screen}");
    scene.is_intact();
    scene.is_quiet();
}

#[test]
fn ctrl_c_while_it_works_there_leaves_it_running_and_says_how_to_go_on() {
    let scene = Scene::new();
    let command = "\"$KUGETSU\" remote pi \"$SESSION\" '[[hold it]]' --round-trip";
    let mut terminal = Terminal::start(&scene, 100, command);
    terminal.shows("Ctrl-C leaves it running");
    terminal.types("\u{3}");
    let (screen, code) = terminal.ends();
    assert!(code == 130 && screen.contains("the run on pi goes on"), "{code}\n{screen}");
    scene.is_intact();
    scene.host().machine.release_run("it");
    scene.wait(&scene.session);
    scene.is_home();
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let scene = Scene::new();
    let (screen, code) = Terminal::start(&scene, 40, ROUND_TRIP).ends();
    assert_eq!(code, 0, "{screen}");
    let wide = |line: &String| measure_text_width(line) > 40;
    let too_wide: Vec<String> = lines(&screen).into_iter().filter(wide).collect();
    assert!(too_wide.is_empty(), "{too_wide:#?}");
    // Of an error, only a word that has to be copied whole may be wider.
    fs::write(scene.host().sshd.authorized_keys(), "").unwrap();
    let (screen, code) = Terminal::start(&scene, 40, ROUND_TRIP).ends();
    assert_eq!(code, 3, "{screen}");
    let too_wide: Vec<String> = lines(&screen).into_iter().filter(wide).collect();
    assert!(too_wide.iter().all(|line| !line.trim().contains(' ')), "{too_wide:#?}");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let scene = Scene::new();
    let coloured = |screen: &str| screen.contains("\u{1b}[32m") || screen.contains("\u{1b}[31m");
    let unknown = "\"$KUGETSU\" remote pi ses_unknown x";
    let shown = |script: &str| Terminal::start(&scene, 100, script).ends().0;
    assert!(coloured(&shown(unknown)));
    assert!(!coloured(&shown(&format!("NO_COLOR=1 {unknown}"))));
    assert!(coloured(&shown(&format!("NO_COLOR=1 {unknown} --color always"))));
    assert!(!coloured(&shown(&format!("{unknown} --color never"))));
    let piped = shown(&format!("{unknown} 2>said; cat said"));
    assert!(!piped.contains('\u{1b}') && piped.contains("ses_unknown"), "{piped:?}");
    let forced = scene.home.kugetsu(&["remote", "pi", "ses_unknown", "x", "--color", "always"]);
    assert!(coloured(&forced.stderr), "{:?}", forced.stderr);
    // What is not understood is told likewise.
    assert!(shown("\"$KUGETSU\" bogus").contains('\u{1b}'));
    let plain = shown("\"$KUGETSU\" --color never bogus");
    assert!(!plain.contains('\u{1b}') && plain.contains("bogus"), "{plain:?}");
    assert!(scene.home.kugetsu(&["bogus", "--color=always"]).expect_code(2).stderr.contains('\u{1b}'));
    assert_eq!(files(&scene.home.state().join("dispatches")), Vec::<String>::new());
}

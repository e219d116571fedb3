//! What comes back is not what it should be: nothing of it is imported, and nothing that is there is lost.

use super::scene::{Scene, files};
use crate::support::process::{PATIENCE, until};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A back-file's first section: its header, and the session.
pub(super) fn unpack(bytes: &[u8]) -> (Value, Value) {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let header: Value = serde_json::from_slice(lines.next().unwrap()).unwrap();
    let bytes = usize::try_from(header["bytes"].as_u64().unwrap()).unwrap();
    let session = serde_json::from_slice(&lines.next().unwrap()[..bytes]).unwrap();
    (header, session)
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn pack_json(header: &Value, session: &Value) -> Vec<u8> {
    let (mut header, session) = (header.clone(), session.to_string());
    header["bytes"] = json!(session.len());
    pack(format!("{header}\n{session}\n").as_bytes())
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

/// A run that has ended, whose session is still on the host; and copies of what is kept of it on both sides.
pub(super) struct Ended {
    pub(super) scene: Scene,
    pub(super) dispatch: String,
    pub(super) here: PathBuf,
    there: PathBuf,
    kept: PathBuf,
}

impl Ended {
    pub(super) fn new() -> Self {
        let scene = Scene::new();
        let dispatch = scene.launch("[[say the answer]]");
        let below = format!("dispatches/{dispatch}");
        let here = scene.home.state().join(&below);
        let there = scene.host().machine.home().join(".kugetsu").join(&below);
        until(PATIENCE, || if there.join("result").exists() { Ok(()) } else { Err("no result".into()) });
        let kept = scene.home.machine.outside().join("kept");
        copy(&here, &kept.join("here"));
        copy(&there, &kept.join("there"));
        Self { scene, dispatch, here, there, kept }
    }

    pub(super) fn back(&self) -> Vec<u8> {
        fs::read(self.kept.join("there/back")).unwrap()
    }

    /// Puts `back` there as if the runner had left it.
    pub(super) fn send_back(&self, back: &[u8]) {
        copy(&self.kept.join("here"), &self.here);
        copy(&self.kept.join("there"), &self.there);
        fs::write(self.there.join("back"), back).unwrap();
        let input = Stdio::from(fs::File::open(self.there.join("back")).unwrap());
        let sum = Command::new("cksum").stdin(input).output().unwrap().stdout;
        let sum = String::from_utf8(sum).unwrap();
        let result = fs::read_to_string(self.there.join("result")).unwrap();
        let line = |line: &str| {
            if line.starts_with("sum ") { format!("sum {sum}") } else { format!("{line}\n") }
        };
        fs::write(self.there.join("result"), result.lines().map(line).collect::<String>()).unwrap();
    }

    #[track_caller]
    fn is_refused(&self, step: &str, words: &[&str]) {
        let fault = self.scene.fault(&["wait", &self.dispatch]);
        fault.is(1, "failed", step).says(words).says(&[
            "pi",
            "the session here is as it was",
            &format!("kugetsu wait {}", self.dispatch),
        ]);
        self.scene.is_intact();
        assert!(self.there.join("back").exists() && self.there.join("result").exists(), "lost on the host");
        assert!(self.here.join("dispatch.json").exists() && self.here.join("export.json").exists());
        assert_eq!(self.scene.host().machine.asked().len(), 1);
    }
}

#[test]
fn a_back_file_that_is_not_whole_or_of_something_else_is_refused() {
    let ended = Ended::new();
    let back = ended.back();
    let (header, session) = unpack(&back);
    let text = format!("{header}\n{session}\n");
    for not_whole in [&text.as_bytes()[..text.len() / 2], b"", b"\x1b[2Jthis is no bundle", b"[[[[[[[["] {
        ended.send_back(&pack(not_whole));
        ended.is_refused("verify", &["cannot be used", "kept in", "back.json"]);
    }
    let mut other = session.clone();
    other["info"]["id"] = json!("ses_e074fcad6fffAnother0000000");
    let mut of_another = header.clone();
    of_another["session"] = other["info"]["id"].clone();
    ended.send_back(&pack_json(&of_another, &other));
    ended.is_refused("verify", &["Another0000000 came back", "was expected"]);
    let mut less = header.clone();
    less["known"]["messages"] = json!(header["known"]["messages"].as_u64().unwrap() - 1);
    ended.send_back(&pack_json(&less, &session));
    ended.is_refused("verify", &["1 message"]);
    let mut altered = header.clone();
    altered["known"]["digest"] = json!("0".repeat(64));
    ended.send_back(&pack_json(&altered, &session));
    ended.is_refused("verify", &["cannot be used"]);
    let mut doubled = session.clone();
    let first = doubled["messages"][0].clone();
    doubled["messages"].as_array_mut().unwrap().push(first);
    ended.send_back(&pack_json(&header, &doubled));
    ended.is_refused("verify", &["cannot be used"]);

    ended.send_back(&back);
    assert_eq!(ended.scene.wait(&ended.dispatch)["reply"], "the answer");
    ended.scene.is_home();
}

#[test]
fn a_back_file_without_measure_is_refused_before_it_fills_anything() {
    let ended = Ended::new();
    let back = ended.back();
    let (mut header, session) = unpack(&back);
    // Two gigabytes of spaces, in packages of 16 MiB each.
    let spaces = pack(&vec![b' '; 16 << 20]);
    header["bytes"] = json!(2_u64 << 30);
    let beginning = pack(format!("{header}\n").as_bytes());
    ended.send_back(&[beginning, spaces.repeat(128)].concat());
    ended.is_refused("verify", &["cannot be used"]);

    let nested = |depth: usize| {
        let mut deep = session.clone();
        let part = &mut deep["messages"].as_array_mut().unwrap().last_mut().unwrap()["parts"][0];
        part["metadata"] = json!("NESTED");
        let text =
            deep.to_string().replace("\"NESTED\"", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        let mut header = header.clone();
        header["bytes"] = json!(text.len());
        pack(format!("{header}\n{text}\n").as_bytes())
    };
    for depth in [200, 1_000_000] {
        ended.send_back(&nested(depth));
        ended.is_refused("verify", &["cannot be used", "opencode export"]);
    }

    ended.send_back(&back);
    ended.scene.wait(&ended.dispatch);
    ended.scene.is_home();
}

#[test]
fn what_a_host_writes_reaches_the_terminal_without_its_control_characters() {
    let ended = Ended::new();
    let (header, mut session) = unpack(&ended.back());
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}x\r\u{8}";
    session["info"]["title"] = json!(hostile);
    let last = session["messages"].as_array_mut().unwrap().last_mut().unwrap();
    last["parts"][1]["text"] = json!(format!("an {hostile}answer"));
    ended.send_back(&pack_json(&header, &session));
    fs::write(
        ended.there.join("events"),
        fs::read_to_string(ended.kept.join("there/events")).unwrap().replace("the answer", "\\u001b[2Jx"),
    )
    .unwrap();
    let done = ended.scene.home.kugetsu(&["wait", &ended.dispatch]).expect_success();
    super::scene::harmless(&done.stderr);
    super::scene::harmless(&done.stdout);
    assert!(done.stdout.ends_with("answer\n"), "{:?}", done.stdout);
    ended.scene.is_home();
}

#[test]
fn a_session_that_went_on_here_meanwhile_is_not_mixed_up() {
    let ended = Ended::new();
    let machine = &ended.scene.home.machine;
    machine.insert_unfinished_turn(&ended.scene.project, &ended.scene.session);
    let rows = ended.scene.rows();
    let fault = ended.scene.fault_once(&["wait", &ended.dispatch]);
    fault.is(4, "refused", "verify").says(&["went on here", "pi", "what came back is the session ses_"]);
    assert_eq!(ended.scene.rows(), rows);
    assert!(!ended.there.exists());
}

#[test]
fn an_import_at_home_that_fails_can_be_taken_up_again() {
    let ended = Ended::new();
    let machine = &ended.scene.home.machine;
    // A database that is not understood: opencode itself imports what came.
    let unknown = "CREATE TRIGGER unknown AFTER INSERT ON part BEGIN SELECT 1; END";
    machine.database().execute_batch(unknown).unwrap();
    for (how, words) in [
        ("echo 'database is locked' >&2; exit 1", "database is locked"),
        ("echo \"Imported session: $WANTED\"; exit 0", "not in the database"),
    ] {
        let wanted = &ended.scene.session;
        machine.stand_in_with(&format!("WANTED={wanted}; if [ \"$1\" = import ]; then {how}; fi"));
        let fault = ended.scene.fault(&["wait", &ended.dispatch]);
        fault.is(1, "failed", "import").says(&[words, "the session here is as it was", "kugetsu wait"]);
        ended.scene.is_intact();
        assert!(ended.there.join("back").exists());
    }
    // It is cut when everything is there: that is no work of this side.
    let cut = "if [ \"$1\" = import ]; then stand_in \"$@\" >/dev/null; echo cut >&2; exit 1; fi";
    machine.stand_in_with(cut);
    ended.scene.fault_once(&["wait", &ended.dispatch]).is(1, "failed", "import").says(&["cut"]);
    machine.stand_in();
    ended.scene.wait(&ended.dispatch);
    ended.scene.is_home();
}

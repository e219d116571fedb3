//! Whatever a user, a session or an entry says arrives byte for byte, and is run by nobody.

use crate::support::local::Sh;
use crate::support::recorder::Recorder;
use kugetsu::host::{self, Facts, Run};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whole texts that have broken somebody's quoting.
const NAMED: [&str; 38] = [
    "EOF",
    "EOF\n",
    "\nEOF\n",
    "-n",
    "--",
    "-",
    "-e x",
    "\n",
    "\n\n\n",
    " ",
    "\t",
    "text\n\n\n",
    "'",
    "\"",
    "\\",
    "\\\\",
    "\\n\\0101\\x41\\c",
    "%s%d%n%%",
    "$HOME ${HOME} $$ $? $1 $@",
    "~",
    "~root",
    "$(touch CANARY)",
    "`touch CANARY`",
    "'; touch CANARY; '",
    "\"; touch CANARY; \"",
    "\ntouch CANARY\n",
    "$((1+1))",
    "!!",
    "a & b | c > d < e",
    "* ? [a-z]",
    "#14",
    "\u{1f680}\u{1f468}\u{200d}\u{1f4bb}",
    "\u{202e}\u{5d0}\u{5d1}",
    "caf\u{e9} cafe\u{301}",
    "\u{1}\u{2}\u{3}\u{7}\u{8}\u{b}\u{c}\u{1b}[31m\u{7f}",
    "\r\n\r",
    "x'); touch CANARY; ('",
    "\u{feff}\u{fffd}",
];

const PIECES: [&str; 24] = [
    "'",
    "\"",
    "\\",
    "`",
    "$(touch CANARY)",
    "`touch CANARY`",
    "${x",
    "\n",
    "\r",
    "EOF\n",
    "%s",
    "\\0101",
    " -n ",
    "--",
    "\u{1f980}",
    "\u{5e9}\u{5dc}",
    "\u{202e}",
    "\u{1b}]0;x\u{7}",
    "\u{7f}",
    "; touch CANARY;",
    "|",
    "&",
    "word",
    "\t",
];

/// Deterministic, so that what fails once fails again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn text(&mut self, pieces: usize) -> String {
        (0..=self.roll(pieces)).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }
}

fn texts(count: usize, canary: &str) -> Vec<String> {
    let mut dice = Dice(5);
    let named = NAMED.iter().map(|&text| text.to_owned());
    let long = ["x".repeat(200_000), "'$(touch CANARY)\n".repeat(12_000)];
    let made = std::iter::repeat_with(|| dice.text(40));
    named.chain(long).chain(made).take(count).map(|text| text.replace("CANARY", canary)).collect()
}

/// Does `work` for each number below `count`, a few at a time.
fn all(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        break;
                    }
                    work(n);
                }
            });
        }
    });
}

fn messages_arrive(sh: Sh, count: usize) {
    let host = Recorder::new(sh);
    let canary = host.home().join("canary");
    let texts = texts(count, canary.to_str().unwrap());
    all(texts.len(), |n| {
        let run = Run { gzip: n % 2 == 0, session: format!("ses_{n}"), ..host.plain_run(&host.id(n)) };
        let sent = host.send(&run, texts[n].as_bytes());
        host.launch(&run, &sent).unwrap();
        let result = host.result(&run.id);
        assert!(result.status == 0 && result.exported && result.size > 0, "{result:?}");
        assert!(host.seen(&run.id, "stdin") == texts[n].as_bytes(), "{sh:?} {n} {:.200?}", texts[n]);
        assert_eq!(host.runs(&run.id), 1);
    });
    assert!(!canary.exists());
}

#[test]
fn five_hundred_messages_arrive_byte_for_byte() {
    messages_arrive(Sh::Dash, 500);
}

#[test]
fn messages_arrive_where_sh_is_bash() {
    messages_arrive(Sh::Bash, 60);
}

#[test]
fn messages_arrive_where_all_is_busybox() {
    messages_arrive(Sh::BusyBox, 60);
}

fn directory_names(count: usize, canary: &str) -> Vec<String> {
    let more = ["$HOME", "-rf", "name\n", "\n", "...", "a b  c", "\u{e9}", "=", "\"", "x.", "x x"];
    let mut names: Vec<String> = texts(count, canary)
        .into_iter()
        .chain(more.map(str::to_owned))
        .map(|text| text.replace(['/', '\u{fffd}'], "_"))
        .map(|text| {
            text.chars()
                .scan(0, |size, c| {
                    *size += c.len_utf8();
                    (*size <= 255).then_some(c)
                })
                .collect()
        })
        .collect();
    names.push("d".repeat(255));
    names.sort();
    names.dedup();
    names
}

/// One hostile word in every place that takes one.
fn words_arrive(sh: Sh, count: usize) {
    let host = Recorder::new(sh);
    // No slash may be in a name, so the canary is relative: to whatever directory the words could be run in.
    let canary = "canary-of-the-words";
    let names = directory_names(count, canary);
    all(names.len(), |n| {
        let word = &names[n];
        let mut one = host.clone();
        // Names that our own scripts use for their own purposes, and one that shells do.
        for name in [
            "WORD",
            "id",
            "name",
            "directory",
            "here",
            "exports",
            "path",
            "mask",
            "kenv",
            "program",
            "IFS",
            "stat",
        ] {
            one.env.variables.insert(name.to_owned(), word.clone());
        }
        one.env.variables.insert("OPENCODE_PERMISSION".to_owned(), "the entry's".to_owned());
        let asked = format!("{}/in/{word}", host.home().display());
        let facts =
            Facts::from_answer(&one.ask(&host::probe(&one.env, "oc/opencode", &asked)).unwrap()).unwrap();
        assert_eq!(facts.directory, asked, "{sh:?}");
        let run = Run {
            session: format!("ses_{n}"),
            agent: word.clone(),
            model: word.clone(),
            variant: word.clone(),
            permission: word.clone(),
            directory: facts.directory,
            program: facts.opencode.unwrap(),
            ..host.plain_run(&host.id(n))
        };
        let sent = one.send(&run, b"x");
        one.launch(&run, &sent).unwrap();
        assert_eq!(one.result(&run.id).status, 0);
        let mut argv: Vec<&[u8]> = Vec::new();
        for text in ["run", "--session", &run.session, "--dir", &asked, "--format", "json"] {
            argv.push(text.as_bytes());
        }
        for flag in ["--agent", "--model", "--variant"] {
            argv.extend([flag.as_bytes(), word.as_bytes()]);
        }
        let seen = one.seen(&run.id, "argv");
        let seen: Vec<&[u8]> = seen.strip_suffix(b"\0").unwrap().split(|b| *b == 0).collect();
        assert!(
            seen == argv,
            "{sh:?} {word:?}: {:?}",
            seen.iter().map(|a| a.escape_ascii().to_string()).collect::<Vec<_>>()
        );
        for name in ["WORD", "id", "name", "here", "OPENCODE_PERMISSION", "IFS", "kenv", "path"] {
            assert_eq!(one.variable(&run.id, name).as_deref(), Some(word.as_bytes()), "{sh:?} {name}");
        }
        for cwd in [one.seen(&run.id, "cwd"), one.seen(&format!("{}/import", run.id), "cwd")] {
            assert_eq!(cwd, format!("{asked}\n").into_bytes());
        }
    });
    let canaries = ["", "oc", "work"].map(|place| host.home().join(place).join(canary).exists());
    let in_directories = names.iter().any(|name| host.home().join("in").join(name).join(canary).exists());
    assert!(!in_directories && canaries == [false; 3]);
    assert_eq!(fs::read_dir(host.home().join("in")).unwrap().count(), names.len());
}

#[test]
fn names_of_directories_agents_models_and_variables_arrive() {
    words_arrive(Sh::Dash, 100);
}

#[test]
fn names_arrive_where_sh_is_bash() {
    words_arrive(Sh::Bash, 50);
}

#[test]
fn names_arrive_where_all_is_busybox() {
    words_arrive(Sh::BusyBox, 50);
}

//! The arrows between the rooms point one way; a room that reaches up fails here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each room may use, from the top down; it may always use itself.
const ROOMS: [(&str, &[&str]); 18] = [
    (
        "cli",
        &[
            "clock",
            "disk",
            "dispatch",
            "events",
            "hosts",
            "index",
            "issue",
            "opencode",
            "session",
            "ssh",
            "text",
            "transport",
            "trip",
            "work",
            "process",
        ],
    ),
    (
        "trip",
        &[
            "clock",
            "disk",
            "dispatch",
            "events",
            "host",
            "hosts",
            "opencode",
            "prepare",
            "process",
            "session",
            "text",
            "transport",
        ],
    ),
    (
        "work",
        &["clock", "disk", "dispatch", "events", "index", "issue", "opencode", "process", "session", "text"],
    ),
    ("dispatch", &["disk", "events", "host", "hosts", "prepare", "session"]),
    ("index", &["disk", "issue", "session"]),
    ("issue", &["session", "text"]),
    ("ssh", &["hosts", "text", "transport"]),
    ("opencode", &["disk", "session", "text"]),
    ("host", &["text", "transport"]),
    ("transport", &["hosts", "text"]),
    ("prepare", &["session"]),
    ("hosts", &["disk", "text"]),
    ("disk", &["clock", "text"]),
    ("process", &[]),
    ("events", &[]),
    ("session", &[]),
    ("text", &[]),
    ("clock", &[]),
];

/// Crates that belong to one room.
const OWNED: [(&str, &str); 4] =
    [("ssh2", "ssh"), ("rusqlite", "opencode"), ("clap", "cli"), ("indicatif", "cli")];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    std::fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// The code of a file: no comments, no unit tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn words_after<'a>(code: &'a str, lead: &str) -> BTreeSet<&'a str> {
    code.split(lead)
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap())
        .collect()
}

fn rooms() -> Vec<(String, PathBuf)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

#[test]
fn the_arrows_point_one_way() {
    for (room, path) in rooms().iter().filter(|(room, _)| !["main", "lib"].contains(&room.as_str())) {
        let (_, allowed) =
            ROOMS.iter().find(|(name, _)| name == room).unwrap_or_else(|| panic!("{room} is new"));
        for file in files(path).iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            if file.file_stem().unwrap() == "tests"
                || file.components().any(|part| part.as_os_str() == "tests")
            {
                continue;
            }
            for used in words_after(&code(file), "crate::") {
                assert!(
                    used == room || allowed.contains(&used),
                    "{}: {room} must not use {used}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn only_one_file_writes_to_standard_output() {
    // It remembers what could not be written, so that no answer is lost with exit status 0.
    for (_, path) in rooms() {
        for file in files(&path).iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            let code = code(file);
            let writes = ["stdout().lock()", "print!(", "println!("]
                .iter()
                .any(|way| code.match_indices(way).any(|(at, _)| !code[..at].ends_with('e')));
            assert!(
                !writes
                    || file.ends_with("cli/output.rs")
                    || file.components().any(|part| part.as_os_str() == "tests"),
                "{} writes to standard output itself",
                file.display()
            );
        }
    }
}

#[test]
fn a_crate_that_belongs_to_one_room_is_used_there_only() {
    for (room, path) in rooms() {
        for file in files(&path).iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            let code = code(file);
            for (krate, owner) in OWNED {
                let used = code.contains(&format!("{krate}::"));
                assert!(!used || owner == room, "{}: {krate} belongs to {owner}", file.display());
            }
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for (_, path) in rooms() {
        for file in files(&path) {
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 600, "{} has {lines} lines", file.display());
        }
    }
}

//! The arrows between the rooms point one way; a room that reaches up fails here.

use std::collections::{BTreeMap, BTreeSet};
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
            "transfer",
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
    ("dispatch", &["disk", "events", "host", "hosts", "transfer", "session"]),
    ("index", &["disk", "issue", "session"]),
    ("issue", &["session", "text"]),
    ("ssh", &["hosts", "text", "transport"]),
    ("opencode", &["disk", "session", "text"]),
    ("host", &["text", "transport"]),
    ("transport", &["hosts", "text"]),
    ("transfer", &["session"]),
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

/// The code of a file: no comments, and nothing that is for unit tests only.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim_start().starts_with("#[cfg(test)]") {
            // What it stands before ends on the same line, or at a bracket that stands as far out.
            let mut item = lines.by_ref().skip_while(|line| line.trim_start().starts_with("#["));
            let first = item.next().unwrap();
            if !first.ends_with([';', ',']) && !first.ends_with("}") {
                let is_end =
                    |line: &&str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}'));
                item.find(is_end).unwrap();
            }
        } else if !line.trim_start().starts_with("//") {
            code += line;
            code.push('\n');
        }
    }
    code
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

/// In bash a subshell that gets a TERM at its very beginning does what its parent's trap for EXIT says.
#[test]
fn no_script_for_a_host_does_something_on_exit() {
    let scripts = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/host/scripts"));
    let scripts: Vec<_> =
        scripts.iter().filter(|path| path.extension().is_some_and(|end| end == "sh")).collect();
    assert!(scripts.len() > 10, "{scripts:?}");
    for path in scripts {
        let script = std::fs::read_to_string(path).unwrap();
        let traps: Vec<_> = script.lines().filter(|line| line.trim_start().starts_with("trap ")).collect();
        assert!(
            !traps.iter().any(|line| line.contains("EXIT") || line.ends_with(" 0")),
            "{}: {traps:?}",
            path.display()
        );
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

/// The name of a module, from its room on.
type Module = Vec<String>;

/// The paths that the tree of a `use` names.
fn expanded(tree: &str) -> Vec<Vec<String>> {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![path.split("::").map(|step| step.trim().to_owned()).collect()];
    };
    let lead: Vec<String> = tree[..open].split("::").map(|step| step.trim().to_owned()).collect();
    let lead = &lead[..lead.len() - 1];
    let (mut depth, mut branches, mut branch) = (0, Vec::new(), String::new());
    for c in tree[open + 1..tree.rfind('}').unwrap()].chars() {
        match c {
            ',' if depth == 0 => branches.push(std::mem::take(&mut branch)),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                branch.push(c);
            }
        }
    }
    branches.push(branch);
    let branches = branches.iter().filter(|branch| !branch.trim().is_empty());
    branches.flat_map(|branch| expanded(branch)).map(|path| [lead, &path].concat()).collect()
}

/// What a module names, and what it hands on under which name.
#[derive(Default)]
struct Names {
    used: Vec<Vec<String>>,
    handed_on: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn of(code: &str) -> Self {
        let mut names = Self::default();
        let mut lines = code.lines().map(str::trim_start);
        while let Some(line) = lines.next() {
            let tree = line.split_once("use ").filter(|(lead, _)| lead.is_empty() || lead.starts_with("pub"));
            let Some((lead, tree)) = tree else { continue };
            let mut tree = tree.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().unwrap();
            }
            for path in expanded(tree.trim_end_matches(';')) {
                match lead.is_empty() {
                    true => names.used.push(path),
                    false => drop(names.handed_on.insert(path.last().unwrap().clone(), path)),
                }
            }
        }
        for root in ["super::", "crate::"] {
            for (at, _) in code.match_indices(root).filter(|(at, _)| !code[..*at].ends_with("::")) {
                let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                let end = code[at..].find(|c| !is_path(c)).map_or(code.len(), |length| at + length);
                names.used.push(code[at..end].split("::").map(str::to_owned).collect());
            }
        }
        names
    }
}

/// The module in which that stands which a module names by this path; `None` for what is no module's.
fn found(modules: &BTreeMap<Module, Names>, from: &[String], path: &[String]) -> Option<Module> {
    let (mut at, mut rest): (Module, _) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "super" | "self" => (from.to_vec(), path),
        child => ([from, &[child.to_owned()]].concat(), &path[1..]),
    };
    while let Some((step, behind)) = rest.split_first() {
        let inner = [at.as_slice(), std::slice::from_ref(step)].concat();
        if step == "super" {
            at.pop();
        } else if modules.contains_key(&inner) {
            at = inner;
        } else if let Some(handed_on) = modules.get(&at).and_then(|names| names.handed_on.get(step)) {
            return found(modules, &at, &[handed_on, behind].concat());
        } else if step != "self" {
            break;
        }
        rest = behind;
    }
    modules.contains_key(&at).then_some(at)
}

/// All that can be reached from a module.
fn reached<'a>(arrows: &'a BTreeMap<Module, BTreeSet<Module>>, from: &'a Module) -> BTreeSet<&'a Module> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        next.extend(arrows[module].iter().filter(|to| seen.insert(*to)));
    }
    seen
}

/// Within a room, too, one file is below the other: two that need each other can only be read together.
#[test]
fn no_file_needs_another_that_needs_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<Module, Names> = BTreeMap::new();
    for file in files(&source).iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let inside = file.strip_prefix(&source).unwrap().with_extension("");
        let mut module: Module = inside.iter().map(|step| step.to_str().unwrap().to_owned()).collect();
        module.retain(|step| step != "mod");
        if !module.iter().any(|step| step == "tests") {
            modules.insert(module, Names::of(&code(file)));
        }
    }
    let arrows_of = |(module, names): (&Module, &Names)| {
        let used = names.used.iter().filter_map(|path| found(&modules, module, path));
        let inside = used.filter(|to| to != module && to.first() == module.first());
        (module.clone(), inside.collect::<BTreeSet<Module>>())
    };
    let arrows: BTreeMap<Module, BTreeSet<Module>> = modules.iter().map(arrows_of).collect();
    let mut circular = Vec::new();
    for (module, to) in &arrows {
        for other in to.iter().filter(|other| reached(&arrows, other).contains(module)) {
            circular.push(format!("{} needs {}", module.join("/"), other.join("/")));
        }
    }
    assert!(circular.is_empty(), "each needs the other: {circular:#?}");
}

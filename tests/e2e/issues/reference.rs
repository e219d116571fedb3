//! The manual in docs/ is what the program prints.

use crate::support::machine::which;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const KUGETSU: &str = env!("CARGO_BIN_EXE_kugetsu");

fn printed(args: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(KUGETSU).args(args).env("HOME", home.path()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_reference_in_docs_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let printed = printed(&["man", "--markdown"]);
    if std::env::var_os("KUGETSU_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = printed.lines().zip(kept.lines()).find(|(printed, kept)| printed != kept);
    assert!(
        printed == kept,
        "docs/cli.md is not what the program says, from {differs:?} on; \
         write it anew: KUGETSU_UPDATE_DOCS=1 cargo test --test e2e reference"
    );
}

#[test]
fn the_manual_has_every_verb_and_is_sound_roff() {
    let whole = printed(&["man"]);
    let help = printed(&["--help"]);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .map_while(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 10, "{help}");
    let typeset = |page: &str| {
        let mut groff = Command::new(which("groff"));
        // All warnings; no colours, no overstriking.
        groff.args(["-man", "-k", "-ww", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u"]);
        groff.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut groff = groff.spawn().unwrap();
        groff.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let output = groff.wait_with_output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let read = typeset(&whole);
    for title in ["VERBS", "SESSION", "EXIT STATUS", "JSON", "ENVIRONMENT", "FILES"] {
        assert!(read.lines().any(|line| line == title), "{read}");
    }
    for verb in verbs {
        assert!(read.contains(verb), "{verb}");
        assert!(printed(&["man", verb]).contains(&format!("kugetsu\\-{verb}")), "{verb}");
    }
    typeset(&printed(&["man", "remote"]));
    let guide = typeset(&printed(&["man", "task-discovery"]));
    assert!(guide.contains("THE ORDER") && guide.contains("Work is never invented."), "{guide}");
}

//! A stand-in for opencode on a machine, for tests that are not about opencode itself: it starts in a
//! thirtieth of the time.

use super::machine::Machine;
use std::fs;
use std::path::Path;

impl Machine {
    /// Puts the stand-in in opencode's place.
    pub fn stand_in(&self) {
        self.stand_in_with("");
    }

    /// As [`Machine::stand_in`], with lines of shell in front that may answer some commands (`$1` is the
    /// verb) in another way. What they leave to it, the stand-in does; as `stand_in "$@"` they can call it.
    pub fn stand_in_with(&self, lines: &str) {
        let bun = self.release().program();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/stand_in.js");
        let script = format!(
            "#!/bin/sh\nprogram='{}'\nstand_in() {{ BUN_BE_BUN=1 \"$program\" '{}' \"$@\"; }}\n\
             [ \"$BUN_BE_BUN\" = 1 ] && [ ! -e \"$HOME/no-back${{KUGETSU_BACK:+-file}}\" ] && exec \"$program\" \"$@\"\n{lines}\n\
             BUN_BE_BUN=1 exec \"$program\" '{}' \"$@\"\n",
            bun.display(),
            source.display(),
            source.display()
        );
        self.install_script("opencode", &script);
    }

    /// The prompts that the stand-in was asked to run, in order.
    pub fn asked(&self) -> Vec<String> {
        let journal = fs::read_to_string(self.home().join("asked")).unwrap_or_default();
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// From now on no JavaScript makes a back-file: an export has to do.
    pub fn refuse_back_files(&self) {
        fs::write(self.home().join("no-back-file"), "").unwrap();
    }

    /// Lets runs of the stand-in go on that `[[hold NAME]]` in their prompt holds.
    pub fn release_run(&self, name: &str) {
        fs::write(self.home().join(format!("release-{name}")), "").unwrap();
    }
}

//! The real opencode releases that tests run.

use std::path::{Path, PathBuf};

/// A release of the npm package `opencode-ai` that kugetsu promises to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Release {
    /// 1.18.33: its npm `bin` is the program itself.
    New,
    /// 1.14.41: its npm `bin` is a node script that spawns the program.
    Mid,
    /// 1.3.2: as [`Release::Mid`], with the oldest database.
    Old,
}

impl Release {
    /// All of them, the newest first.
    pub const ALL: [Self; 3] = [Self::New, Self::Mid, Self::Old];

    /// What `opencode --version` prints.
    pub fn version(self) -> &'static str {
        match self {
            Self::New => "1.18.33",
            Self::Mid => "1.14.41",
            Self::Old => "1.3.2",
        }
    }

    /// Whether the npm `bin` is a node script, so that node must be on the machine's PATH.
    pub fn needs_node(self) -> bool {
        self != Self::New
    }

    /// Its executable, as npm installed it.
    ///
    /// # Panics
    /// Where it is not installed; the message names the command that installs it.
    pub fn program(self) -> PathBuf {
        let root = std::env::var_os("KUGETSU_TEST_OPENCODE")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/opencode"), PathBuf::from);
        let program = root.join(self.version()).join("node_modules/.bin/opencode");
        assert!(
            program.exists(),
            "opencode {} is not at {}: run scripts/prerequisites, which installs it",
            self.version(),
            program.display()
        );
        program
    }
}

//! Machines on which opencode has been used: its first start, which makes the database, and what is asked of it before each
//! trip are a third of what a trip to a new host costs. Once for each release it does both for real; tests that ask for
//! neither get a copy.

use super::machine::Machine;
use super::model::Model;
use super::opencode::Release;
use super::times;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// What kugetsu asks of an opencode before it sends a session there, and keeps for as long as nothing changes.
const QUESTIONS: [&[&str]; 3] = [&["--version"], &["agent", "list"], &["models"]];

/// What a first start leaves, and what opencode answers.
struct Used {
    database: Vec<u8>,
    answers: [String; 3],
}

/// In the order of [`Release::ALL`].
static USED: [OnceLock<Used>; 3] = [const { OnceLock::new() }; 3];

impl Machine {
    /// Has opencode been used on it: the database is there, and what kugetsu asks before a trip is answered at once.
    ///
    /// # Panics
    /// Where there is a database already.
    pub fn has_been_used(&self) {
        times::making(|| {
            self.put_database(&Used::of(self.release()).database);
            self.answers_at_once();
        });
    }

    /// What kugetsu asks of opencode before a trip is answered by a script, in opencode's own words. Everything else is done
    /// by opencode itself.
    pub fn answers_at_once(&self) {
        self.answer("");
    }

    /// As [`Machine::answers_at_once`], and it exports sessions by a script that prints what opencode does.
    pub fn exports_at_once(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/export.js");
        let (program, script) = (self.release().program(), script.display().to_string());
        let export = format!("BUN_BE_BUN=1 exec '{}' '{script}' \"$2\"", program.display());
        self.answer(&format!("'export '*) {export} ;;\n"));
    }

    fn answer(&self, further: &str) {
        let answers = self.home().join("bin/answers");
        fs::create_dir_all(&answers).unwrap();
        let mut cases = further.to_owned();
        for (question, answer) in QUESTIONS.iter().zip(&Used::of(self.release()).answers) {
            let (question, file) = (question.join(" "), answers.join(question[0]));
            fs::write(&file, answer).unwrap();
            cases.push_str(&format!("'{question}') exec cat '{}' ;;\n", file.display()));
        }
        // This shell has put a wrong PWD right by now; opencode is to see the one that was handed over.
        let script = format!(
            "#!/bin/sh\nif [ \"$BUN_BE_BUN\" != 1 ]; then case \"$*\" in\n{cases}esac; fi\n\
             pwd=$(tr '\\0' '\\n' </proc/$$/environ | grep '^PWD=') && exec env \"$pwd\" '{0}' \"$@\"\n\
             exec env -u PWD '{0}' \"$@\"\n",
            self.release().program().display()
        );
        self.install_script("opencode", &script);
    }

    /// Puts down a database that opencode has made.
    pub(super) fn put_database(&self, bytes: &[u8]) {
        let path = self.database_path();
        assert!(!path.exists(), "opencode has been started on {} already", self.name());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The whole database, of which nobody makes use any more.
    pub(super) fn taken_database(&self) -> Vec<u8> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self.database().query_row(checkpoint, [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0, "somebody works with the database of a run that has ended");
        fs::read(self.database_path()).unwrap()
    }
}

impl Used {
    fn of(release: Release) -> &'static Self {
        let at = Release::ALL.iter().position(|known| *known == release).unwrap();
        times::making(|| USED[at].get_or_init(|| Self::by(release)))
    }

    fn by(release: Release) -> Self {
        let machine = Machine::start("used", release, &Model::start());
        let project = machine.project("app");
        let answers = QUESTIONS.map(|question| machine.opencode(&project, question).expect_success().stdout);
        Self { database: machine.taken_database(), answers }
    }
}

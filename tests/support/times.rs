//! How long each test takes: a line of its milliseconds and its name, for `scripts/test` to sort.
//!
//! The test harness tells this with an unstable flag only.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// A test, from its first machine on. It ends with the thread that the harness starts for it and names after it.
struct Test {
    name: String,
    file: PathBuf,
    started: Instant,
}

thread_local! {
    static TEST: Option<Test> = std::env::var_os("KUGETSU_TEST_TIMES").and_then(|file| {
        let name = std::thread::current().name()?.to_owned();
        // Other threads of a test bear no name, or are the harness itself.
        name.contains("::").then(|| Test { name, file: file.into(), started: Instant::now() })
    });
}

/// Counts from now on, unless this test is counted already.
pub fn count() {
    TEST.with(|_| ());
}

impl Drop for Test {
    fn drop(&mut self) {
        let line = format!("{}\t{}\n", self.started.elapsed().as_millis(), self.name);
        let file = OpenOptions::new().append(true).create(true).open(&self.file);
        // One write for a line, which other tests do not break.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

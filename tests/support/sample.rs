//! Tests with many cases show a sample of them, another one with each commit, and all where `KUGETSU_ALL` is set.

use std::fmt::Debug;

/// All cases are to be shown, not a sample.
pub fn all_of_it() -> bool {
    std::env::var_os("KUGETSU_ALL").is_some_and(|value| !value.is_empty())
}

/// Which sample is shown: scripts/test counts it up from commit to commit.
pub fn number() -> usize {
    std::env::var("KUGETSU_SAMPLE").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// One of the cases, the next one with the next commit, or all of them. With which one a test begins is told by its name, so
/// that one commit shows all releases, each by other tests.
pub fn of<T: Debug + Clone>(cases: &[T]) -> Vec<T> {
    nth(0, cases)
}

/// As [`of`], for a test that takes samples of several kinds of cases; `n` tells them apart.
#[allow(clippy::print_stdout, reason = "the harness shows it where the test fails")]
pub fn nth<T: Debug + Clone>(n: usize, cases: &[T]) -> Vec<T> {
    let thread = std::thread::current();
    let own: usize = thread.name().unwrap_or_default().bytes().map(usize::from).sum();
    let shown =
        if all_of_it() { cases.to_vec() } else { vec![cases[(own + n + number()) % cases.len()].clone()] };
    println!("of the sample: {shown:?}");
    shown
}

//! Why a script ended without an answer: the words that the scripts give to `fail`.

use std::fmt;

/// Why a script did not do what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The disk has no room for a file, or its directory may not be written.
    Room,
    /// The home directory cannot be entered.
    Home,
    /// This is another account than the one that the dispatch was sent to.
    Elsewhere,
    /// The dispatch's directory is not there.
    Gone,
    /// An id or a name holds what no id of ours holds.
    Id,
    /// The parcel differs from the one that was sent.
    Parcel,
    /// The session's directory cannot be made or entered.
    Directory,
    /// The session's directory is another than the one that the probe found.
    Moved,
    /// `opencode import` failed.
    Import,
    /// Rows of the session are missing after the import.
    Rows,
    /// The session's rows could not be looked at, or removed.
    Clear,
    /// The host has rows of the session that home does not hold.
    Apart,
    /// What the host has of the session could not be found out.
    Holds,
    /// The runner did not start.
    Runner,
    /// The run was launched already.
    Launched,
    /// Another dispatch works with the session.
    Busy,
    /// The run goes on.
    Running,
    /// The dispatch was never launched.
    Never,
    /// The session could not be written to a file.
    Export,
    /// opencode did not answer in time.
    Hangs,
}

/// The word of each refusal in the scripts, and what it says to a person.
const WORDS: [(Refusal, &str, &str); 20] = [
    (Refusal::Room, "room", "no room or no permission there"),
    (Refusal::Home, "home", "the home directory cannot be entered"),
    (
        Refusal::Elsewhere,
        "elsewhere",
        "this is not where the dispatch was sent to, or the home directory is not there yet",
    ),
    (Refusal::Gone, "gone", "the dispatch's directory is gone"),
    (Refusal::Id, "id", "a name that kugetsu does not use"),
    (Refusal::Parcel, "parcel", "what arrived is not what was sent"),
    (Refusal::Directory, "directory", "the directory cannot be made or entered"),
    (Refusal::Moved, "moved", "a link there changed meanwhile; the directory turned out to be"),
    (Refusal::Import, "import", "opencode there could not import the session"),
    (
        Refusal::Rows,
        "rows",
        "opencode there said that it imported the session, but not all of it is in its database",
    ),
    (Refusal::Clear, "clear", "the session there could not be replaced"),
    (
        Refusal::Apart,
        "apart",
        "the session there has what home does not have; messages of which home has nothing",
    ),
    (Refusal::Holds, "holds", "what is there of the session could not be found out"),
    (Refusal::Runner, "runner", "the runner did not start"),
    (Refusal::Launched, "launched", "the run was launched already"),
    (Refusal::Busy, "busy", "another dispatch works with the session there"),
    (Refusal::Running, "running", "the run there has not ended"),
    (Refusal::Never, "never", "the dispatch was never launched there"),
    (Refusal::Export, "export", "the session there could not be written to a file"),
    (Refusal::Hangs, "hangs", "opencode there did not answer in time"),
];

impl Refusal {
    /// The refusal that a script names so; `None` where no script of ours does.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known, _)| *known == word).map(|(refusal, ..)| *refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = WORDS.iter().find(|(refusal, ..)| refusal == self).map(|(.., words)| *words);
        formatter.write_str(words.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_scripts_and_this_list_have_the_same_words() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/host/scripts");
        let mut used = BTreeSet::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sh") {
                let script = std::fs::read_to_string(path).unwrap();
                for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
                    for (at, _) in line.match_indices("fail ") {
                        let word = line[at + "fail ".len()..].split(' ').next().unwrap();
                        used.insert(word.to_owned());
                    }
                }
            }
        }
        let known: BTreeSet<String> = WORDS.iter().map(|(_, word, _)| (*word).to_owned()).collect();
        assert_eq!(used, known);
    }

    #[test]
    fn each_refusal_has_one_word_and_a_sentence() {
        for (refusal, word, words) in WORDS {
            assert_eq!(Refusal::of_word(word), Some(refusal));
            assert_eq!(refusal.to_string(), words);
        }
        assert_eq!(Refusal::of_word("later"), None);
    }
}

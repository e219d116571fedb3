//! Why a script ended without an answer: the words that the scripts give to `fail`.

/// Why a script did not do what it was told. A script names each by its name here, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "its message says what each is")]
pub enum Refusal {
    /// The disk has no room for a file, or its directory may not be written.
    #[error("no room or no permission there")]
    Room,
    #[error("the home directory cannot be entered")]
    Home,
    /// This is another account than the one that the dispatch was sent to.
    #[error("this is not where the dispatch was sent to, or the home directory is not there yet")]
    Elsewhere,
    #[error("the dispatch's directory is gone")]
    Gone,
    /// An id or a name holds what no id of ours holds.
    #[error("a name that kugetsu does not use")]
    Id,
    /// The parcel differs from the one that was sent.
    #[error("what arrived is not what was sent")]
    Parcel,
    #[error("the directory cannot be made or entered")]
    Directory,
    /// The session's directory is another than the one that the probe found.
    #[error("a link there changed meanwhile; the directory turned out to be")]
    Moved,
    #[error("opencode there could not import the session")]
    Import,
    #[error("opencode there said that it imported the session, but not all of it is in its database")]
    Rows,
    /// The session's rows could not be looked at, or removed.
    #[error("the session there could not be replaced")]
    Clear,
    #[error("the session there has what home does not have; messages of which home has nothing")]
    Apart,
    #[error("what is there of the session could not be found out")]
    Holds,
    #[error("the runner did not start")]
    Runner,
    #[error("the run was launched already")]
    Launched,
    #[error("another dispatch works with the session there")]
    Busy,
    #[error("the run there has not ended")]
    Running,
    #[error("the dispatch was never launched there")]
    Never,
    #[error("the session there could not be written to a file")]
    Export,
    #[error("opencode there did not answer in time")]
    Hangs,
}

#[cfg(test)]
mod tests {
    use super::super::answer::word;
    use super::Refusal::*;
    use super::*;
    use std::collections::BTreeSet;

    const ALL: [Refusal; 20] = [
        Room, Home, Elsewhere, Gone, Id, Parcel, Directory, Moved, Import, Rows, Clear, Apart, Holds, Runner,
        Launched, Busy, Running, Never, Export, Hangs,
    ];

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
        let known = ALL.map(|refusal| format!("{refusal:?}").to_lowercase());
        assert_eq!(used, BTreeSet::from(known.clone()));
        assert_eq!(known.map(|known| word(&known)), ALL.map(Some));
        assert_eq!(word::<Refusal>("later"), None);
    }
}

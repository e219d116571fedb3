//! Which known name a mistyped one was meant to be.

/// Likeness (Jaro–Winkler, 0 to 1) from which on a name is worth offering: `prot` and `dir` find `port` and
/// `directory`, `user` finds nothing.
const ALIKE: f64 = 0.8;

/// The candidate most like `name`, letter case aside; `None` when none is like it.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_understood_and_other_words_are_not() {
        let fields = ["host", "port", "identity_file", "model", "directory", "os"];
        for (typed, meant) in [
            ("prot", Some("port")),
            ("identityFile", Some("identity_file")),
            ("dir", Some("directory")),
            ("Host", Some("host")),
            ("hostname", Some("host")),
            ("user", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, fields), meant, "{typed}");
        }
    }
}

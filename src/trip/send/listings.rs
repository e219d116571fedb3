//! What a host's opencode offers, remembered as long as nothing there changed: asking takes seconds of its time.

use crate::disk;
use crate::host::HostOpencode;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    fingerprint: String,
    checked: HostOpencode,
}

fn path(kugetsu_home: &Path, host: &str) -> Option<PathBuf> {
    let safe = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (safe && !host.starts_with('.')).then(|| kugetsu_home.join("cache").join(format!("{host}.json")))
}

/// What is remembered, if it still holds. Whatever cannot be read is as good as forgotten.
pub(crate) fn recall(kugetsu_home: &Path, host: &str, fingerprint: &str) -> Option<HostOpencode> {
    let bytes = std::fs::read(path(kugetsu_home, host)?).ok()?;
    let file: File = serde_json::from_slice(&bytes).ok()?;
    (file.version == VERSION && file.fingerprint == fingerprint && is_sound(&file.checked))
        .then_some(file.checked)
}

/// Whether it holds lines of text alone, as an answer does: they are shown.
fn is_sound(checked: &HostOpencode) -> bool {
    let HostOpencode { version, agents, models, trouble } = checked;
    let mut texts = agents.iter().chain(models).chain([version, trouble]);
    !texts.any(|text| text.chars().any(char::is_control))
}

/// Remembers. That it cannot costs only time, so it is no error.
pub(crate) fn remember(kugetsu_home: &Path, host: &str, fingerprint: &str, checked: &HostOpencode) {
    let file = File { version: VERSION, fingerprint: fingerprint.to_owned(), checked: checked.clone() };
    if let (Some(path), Ok(bytes)) = (path(kugetsu_home, host), serde_json::to_vec(&file)) {
        let _ =
            disk::private_dir(&kugetsu_home.join("cache")).and_then(|()| disk::write_atomic(&path, &bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_holds_for_one_fingerprint_and_one_host() {
        let home = tempfile::tempdir().unwrap();
        let checked = HostOpencode { version: "1.18.33".into(), ..HostOpencode::default() };
        remember(home.path(), "pi", "1 2", &checked);
        assert_eq!(recall(home.path(), "pi", "1 2"), Some(checked.clone()));
        assert_eq!(recall(home.path(), "pi", "1 3"), None);
        assert_eq!(recall(home.path(), "beefy", "1 2"), None);
        remember(home.path(), "../pi", "1 2", &checked);
        assert_eq!(recall(home.path(), "../pi", "1 2"), None);
    }
}

//! What stands behind a name that only ssh's configuration knows.

use super::config::config_file;
use std::path::Path;
use std::process::{Command, Stdio};

/// The host that ssh connects to where it is told `alias`; `None` where ssh cannot be asked. Nothing is connected to.
///
/// `home` is where `.ssh/config` is.
pub fn hostname(alias: &str, home: &Path) -> Option<String> {
    let mut command = Command::new("ssh");
    command.arg("-G").args(config_file(home)).env("HOME", home).env("LC_ALL", "C");
    let output = command.arg("--").arg(alias).stdin(Stdio::null()).output().ok()?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let name = answer.lines().find_map(|line| line.strip_prefix("hostname "))?;
    output.status.success().then(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_users_configuration_is_asked() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        let mut config = std::fs::File::create(home.path().join(".ssh/config")).unwrap();
        config.write_all(b"Host work\n  HostName git.example.org\n").unwrap();
        let asked = |alias: &str| hostname(alias, home.path());
        assert_eq!(
            asked("work").as_deref(),
            Some("git.example.org"),
            "ssh is missing: apt-get install openssh-client"
        );
        assert_eq!(asked("other").as_deref(), Some("other"));
        config.write_all(b"Nonsense\n").unwrap();
        assert_eq!(asked("work"), None);
    }
}

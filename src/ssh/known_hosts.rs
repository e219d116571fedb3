//! Is the key that a host shows the one that is known for it?
//!
//! libssh2's own check calls a host changed whose key of another type is known, and knows neither
//! patterns nor `@revoked`; so the files are read here, and libssh2 only compares hashed names.

use super::keys::key_type;
use crate::text::fits_glob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What the files say about a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    Known,
    Unknown,
    Changed { file: &'a Path, line: usize, known_as: String },
    Revoked { file: &'a Path, line: usize },
}

/// The lines of all known_hosts files.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    entries: Vec<KnownHost>,
}

#[derive(Debug)]
struct KnownHost {
    revoked: bool,
    hosts: String,
    key: Vec<u8>,
    file: PathBuf,
    line: usize,
}

/// The names under which a host may stand, the exact one first.
#[derive(Debug, Clone)]
pub(super) struct Names {
    exact: String,
    /// The name without its port: where no key is known by the exact one, ssh accepts what is known by this, and nothing is
    /// concluded from another key. (Behind another port may be another machine.)
    loose: Option<String>,
}

impl Names {
    /// A `HostKeyAlias` stands for the host whatever its port.
    pub(super) fn new(host: &str, port: u16, alias: Option<&str>) -> Self {
        let host = host.to_ascii_lowercase();
        match alias {
            Some(alias) => Self { exact: alias.to_ascii_lowercase(), loose: None },
            None if port == 22 => Self { exact: host, loose: None },
            None => Self { exact: format!("[{host}]:{port}"), loose: Some(host) },
        }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        [Some(self.exact.as_str()), self.loose.as_deref()].into_iter().flatten()
    }
}

impl KnownHosts {
    /// Reads all `files`; one that cannot be read vouches for nobody.
    pub(super) fn load<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut all = Self::default();
        for file in files {
            if let Ok(text) = std::fs::read(file) {
                all.add(file, &String::from_utf8_lossy(&text));
            }
        }
        all
    }

    fn add(&mut self, file: &Path, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_ascii_whitespace().peekable();
            let marker = words.next_if(|word| word.starts_with('@'));
            // Certificates are beyond libssh2: an authority says nothing about a plain key.
            if line.starts_with('#') || marker.is_some_and(|m| m != "@revoked") {
                continue;
            }
            let (Some(hosts), Some(_), Some(key)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let Ok(key) = STANDARD.decode(key) else { continue };
            self.entries.push(KnownHost {
                revoked: marker.is_some(),
                hosts: hosts.to_owned(),
                key,
                file: file.to_owned(),
                line: index + 1,
            });
        }
    }

    /// Reads a file of `RevokedHostKeys`: plain public keys, refused for every host. What cannot be understood of it is an
    /// error, as it is for ssh, since it may say which keys are not to be trusted.
    pub(super) fn revoke(&mut self, file: &Path) -> Result<(), String> {
        let fault = |why: &str| format!("its RevokedHostKeys {} cannot be used: {why}", file.display());
        let text = std::fs::read(file).map_err(|e| fault(&e.to_string()))?;
        if text.starts_with(b"SSHKRL\n\0") {
            return Err(fault("only a list of public keys is understood, not a KRL"));
        }
        for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = line.split_ascii_whitespace().nth(1).and_then(|key| STANDARD.decode(key).ok());
            let key = key.ok_or_else(|| fault(&format!("line {} is no public key", index + 1)))?;
            let (file, line) = (file.to_owned(), index + 1);
            self.entries.push(KnownHost { revoked: true, hosts: "*".to_owned(), key, file, line });
        }
        Ok(())
    }

    /// The types of the keys that are known for a host, in the order of the files: by its exact name, if there are any.
    pub(super) fn key_types(&self, names: &Names) -> Vec<&str> {
        let mut types = Vec::new();
        for name in names.all() {
            if types.is_empty() {
                for entry in self.known_as(name) {
                    types.extend(key_type(&entry.key).filter(|kind| !types.contains(kind)));
                }
            }
        }
        types
    }

    fn known_as<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a KnownHost> {
        self.entries.iter().filter(move |e| !e.revoked && is_for(&e.hosts, name))
    }

    /// What the files say about `key` for the host.
    pub(super) fn judge(&self, names: &Names, key: &[u8]) -> Verdict<'_> {
        let is_revoked =
            |e: &&KnownHost| e.revoked && e.key == key && names.all().any(|name| is_for(&e.hosts, name));
        if let Some(entry) = self.entries.iter().find(is_revoked) {
            return Verdict::Revoked { file: &entry.file, line: entry.line };
        }
        let mut exact = self.known_as(&names.exact).peekable();
        let first = exact.peek().copied();
        if exact.any(|e| e.key == key) {
            return Verdict::Known;
        }
        // The types that are known were preferred in the handshake: another type instead is a change too.
        match first {
            Some(e) => Verdict::Changed { file: &e.file, line: e.line, known_as: names.exact.clone() },
            None if names.loose.iter().any(|name| self.known_as(name).any(|e| e.key == key)) => {
                Verdict::Known
            }
            None => Verdict::Unknown,
        }
    }
}

/// Appends a line for a key that somebody vouched for, hashed by ssh-keygen where ssh is set to (and it can).
pub(super) fn append(file: &Path, names: &Names, key: &[u8], hashed: bool) -> std::io::Result<()> {
    let kind = key_type(key).unwrap_or_default();
    let plain = format!("{} {kind} {}\n", names.exact, STANDARD.encode(key));
    let Some(dir) = file.parent() else { return Err(std::io::ErrorKind::NotFound.into()) };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let line = if hashed { hash(&plain, dir).unwrap_or(plain) } else { plain };
    let mut out = std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    let mut last = [b'\n'];
    if out.metadata()?.len() > 0 {
        out.seek(SeekFrom::End(-1))?;
        out.read_exact(&mut last)?;
    }
    let gap = if last == *b"\n" { "" } else { "\n" };
    out.write_all(format!("{gap}{line}").as_bytes())?;
    out.sync_all()
}

/// In a directory of its own below `dir`, since ssh-keygen keeps what it replaces beside it.
fn hash(line: &str, dir: &Path) -> Option<String> {
    let dir = tempfile::tempdir_in(dir).ok()?;
    let path = dir.path().join("line");
    std::fs::File::create(&path).and_then(|mut f| f.write_all(line.as_bytes())).ok()?;
    let done = std::process::Command::new("ssh-keygen").arg("-H").arg("-f").arg(&path).output().ok()?;
    let text = std::fs::read_to_string(&path).ok()?;
    (done.status.success() && text.starts_with("|1|")).then_some(text)
}

/// Whether the first field of a line speaks of `name`.
fn is_for(hosts: &str, name: &str) -> bool {
    if hosts.starts_with('|') {
        return is_hash_of(hosts, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in hosts.split(',') {
        let (negated, pattern) = pattern.strip_prefix('!').map_or((false, pattern), |p| (true, p));
        if fits_glob(name, &pattern.to_ascii_lowercase()) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// libssh2 answers *mismatch* where the name matches and the key (here: nothing) does not.
fn is_hash_of(hosts: &str, name: &str) -> Option<bool> {
    const ANY_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut one = ssh2::Session::new().ok()?.known_hosts().ok()?;
    one.read_str(&format!("{hosts} {ANY_KEY}\n"), ssh2::KnownHostFileKind::OpenSSH).ok()?;
    Some(matches!(one.check(name, b"-"), ssh2::CheckResult::Mismatch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blob(kind: &str, fill: u8) -> Vec<u8> {
        let mut blob = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
        blob.extend(kind.bytes());
        blob.extend([0, 0, 0, 32]);
        blob.extend([fill; 32]);
        blob
    }

    fn line(hosts: &str, kind: &str, fill: u8) -> String {
        format!("{hosts} {kind} {}\n", STANDARD.encode(blob(kind, fill)))
    }

    fn known(text: &str) -> KnownHosts {
        let mut all = KnownHosts::default();
        all.add(Path::new("kh"), text);
        all
    }

    const ED: &str = "ssh-ed25519";

    #[test]
    fn a_key_is_judged_by_the_exact_name_first() {
        let file = Path::new("kh");
        let changed = |line, known_as: &str| Verdict::Changed { file, line, known_as: known_as.to_owned() };
        let listed = line("pi,*.lan,!bad.lan", ED, 1) + &line("[pi]:2222", ED, 2);
        let plain = line("pi", ED, 1);
        let both = line("gate", ED, 1) + &line("[gate]:2222", ED, 2);
        let revoked = line("pi", ED, 1) + "@revoked " + &line("*", ED, 1);
        for (case, text, (host, port, alias), fill, verdict) in [
            ("in any case", &listed, ("PI", 22, None), 1, Verdict::Known),
            ("by a pattern", &listed, ("x.lan", 22, None), 1, Verdict::Known),
            ("by a pattern that another takes back", &listed, ("bad.lan", 22, None), 1, Verdict::Unknown),
            ("at its port", &listed, ("pi", 2222, None), 2, Verdict::Known),
            ("another at its port", &listed, ("pi", 2222, None), 3, changed(2, "[pi]:2222")),
            ("that of another port", &listed, ("pi", 22, None), 2, changed(1, "pi")),
            ("the plain name vouches for another port", &plain, ("pi", 2222, None), 1, Verdict::Known),
            ("and accuses nobody", &plain, ("pi", 2222, None), 2, Verdict::Unknown),
            (
                "nor vouches where the port has its own",
                &both,
                ("gate", 2222, None),
                1,
                changed(2, "[gate]:2222"),
            ),
            ("which is known", &both, ("gate", 2222, None), 2, Verdict::Known),
            (
                "by an alias, at any port",
                &line("vault", ED, 1),
                ("10.0.0.1", 2222, Some("vault")),
                1,
                Verdict::Known,
            ),
            ("revoked and known", &revoked, ("pi", 22, None), 1, Verdict::Revoked { file, line: 2 }),
        ] {
            let all = known(text);
            assert_eq!(all.judge(&Names::new(host, port, alias), &blob(ED, fill)), verdict, "{case}");
        }
    }

    #[test]
    fn a_list_of_revoked_keys_holds_for_every_host_and_is_never_half_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("revoked");
        let key = line("", ED, 1);
        let mut all = known(&line("pi", ED, 1));
        assert!(all.revoke(&file).unwrap_err().contains("cannot be used"));
        for bad in ["SSHKRL\n\0\0\0\0\u{1}", "nonsense", "ssh-ed25519 !!"] {
            std::fs::File::create(&file).unwrap().write_all(format!("{bad}\n").as_bytes()).unwrap();
            assert!(all.revoke(&file).is_err(), "{bad}");
        }
        std::fs::File::create(&file).unwrap().write_all(format!("# stolen\n\n{key}").as_bytes()).unwrap();
        all.revoke(&file).unwrap();
        let verdict = all.judge(&Names::new("pi", 22, None), &blob(ED, 1));
        assert_eq!(verdict, Verdict::Revoked { file: &file, line: 3 });
    }

    #[test]
    fn comments_authorities_and_broken_lines_say_nothing() {
        let all = known(&format!("# c\n\npi\npi x !!\n@cert-authority {}", line("pi", ED, 1)));
        assert_eq!(all.judge(&Names::new("pi", 22, None), &blob(ED, 1)), Verdict::Unknown);
    }

    #[test]
    fn hashed_names_are_found_and_the_known_types_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/known_hosts");
        append(&file, &Names::new("pi", 2222, None), &blob(ED, 1), true).unwrap();
        append(&file, &Names::new("pi", 22, None), &blob("ssh-rsa", 1), false).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("|1|") && text.lines().nth(1).unwrap().starts_with("pi "), "{text}");
        let all = KnownHosts::load([&file]);
        assert_eq!(all.judge(&Names::new("pi", 2222, None), &blob(ED, 1)), Verdict::Known);
        assert_eq!(all.judge(&Names::new("pi", 2223, None), &blob(ED, 1)), Verdict::Unknown);
        assert_eq!(all.key_types(&Names::new("pi", 2222, None)), [ED]);
        assert_eq!(all.key_types(&Names::new("pi", 2223, None)), ["ssh-rsa"]);
    }

    proptest! {
        #[test]
        fn any_file_can_be_judged(text in "[ -~\n|@*?!,]{0,300}") {
            let _ = known(&text).judge(&Names::new("pi", 22, None), &blob(ED, 1));
        }
    }
}

//! Private key files: is it one, is it locked, which public key is in it?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};

/// A key file that was read.
pub(super) struct KeyFile {
    pub path: PathBuf,
    /// Its text, or nothing where the file holds a public key only (the private one is in the agent).
    pub private: Option<String>,
    /// Whether a passphrase is needed.
    pub locked: bool,
    /// The public key in SSH's own encoding, where it can be told without the passphrase.
    pub public: Option<Vec<u8>>,
}

impl KeyFile {
    /// Reads `path`. The error is one clause for the user.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "it is not a private key".to_owned(),
            _ => e.to_string(),
        })?;
        let mut key = Self::parse(path, text).ok_or("it is not a private key")?;
        if key.public.is_none() {
            let mut name = path.as_os_str().to_owned();
            name.push(".pub");
            key.public = std::fs::read_to_string(name).ok().and_then(|line| public_line(&line));
        }
        Ok(key)
    }

    fn parse(path: &Path, text: String) -> Option<Self> {
        let path = path.to_owned();
        if let Some(public) = public_line(&text) {
            return Some(Self { path, private: None, locked: false, public: Some(public) });
        }
        let label = text.lines().find_map(|l| l.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))?;
        if !label.ends_with("PRIVATE KEY") {
            return None;
        }
        let (locked, public) = if label == "OPENSSH PRIVATE KEY" {
            let (cipher, public) = openssh_header(&text)?;
            (cipher != b"none", Some(public))
        } else {
            (label.contains("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED"), None)
        };
        Some(Self { path, private: Some(text), locked, public })
    }
}

/// The key of a line `type base64 comment`.
fn public_line(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_ascii_whitespace();
    let kind = words.next()?;
    let blob = STANDARD.decode(words.next()?).ok()?;
    (key_type(&blob)? == kind).then_some(blob)
}

/// The type that an encoded public key begins with.
pub(super) fn key_type(blob: &[u8]) -> Option<&str> {
    let mut rest = blob;
    std::str::from_utf8(string(&mut rest)?).ok()
}

/// Cipher and public key of an `openssh-key-v1` file; neither is encrypted.
fn openssh_header(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let body: String = text.lines().map(str::trim).filter(|l| !l.starts_with("-----")).collect();
    let bytes = STANDARD.decode(body).ok()?;
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = string(&mut rest)?.to_vec();
    string(&mut rest)?;
    string(&mut rest)?;
    rest = rest.get(4..)?;
    Some((cipher, string(&mut rest)?.to_vec()))
}

/// SSH's `string`: four bytes of length, then as many bytes.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (head, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBX+9k0rDp6Kjm0pNvgZ1Tl6pzyUyqhlJv1sWQyWAAAA c";

    #[test]
    fn a_public_key_names_what_the_agent_holds() {
        let key = KeyFile::parse(Path::new("k.pub"), PUBLIC.into()).unwrap();
        assert!(key.private.is_none() && !key.locked);
        assert_eq!(key_type(&key.public.unwrap()), Some("ssh-ed25519"));
    }

    #[test]
    fn old_encrypted_formats_are_seen_as_locked() {
        for text in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        ] {
            assert!(KeyFile::parse(Path::new("k"), text.into()).unwrap().locked);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_not(text in ".{0,300}", body in "[A-Za-z0-9+/=]{0,80}") {
            let _ = KeyFile::parse(Path::new("k"), text);
            let framed = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----");
            let _ = KeyFile::parse(Path::new("k"), framed);
        }
    }
}

//! Questions on the way to a host, asked on the terminal.

use super::output::ask;
use super::progress::Progress;
use crate::ssh::{Asker, HostKeyQuestion};
use crate::text::plain;
use console::Term;
use std::path::Path;
use std::sync::Arc;

/// Asks whoever sits at the terminal, with the progress out of the way meanwhile.
pub(super) struct TerminalAsker {
    pub(super) progress: Arc<Progress>,
}

impl Asker for TerminalAsker {
    fn may_ask(&self) -> bool {
        true
    }

    fn trust_host_key(&self, question: &HostKeyQuestion) -> bool {
        let HostKeyQuestion { name, address, port, key_type, fingerprint, file } = question;
        self.progress.suspend(|| {
            let term = Term::stderr();
            let lines = [
                format!("{} ({}, port {port}) is not known yet.", plain(name), plain(address)),
                format!("Its {key_type} key is"),
                format!("  {fingerprint}"),
                format!("If that is its key, it is added to {}.", file.display()),
            ];
            let is_shown = lines.iter().try_for_each(|line| term.write_line(line));
            is_shown.is_ok() && ask("Trust it? Type yes: ") == "yes"
        })
    }

    fn passphrase(&self, key: &Path) -> Option<String> {
        self.progress.suspend(|| {
            let term = Term::stderr();
            term.write_str(&format!("Passphrase of {}: ", key.display())).ok()?;
            let answer = term.read_secure_line().ok()?;
            (!answer.is_empty()).then_some(answer)
        })
    }
}

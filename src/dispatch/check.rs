//! Whether a record holds what it could have been written with. What it says becomes paths, parameters of scripts and words
//! on a terminal; whoever changed it by hand, or a disk that lost some bytes, is not believed.

use super::id::is_id;
use super::origin::HostOrigin;
use super::record::{Record, Sent};
use crate::session::is_session_id;
use crate::transfer::Paths;

/// The last millisecond of the year 9999, behind which nobody writes a time.
const END_OF_TIME: i64 = 253_402_300_799_999;

/// Bytes of a name that somebody gave.
const LONGEST: usize = 1024;

impl Record {
    /// The first field that cannot be what it says, as a reason; `directory` is the name of the record's directory, where
    /// it is known.
    ///
    /// A title may be anything: it is opencode's, and made harmless where it is shown.
    pub(super) fn check(self, directory: Option<&str>) -> Result<Self, String> {
        let times = [Some(self.created_ms), self.launched_ms, self.arrived_ms, self.ended_ms];
        let directories = [&self.plan.home_directory, &self.plan.directory];
        let fields = [
            ("id", is_id(&self.id) && directory.is_none_or(|name| name == self.id)),
            ("session", is_session_id(&self.session)),
            ("apart", self.fork.as_deref().is_none_or(is_session_id)),
            ("host", is_host(&self.host)),
            ("origin", !matches!(&self.origin, Some(HostOrigin::Project(kept)) if !kept.is_sound())),
            ("issue", self.issue.as_deref().is_none_or(is_line)),
            ("account", is_hex(&self.account)),
            (
                "created_ms, launched_ms, arrived_ms or ended_ms",
                times.into_iter().flatten().all(|ms| (0..=END_OF_TIME).contains(&ms)),
            ),
            ("plan", !directories.into_iter().any(|path| path.is_empty() || path.contains('\0'))),
            ("sent", self.sent.as_ref().is_none_or(|sent| self.is_of(sent))),
        ];
        match fields.iter().find(|(_, is_sound)| !is_sound) {
            Some((field, _)) => Err(format!("its field {field:?} is none that kugetsu wrote")),
            None => Ok(self),
        }
    }

    /// Whether what was sent is of this trip: its ids name what is done on the host.
    fn is_of(&self, sent: &Sent) -> bool {
        let Sent { run, launch, undo, .. } = sent;
        let numbers = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b' ');
        (&run.id, &run.session, &undo.session) == (&self.id, &self.session, &self.session)
            && [&run.program, &run.directory]
                .into_iter()
                .all(|path| path.starts_with('/') && !path.contains('\0'))
            && undo.paths.as_ref().is_none_or(Paths::is_sound)
            && is_hex(&run.owner)
            && is_hex(&launch.known)
            && numbers(&launch.sum)
    }
}

/// A host as it may be called on the command line: a name of hosts.json, or what ssh takes.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && !text.starts_with('-')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_line(text: &str) -> bool {
    text.len() <= LONGEST && !text.chars().any(char::is_control)
}

fn is_hex(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_hexdigit())
}

//! What to do about a trip that did not go through.

use crate::opencode::Unreadable;
use crate::session::ExportError;
use crate::transfer::{HomeError, PrepareError};
use crate::trip::error::{DivergedReason, TripError};
use crate::trip::last_sync::ResendReason;

impl TripError {
    pub(crate) fn hint(&self) -> Option<String> {
        let copy = "send a copy, which becomes a session of its own: the same again with --fork";
        Some(match self {
            Self::UnknownSession { .. } => "list the sessions: opencode session list".to_owned(),
            Self::UnknownHost { name, .. } => {
                format!("list the hosts: kugetsu hosts; or check that this works: ssh {name} true")
            }
            Self::Program(error) => error.cure()?.to_owned(),
            Self::Database(error) => error.cure()?.to_owned(),
            Self::Away { dispatch, .. } => format!("bring it home: kugetsu wait {dispatch}"),
            Self::Undone { session } => format!(
                "take them back with /redo, or go on without them, in opencode -s {session}; then type it again"
            ),
            Self::Unreadable(Unreadable { session, .. }) => {
                format!("settle it: kugetsu verify {session} --repair")
            }
            Self::Prepare { source: PrepareError::Export(ExportError::Incomplete { .. }), .. } => {
                "name what the session does not: --agent NAME --model PROVIDER/MODEL".to_owned()
            }
            Self::StillRunning { dispatch, .. } => format!(
                "wait for it and bring it home: kugetsu wait {dispatch}; end it: kugetsu cancel {dispatch}; look at a copy \
                 of what is there now: kugetsu fetch {dispatch} --snapshot"
            ),
            Self::TimedOut { dispatch, .. } => {
                format!("it goes on there; wait for it and bring it home: kugetsu wait {dispatch}")
            }
            Self::NotBegun { dispatch, known: true, .. } => format!("go on with it: kugetsu wait {dispatch}"),
            Self::LaunchUnknown { dispatch, .. } | Self::NotBegun { dispatch, .. } => {
                format!("it is run once at most, however often this is typed: kugetsu wait {dispatch}")
            }
            Self::Unfit { cure, .. } => cure.clone(),
            Self::Apply { source, .. } if source.falls_back() => {
                "a newer kugetsu may know this opencode's database, and will bring it home".to_owned()
            }
            Self::Home { host, source: HomeError::Export(ExportError::TooDeep { .. }), .. } => format!(
                "nothing nested so deeply is read here; on {host} the session is whole: go on with it there, or read it with \
                 opencode export"
            ),
            Self::Diverged { session, copy, .. } => {
                format!("both are whole; look at them: opencode -s {session}, opencode -s {copy}")
            }
            Self::HostDiverged { why: DivergedReason::TranslatedOtherwise(ResendReason::Paths), .. } => {
                format!("with --dir and --keep-paths as on the last trip they come home; or {copy}")
            }
            Self::HostDiverged { .. } => format!("two histories are never mixed; {copy}"),
            Self::Connect { source, ssh, .. } => source.hint(ssh)?,
            Self::Lost { dispatch, host, .. } => format!(
                "what it did is in opencode's database on {host}, and in ~/.kugetsu/dispatches/{dispatch} there; bring it \
                 home: kugetsu fetch {dispatch}"
            ),
            Self::Survived { dispatch, .. } => {
                format!("the kernel there does not let go of them yet; again: kugetsu cancel {dispatch}")
            }
            Self::NoMessage { .. } => "type the command that began it again".to_owned(),
            Self::RunsThere { .. } => "type it again once that has ended".to_owned(),
            _ => return None,
        })
    }
}

//! What a host is told and what it answers: the scripts that run there, their parameters, and the
//! parsing of what they say. No connection of its own: text in, text out.
//!
//! `docs/remote-layout.md` describes the directory that these scripts work in.

mod answer;
mod ending;
mod facts;
mod frames;
mod holds;
mod refusal;
mod remembered;
mod result;
mod scripts;
mod status;

pub use answer::{Answer, AnswerError, Launched, account};
pub use ending::{Cancel, Cancelled, Made};
pub use facts::{Facts, Free, HostOpencode};
pub use frames::{Frame, Frames, FramesError};
pub use holds::{Holds, HostState};
pub use refusal::Refusal;
pub use remembered::Remembered;
pub use result::{BackFileKind, EndedBy, RunResult};
pub use scripts::{
    HostEnv, Launch, Page, Run, Sending, back, back_since, cancel, check, clean, forget, holds, launch, list,
    open, probe, remembered, run, status, watch,
};
pub use status::{Kept, KeptList, Standing, Status, Statuses};

/// Where a dispatch lives on a host, relative to the home directory; `id` is one of ours.
pub fn dispatch_directory(id: &str) -> String {
    format!(".kugetsu/dispatches/{id}")
}

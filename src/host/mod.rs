//! What a host is told and what it answers: the scripts that run there, their parameters, and the
//! parsing of what they say. No connection of its own: text in, text out.
//!
//! `docs/remote-layout.md` describes the directory that these scripts work in.

mod answer;
mod facts;
mod frames;
mod scripts;

pub use answer::{Answer, AnswerError, Launched, RunResult};
pub use facts::{Checked, Facts};
pub use frames::{Frame, Frames, FramesError};
pub use scripts::{HostEnv, Launch, Run, check, clean, launch, open, probe, run, watch};

/// Where a dispatch lives on a host, relative to the home directory; `id` is one of ours.
pub fn dispatch_directory(id: &str) -> String {
    format!(".kugetsu/dispatches/{id}")
}

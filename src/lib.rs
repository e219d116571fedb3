//! kugetsu moves an opencode session to the host that should be doing the work, has the work
//! done there, and brings the session home. `docs/architecture.md` tells where things are.

pub mod cli;
pub mod clock;
pub mod disk;
pub mod dispatch;
mod events;
pub mod host;
mod hosts;
mod index;
mod issue;
pub mod opencode;
mod process;
pub mod session;
pub mod ssh;
mod text;
pub mod transfer;
pub mod transport;
mod trip;
mod work;

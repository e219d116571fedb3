//! `kugetsu stop`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Ends a run on this machine, with all that it started
#[derive(Args)]
pub(super) struct StopArgs {}

pub(super) async fn run(_: StopArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

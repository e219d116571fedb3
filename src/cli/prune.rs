//! `kugetsu prune`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Shows what is no longer of use, and removes it with --force
#[derive(Args)]
pub(super) struct PruneArgs {}

pub(super) async fn run(_: PruneArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

//! `kugetsu logs`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Shows what a run printed
#[derive(Args)]
pub(super) struct LogsArgs {}

pub(super) async fn run(_: LogsArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

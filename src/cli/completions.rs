//! `kugetsu completions`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Prints completions for a shell
#[derive(Args)]
pub(super) struct CompletionsArgs {}

pub(super) fn run(_: CompletionsArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

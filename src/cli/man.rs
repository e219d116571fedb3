//! `kugetsu man`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Prints the manual page
#[derive(Args)]
pub(super) struct ManArgs {}

pub(super) fn run(_: ManArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

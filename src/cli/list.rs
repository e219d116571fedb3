//! `kugetsu list`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Lists the sessions of issues
#[derive(Args)]
pub(super) struct ListArgs {}

pub(super) async fn run(_: ListArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

//! `kugetsu continue`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Works on a message in an issue's session
#[derive(Args)]
pub(super) struct ContinueArgs {}

pub(super) async fn run(_: ContinueArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

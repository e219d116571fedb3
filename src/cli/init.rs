//! `kugetsu init`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Makes the base session, from which issue sessions begin
#[derive(Args)]
pub(super) struct InitArgs {}

pub(super) async fn run(_: InitArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

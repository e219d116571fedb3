//! `kugetsu destroy`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Removes an issue's session from kugetsu
#[derive(Args)]
pub(super) struct DestroyArgs {}

pub(super) async fn run(_: DestroyArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

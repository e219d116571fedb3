//! `kugetsu permit`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Shows a session's permission rules, or adds one
#[derive(Args)]
pub(super) struct PermitArgs {}

pub(super) async fn run(_: PermitArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}

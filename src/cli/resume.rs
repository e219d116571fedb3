//! `kugetsu resume`

use super::context::Context;
use super::error::{CliError, Exit};
use clap::Args;

/// Takes up a session whose run was cut short
#[derive(Args)]
pub(super) struct ResumeArgs {}

pub(super) async fn run(_: ResumeArgs, _: &Context) -> Result<Exit, CliError> {
    Err(CliError::failed("start", "being written"))
}
